"""Columns of text become typed columns: a sample proposes each column's kind, every value of the column confirms it.

Works on anything that DuckDB can select from (a CSV file read as text, Arrow data) whose columns are `c0`, `c1`, ...
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from processing_svc.kinds import (
    DATE_DAY_FIRST,
    DATE_MONTH_FIRST,
    KINDS,
    MISFIT,
    Evidence,
    Kind,
    Reading,
    evidence_columns,
    evidence_from,
    reading_of,
)
from processing_svc.text.peek import peek

HEAD_ROWS = 100
SAMPLE_ROWS = 20_000
COLUMNS_AT_ONCE = 100
"""Columns whose evidence one statement gathers: plans grow faster than linearly with the number of aggregates."""
BATCH_ROWS = 122_880


class MisfitError(Exception):
    """A value below the sample does not fit the kind of its column; whole columns must be looked at."""


@dataclass(frozen=True, slots=True)
class TextRelation:
    """Something of text columns to select from: `sql` is what stands behind FROM, `width` counts its columns."""

    connection: duckdb.DuckDBPyConnection
    sql: str
    width: int

    def head(self) -> list[tuple[str | None, ...]]:
        """Return the first rows."""
        return self.connection.execute(f"SELECT * FROM {self.sql} LIMIT {HEAD_ROWS}").fetchall()

    def survey(self, rows: int | None, kinds: Sequence[Sequence[Kind]] | None = None) -> list[Evidence]:
        """Gather evidence over the first `rows` (None: all); `kinds` are those still possible, for each column."""
        possible = kinds or [KINDS] * self.width
        found: list[Evidence] = []
        for start in range(0, self.width, COLUMNS_AT_ONCE):
            stop = min(start + COLUMNS_AT_ONCE, self.width)
            found += self._survey_columns(range(start, stop), rows, possible)
        return found

    def _survey_columns(self, columns: range, rows: int | None, kinds: Sequence[Sequence[Kind]]) -> list[Evidence]:
        asked = [evidence_columns(f"c{index}", kinds[index]) for index in columns]
        names = ", ".join(f"c{index}" for index in columns)
        source = self.sql if rows is None else f"(SELECT {names} FROM {self.sql} LIMIT {rows})"
        sql = f"SELECT {', '.join(item for column in asked for item in column)} FROM {source}"
        row = self.connection.execute(sql).fetchone() or ()
        answers = iter(row)
        return [
            evidence_from([next(answers) for _ in items], kinds[index])
            for index, items in zip(columns, asked, strict=True)
        ]

    def read(self, readings: Sequence[Reading]) -> pa.RecordBatchReader:
        """Start the read. Its batches raise `duckdb.Error`; see `as_misfit`."""
        columns = ", ".join(f"{reading.expression(f'c{i}', i)} AS c{i}" for i, reading in enumerate(readings))
        return self.connection.execute(f"SELECT {columns} FROM {self.sql}").to_arrow_reader(BATCH_ROWS)


def is_undecided(evidence: Evidence) -> bool:
    """Whether day and month could still be either way, so that every value has to be asked."""
    return evidence.values > 0 and DATE_DAY_FIRST in evidence.kinds and DATE_MONTH_FIRST in evidence.kinds


def as_misfit(error: Exception) -> bool:
    """Whether a read failed because a value does not fit its column's kind."""
    return MISFIT in str(error)


def typed(relation: TextRelation, *, sampled: bool, whole: bool) -> tuple[list[Reading], pa.RecordBatchReader]:
    """Return how the columns are read, and their batches.

    A few rows are always looked at; with `sampled` many, with `whole` all, and then no misfit can follow.
    """
    evidence = peek(relation.head(), relation.width)
    if sampled or whole or any(is_undecided(item) for item in evidence):
        full = whole or not sampled
        evidence = relation.survey(None if full else SAMPLE_ROWS, [item.kinds for item in evidence])
    readings = [reading_of(item) for item in evidence]
    return readings, relation.read(readings)


def drain(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a reader; raises `MisfitError` where the proposed kinds do not hold."""
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except Exception as error:
            if as_misfit(error):
                raise MisfitError(str(error)) from error
            raise
        yield batch
