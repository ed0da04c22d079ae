"""Columns of text become typed columns: a sample proposes each column's kind, every value of the column confirms it.

Works on anything that DuckDB can select from (a CSV file read as text, Arrow data) whose columns are `c0`, `c1`, ...
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import duckdb
import pyarrow as pa

from processing_svc.ahead import ahead
from processing_svc.handlers.interface import Casts, Notes, SourceColumn
from processing_svc.kinds import MISFIT, TEXT, Kind, Reading
from processing_svc.text.deciding import NOTES, Evidence, decide, is_contested, is_undecided, reading_of
from processing_svc.text.nulls import BLANKS, is_null_spelling, spelled_sql, trimmed_sql
from processing_svc.text.peek import peek, propose
from processing_svc.text.quick import TYPES, MisfitError, convert_batch, is_convertible, is_quick
from processing_svc.text.survey import evidence_columns, evidence_from, prepared_columns

__all__ = ["TextRelation", "TypedRead", "columns_of", "is_undecided", "note_readings", "source_columns", "typed"]

HEAD_ROWS = 100
SAMPLE_ROWS = 20_000
COLUMNS_AT_ONCE = 50
"""Columns whose evidence one statement gathers: plans grow faster than linearly with the number of aggregates."""
BATCH_ROWS = 40_960
"""A third of a row group: several batches are in flight at once."""
ROUNDS = 3
"""So often the values that no kind accepts are looked at, and may make one think of further kinds."""
EXAMPLES = 200
REFUSED_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class TextRelation:
    """Something of text columns to select from: `sql` is what stands behind FROM, `width` counts its columns."""

    connection: duckdb.DuckDBPyConnection
    sql: str
    width: int

    def head(self) -> list[tuple[str | None, ...]]:
        """Return the first rows."""
        return self.connection.execute(f"SELECT * FROM {self.sql} LIMIT {HEAD_ROWS}").fetchall()

    def sample(self) -> "TextRelation":
        """Return the first rows as a relation: many, so that what they show mostly holds."""
        return TextRelation(self.connection, f"(SELECT * FROM {self.sql} LIMIT {SAMPLE_ROWS})", self.width)

    def is_fitting(self, readings: Sequence[Reading]) -> bool:
        """Whether all rows fit the readings."""
        try:
            return all(True for _ in self.read(readings, exact=False).batches())
        except MisfitError:
            return False

    def unfit(self, readings: Mapping[int, Reading]) -> set[int]:
        """Return those of the columns in which some value does not fit; all readings are quick ones."""
        columns = list(readings)
        wrong: set[int] = set()
        sql = f"SELECT {', '.join(f'c{index}' for index in columns)} FROM {self.sql}"
        for batch in ahead(self.connection.execute(sql).to_arrow_reader(BATCH_ROWS)):
            for index, array in zip(columns, batch.columns, strict=True):
                if index not in wrong and not is_convertible(readings[index], array):
                    wrong.add(index)
        return wrong

    def survey(self, kinds: Sequence[Sequence[Kind]], columns: Sequence[int] | None = None) -> list[Evidence]:
        """Gather evidence over all rows; `kinds` are those still possible, for each of the columns."""
        chosen = list(range(self.width)) if columns is None else list(columns)
        found: list[Evidence] = []
        for start in range(0, len(chosen), COLUMNS_AT_ONCE):
            stop = start + COLUMNS_AT_ONCE
            found += self._survey_columns(chosen[start:stop], kinds[start:stop])
        return found

    def _survey_columns(self, columns: Sequence[int], kinds: Sequence[Sequence[Kind]]) -> list[Evidence]:
        asked = list(zip(columns, kinds, strict=True))
        aggregates = ", ".join(item for index, possible in asked for item in evidence_columns(index, possible))
        prepared = ", ".join(item for index, possible in asked for item in prepared_columns(index, possible))
        row = self.connection.execute(f"SELECT {aggregates} FROM (SELECT {prepared} FROM {self.sql})").fetchone() or ()
        answers = iter(row)
        return [evidence_from(answers, possible) for _, possible in asked]

    def refused(self, index: int, kind: Kind | None) -> list[str]:
        """Return examples, of different shapes, of values of a column that a kind does not accept (None: of all)."""
        text = trimmed_sql(f"c{index}")
        normal = kind.normal.replace("@", "v") if kind is not None and kind.normal else "v"
        accepted = kind.accepts.replace("@", "n") if kind is not None else "false"
        sql = (
            f"SELECT min(v) FROM (SELECT v FROM (SELECT v, {normal} AS n FROM (SELECT {text} AS v FROM {self.sql}) "
            f"WHERE v IS NOT NULL AND NOT {spelled_sql('v')}) WHERE NOT coalesce({accepted}, false) "
            f"LIMIT {REFUSED_ROWS}) GROUP BY translate(v, '123456789', '999999999') ORDER BY count(*) DESC, 1 "
            f"LIMIT {EXAMPLES}"
        )
        return [row[0] for row in self.connection.execute(sql).fetchall()]

    def read(
        self,
        readings: Sequence[Reading],
        *,
        exact: bool,
        casts: Sequence[Casts] | None = None,
        first_row: int = 1,
    ) -> "TypedRead":
        """Start the read. With `exact` the SQL of the kinds decides about every value, else Arrow where it can.

        `casts` are told of every value that becomes null; `first_row` is the number of the first row for that. Raises
        `MisfitError` and `duckdb.Error`.
        """
        quick = [is_quick(reading) and (reading.proven or not exact) for reading in readings]
        try:
            reader = self.connection.execute(self._reading_sql(readings, quick)).to_arrow_reader(BATCH_ROWS)
        except duckdb.Error as error:
            raise _misfit_or(error) from error
        fields = [
            pa.field(field.name, TYPES[reading.kind]) if fast else field
            for field, reading, fast in zip(list(reader.schema)[: self.width], readings, quick, strict=True)
        ]
        told = tuple(casts) if casts is not None else tuple(Casts() for _ in readings)
        leftovers = [index for index in range(self.width) if not quick[index] and readings[index].has_leftovers]
        return TypedRead(tuple(readings), pa.schema(fields), reader, told, tuple(leftovers), first_row)

    def _reading_sql(self, readings: Sequence[Reading], quick: Sequence[bool]) -> str:
        """Return the SQL of the values, and after them of the texts that gave none."""
        values, leftovers, prepared, plain = [], [], [], []
        for index, reading in enumerate(readings):
            column = f"c{index}"
            if quick[index] or reading.kind == TEXT.kind:
                values.append(column)
                prepared.append(column)
                plain.append(column)
                continue
            normal = f"n{index}" if reading.normal else f"v{index}"
            plain.append(f"{column}, {reading.prepared(column)} AS v{index}")
            normalized = f", {reading.normal.replace('@', f'v{index}')} AS n{index}" if reading.normal else ""
            prepared.append(f"{column}, v{index}{normalized}")
            values.append(f"{reading.expression(f'v{index}', normal, index)} AS {column}")
            if reading.has_leftovers:
                leftovers.append(f"{reading.leftover(column, f'v{index}', normal)} AS l{index}")
        inner = f"(SELECT {', '.join(prepared)} FROM (SELECT {', '.join(plain)} FROM {self.sql}))"
        simple = all(quick[index] or reading.kind == TEXT.kind for index, reading in enumerate(readings))
        return f"SELECT {', '.join(values + leftovers)} FROM {self.sql if simple else inner}"


@dataclass(frozen=True, slots=True)
class TypedRead:
    """A read that was started: how the columns are read, the schema of its batches, what becomes null on the way."""

    readings: tuple[Reading, ...]
    schema: pa.Schema
    reader: pa.RecordBatchReader
    casts: tuple[Casts, ...] = ()
    leftovers: tuple[int, ...] = ()
    first_row: int = 1
    _rows: list[int] = field(default_factory=list)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches, once; raises `MisfitError` where the proposed kinds do not hold, and `duckdb.Error`."""
        self._rows[:] = [self.first_row]
        return (self._converted(batch) for batch in ahead(_drained(self.reader)))

    def _converted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        width = len(self.readings)
        for place, index in enumerate(self.leftovers):
            note_leftovers(self.casts[index], batch.column(width + place), self._rows[0])
        self._rows[0] += batch.num_rows
        values = pa.RecordBatch.from_arrays(batch.columns[:width], names=batch.schema.names[:width])
        return convert_batch(values, self.readings, self.schema, self.casts)


def note_leftovers(casts: Casts, texts: "pa.Array[Any]", first_row: int) -> None:
    """Note the texts, null elsewhere, that gave no value: those that stand for null, and those that do not fit."""
    if texts.null_count == len(texts):
        return
    for row, text in zip(count(first_row), texts.to_pylist(), strict=False):
        if text is None:
            continue
        trimmed = text.strip(BLANKS)
        if is_null_spelling(trimmed):
            casts.spell(trimmed)
        else:
            casts.fail(row, text)


def typed(
    relation: TextRelation,
    *,
    sampled: bool,
    whole: bool,
    names: Sequence[str | None] = (),
    verbatim: AbstractSet[int] = frozenset(),
) -> TypedRead:
    """Decide how the columns are read, and start the read.

    A few rows are always looked at; with `sampled` many, with `whole` all, and then no misfit can follow. `names` are
    those of the header; `verbatim` columns stay text.
    """
    evidence = peek(relation.head(), relation.width)
    if whole or any(is_undecided(item) for index, item in enumerate(evidence) if index not in verbatim):
        settled = settle(relation, evidence)
        return relation.read(_kept(decide(settled, names), verbatim), exact=True)
    readings = _kept(decide(evidence, names), verbatim)
    if sampled and not relation.sample().is_fitting(readings):
        settled = settle(relation.sample(), evidence)
        if any(is_undecided(item) for index, item in enumerate(settled) if index not in verbatim):
            return relation.read(_kept(decide(settle(relation, settled), names), verbatim), exact=True)
        readings = _kept(decide(settled, names), verbatim)
    return relation.read(readings, exact=False)


def settle(relation: TextRelation, evidence: Sequence[Evidence], *, tried: bool = True) -> list[Evidence]:
    """Ask every value of every column; where no kind accepts all, look at what is refused, and ask again.

    With `tried` what the first rows propose is tried first, and where it holds nothing else is asked.
    """
    found = prove(relation, evidence) if tried else list(evidence)
    open_ = [index for index, item in enumerate(found) if not item.proven and (item.kinds or item.refused)]
    if not open_:
        return found
    for _ in range(ROUNDS):
        kinds = [(*found[index].kinds, *found[index].refused) for index in open_]
        for index, item in zip(open_, relation.survey(kinds, open_), strict=True):
            found[index] = item
        open_ = [index for index in open_ if _rethought(relation, found, index)]
        if not open_:
            break
    return found


def prove(relation: TextRelation, evidence: Sequence[Evidence]) -> list[Evidence]:
    """Try the proposed kinds that Arrow converts on every value: cheaper than to ask, and mostly they hold."""
    found = list(evidence)
    tried = {}
    for index, item in enumerate(evidence):
        reading = reading_of(item)
        if item.kinds and not is_contested(item) and is_quick(reading):
            tried[index] = reading
    if tried:
        for index in tried.keys() - relation.unfit(tried):
            found[index] = replace(found[index], kinds=found[index].kinds[:1], proven=True)
    return found


def _rethought(relation: TextRelation, found: list[Evidence], index: int) -> bool:
    """Whether refused values make one think of further kinds, which are then among those to be asked."""
    item = found[index]
    if item.kinds or item.values == 0:
        return False
    known = {**dict.fromkeys(item.kinds, 0), **item.refused}
    least = min(item.refused, key=lambda kind: item.refused[kind], default=None)
    further = [kind for kind in propose(relation.refused(index, least)) if kind not in known]
    if further:
        refused = {kind: number for kind, number in known.items() if number < item.values}
        found[index] = Evidence(item.values, tuple(further), item.padded, item.spelled, refused)
    return bool(further)


def source_columns(names: Sequence[str | None], read: TypedRead) -> list[SourceColumn]:
    """Return the columns of a table that is read so."""
    return columns_of(names, read.readings, read.casts)


def columns_of(names: Sequence[str | None], readings: Sequence[Reading], casts: Sequence[Casts]) -> list[SourceColumn]:
    """Return the columns of a table of these names, read so, with what becomes null on the way."""
    return [
        SourceColumn(name, reading.kind, reading.note, unit=reading.unit, format=reading.format, casts=told)
        for name, reading, told in zip(names, readings, casts, strict=True)
    ]


def note_readings(findings: Notes, readings: Sequence[Reading]) -> None:
    """Add a finding for every column that is not what its values alone would make it, or that they leave open."""
    for position, reading in enumerate(readings, start=1):
        if reading.note:
            findings.add(reading.note, NOTES[reading.note], f"column {position}")


def _kept(readings: Sequence[Reading], verbatim: AbstractSet[int]) -> list[Reading]:
    return [TEXT if index in verbatim else reading for index, reading in enumerate(readings)]


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
