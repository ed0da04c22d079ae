"""The table as every search reads it: columns by position, rows by number, one connection for all.

A column is `c<position>` in SQL, so no name can collide or need quoting; `row_number` counts from 0 over the parts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from quality_svc.profile.document import ColumnProfile
from quality_svc.profile.kinds import is_measured
from quality_svc.relations.document import Skipped


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the searches need it. `distinct` is exact or an estimate, of the non-null values; None: unknown."""

    position: int
    name: str
    kind: str
    duckdb_type: str
    count: int
    nulls: int
    distinct: int | None
    distinct_error: float
    profile: ColumnProfile
    readable: bool

    @property
    def sql(self) -> str:
        """Its name in queries."""
        return f"c{self.position}"

    @property
    def compared(self) -> str:
        """What is hashed of it: DuckDB 1.5 hashes [0] and [0, 0] alike, so nested values go by their text."""
        return f"{self.sql}::VARCHAR" if self.kind == "nested" else self.sql

    @property
    def constant(self) -> bool:
        """Whether all its non-null values are the same, or it has none."""
        return self.count == 0 or (self.distinct is not None and self.distinct <= 1)


class Table:
    """A table open for searching. `folder` is for files that may vanish afterwards; `skipped` gathers what was left."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        parts: Sequence[Path],
        profiles: Sequence[ColumnProfile],
        folder: Path,
        seed: int,
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.seed = seed
        self.skipped: list[Skipped] = []
        self._parts = tuple(parts)
        rows = [pq.read_metadata(part).num_rows for part in parts]
        self.row_count = sum(rows)
        self._starts = list(accumulate(rows, initial=0))[:-1]
        self._names = ", ".join(f"c{number}" for number in range(len(pq.read_schema(parts[0]))))
        self.columns = self._columns(profiles)

    def scan(self, extra: Iterable[str] = ()) -> str:
        """Return the FROM clause; with `extra` expressions beside all columns."""
        files = ", ".join("'" + str(part).replace("'", "''") + "'" for part in self._parts)
        source = f"read_parquet([{files}]) AS t({self._names})"
        added = "".join(f", {expression}" for expression in extra)
        return f"(SELECT *{added} FROM {source})" if added else source

    @cached_property
    def row_number(self) -> str:
        """The expression for a row's number in the table, valid directly over `scan()`."""
        if len(self._starts) == 1:
            return "file_row_number"
        return f"(file_row_number + {self._starts}[file_index::BIGINT + 1])"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        return self.connection.execute(sql).fetchall()

    def batches(self, sql: str) -> pa.RecordBatchReader:
        """Stream a large result."""
        return self.connection.execute(sql).to_arrow_reader(65_536)

    def skip(self, section: Any, reason: str, left_out: int) -> None:
        """Note what was not looked at; nothing where there is nothing."""
        if left_out > 0:
            self.skipped.append(Skipped(section=section, reason=reason, left_out=left_out))

    def _columns(self, profiles: Sequence[ColumnProfile]) -> tuple[Column, ...]:
        described = self.rows(f"DESCRIBE SELECT * FROM {self.scan()}") if self._names else []
        return tuple(
            Column(
                position=profile.position,
                name=profile.name,
                kind=profile.kind,
                duckdb_type=described[profile.position][1],
                count=profile.count,
                nulls=profile.nulls,
                distinct=None if profile.distinct is None else profile.distinct.value,
                distinct_error=0.0 if profile.distinct is None else profile.distinct.relative_error or 0.0,
                profile=profile,
                readable=is_measured(profile.type) and profile.kind != "null",
            )
            for profile in profiles
        )


def quoted(name: str) -> str:
    """Return a column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
