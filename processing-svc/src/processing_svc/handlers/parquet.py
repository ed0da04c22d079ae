"""Parquet: every page is read and its checksum verified; nested types are kept as they are.

What the footer says is held against the pages themselves: rows that it does not tell of would be lost in silence.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from processing_svc.handlers.interface import (
    Budget,
    Extracted,
    ExtractedTable,
    FileFacts,
    HandlerError,
    Origin,
    Original,
    SourceColumn,
)
from processing_svc.pagewalk import Chunk, HeaderError, RowGroup, pages_of, row_groups_of
from processing_svc.unpack import unpacked

MAGIC: Final = b"PAR1"
ENCRYPTED_MAGIC: Final = b"PARE"
BATCH_ROWS: Final = 65_536
BATCH_BYTES: Final = 32 * 1024 * 1024
"""Unpacked bytes of a batch, by what the footer says of its rows: rows of large values come in smaller batches."""
SMALLEST_FILE: Final = 12
"""Magic at both ends and the length of the footer."""
MOST_FOOTER_SHARE: Final = 0.25
"""Share of the memory that a footer may take as it stands; in Arrow's memory it is several times as large."""
MOST_CHECKED_FOOTER_BYTES: Final = 16 * 1024 * 1024
"""A longer footer is believed: to read it takes longer than the pages."""
MOST_WORDS: Final = 100
MOST_WORD_CHARACTERS: Final = 2_000
_OWN_KEYS: Final = frozenset({"ARROW:schema", "pandas"})
_UNITS: Final = (b"unit", b"units", b"unit_of_measure", b"uom")


class ParquetHandler:
    """Apache Parquet."""

    name = "parquet"
    version = "2"
    formats = frozenset({"parquet"})

    def extract(self, original: Original) -> Iterable[Extracted]:
        """Yield the one table of the file, and what the file says about itself."""
        path = unpacked(original)
        _check_ends(path, original.budget)
        with _open(path) as file:
            schema = _schema(file)
            if len(schema) == 0:
                raise HandlerError("no_tables", "the file has no columns")
            if len(schema) > original.budget.columns:
                raise HandlerError("too_many_columns", f"the table has {len(schema)} columns")
            _check_pages(path, file.metadata, original.budget)
            yield ExtractedTable(
                name=original.name,
                origin=Origin(kind="file"),
                columns=[SourceColumn(field.name, unit=_unit(field)) for field in schema],
                schema=schema,
                batches=_batches(file, schema, original.on_read),
            )
            yield FileFacts(metadata=_metadata(file.metadata))


def _check_ends(path: Path, budget: Budget) -> None:
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
    if footer > MOST_FOOTER_SHARE * budget.memory_bytes:
        raise HandlerError("memory_limit_exceeded", f"the footer has {footer} bytes, more than can be held")


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, page_checksum_verification=True, memory_map=False, pre_buffer=False)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _refusal(error) from error


def _schema(file: pq.ParquetFile) -> pa.Schema:
    try:
        return pa.schema([_storable(field) for field in file.schema_arrow])
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _refusal(error) from error


def _storable(field: "pa.Field[Any]") -> "pa.Field[Any]":
    """Leave out what is about the old file's bytes, not its data."""
    kept = {key: value for key, value in (field.metadata or {}).items() if not key.startswith(b"PARQUET:")}
    return pa.field(field.name, _plain(field.type), nullable=True, metadata=kept)


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return a type without dictionaries and extensions: the values are kept, not how they were stored."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type)
    return kind


def _unit(field: "pa.Field[Any]") -> str | None:
    """Return the unit that a field's metadata names, if it does."""
    known = {key.lower(): value for key, value in (field.metadata or {}).items()}
    text = next((known[key] for key in _UNITS if known.get(key)), b"")
    return text.decode("utf-8", "replace")[:100] or None


def _check_pages(path: Path, metadata: pq.FileMetaData, budget: Budget) -> None:
    """Hold what the footer says of rows and values against the pages; raises `HandlerError`."""
    promised = _rows_of(metadata)
    if promised < metadata.num_rows:
        raise HandlerError("corrupt_file", f"the footer tells of {metadata.num_rows} rows and of {promised}")
    flat = [metadata.schema.column(number).max_repetition_level == 0 for number in range(metadata.num_columns)]
    with path.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        if length > MOST_CHECKED_FOOTER_BYTES:
            return
        file.seek(-8 - length, os.SEEK_END)
        footer = file.read(length)
        try:
            for group in row_groups_of(footer):
                _check_row_group(file, group, flat, budget)
        except HeaderError:
            return  # the reader says what is wrong with the footer, or knows what to do with it


def _check_row_group(file: BinaryIO, group: RowGroup, flat: Sequence[bool], budget: Budget) -> None:
    for chunk, one_a_row in zip(group.chunks, flat, strict=False):
        if chunk.encrypted:
            raise HandlerError("encrypted_parquet", "columns are encrypted; upload the file without encryption")
        if chunk.external:
            raise HandlerError("unsupported_feature", "the columns are in other files; upload one file that holds all")
        if one_a_row and chunk.values != group.rows:
            raise HandlerError("corrupt_file", f"a column has {chunk.values} values for {group.rows} rows")
        try:
            values = _count(file, chunk, budget)
        except HeaderError:
            continue  # the reader says what is wrong with the page, or knows what to do with it
        if values != chunk.values:
            raise HandlerError("corrupt_file", f"the footer tells of {chunk.values} values; there are {values}")


def _count(file: BinaryIO, chunk: Chunk, budget: Budget) -> int:
    values = 0
    for page in pages_of(file, chunk.start, chunk.end):
        values += page.values
        if page.unpacked_bytes > budget.memory_bytes:
            raise HandlerError("memory_limit_exceeded", f"a page unpacks to {page.unpacked_bytes} bytes")
    return values


def _metadata(metadata: pq.FileMetaData) -> Mapping[str, Any]:
    """Return what the file says about itself; what writers keep for themselves is left out."""
    words = {}
    for key, value in list((metadata.metadata or {}).items())[:MOST_WORDS]:
        name = key.decode("utf-8", "replace")
        if name not in _OWN_KEYS:
            words[name[:MOST_WORD_CHARACTERS]] = value.decode("utf-8", "replace")[:MOST_WORD_CHARACTERS]
    known = {"created_by": _writer(metadata), "format_version": metadata.format_version, "key_values": words}
    return {"row_groups": metadata.num_row_groups, **{key: value for key, value in known.items() if value}}


def _writer(metadata: pq.FileMetaData) -> str | None:
    try:
        return metadata.created_by
    except UnicodeDecodeError:
        return None


def _batches(file: pq.ParquetFile, schema: pa.Schema, on_read: Callable[[float], None]) -> Iterator[pa.RecordBatch]:
    rows = 0
    try:
        for batch in file.iter_batches(batch_size=_batch_rows(file.metadata), use_threads=False):
            batch.validate(full=True)
            rows += batch.num_rows
            on_read(rows / max(_rows_of(file.metadata), 1))
            yield _fitted(batch, schema)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _refusal(error) from error
    if rows != _rows_of(file.metadata):
        raise HandlerError("corrupt_file", f"the footer promises {_rows_of(file.metadata)} rows; there are {rows}")


def _rows_of(metadata: pq.FileMetaData) -> int:
    """Return the rows of all row groups; some writers leave the number of all at 0."""
    return sum(metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """Return how many rows a batch may have so that it stays small also where values are large."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    per_row = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1.0)
    return max(min(BATCH_ROWS, int(BATCH_BYTES / max(per_row, 1.0))), 1)


def _fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [_as(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _as(column: "pa.Array[Any]", kind: pa.DataType) -> "pa.Array[Any]":
    plain = column.storage if isinstance(column, pa.ExtensionArray) else column
    return plain if plain.type == kind else plain.cast(kind)


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
    if isinstance(error, UnicodeDecodeError):
        return HandlerError("corrupt_file", "a name or a text is not UTF-8")
    return HandlerError("corrupt_file", first)
