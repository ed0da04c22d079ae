"""The rows behind a measure: the relation `data` that every query of this package reads, and queries run over it.

`data` has the table's columns under their names (made unique, as SQL does not tell `a` from `A`) and `row_number`,
which counts rows from 0 over all parts. What a query means is the caller's.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import duckdb
import pyarrow.parquet as pq

from dataplatform.engine import EngineLimits, open_engine

BATCH: Final = 256
"""Most aggregates in one query: planning time grows faster than linearly with their number."""


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Return a value as an SQL literal: NULL, booleans and numbers as such, everything else as text."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value) if value == value and abs(value) != float("inf") else f"'{value}'::DOUBLE"  # noqa: PLR0124
    # DuckDB's parser ends at a NUL, which a value or a name may have
    pieces = ["'" + piece.replace("'", "''") + "'" for piece in str(value).split("\0")]
    return pieces[0] if len(pieces) == 1 else f"({' || chr(0) || '.join(pieces)})"


def unique_names(names: Iterable[str], taken: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the names such that no two are the same to SQL, which ignores case; the first of its kind stays.

    NUL, which no SQL can say, becomes its picture.
    """
    seen = {name.casefold() for name in taken}
    result = []
    for name in names:
        base = name.replace("\0", "\N{SYMBOL FOR NULL}") or "column"
        candidate, number = base, 0
        while candidate.casefold() in seen:
            number += 1
            candidate = f"{base}_{number}"
        seen.add(candidate.casefold())
        result.append(candidate)
    return tuple(result)


class Rows:
    """The rows of one table as DuckDB reads them; a context manager, which opens a session at the first query.

    `names` are the columns' names in `data`, `originals` those in the file; `row` is the name of the column with the
    row's number. Raises `duckdb.Error`.
    """

    def __init__(self, parts: Sequence[Path], names: Sequence[str], limits: EngineLimits) -> None:
        self.originals = tuple(names)
        self.names = unique_names(names)
        self.row = unique_names(["row_number"], self.names)[0]
        self._parts = tuple(parts)
        self._limits = limits
        self._stack = ExitStack()
        self._session: duckdb.DuckDBPyConnection | None = None
        self._viewed = False
        self._known: dict[str, int] = {}

    @classmethod
    def of_parts(cls, parts: Sequence[Path], limits: EngineLimits) -> "Rows":
        """Return the rows of a table whose names are in its footer; raises `pyarrow.ArrowInvalid`, `OSError`."""
        return cls(parts, pq.read_schema(parts[0]).names if parts else (), limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session, self._viewed = None, False
        self._stack.__exit__(kind, error, trace)

    def sql_name(self, name: str) -> str:
        """Return the quoted name in `data` of the (first) column that the file calls so; raises `ValueError`."""
        return quoted(self.names[self.originals.index(name)])

    @property
    def source(self) -> str:
        """Return the FROM clause without the row's number: what counts need, in one scan."""
        files = ", ".join(literal(str(part)) for part in self._parts)
        return f"read_parquet([{files}]) AS data({', '.join(map(quoted, self.names))})"

    @property
    def view(self) -> str:
        """Return the SELECT that `data` stands for."""
        offset = ""
        if len(self._parts) > 1:
            counts = [pq.read_metadata(part).num_rows for part in self._parts]
            starts = list(accumulate(counts[:-1], initial=0))
            offset = f"{starts}[file_index::BIGINT + 1] + "
        return f"SELECT ({offset}file_row_number)::BIGINT AS {quoted(self.row)}, data.* FROM {self.source}"

    def counts(self, aggregates: Sequence[str]) -> list[int]:
        """Return the value of each SQL aggregate over the columns of `data`; what is known is not asked again."""
        missing = list(dict.fromkeys(sql for sql in aggregates if sql not in self._known))
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            found = self.session.execute(f"SELECT {', '.join(batch)} FROM {self.source}").fetchall()[0]
            self._known |= {sql: int(value or 0) for sql, value in zip(batch, found, strict=True)}
        return [self._known[sql] for sql in aggregates]

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """Return all rows of a query over `data`."""
        return self.select(query).fetchall()

    def each(self, query: str, size: int = 1024) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query over `data` as they come."""
        found = self.select(query)
        while batch := found.fetchmany(size):
            yield from batch

    def select(self, query: str) -> duckdb.DuckDBPyConnection:
        """Run a query over `data`."""
        if not self._viewed:
            self.session.execute(f"CREATE OR REPLACE TEMP VIEW data AS {self.view}")
            self._viewed = True
        return self.session.execute(query)

    @property
    def session(self) -> duckdb.DuckDBPyConnection:
        """Return the open session."""
        if self._session is None:
            self._session = self._stack.enter_context(open_engine(self._limits))
        return self._session


def offending(
    parts: Sequence[Path], limits: EngineLimits, query: str, limit: int | None = None
) -> list[tuple[int | None, str | None]]:
    """Return (row, column) of the items that lower a measure, from the query that came with it.

    `row` counts from 0 and is None where the item is a column; `column` is None where it is a whole row.
    """
    with Rows.of_parts(parts, limits) as rows:
        return [
            (row, column)
            for row, column in rows.fetch(query if limit is None else f"SELECT * FROM ({query}) LIMIT {limit}")
        ]
