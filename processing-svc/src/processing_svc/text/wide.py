"""Very wide text tables: read as text by Arrow, typed a few columns at a time, so that no plan has all of them.

DuckDB keeps a vector of 2,048 values for every column and every step; 5,000 columns are beyond half a gigabyte.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.csv as pcsv

from processing_svc.handlers.interface import Casts
from processing_svc.kinds import TEXT, Reading
from processing_svc.text.deciding import decide
from processing_svc.text.dialect import Dialect
from processing_svc.text.peek import peek
from processing_svc.text.typing import HEAD_ROWS, TextRelation, is_undecided, settle

WIDE_COLUMNS: Final = 500
"""From here on a table is wide."""
COLUMNS_AT_ONCE: Final = 100
CELLS_IN_BATCH: Final = 1_000_000
BLOCK_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WideText:
    """A table of text columns in an Arrow file, which is mapped into memory rather than read."""

    connection: duckdb.DuckDBPyConnection
    path: Path
    width: int

    @classmethod
    def spool(cls, connection: duckdb.DuckDBPyConnection, source: Path, dialect: Dialect, target: Path) -> "WideText":
        """Copy a clean delimited file into an Arrow file; raises `pyarrow.ArrowInvalid` where it is not clean."""
        schema = pa.schema([(f"c{index}", pa.string()) for index in range(dialect.width)])
        rows = max(CELLS_IN_BATCH // dialect.width, 1)
        # a single record may be longer than the usual block
        options = pcsv.ReadOptions(
            use_threads=False,
            block_size=max(BLOCK_BYTES, dialect.width * 256),
            column_names=schema.names,
            skip_rows=dialect.skip,
        )
        parsing = pcsv.ParseOptions(
            delimiter=dialect.form.delimiter,
            quote_char=dialect.form.quote,
            double_quote=dialect.form.escape == dialect.form.quote,
            escape_char=dialect.form.escape if dialect.form.escape != dialect.form.quote else False,
            newlines_in_values=True,
            ignore_empty_lines=True,
        )
        conversion = pcsv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True
        )
        with (
            pcsv.open_csv(source, options, parsing, conversion) as reader,
            pa.ipc.new_file(str(target), schema) as sink,
        ):
            for batch in reader:
                sink.write_table(pa.Table.from_batches([batch]), max_chunksize=rows)
        return cls(connection, target, dialect.width)

    def readings(
        self, *, whole: bool, names: Sequence[str | None] = (), verbatim: AbstractSet[int] = frozenset()
    ) -> list[Reading]:
        """Propose how each column is read by its first rows, or with `whole` decide it by all of its values."""
        with pa.memory_map(str(self.path)) as mapped:
            table = pa.ipc.open_file(mapped).read_all()
            evidence = peek([tuple(row.values()) for row in table.slice(0, HEAD_ROWS).to_pylist()], self.width)
            open_ = [
                index
                for index, item in enumerate(evidence)
                if (item.kinds or item.refused) and (whole or is_undecided(item))
            ]
            for start in range(0, len(open_), COLUMNS_AT_ONCE):
                chosen = open_[start : start + COLUMNS_AT_ONCE]
                asked = settle(self._relation(table.select(chosen)), [evidence[index] for index in chosen])
                for index, item in zip(chosen, asked, strict=True):
                    evidence[index] = item
            decided = decide(evidence, names)
            return [TEXT if index in verbatim else reading for index, reading in enumerate(decided)]

    def batches(self, readings: Sequence[Reading], casts: Sequence[Casts], *, exact: bool) -> Iterator[pa.RecordBatch]:
        """Yield the typed batches, at least one; raises `MisfitError` where a proposal does not hold.

        `casts` are told of every value that becomes null; with `exact` no misfit can follow a look at all values.
        """
        first_row = 1
        with pa.memory_map(str(self.path)) as mapped:
            reader = pa.ipc.open_file(mapped)
            if reader.num_record_batches == 0:
                yield self._typed(reader.read_all(), readings, casts, first_row, exact=exact)
            for number in range(reader.num_record_batches):
                table = pa.Table.from_batches([reader.get_batch(number)])
                yield self._typed(table, readings, casts, first_row, exact=exact)
                first_row += table.num_rows

    def _typed(
        self, table: pa.Table, readings: Sequence[Reading], casts: Sequence[Casts], first_row: int, *, exact: bool
    ) -> pa.RecordBatch:
        arrays: list[Any] = [column.combine_chunks() for column in table.columns]
        typed = [index for index, reading in enumerate(readings) if reading.kind != TEXT.kind]
        for start in range(0, len(typed), COLUMNS_AT_ONCE):
            chosen = typed[start : start + COLUMNS_AT_ONCE]
            relation = self._relation(table.select(chosen))
            read = relation.read(
                [readings[index] for index in chosen],
                exact=exact,
                casts=[casts[index] for index in chosen],
                first_row=first_row,
            )
            result = pa.Table.from_batches(read.batches(), read.schema)
            for index, column in zip(chosen, result.columns, strict=True):
                arrays[index] = column.combine_chunks()
        plain = [array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array for array in arrays]
        return pa.RecordBatch.from_arrays(plain, names=[f"c{index}" for index in range(self.width)])

    def _relation(self, table: pa.Table) -> TextRelation:
        self.connection.register("wide", _renamed(table))
        return TextRelation(self.connection, "wide", table.num_columns)


def _renamed(table: pa.Table) -> pa.Table:
    return table.rename_columns([f"c{index}" for index in range(table.num_columns)])
