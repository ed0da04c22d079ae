"""A result as a file, made while it is sent: CSV, JSON, JSON lines, Parquet, Arrow. Memory stays flat at any size.

Times are in ISO 8601 and decimals are text where the format has neither, as `values` says it; Parquet and Arrow keep
the types. Excel workbooks, which cannot be made while they are sent, are in `workbook`.
"""

import io
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, cast

from catalog_svc.rows.engine import ColumnType, Engine
from catalog_svc.rows.selection import Query, quoted
from catalog_svc.rows.values import to_json

if TYPE_CHECKING:
    import pyarrow as pa

_AS_THEY_ARE: Final = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
                       "UBIGINT", "FLOAT", "DOUBLE", "DATE")  # fmt: skip
FORMULA: Final = "=+-@\t\r"
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


@dataclass(frozen=True, slots=True)
class Result:
    """A query to be sent, and the types of its columns (their names are the query's)."""

    query: Query
    types: Sequence[str]

    @property
    def columns(self) -> list[ColumnType]:
        """Its columns."""
        return [ColumnType(name, kind) for name, kind in zip(self.query.names, self.types, strict=True)]


async def csv(engine: Engine, result: Result, *, escape_formulas: bool = True) -> AsyncIterator[bytes]:
    """Yield CSV (RFC 4180, UTF-8, a header). Text that looks like a formula gets a quote before it."""
    import pyarrow as pa  # noqa: PLC0415 - only whoever downloads pays for it
    from pyarrow import csv as arrow_csv  # noqa: PLC0415

    listed = csv_columns(result.columns, escape_formulas=escape_formulas)
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="needed")
    yield csv_header(result.query.names, escape_formulas=escape_formulas)
    sql = f"SELECT {listed} FROM ({result.query.sql})"
    async for batch in engine.batches(sql, result.query.parameters, len(result.types)):
        sink = pa.BufferOutputStream()
        arrow_csv.write_csv(batch, sink, options)
        yield sink.getvalue().to_pybytes()


def csv_header(names: Sequence[str], *, escape_formulas: bool) -> bytes:
    """Return the first line."""
    cells = (f"'{name}" if escape_formulas and name[:1] in tuple(FORMULA) else name for name in names)
    return (",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\r\n").encode()


def csv_columns(columns: Sequence[ColumnType], *, escape_formulas: bool) -> str:
    """Return the select list that makes every column something CSV has: numbers, dates, text."""
    return ", ".join(_csv_column(column, escape_formulas=escape_formulas) for column in columns)


def _csv_column(column: ColumnType, *, escape_formulas: bool) -> str:
    name = quoted(column.name)
    if column.type in _AS_THEY_ARE:
        return name
    if column.type == "BLOB":
        return f"base64({name}) AS {name}"
    if column.type == "VARCHAR":
        if not escape_formulas:
            return name
        formula = f"{name} <> '' AND contains(E'=+-@\\t\\r', {name}[1])"
        return f"CASE WHEN {formula} THEN '''' || {name} ELSE {name} END AS {name}"
    if column.type.endswith("]") or column.type.startswith(("STRUCT", "MAP", "UNION")):
        return f"CAST(to_json({name}) AS VARCHAR) AS {name}"
    return f"CAST({name} AS VARCHAR) AS {name}"


async def ndjson(engine: Engine, result: Result) -> AsyncIterator[bytes]:
    """Yield a JSON object for every row, a line each."""
    async for lines in _objects(engine, result):
        yield "".join(f"{line}\n" for line in lines).encode()


async def array(engine: Engine, result: Result) -> AsyncIterator[bytes]:
    """Yield one JSON array of objects."""
    opening = b"[\n"
    async for lines in _objects(engine, result):
        if lines:
            yield opening + ",\n".join(lines).encode()
            opening = b",\n"
    yield b"[]\n" if opening == b"[\n" else b"\n]\n"


async def _objects(engine: Engine, result: Result) -> AsyncIterator[list[str]]:
    query = result.query
    async for batch in engine.batches(query.sql, query.parameters, len(query.names)):
        yield json_lines(batch)


def json_lines(batch: "pa.RecordBatch") -> list[str]:
    """Return every row of a batch as a JSON object."""
    return [
        json.dumps({name: to_json(value) for name, value in row.items()}, ensure_ascii=False, separators=(",", ":"))
        for row in batch.to_pylist()
    ]


async def parquet(engine: Engine, result: Result) -> AsyncIterator[bytes]:
    """Yield one Parquet file."""
    from pyarrow import parquet as arrow_parquet  # noqa: PLC0415

    def writer(sink: IO[bytes], schema: Any) -> Any:
        return arrow_parquet.ParquetWriter(sink, schema, compression="zstd")

    async for piece in _written(engine, result, writer):
        yield piece


async def arrow(engine: Engine, result: Result) -> AsyncIterator[bytes]:
    """Yield an Arrow IPC stream."""
    import pyarrow as pa  # noqa: PLC0415

    async for piece in _written(engine, result, pa.ipc.new_stream):
        yield piece


async def _written(engine: Engine, result: Result, opened: Any) -> AsyncIterator[bytes]:
    """Yield what a writer of record batches, opened on a file and a schema, makes of the result."""
    query, sink, writer = result.query, Pieces(), None
    async for batch in engine.batches(query.sql, query.parameters, len(query.names)):
        if writer is None:
            writer = opened(cast("IO[bytes]", sink), batch.schema)
        writer.write_batch(batch)
        yield sink.take()
    if writer is not None:
        writer.close()
        yield sink.take()


class Pieces(io.RawIOBase):
    """A file to write to that keeps only what was written since the last `take`."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []
        self._position = 0

    def write(self, data: Any) -> int:
        """Keep the bytes until they are taken."""
        self._written.append(bytes(data))
        self._position += len(self._written[-1])
        return len(self._written[-1])

    def tell(self) -> int:
        """Return how much was written in all."""
        return self._position

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def take(self) -> bytes:
        """Return the new bytes."""
        taken, self._written = b"".join(self._written), []
        return taken
