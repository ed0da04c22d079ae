"""A table's record batches become one Parquet file: bounded memory, bounded row groups, the same bytes every time."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.jobs.progress import TablesProgress
from processing_svc.ahead import ahead
from processing_svc.columns import safe_names
from processing_svc.handlers.interface import ExtractedTable, HandlerError, RestartError, SourceColumn
from processing_svc.report import ColumnReport

ROW_GROUP_ROWS: Final = 122_880
"""DuckDB's own row group size, so that its readers get whole vectors."""
ROW_GROUP_BYTES: Final = 48 * 1024 * 1024
"""Arrow bytes after which a row group ends, whatever its rows."""


@dataclass(frozen=True, slots=True)
class StandardizedTable:
    """What was written. `table` is the one that was read to its end, after restarts."""

    table: ExtractedTable
    path: Path
    row_count: int
    columns: tuple[ColumnReport, ...]


def standardize(
    table: ExtractedTable, path: Path, *, write: bool = True, progress: TablesProgress | None = None
) -> StandardizedTable:
    """Write a table to `path`, or only read it, starting over where its batches ask for that; raises `HandlerError`."""
    while True:
        try:
            return _write(table, path, write=write, progress=progress)
        except RestartError as again:
            path.unlink(missing_ok=True)
            if progress is not None:
                progress.restart()
            table = again.table


def _write(table: ExtractedTable, path: Path, *, write: bool, progress: TablesProgress | None) -> StandardizedTable:
    schema = _schema(table)
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


def _schema(table: ExtractedTable) -> pa.Schema:
    names = safe_names(column.name for column in table.columns)
    fields = []
    for position, (field, name, column) in enumerate(zip(table.schema, names, table.columns, strict=True)):
        kept = {**(field.metadata or {}), **_metadata(position, field, column)}
        # a column of nulls alone has no type in other systems; text holds nothing as well
        arrow_type = pa.string() if pa.types.is_null(field.type) else field.type
        fields.append(pa.field(name, arrow_type, nullable=True, metadata=kept))
    return pa.schema(fields)


def _metadata(position: int, field: "pa.Field[Any]", column: SourceColumn) -> dict[bytes, bytes]:
    return {
        b"source_name": (column.name or "").encode(),
        b"position": str(position).encode(),
        b"inferred_type": (column.inferred or str(field.type)).encode(),
    }


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
        ColumnReport(
            name=field.name,
            source_name=column.name,
            position=position,
            type=str(field.type),
            inferred_type=column.inferred,
            unit=column.unit,
            nulls=nulls[position],
            nullable=nulls[position] > 0,
            note=column.note,
        )
        for position, (field, column) in enumerate(zip(schema, table.columns, strict=True))
    )
