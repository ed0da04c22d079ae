"""Local files written and read beside the event loop: blocking calls run in threads, one piece ahead.

Used by both stores. A `Draft` is a file that nobody sees until it is whole. Not here: where files belong.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import AbstractContextManager, aclosing, nullcontext, suppress
from pathlib import Path
from threading import Lock
from uuid import uuid4

from dataplatform.storage.errors import ObjectCorruptError
from dataplatform.storage.pieces import pieces

FILE_PIECE_BYTES = 2 << 20
"""Bytes per hop to a thread: enough that the hop costs nothing, little enough that a cancelled call ends at once."""


async def file_chunks(path: Path, chunk_bytes: int = FILE_PIECE_BYTES) -> AsyncGenerator[bytes, None]:
    """Yield a local file's bytes; raises `OSError` as `open` does."""
    file = await asyncio.to_thread(path.open, "rb", buffering=0)
    with file:
        while chunk := await asyncio.to_thread(file.read, chunk_bytes):
            yield chunk


async def write_file(
    chunks: AsyncIterable[bytes], path: Path, *, size_bytes: int, sha256: str | None, key: str
) -> None:
    """Write `chunks` to `path`, whole or not at all; raises `ObjectCorruptError` when size or hash differ."""
    draft = await asyncio.to_thread(
        Draft, path.with_name(f".{path.name[:200]}.{uuid4().hex}"), hashed=sha256 is not None
    )
    try:
        async with aclosing(pieces(chunks, lambda _: FILE_PIECE_BYTES, None)) as parts:
            await draft.fill(parts)
        _verify(draft, size_bytes, sha256, key)
        await asyncio.to_thread(draft.publish, lambda: draft.path.replace(path), durable=False)
    except BaseException:
        await draft.abandon()
        raise


def _verify(draft: "Draft", size_bytes: int, sha256: str | None, key: str) -> None:
    if draft.size_bytes != size_bytes:
        raise ObjectCorruptError(f"object {key!r} gave {draft.size_bytes} of its {size_bytes} bytes")
    if sha256 is not None and draft.sha256() != sha256:
        raise ObjectCorruptError(f"object {key!r} has SHA-256 {draft.sha256()}, not {sha256}")


class Draft:
    """A file being written, with its size and SHA-256.

    Everything but `fill` and `abandon` blocks and belongs in a thread. A cancelled wait does not end its thread, so
    the lock lets `abandon` close and remove the file only when no thread is writing to it. `errors` gives the context
    in which the file is touched, to translate `OSError`; what the source of the bytes raises is never translated.
    """

    def __init__(
        self, path: Path, *, hashed: bool, errors: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self.path = path
        self._errors = errors
        self.size_bytes = 0
        with errors():
            self._file = path.open("xb", buffering=0)
        self._digest = hashlib.sha256() if hashed else None
        self._lock = Lock()
        self._abandoned = False

    def sha256(self) -> str:
        """Return the hex hash of what was written; '' if it was not asked for."""
        return self._digest.hexdigest() if self._digest is not None else ""

    async def fill(self, parts: AsyncIterable[bytearray]) -> None:
        """Append every piece: writing it, hashing it and reading the next one go on at the same time."""
        pending: asyncio.Future[list[None]] | None = None
        try:
            async for piece in parts:
                if pending is not None:
                    await pending
                pending = self._keep(piece)
            if pending is not None:
                await pending
        finally:
            if pending is not None:
                pending.cancel()  # the reader failed: nobody waits for this piece any more

    def _keep(self, piece: bytearray) -> asyncio.Future[list[None]]:
        self.size_bytes += len(piece)
        work = [asyncio.to_thread(self._write, piece)]
        if self._digest is not None:
            work.append(asyncio.to_thread(self._digest.update, piece))
        return asyncio.gather(*work)

    def _write(self, piece: bytearray) -> None:
        with self._lock, self._errors():
            view = memoryview(piece)
            while view and not self._abandoned:
                view = view[self._file.write(view) :]

    def publish(self, put_in_place: Callable[[], object], *, durable: bool) -> None:
        """Close the file and call `put_in_place`, unless the draft was abandoned meanwhile; `durable`: fsync first."""
        with self._lock, self._errors(), self._file:
            if durable:
                os.fsync(self._file.fileno())
            if not self._abandoned:
                put_in_place()

    async def abandon(self) -> None:
        """Remove the file. Safe at any moment, also twice, and also when this wait is cancelled in turn."""
        self._abandoned = True
        await asyncio.shield(asyncio.to_thread(self._remove))

    def _remove(self) -> None:
        with self._lock, self._file, suppress(OSError):
            self.path.unlink()
