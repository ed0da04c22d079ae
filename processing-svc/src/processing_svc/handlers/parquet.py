"""Parquet: every page is read and its checksum verified; nested types are kept as they are."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from processing_svc.handlers.interface import Extracted, ExtractedTable, HandlerError, Origin, Original, SourceColumn
from processing_svc.unpack import unpacked

MAGIC: Final = b"PAR1"
ENCRYPTED_MAGIC: Final = b"PARE"
BATCH_ROWS: Final = 65_536
SMALLEST_FILE: Final = 12
"""Magic at both ends and the length of the footer."""


class ParquetHandler:
    """Apache Parquet."""

    name = "parquet"
    version = "1"
    formats = frozenset({"parquet"})

    def extract(self, original: Original) -> Iterable[Extracted]:
        """Yield the one table of the file."""
        path = unpacked(original)
        _check_ends(path)
        with _open(path) as file:
            schema = _schema(file)
            if len(schema) == 0:
                raise HandlerError("no_tables", "the file has no columns")
            if len(schema) > original.budget.columns:
                raise HandlerError("too_many_columns", f"the table has {len(schema)} columns")
            yield ExtractedTable(
                name=original.name,
                origin=Origin(kind="file"),
                columns=[SourceColumn(field.name) for field in schema],
                schema=schema,
                batches=_batches(file, schema),
            )


def _check_ends(path: Path) -> None:
    """Tell a cut-off file from an encrypted and from a damaged one before any library parses it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(max(size - 8, 0))
        foot = file.read(8)
    if size == 0:
        raise HandlerError("empty_file", "the file is empty")
    if head == ENCRYPTED_MAGIC or foot[-4:] == ENCRYPTED_MAGIC:
        raise HandlerError("encrypted_parquet", "the footer is encrypted; upload the file without encryption")
    if head != MAGIC:
        raise HandlerError("corrupt_file", "the file does not begin as Parquet does")
    footer = int.from_bytes(foot[:4], "little") if len(foot) == 8 else 0  # noqa: PLR2004
    if size < SMALLEST_FILE or foot[-4:] != MAGIC or footer + SMALLEST_FILE > size:
        raise HandlerError("truncated_parquet", "the file ends before its footer; upload it again, whole")


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, page_checksum_verification=True, memory_map=False, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise _refusal(error) from error


def _schema(file: pq.ParquetFile) -> pa.Schema:
    try:
        return pa.schema([_storable(field) for field in file.schema_arrow])
    except (pa.ArrowException, OSError) as error:
        raise _refusal(error) from error


def _storable(field: "pa.Field[Any]") -> "pa.Field[Any]":
    """Leave out what is about the old file's bytes, not its data."""
    kept = {key: value for key, value in (field.metadata or {}).items() if not key.startswith(b"PARQUET:")}
    plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return pa.field(field.name, plain, nullable=True, metadata=kept)


def _batches(file: pq.ParquetFile, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    rows = 0
    try:
        for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
            batch.validate(full=True)
            rows += batch.num_rows
            yield _fitted(batch, schema)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _refusal(error) from error
    if rows < file.metadata.num_rows:
        raise HandlerError("corrupt_file", f"the footer promises {file.metadata.num_rows} rows; there are {rows}")


def _fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _refusal(error: Exception) -> HandlerError:
    words = str(error)
    first = words.splitlines()[0][:300] if words else type(error).__name__
    lowered = words.lower()
    if "encrypt" in lowered or "decrypt" in lowered:
        return HandlerError("encrypted_parquet", f"columns are encrypted: {first}")
    if isinstance(error, pa.ArrowMemoryError):
        return HandlerError("memory_limit_exceeded", f"a page does not fit into memory: {first}")
    if isinstance(error, (pa.ArrowNotImplementedError, pa.ArrowKeyError)):
        return HandlerError("unsupported_feature", first)
    return HandlerError("corrupt_file", first)
