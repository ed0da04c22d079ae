"""One table's profile: plan, one pass of DuckDB per group of columns, columns out one after the other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final

import duckdb

from quality_svc.profile.cells import cell, seconds, temporal_mean
from quality_svc.profile.distinct import estimate
from quality_svc.profile.document import (
    Cell,
    ColumnProfile,
    Distinct,
    Kind,
    Lengths,
    Quantile,
    Quantiles,
    Top,
    TopValue,
)
from quality_svc.profile.engine import EngineLimits, open_engine
from quality_svc.profile.expressions import PROBABILITIES, facts_sql, ordered_sql
from quality_svc.profile.kinds import kind_of
from quality_svc.profile.plan import ColumnPlan, TablePlan, column_groups, plan_table, rank_error

_ZONED: Final = "TIMESTAMP WITH TIME ZONE"


class UnreadableTableError(Exception):
    """The Parquet of a table cannot be read as a table; trying again would not help."""

    code = "unreadable_table"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class TableTooLargeError(Exception):
    """A single column of the table does not fit the memory that a profile may use."""

    code = "memory_limit_exceeded"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of a column's values the profile shows; wide tables show less, so a document stays readable."""

    top_values: int
    text_characters: int

    @classmethod
    def of_width(cls, columns: int) -> "Detail":
        """Return the detail for a table of `columns` columns."""
        if columns <= 200:  # noqa: PLR2004
            return cls(20, 128)
        return cls(10, 64) if columns <= 2000 else cls(3, 32)  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class _Column:
    plan: ColumnPlan
    duckdb_type: str
    kind: Kind

    @property
    def zoned(self) -> bool:
        return self.duckdb_type == _ZONED

    def cell(self, text: str) -> Cell:
        return cell(self.kind, text, zoned=self.zoned)


class TableProfiler:
    """Profiles one table: `row_count` and `column_count` at once, columns as they are measured.

    Raises `UnreadableTableError` and `TableTooLargeError`.
    """

    def __init__(self, parts: Sequence[Path], limits: EngineLimits) -> None:
        self._limits = limits
        try:
            self._plan: TablePlan = plan_table(parts)
        except (OSError, ValueError) as error:
            raise UnreadableTableError(f"the Parquet footer cannot be read: {error}") from error
        self._detail = Detail.of_width(len(self._plan.columns))

    @property
    def row_count(self) -> int:
        """Rows in all parts, from their footers."""
        return self._plan.row_count

    @property
    def column_count(self) -> int:
        """Columns, nested ones counted once."""
        return len(self._plan.columns)

    def columns(self) -> Iterator[ColumnProfile]:
        """Measure the columns in their order; memory does not depend on how many there are."""
        if not self._plan.columns:
            return
        with open_engine(self._limits) as connection:
            try:
                types = self._types(connection)
                for group in column_groups(self._plan, self._limits.memory_bytes):
                    columns = tuple(
                        _Column(plan, types[plan.position], kind_of(types[plan.position], plan.type)) for plan in group
                    )
                    yield from self._measured(connection, columns)
            except duckdb.OutOfMemoryException as error:
                raise TableTooLargeError(_first_line(error)) from error
            except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException):
                raise  # not the table's fault: a query of ours is wrong
            except duckdb.Error as error:
                raise UnreadableTableError(_first_line(error)) from error

    def _types(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        rows = connection.execute(f"DESCRIBE SELECT * FROM {self._source()}").fetchall()
        return [row[1] for row in rows]

    def _source(self) -> str:
        """Return the table function; columns go by position, so no name can collide or need quoting."""
        files = ", ".join("'" + str(part).replace("'", "''") + "'" for part in self._plan.parts)
        names = ", ".join(f"c{plan.position}" for plan in self._plan.columns)
        return f"read_parquet([{files}]) AS t({names})"

    def _measured(self, connection: duckdb.DuckDBPyConnection, columns: Sequence[_Column]) -> Iterator[ColumnProfile]:
        """Measure a group; where it does not fit the memory, its halves."""
        try:
            profiles = self._pass(connection, columns)
        except duckdb.OutOfMemoryException:
            if len(columns) == 1:
                raise
            middle = len(columns) // 2
            profiles = [*self._measured(connection, columns[:middle]), *self._measured(connection, columns[middle:])]
        yield from profiles

    def _pass(self, connection: duckdb.DuckDBPyConnection, columns: Sequence[_Column]) -> list[ColumnProfile]:
        """Read the columns once; their kept values are then counted inside DuckDB's own memory."""
        facts = {
            column.plan.position: facts_sql(column.plan, column.kind, column.duckdb_type, self._detail.text_characters)
            for column in columns
        }
        connection.execute(f"CREATE OR REPLACE TEMP TABLE facts AS {self._pass_sql(columns, facts)}")
        scalars = [
            f"{name}_{position}" if name != "kept" else f"len({name}_{position})"
            for position, named in facts.items()
            for name in named
        ]
        row = iter(connection.execute(f"SELECT {', '.join(scalars)} FROM facts").fetchall()[0])
        known = {position: {name: next(row) for name in named} for position, named in facts.items()}
        tops = _tops(connection, [column for column in columns if "kept" in facts[column.plan.position]], self._detail)
        connection.execute("DROP TABLE facts")
        return [
            _assemble(column, known[column.plan.position], tops.get(column.plan.position), self._plan, self._detail)
            for column in columns
        ]

    def _pass_sql(self, columns: Sequence[_Column], facts: Mapping[int, Mapping[str, str]]) -> str:
        levels = sorted({column.plan.level for column in columns})
        inner = [f"c{column.plan.position}" for column in columns]
        inner += [
            f"{ordered_sql(column.kind, column.duckdb_type, f'c{column.plan.position}')} AS x{column.plan.position}"
            for column in columns
        ]
        inner += [
            f"(hash(file_row_number) & {2**level - 1}) = 0 AS s{level}" if level else "true AS s0" for level in levels
        ]
        outer = [f"{sql} AS {name}_{position}" for position, named in facts.items() for name, sql in named.items()]
        return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {self._source()})"


@dataclass(slots=True)
class _Counted:
    """The most frequent of a column's kept values as text, and how many different ones were kept."""

    distinct: int
    top: list[tuple[str, int]]


def _tops(connection: duckdb.DuckDBPyConnection, columns: Sequence[_Column], detail: Detail) -> dict[int, _Counted]:
    """Count the kept values of each column; text is told apart by the hash of all of it, not by what is shown."""
    if not columns:
        return {}
    found: dict[int, _Counted] = {}
    queries = (_top_sql(column, detail.top_values) for column in columns)
    for position, value, count, distinct in connection.execute(" UNION ALL ".join(queries)).fetchall():
        found.setdefault(position, _Counted(distinct, [])).top.append((value, count))
    for counted in found.values():
        counted.top.sort(key=lambda pair: -pair[1])  # stable: ties stay in the order of the values
    return found


def _top_sql(column: _Column, limit: int) -> str:
    position = column.plan.position
    text = column.kind == "text"
    key, shown = ("v.hash", "any_value(v.text)") if text else ("v", "any_value(v)")
    counted = (
        f"SELECT {shown} AS v, count(*) AS n, count(*) OVER () AS d "
        f"FROM (SELECT unnest(kept_{position}) AS v FROM facts) AS kept GROUP BY {key}"
    )
    return f"(SELECT {position}, v::VARCHAR, n, d FROM ({counted}) ORDER BY n DESC, v LIMIT {limit})"


def _assemble(
    column: _Column, facts: Mapping[str, Any], counted: _Counted | None, plan: TablePlan, detail: Detail
) -> ColumnProfile:
    count: int = facts["count"]
    nan: int | None = facts.get("nan")
    infinite = count - facts["ordered"] - (nan or 0) if "ordered" in facts else None
    lowest, highest = facts.get("min"), facts.get("max")
    return ColumnProfile(
        position=column.plan.position,
        name=column.plan.name,
        source_name=column.plan.source_name,
        type=column.plan.type,
        kind=column.kind,
        count=count,
        nulls=plan.row_count - count,
        blanks=facts.get("blanks"),
        nan=nan,
        infinite=infinite,
        distinct=_distinct(facts, counted),
        min=None if lowest is None else column.cell(lowest),
        max=None if highest is None else column.cell(highest),
        quantiles=_quantiles(column, facts),
        top=_top(column, facts, counted.top, detail) if counted else None,
        lengths=_lengths(column, facts),
        **_moments(column, facts),
    )


def _distinct(facts: Mapping[str, Any], counted: _Counted | None) -> Distinct | None:
    if "distinct" in facts:
        return Distinct(value=facts["distinct"], exact=True)
    if "sketch" in facts:
        value, error = estimate(facts["sketch"] or b"")
        return Distinct(value=min(round(value), facts["count"]), exact=False, relative_error=error)
    if "kept" not in facts:
        return None
    special = bool(facts.get("nan")) + bool(facts.get("rising")) + bool(facts.get("falling"))
    return Distinct(value=(counted.distinct if counted else 0) + special, exact=True)


def _moments(column: _Column, facts: Mapping[str, Any]) -> dict[str, Any]:
    mean, sd = facts.get("mean"), facts.get("sd")
    left_out = facts.get("ordered", 0) - facts["averaged"] if "averaged" in facts else 0
    if mean is None or not isfinite(mean) or left_out:
        return {}
    if column.kind in {"date", "timestamp", "time"}:
        shown = temporal_mean(column.kind, mean, zoned=column.zoned)
        return {"mean": shown, "sd": None if sd is None else seconds(column.kind, sd)}
    return {"mean": mean, "sd": sd}


def _quantiles(column: _Column, facts: Mapping[str, Any]) -> Quantiles | None:
    found = facts.get("quantiles")
    if not found:
        return None
    basis: int = facts["kept"]
    exact = column.plan.level == 0
    return Quantiles(
        values=tuple(Quantile(p=p, value=column.cell(text)) for p, text in zip(PROBABILITIES, found, strict=True)),
        basis=basis,
        exact=exact,
        rank_error=0.0 if exact else rank_error(basis),
    )


def _top(column: _Column, facts: Mapping[str, Any], top: Sequence[tuple[str, int]], detail: Detail) -> Top:
    basis: int = facts["kept"]
    exact = column.plan.level == 0
    cut = column.kind == "text"
    return Top(
        values=tuple(
            TopValue(value=column.cell(text), count=count, truncated=cut and len(text) >= detail.text_characters)
            for text, count in top
        ),
        basis=basis,
        exact=exact,
        share_error=0.0 if exact else rank_error(basis),
    )


def _lengths(column: _Column, facts: Mapping[str, Any]) -> Lengths | None:
    if facts.get("shortest") is None:
        return None
    unit = {"text": "characters", "binary": "bytes"}.get(column.kind, "elements")
    return Lengths(unit=unit, min=facts["shortest"], max=facts["longest"], mean=facts["length"])


def _first_line(error: Exception) -> str:
    """Return what the engine said; it may quote the data, so it is for logs only."""
    return str(error).partition("\n")[0][:500]
