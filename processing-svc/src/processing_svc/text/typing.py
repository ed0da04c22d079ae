"""Columns of text become typed columns: a sample proposes each column's kind, every value of the column confirms it.

Works on anything that DuckDB can select from (a CSV file read as text, Arrow data) whose columns are `c0`, `c1`, ...
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from processing_svc.ahead import ahead
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
from processing_svc.text.quick import TYPES, MisfitError, convert_batch, is_quick

HEAD_ROWS = 100
SAMPLE_ROWS = 20_000
COLUMNS_AT_ONCE = 100
"""Columns whose evidence one statement gathers: plans grow faster than linearly with the number of aggregates."""
BATCH_ROWS = 40_960
"""A third of a row group: several batches are in flight at once."""


@dataclass(frozen=True, slots=True)
class TextRelation:
    """Something of text columns to select from: `sql` is what stands behind FROM, `width` counts its columns."""

    connection: duckdb.DuckDBPyConnection
    sql: str
    width: int

    def head(self) -> list[tuple[str | None, ...]]:
        """Return the first rows."""
        return self.connection.execute(f"SELECT * FROM {self.sql} LIMIT {HEAD_ROWS}").fetchall()

    def is_fitting(self, readings: Sequence[Reading]) -> bool:
        """Whether the rows of a sample fit what a few of them proposed."""
        sample = TextRelation(self.connection, f"(SELECT * FROM {self.sql} LIMIT {SAMPLE_ROWS})", self.width)
        try:
            return all(True for _ in sample.read(readings, exact=False).batches())
        except MisfitError:
            return False

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

    def read(self, readings: Sequence[Reading], *, exact: bool) -> "TypedRead":
        """Start the read. With `exact` the SQL of the kinds decides about every value, else Arrow where it can.

        Raises `MisfitError` and `duckdb.Error`.
        """
        quick = [not exact and is_quick(reading) for reading in readings]
        columns = ", ".join(
            f"c{index}" if quick[index] else f"{reading.expression(f'c{index}', index)} AS c{index}"
            for index, reading in enumerate(readings)
        )
        try:
            reader = self.connection.execute(f"SELECT {columns} FROM {self.sql}").to_arrow_reader(BATCH_ROWS)
        except duckdb.Error as error:
            raise _misfit_or(error) from error
        fields = [
            pa.field(field.name, TYPES[reading.kind]) if fast else field
            for field, reading, fast in zip(reader.schema, readings, quick, strict=True)
        ]
        return TypedRead(tuple(readings), pa.schema(fields), reader)


@dataclass(frozen=True, slots=True)
class TypedRead:
    """A read that was started: how the columns are read, and the schema that its batches have."""

    readings: tuple[Reading, ...]
    schema: pa.Schema
    reader: pa.RecordBatchReader

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches, once; raises `MisfitError` where the proposed kinds do not hold, and `duckdb.Error`."""
        batches = ahead(_drained(self.reader))
        return (convert_batch(batch, self.readings, self.schema) for batch in batches)


def typed(relation: TextRelation, *, sampled: bool, whole: bool) -> TypedRead:
    """Decide how the columns are read, and start the read.

    A few rows are always looked at; with `sampled` many, with `whole` all, and then no misfit can follow.
    """
    evidence = peek(relation.head(), relation.width)
    if whole or any(is_undecided(item) for item in evidence):
        evidence = relation.survey(None, [item.kinds for item in evidence])
        return relation.read([reading_of(item) for item in evidence], exact=True)
    readings = [reading_of(item) for item in evidence]
    if sampled and not relation.is_fitting(readings):
        evidence = relation.survey(SAMPLE_ROWS, [item.kinds for item in evidence])
        readings = [reading_of(item) for item in evidence]
    return relation.read(readings, exact=False)


def is_undecided(evidence: Evidence) -> bool:
    """Whether day and month could still be either way, so that every value has to be asked."""
    return evidence.values > 0 and DATE_DAY_FIRST in evidence.kinds and DATE_MONTH_FIRST in evidence.kinds


def _drained(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except Exception as error:
            raise _misfit_or(error) from error
        yield batch


def _misfit_or(error: Exception) -> Exception:
    return MisfitError(str(error)) if MISFIT in str(error) else error
