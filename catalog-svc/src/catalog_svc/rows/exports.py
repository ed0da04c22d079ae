"""A table as a file, made while it is sent: CSV, and Parquet where the stored parts are several. Memory stays flat."""

import io
from collections.abc import AsyncIterator, Sequence
from typing import IO, Any, Final, cast

from catalog_svc.rows.engine import ColumnType, Engine, paths

_AS_THEY_ARE: Final = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
                       "UBIGINT", "FLOAT", "DOUBLE", "DATE")  # fmt: skip
FORMULA: Final = "=+-@\t\r"
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


async def csv(engine: Engine, uris: Sequence[str], *, escape_formulas: bool = True) -> AsyncIterator[bytes]:
    """Yield a table as CSV (RFC 4180, UTF-8, a header). Text that looks like a formula gets a quote before it."""
    import pyarrow as pa  # noqa: PLC0415 - only whoever downloads pays for it
    from pyarrow import csv as arrow_csv  # noqa: PLC0415

    columns = await engine.columns(uris)
    sql = f"SELECT {csv_columns(columns, escape_formulas=escape_formulas)} FROM read_parquet(?)"
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="needed")
    yield csv_header([column.name for column in columns], escape_formulas=escape_formulas)
    async for batch in engine.batches(sql, [paths(uris)], len(columns)):
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
    name = '"' + column.name.replace('"', '""') + '"'
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


async def parquet(engine: Engine, uris: Sequence[str], column_count: int) -> AsyncIterator[bytes]:
    """Yield a table of several parts as one Parquet file."""
    from pyarrow import parquet as arrow_parquet  # noqa: PLC0415

    sink = _Pieces()
    writer = None
    async for batch in engine.batches("SELECT * FROM read_parquet(?)", [paths(uris)], column_count):
        if writer is None:
            writer = arrow_parquet.ParquetWriter(cast("IO[bytes]", sink), batch.schema, compression="zstd")
        writer.write_batch(batch)
        yield sink.take()
    if writer is not None:
        writer.close()
        yield sink.take()


class _Pieces(io.RawIOBase):
    """A file that keeps only what was written since the last `take`."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []
        self._position = 0

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        self._position += len(self._written[-1])
        return len(self._written[-1])

    def tell(self) -> int:
        return self._position

    def writable(self) -> bool:
        return True

    def take(self) -> bytes:
        """Return the new bytes."""
        taken, self._written = b"".join(self._written), []
        return taken
