"""Parts of a JSON document in object storage, read piece by piece: what is not wanted is never an object in memory."""

from collections.abc import AsyncIterator, Collection
from typing import Any

import ijson

from catalog_svc.objects import MAX_DOCUMENT_BYTES, documents
from dataplatform.events.base import ObjectRef
from dataplatform.problems import Problem


async def pick(reference: ObjectRef, wanted: Collection[str]) -> AsyncIterator[tuple[str, Any]]:
    """Yield (place, value) of the parts at these places, in the order of the document.

    A place is a path with `item` for an element of a list: `tables.item.columns.item`. Raises 404, 413 (over 64 MiB)
    and 503 problems before the first.
    """
    if reference.size_bytes > MAX_DOCUMENT_BYTES:
        raise Problem("document_too_large", "Document too large", 413, "ask for the document itself")
    source = _Readable(await documents.pieces(reference))
    builder, place = None, ""
    async for prefix, event, value in ijson.parse(source, use_float=True):
        if builder is not None:
            builder.event(event, value)
            if prefix == place and event in {"end_map", "end_array"}:
                yield place, builder.value
                builder = None
        elif prefix in wanted:
            if event in {"start_map", "start_array"}:
                builder, place = ijson.ObjectBuilder(), prefix
                builder.event(event, value)
            elif event not in {"end_map", "end_array", "map_key"}:
                yield prefix, value


class _Readable:
    """Pieces as the file that the parser reads from."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    async def read(self, size: int) -> bytes:
        """Return the next piece, whatever its size; empty at the end. Asked for nothing, it tells that it has bytes."""
        return await anext(self._pieces, b"") if size else b""
