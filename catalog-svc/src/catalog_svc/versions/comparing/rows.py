"""The rows that differ between two tables, in SQL. Columns go by position; names become SQL as quoted aliases only.

By key: rows are joined by the key's values, null being a value like others; a row is changed where a column that both
tables have differs. Without a key the tables are multisets of the rows' common columns, and a row is added or removed
as often as one has it more than the other. Both are hash operations that DuckDB spills to disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from catalog_svc.rows.engine import ColumnType
from catalog_svc.rows.selection import Query, quoted

CHANGE: Final = "change"
CHANGED: Final = "changed_columns"
COUNT: Final = "count"
KINDS: Final = ("added", "removed", "changed")


@dataclass(frozen=True, slots=True)
class Side:
    """A table: its files as DuckDB calls them, and its columns."""

    paths: list[str]
    columns: Sequence[ColumnType]

    def position(self, name: str) -> int:
        """Return where a column stands; raises `KeyError`."""
        for position, column in enumerate(self.columns):
            if column.name == name:
                return position
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Common:
    """A column that both tables have: its name and its positions."""

    name: str
    before: int
    after: int
    retyped: bool

    @property
    def differs(self) -> str:
        """The condition that the joined rows `b` and `a` differ in it; values of two types compare as text."""
        before, after = f"b.c{self.before}", f"a.c{self.after}"
        if self.retyped:
            before, after = f"CAST({before} AS VARCHAR)", f"CAST({after} AS VARCHAR)"
        return f"{before} IS DISTINCT FROM {after}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two tables and the columns that identify a row; none: rows are compared whole."""

    before: Side
    after: Side
    key: tuple[str, ...] = ()

    @property
    def common(self) -> list[Common]:
        """The columns that both have, in the order of the later table."""
        places = {column.name: position for position, column in enumerate(self.before.columns)}
        return [
            Common(column.name, places[column.name], at, self.before.columns[places[column.name]].type != column.type)
            for at, column in enumerate(self.after.columns)
            if column.name in places
        ]

    def repeated(self) -> tuple[Query, Query]:
        """Return the queries that count the rows, before and after, whose key another row has too."""
        before, after = (
            Query(_repeated(side, [side.position(name) for name in self.key]), [side.paths], ("repeated",))
            for side in (self.before, self.after)
        )
        return before, after

    def summary(self) -> Query:
        """Return the query of one row: added, removed, changed, unchanged, then changes of each common column."""
        if not self.key:
            return self._multiset_summary()
        compared = self._compared
        differences = [f"{column.differs} AS d{number}" for number, column in enumerate(compared)]
        states = self._joined(["b.here AS was", "a.here AS now", *differences])
        both = "was AND now"
        changed = " OR ".join(f"d{number}" for number in range(len(compared))) or "false"
        counts = [
            "count(*) FILTER (was IS NULL)",
            "count(*) FILTER (now IS NULL)",
            f"count(*) FILTER ({both} AND ({changed}))",
            f"count(*) FILTER ({both} AND NOT ({changed}))",
            *(f"count(*) FILTER ({both} AND d{number})" for number in range(len(compared))),
        ]
        listed = ", ".join(f"{count} AS n{number}" for number, count in enumerate(counts))
        names = (*KINDS, "unchanged", *(column.name for column in compared))
        return Query(f"SELECT {listed} FROM ({states})", self._files, names)

    def differing(self, kinds: Sequence[str], limit: int | None = None, offset: int = 0) -> Query:
        """Return the query of the rows that differ, ordered by key (or by the row itself), as often as they do."""
        made = self._by_key(kinds) if self.key else self._by_row(kinds)
        bounds = "" if limit is None else f" LIMIT {limit:d}"
        return Query(f"{made.sql}{bounds}{f' OFFSET {offset:d}' if offset else ''}", made.parameters, made.names)

    @property
    def types(self) -> list[str]:
        """The types of the columns of `differing`."""
        if self.key:
            before, after = ([column.type for column in side.columns] for side in (self.before, self.after))
            return ["VARCHAR", "VARCHAR", *before, *after]
        return ["VARCHAR", "BIGINT", *(self._row_type(column) for column in self.common)]

    @property
    def _files(self) -> list[Any]:
        return [self.before.paths, self.after.paths]

    @property
    def _compared(self) -> list[Common]:
        return [column for column in self.common if column.name not in self.key]

    def _joined(self, listed: Sequence[str]) -> str:
        same = " AND ".join(
            f"b.c{self.before.position(name)} IS NOT DISTINCT FROM a.c{self.after.position(name)}" for name in self.key
        )
        return (
            f"SELECT {', '.join(listed)} FROM ({_read('$1', self.before)}) AS b"
            f" FULL JOIN ({_read('$2', self.after)}) AS a ON {same}"
        )

    def _by_key(self, kinds: Sequence[str]) -> Query:
        names = [
            CHANGE,
            CHANGED,
            *(f"before.{column.name}" for column in self.before.columns),
            *(f"after.{column.name}" for column in self.after.columns),
        ]
        told = [f"CASE WHEN {column.differs} THEN {_text(column.name)} END" for column in self._compared]
        changed = f"list_filter([{', '.join(told)}], x -> x IS NOT NULL)" if told else "CAST([] AS VARCHAR[])"
        cells = [
            "CASE WHEN b.here IS NULL THEN 'added' WHEN a.here IS NULL THEN 'removed' ELSE 'changed' END AS kind",
            f"CASE WHEN b.here AND a.here THEN array_to_string({changed}, ', ') END AS told",
            *(f"b.c{position} AS b{position}" for position in range(len(self.before.columns))),
            *(f"a.c{position} AS a{position}" for position in range(len(self.after.columns))),
        ]
        outputs = ["kind", "told", *(cell.rpartition(" AS ")[2] for cell in cells[2:])]
        listed = ", ".join(f"{inner} AS {quoted(name)}" for inner, name in zip(outputs, names, strict=True))
        differing = " OR ".join(column.differs for column in self._compared) or "false"
        joined = f"{self._joined(cells)} WHERE b.here IS NULL OR a.here IS NULL OR {differing}"
        order = ", ".join(f"{self._either(name)} NULLS LAST" for name in self.key)
        sql = f"SELECT {listed} FROM ({joined}) WHERE kind IN ({_listed(kinds)}) ORDER BY {order}"
        return Query(sql, self._files, tuple(names))

    def _either(self, name: str) -> str:
        """Return the value of a key's column, from whichever row there is; of two types as text."""
        before, after = self.before.position(name), self.after.position(name)
        if self.before.columns[before].type == self.after.columns[after].type:
            return f"coalesce(a{after}, b{before})"
        return f"coalesce(CAST(a{after} AS VARCHAR), CAST(b{before} AS VARCHAR))"

    def _counted(self) -> str:
        """Return the rows of both tables by their common columns, with how often each has them."""
        parts = []
        for number, side, places in (
            (1, self.before, [column.before for column in self.common]),
            (2, self.after, [column.after for column in self.common]),
        ):
            cells = [
                f"CAST(c{place} AS VARCHAR) AS v{at}" if self.common[at].retyped else f"c{place} AS v{at}"
                for at, place in enumerate(places)
            ]
            sides = [f"{int(number == 1)} AS was", f"{int(number == 2)} AS now"]  # noqa: PLR2004 - the second
            parts.append(f"SELECT {', '.join([*cells, *sides])} FROM ({_read(f'${number}', side)})")
        values = ", ".join(f"v{at}" for at in range(len(self.common)))
        counts = "CAST(sum(was) AS BIGINT) AS was, CAST(sum(now) AS BIGINT) AS now"
        grouped = f" GROUP BY {values}" if values else ""
        return f"SELECT {f'{values}, ' if values else ''}{counts} FROM ({' UNION ALL '.join(parts)}){grouped}"

    def _multiset_summary(self) -> Query:
        sql = (
            "SELECT coalesce(CAST(sum(greatest(now - was, 0)) AS BIGINT), 0), "
            "coalesce(CAST(sum(greatest(was - now, 0)) AS BIGINT), 0), CAST(0 AS BIGINT), "
            f"coalesce(CAST(sum(least(was, now)) AS BIGINT), 0) FROM ({self._counted()})"
        )
        return Query(sql, self._files, (*KINDS, "unchanged"))

    def _by_row(self, kinds: Sequence[str]) -> Query:
        values = [f"v{at}" for at in range(len(self.common))]
        names = (CHANGE, COUNT, *(column.name for column in self.common))
        listed = ["CASE WHEN now > was THEN 'added' ELSE 'removed' END", "abs(now - was)", *values]
        shown = ", ".join(f"{inner} AS {quoted(name)}" for inner, name in zip(listed, _unique(names), strict=True))
        kept = f"CASE WHEN now > was THEN 'added' ELSE 'removed' END IN ({_listed(kinds)})"
        order = ", ".join(f"{value} NULLS LAST" for value in values) or "1"
        sql = f"SELECT {shown} FROM ({self._counted()}) WHERE now <> was AND {kept} ORDER BY {order}"
        return Query(sql, self._files, tuple(_unique(names)))

    def _row_type(self, column: Common) -> str:
        return "VARCHAR" if column.retyped else self.after.columns[column.after].type


def _read(files: str, side: Side) -> str:
    aliases = ", ".join(f"c{position}" for position in range(len(side.columns)))
    return f"SELECT *, true AS here FROM read_parquet({files}) AS t({aliases})"


def _repeated(side: Side, places: Sequence[int]) -> str:
    cells = ", ".join(f"c{place}" for place in places)
    groups = f"SELECT count(*) AS n FROM ({_read('$1', side)}) GROUP BY {cells} HAVING count(*) > 1"
    return f"SELECT coalesce(CAST(sum(n) AS BIGINT), 0) AS repeated FROM ({groups})"


def _listed(kinds: Sequence[str]) -> str:
    return ", ".join(_text(kind) for kind in kinds)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _unique(names: Sequence[str]) -> list[str]:
    """Return names that a result can have: one of the table that is called as ours are gets an underscore."""
    reserved = {CHANGE, COUNT}
    return [*names[:2], *(f"{name}_" if name in reserved else name for name in names[2:])]
