"""A selection of rows as SQL: all of them, a page of them, or their number."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from catalog_svc.rows import cursors
from catalog_svc.rows.engine import ColumnType
from catalog_svc.rows.language import Sample, Selection, invalid
from catalog_svc.rows.operands import family
from catalog_svc.rows.predicates import Columns, Predicate

_PLACE: Final = ", ".join(cursors.PLACE)
_PARTS: Final = 1 << 32
"""How finely the share of a sample is kept."""


@dataclass(frozen=True, slots=True)
class Query:
    """SQL, the parameters that it calls `$1` (the list of files), `$2` and so on, and the names of its columns."""

    sql: str
    parameters: list[Any]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selection that fits its table. `fingerprint` tells the cursors of other queries apart."""

    selection: Selection
    columns: Columns
    positions: tuple[int, ...]
    names: tuple[str, ...]
    fingerprint: str


def choose(selection: Selection, listed: Sequence[ColumnType], of: str) -> Chosen:
    """Check a selection against the columns of table `of`; raises 422 problems."""
    columns = Columns(listed)
    wanted = selection.columns if selection.columns is not None else tuple(column.name for column in listed)
    if (listed and not wanted) or len(set(wanted)) != len(wanted):
        raise invalid("invalid_query", "name at least one column, and none of them twice")
    for key in selection.sort:
        if family(columns.named(key.column)) == "nested":
            raise invalid("invalid_query", f"`{key.column}` is nested: rows have no order by it")
    said = hashlib.sha256(repr((of, selection.where, selection.sample, selection.sort)).encode()).hexdigest()[:16]
    return Chosen(selection, columns, tuple(map(columns.position, wanted)), _names(selection, columns, wanted), said)


def _names(selection: Selection, columns: Columns, wanted: Sequence[str]) -> tuple[str, ...]:
    for name in selection.rename:
        columns.position(name)
    names = tuple(selection.rename.get(name, name) for name in wanted)
    if len(set(names)) != len(names) or not all(names):
        raise invalid("invalid_query", "after renaming, two columns would have the same name, or one none")
    return names


def whole(chosen: Chosen, paths: Sequence[str], limit: int | None = None, offset: int = 0) -> Query:
    """Return the query of all rows chosen, in order."""
    predicate = Predicate(chosen.columns, [list(paths)])
    condition = conditions(chosen, predicate)
    named = zip(chosen.positions, chosen.names, strict=True)
    listed = ", ".join(f"t.c{position} AS {quoted(name)}" for position, name in named)
    sql = f"SELECT {listed} FROM {source(chosen)} WHERE {condition}{_order(chosen)}{_bounds(limit, offset)}"
    return Query(sql, predicate.parameters, chosen.names)


def count(chosen: Chosen, paths: Sequence[str]) -> Query:
    """Return the query of how many rows are chosen."""
    predicate = Predicate(chosen.columns, [list(paths)])
    condition = conditions(chosen, predicate)
    return Query(f"SELECT count(*) FROM {source(chosen)} WHERE {condition}", predicate.parameters, ("count",))


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a selection: the query of its rows (and one more, if there is), and the cursor that follows it.

    The query gives the columns chosen, then the place of the row, then its sort values as text.
    """

    chosen: Chosen
    limit: int
    passed: int
    query: Query

    def values(self, row: Sequence[Any]) -> Sequence[Any]:
        """Return what of a row was chosen."""
        return row[: len(self.chosen.names)]

    def next(self, rows: Sequence[Sequence[Any]]) -> str | None:
        """Return the cursor of the page after this one, None where no row is left."""
        if len(rows) <= self.limit:
            return None
        first = len(self.chosen.names)
        (index, number, *keys) = rows[self.limit - 1][first:]
        return cursors.write(
            self.chosen.fingerprint, cursors.Mark(self.passed + self.limit, (index, number), tuple(keys))
        )


def page(chosen: Chosen, paths: Sequence[str], limit: int, offset: int, cursor: str | None) -> Page:
    """Return the page of `limit` rows from `offset`, or after the page that gave `cursor`.

    Raises 422 problems, one for the cursor of another query among them.
    """
    predicate = Predicate(chosen.columns, [list(paths)])
    condition, skip, passed = conditions(chosen, predicate), offset, offset
    if cursor is not None:
        mark = cursors.read(chosen.fingerprint, cursor, len(chosen.selection.sort))
        passed = mark.passed
        skip = 0 if mark.place else mark.passed
        if mark.place:
            condition += " AND " + cursors.after(mark, chosen.selection.sort, predicate, files=len(paths))
    shown = [*(f"t.c{position}" for position in chosen.positions), *cursors.PLACE]
    keys = [chosen.columns.reference(key.column) for key in chosen.selection.sort]
    numbered = ", ".join(f"{name} AS o{number}" for number, name in enumerate([*shown, *keys]))
    sql = f"SELECT {numbered} FROM {source(chosen)} WHERE {condition}{_order(chosen)}{_bounds(limit + 1, skip)}"
    if keys:
        # of the page alone: as text beside the rows, DuckDB would make it of every row that it sorts
        last = len(shown)
        texts = [f"CAST(o{number} AS VARCHAR) AS o{number}" for number in range(last, last + len(keys))]
        sql = f"SELECT {', '.join([*(f'o{number}' for number in range(last)), *texts])} FROM ({sql})"
    return Page(chosen, limit, passed, Query(sql, predicate.parameters, chosen.names))


def conditions(chosen: Chosen, predicate: Predicate) -> str:
    """Return the condition of the rows chosen: the filter and the sample.

    A sample is drawn by a hash of the place of a row and the seed, so it does not depend on how many threads read.
    """
    where = predicate.sql(chosen.selection.where)
    match chosen.selection.sample:
        case Sample(rows=int(rows), seed=seed):
            drawn = f"hash({_PLACE}, {predicate.bind(seed)})"
            some = f"SELECT {_PLACE} FROM {source(chosen)} WHERE {where} ORDER BY {drawn} LIMIT {rows:d}"
            return f"({_PLACE}) IN ({some})"
        case Sample(share=float(share), seed=seed):
            drawn = f"hash({_PLACE}, {predicate.bind(seed)}) % {_PARTS}"
            return f"{where} AND {drawn} < {round(share * _PARTS):d}"
    return where


def source(chosen: Chosen) -> str:
    """Return the table function over the files, its columns called by their position."""
    return f"read_parquet($1) AS t({chosen.columns.aliases})"


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def _bounds(limit: int | None, offset: int) -> str:
    bounded = "" if limit is None else f" LIMIT {limit:d}"
    return f"{bounded} OFFSET {offset:d}" if offset else bounded


def _order(chosen: Chosen) -> str:
    """Rows that tie keep the order of the table, which DuckDB does by itself where nothing is sorted or joined."""
    drawn = chosen.selection.sample is not None and chosen.selection.sample.rows is not None
    if not chosen.selection.sort and not drawn:
        return ""
    keys = (
        f"{chosen.columns.reference(key.column)} {'DESC' if key.descending else 'ASC'} NULLS LAST"
        for key in chosen.selection.sort
    )
    return " ORDER BY " + ", ".join([*keys, *cursors.PLACE])
