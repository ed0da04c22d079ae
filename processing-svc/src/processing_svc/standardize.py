"""A table's record batches become one Parquet file: bounded memory, bounded row groups, the same bytes every time."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.events.base import ParseOptions
from dataplatform.jobs.progress import TablesProgress
from processing_svc.ahead import ahead
from processing_svc.handlers.interface import Casts, ExtractedTable, HandlerError, Original, RestartError, SourceColumn
from processing_svc.overrides import overridden, renamed
from processing_svc.report import ColumnReport, FailedCasts, Sample
from processing_svc.units import unit_in

ROW_GROUP_ROWS: Final = 122_880
"""DuckDB's own row group size, so that its readers get whole vectors."""
ROW_GROUP_BYTES: Final = 48 * 1024 * 1024
"""Arrow bytes after which a row group ends, whatever its rows."""
MAX_SPELLINGS: Final = 100


@dataclass(frozen=True, slots=True)
class StandardizedTable:
    """What was written. `table` is the one that was read to its end, after restarts."""

    table: ExtractedTable
    path: Path
    row_count: int
    columns: tuple[ColumnReport, ...]


def standardize(
    table: ExtractedTable,
    path: Path,
    *,
    write: bool = True,
    progress: TablesProgress | None = None,
    original: Original | None = None,
) -> StandardizedTable:
    """Write a table to `path`, or only read it, starting over where its batches ask for that; raises `HandlerError`.

    What a person decided about the columns of `original` is applied.
    """
    options = original.options if original is not None else ParseOptions()
    while True:
        try:
            if original is not None and options.types:
                table = overridden(table, options, original.scratch, original.budget.memory_bytes)
            return _write(table, path, renamed(table.columns, options), write=write, progress=progress)
        except RestartError as again:
            path.unlink(missing_ok=True)
            if progress is not None:
                progress.restart()
            table = again.table


def _write(
    table: ExtractedTable, path: Path, names: Sequence[str], *, write: bool, progress: TablesProgress | None
) -> StandardizedTable:
    schema = _schema(table, names)
    nulls = [0] * len(schema)
    rows = 0
    with _open(path, schema) if write else nullcontext() as writer:
        for group in _groups(ahead(table.batches), schema):
            for index, column in enumerate(group.columns):
                nulls[index] += column.null_count
            rows += group.num_rows
            if writer is not None:
                writer.write_table(group, row_group_size=max(group.num_rows, 1))
            if progress is not None:
                progress.advance(group.num_rows, group.nbytes)
    return StandardizedTable(table, path, rows, _described(table, schema, nulls))


def _open(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    try:
        return pq.ParquetWriter(
            path, schema, compression="zstd", version="2.6", write_statistics=True, write_page_index=True,
            write_page_checksum=True, store_schema=True, **_encodings(schema),
        )  # fmt: skip
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise HandlerError("unsupported_feature", f"Parquet cannot hold this table: {error}") from error


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """Choose encodings by type: a third less time than trying a dictionary on every column, at the same size."""
    numbers = [field.name for field in schema if pa.types.is_integer(field.type) or pa.types.is_temporal(field.type)]
    others = [field.name for field in schema if not (field.name in numbers or pa.types.is_floating(field.type))]
    return {"use_dictionary": others, "column_encoding": dict.fromkeys(numbers, "DELTA_BINARY_PACKED")}


def _schema(table: ExtractedTable, names: Sequence[str]) -> pa.Schema:
    fields = []
    for position, (field, name, column) in enumerate(zip(table.schema, names, table.columns, strict=True)):
        kept = {**(field.metadata or {}), **_metadata(position, field, column)}
        # a column of nulls alone has no type in other systems; text holds nothing as well
        arrow_type = pa.string() if pa.types.is_null(field.type) else field.type
        fields.append(pa.field(name, arrow_type, nullable=True, metadata=kept))
    return pa.schema(fields)


def _metadata(position: int, field: "pa.Field[Any]", column: SourceColumn) -> dict[bytes, bytes]:
    known = {
        b"source_name": column.name or "",
        b"position": str(position),
        b"inferred_type": column.inferred or str(field.type),
        b"overridden_type": column.overridden,
        b"unit": _unit(field, column),
        b"format": column.format,
    }
    return {key: value.encode() for key, value in known.items() if value is not None}


def _unit(field: "pa.Field[Any]", column: SourceColumn) -> str | None:
    """Return the unit that the values or the header name; that of a header is one of numbers only."""
    kind = field.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return column.unit or (unit_in(column.name) if number else None)


def _groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Gather batches into row groups; the bounds depend on the data alone, never on time."""
    gathered: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        for piece in _pieces(batch):
            if gathered and (rows + piece.num_rows > ROW_GROUP_ROWS or size + piece.nbytes > ROW_GROUP_BYTES):
                yield _table_of(gathered, schema)
                gathered, rows, size = [], 0, 0
            gathered.append(piece)
            rows += piece.num_rows
            size += piece.nbytes
    if gathered:
        yield _table_of(gathered, schema)


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch that is larger than a row group."""
    parts = max(-(-batch.num_rows // ROW_GROUP_ROWS), -(-batch.nbytes // ROW_GROUP_BYTES), 1)
    step = max(-(-batch.num_rows // parts), 1)
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)


def _table_of(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    columns: list[Any] = []
    for index, field in enumerate(schema):
        chunks = [batch.column(index) for batch in batches]
        columns.append(pa.chunked_array([chunk if chunk.type == field.type else chunk.cast(field.type)
                                         for chunk in chunks], field.type))  # fmt: skip
    return pa.Table.from_arrays(columns, schema=schema)


def _described(table: ExtractedTable, schema: pa.Schema, nulls: list[int]) -> tuple[ColumnReport, ...]:
    return tuple(
        _column(position, field, column, nulls[position])
        for position, (field, column) in enumerate(zip(schema, table.columns, strict=True))
    )


def _column(position: int, field: "pa.Field[Any]", column: SourceColumn, nulls: int) -> ColumnReport:
    casts = column.casts or Casts()
    samples = tuple(Sample(row=row, value=value) for row, value in casts.samples)
    return ColumnReport(
        name=field.name,
        source_name=column.name,
        position=position,
        type=str(field.type),
        inferred_type=column.inferred,
        overridden_type=column.overridden,
        unit=_unit(field, column),
        format=column.format,
        nulls=nulls,
        nullable=nulls > 0,
        null_spellings=dict(sorted(casts.spellings.items())[:MAX_SPELLINGS]),
        failed_casts=FailedCasts(count=casts.failed, samples=samples),
        note=column.note,
    )
