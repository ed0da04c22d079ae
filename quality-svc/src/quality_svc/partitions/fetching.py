"""Parquet files of which only some bytes are here: their footers, and where wanted a range of row groups.

The local file has the object's size with holes where nothing was fetched, so every reader finds footer and row groups
where they belong. A range cannot be checked against the object's hash; checksums of pages, where a part has them, are
the reader's.
"""

import asyncio
import os
from contextlib import aclosing
from pathlib import Path
from typing import Final

from dataplatform.events.base import ObjectRef
from dataplatform.storage import ObjectStore

_GUESS_BYTES: Final = 65_536
"""Most footers are smaller: one request finds them."""
_TRAILER_BYTES: Final = 8
"""The length of the footer (4 bytes, little-endian), and `PAR1`."""


async def fetch_footer(store: ObjectStore, part: ObjectRef, path: Path) -> None:
    """Make `path` a file of the object's size that holds its footer; raises what `ObjectStore.stream` raises.

    Of an object that is no Parquet file it holds the end: whoever reads it says so.
    """
    size = part.size_bytes
    with path.open("wb") as file:
        os.truncate(path, size)
        at = max(0, size - _GUESS_BYTES)
        tail = await _fetch(store, part.key, file.fileno(), at, size)
        length = int.from_bytes(tail[-_TRAILER_BYTES:-4], "little") + _TRAILER_BYTES
        if _GUESS_BYTES < length <= size:
            await _fetch(store, part.key, file.fileno(), size - length, at)


async def fetch_range(store: ObjectStore, part: ObjectRef, path: Path, start: int, end: int) -> None:
    """Fill the bytes from `start` to before `end` of a file that `fetch_footer` made."""
    with path.open("r+b") as file:
        await _fetch(store, part.key, file.fileno(), max(0, start), min(end, part.size_bytes))


async def _fetch(store: ObjectStore, key: str, file: int, start: int, end: int) -> bytes:
    """Copy a range to its place; return the last bytes of it."""
    last = b""
    at = start
    if start < end:
        async with aclosing(store.stream(key, start, end)) as chunks:
            async for chunk in chunks:
                await asyncio.to_thread(os.pwrite, file, chunk, at)
                at += len(chunk)
                last = (last + chunk)[-_TRAILER_BYTES:]
    return last
