"""A stored object as a seekable file for synchronous readers in a thread, at a few range reads and a bounded cost."""

import asyncio
import io
import os
from typing import BinaryIO, Final, cast

from dataplatform.storage import ObjectStore
from dataplatform_formats.detection import UnacceptableError

BLOCK_BYTES: Final = 64 * 1024
BUDGET_BYTES: Final = 8 * 1024 * 1024
"""What a detection may read in all. A zip directory this large lists about 100,000 members: no workbook does."""
_ANSWER_SECONDS: Final = 120


class _RangeReader(io.RawIOBase):
    def __init__(self, store: ObjectStore, key: str, size_bytes: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._store = store
        self._key = key
        self._size_bytes = size_bytes
        self._loop = loop
        self._position = 0
        self._budget = BUDGET_BYTES

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size_bytes}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning of the file")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        end = min(self._position + len(buffer), self._size_bytes)
        wanted = end - self._position
        if wanted <= 0:
            return 0
        self._spend(wanted)
        data = asyncio.run_coroutine_threadsafe(self._fetch(end), self._loop).result(_ANSWER_SECONDS)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _spend(self, wanted: int) -> None:
        self._budget -= wanted
        if self._budget < 0:
            raise UnacceptableError("oversized_archive")

    async def _fetch(self, end: int) -> bytes:
        return b"".join([chunk async for chunk in self._store.stream(self._key, self._position, end)])


def open_ranges(store: ObjectStore, key: str, size_bytes: int) -> BinaryIO:
    """Return a reader of the object, to be used in another thread than the running loop's."""
    raw = _RangeReader(store, key, size_bytes, asyncio.get_running_loop())
    return cast("BinaryIO", io.BufferedReader(raw, BLOCK_BYTES))
