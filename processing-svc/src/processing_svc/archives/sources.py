"""Members as parts of one table: read through the handlers of their formats, more than once where that is needed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from processing_svc.archives.parts import Part, with_nulls
from processing_svc.archives.session import Found
from processing_svc.handlers.interface import Extracted, ExtractedTable, Handler, HandlerError, Original
from processing_svc.standardize import standardize

PARTED: Final = frozenset({"parquet", "csv"})
"""Formats of which several files may be one table."""


def direct(handler: Handler, original: Original, found: Found, values: dict[str, str | None]) -> Part:
    """Make a part that is read from its file whenever it is asked for; its schema is looked at now."""

    def read() -> Iterator[pa.RecordBatch]:
        for item in handler.extract(original):
            if isinstance(item, ExtractedTable):
                yield from item.batches

    for item in handler.extract(original):
        if isinstance(item, ExtractedTable):
            return Part(found.label, values, item.columns, item.schema, read, item.repairs, found.notes)
    raise HandlerError("no_tables", "nothing in the file is a table")


def spooled(
    handler: Handler, original: Original, found: Found, values: dict[str, str | None]
) -> tuple[Part | None, list[Extracted]]:
    """Make a part of a file whose types are sure only at its end, by writing it as Parquet.

    Returns the part, or None where the file is not just one table; and all else that it gives.
    """
    rest: list[Extracted] = []
    tables: list[tuple[ExtractedTable, Path]] = []
    for item in handler.extract(original):
        if isinstance(item, ExtractedTable):
            path = original.path.with_name(f"{original.path.name}.{len(tables)}.parquet")
            tables.append((standardize(item, path).table, path))
        else:
            rest.append(item)
    if len(tables) == 1:
        ((table, path),) = tables
        schema = with_nulls(table.columns, pq.read_schema(path))
        return Part(found.label, values, table.columns, schema, lambda: _stored(path), table.repairs, found.notes), rest
    return None, [
        *rest,
        *(replace(table, schema=pq.read_schema(path), batches=_stored(path)) for table, path in tables),
    ]


def _stored(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(use_threads=False)
