"""Local files written and read beside the event loop: blocking calls run in threads, one piece ahead.

Used by both stores. A `Draft` is a file that nobody sees until it is whole. Not here: where files belong.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import AbstractContextManager, aclosing, nullcontext, suppress
from io import FileIO
from pathlib import Path
from threading import Lock
from uuid import uuid4

from dataplatform.storage.errors import ObjectCorruptError
from dataplatform.storage.pieces import Piece, pieces

FILE_PIECE_BYTES = 2 << 20
"""Bytes per hop to a thread: enough that the hop costs nothing, little enough that a cancelled call ends at once."""


async def file_chunks(path: Path, chunk_bytes: int = FILE_PIECE_BYTES) -> AsyncGenerator[bytes, None]:
    """Yield a local file's bytes; raises `OSError` as `open` does."""
    with await open_in_thread(lambda: FileIO(path)) as file:
        while chunk := await asyncio.to_thread(file.read, chunk_bytes):
            yield chunk


async def open_in_thread(opener: Callable[[], FileIO]) -> FileIO:
    """Open a file in a thread, and close it again if nobody waits for it any more when it is open."""
    opening = asyncio.ensure_future(asyncio.to_thread(opener))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_if_opened)
        raise


def _close_if_opened(opening: asyncio.Future[FileIO]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def write_file(
    chunks: AsyncIterable[Piece],
    path: Path,
    *,
    size_bytes: int,
    sha256: str | None,
    key: str,
    piece_bytes: int = FILE_PIECE_BYTES,
) -> None:
    """Write `chunks` to `path`, whole or not at all; raises `ObjectCorruptError` when size or hash differ."""
    draft = Draft(path.with_name(f".{path.name[:200]}.{uuid4().hex}"), hashed=sha256 is not None)
    try:
        async with aclosing(pieces(chunks, lambda _: piece_bytes, None)) as parts:
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

    `fill` makes the file. `publish` blocks and belongs in a thread. A cancelled wait does not end its thread, so
    the lock lets `abandon` close and remove the file only when no thread is writing to it. `errors` gives the context
    in which the file is touched, to translate `OSError`; what the source of the bytes raises is never translated.
    """

    def __init__(
        self, path: Path, *, hashed: bool, errors: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self.path = path
        self._errors = errors
        self.size_bytes = 0
        self._file: FileIO | None = None
        self._digest = hashlib.sha256() if hashed else None
        self._lock = Lock()
        self._abandoned = False

    def sha256(self) -> str:
        """Return the hex hash of what was written; '' if it was not asked for."""
        return self._digest.hexdigest() if self._digest is not None else ""

    async def fill(self, parts: AsyncIterable[Piece]) -> None:
        """Append every piece: writing it, hashing it and reading the next one go on at the same time."""
        await asyncio.to_thread(self._open)
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

    def _open(self) -> None:
        with self._lock, self._errors():
            if not self._abandoned:
                self._file = FileIO(self.path, "xb")

    def _keep(self, piece: Piece) -> asyncio.Future[list[None]]:
        self.size_bytes += len(piece)
        work = [asyncio.to_thread(self._write, piece)]
        if self._digest is not None:
            work.append(asyncio.to_thread(self._digest.update, piece))
        return asyncio.gather(*work)

    def _write(self, piece: Piece) -> None:
        with self._lock, self._errors():
            view = memoryview(piece)
            while view and self._file is not None:
                view = view[self._file.write(view) :]

    def publish(self, put_in_place: Callable[[], object], *, durable: bool) -> None:
        """Close the file and call `put_in_place`, unless the draft was abandoned meanwhile; `durable`: fsync first."""
        with self._lock, self._errors():
            if self._file is not None and durable:
                os.fsync(self._file.fileno())
            if self._file is not None and not self._abandoned:
                self._close()
                put_in_place()

    async def abandon(self) -> None:
        """Remove the file. Safe at any moment, also twice, and also when this wait is cancelled in turn."""
        self._abandoned = True
        await asyncio.shield(asyncio.to_thread(self._remove))

    def _remove(self) -> None:
        with self._lock, suppress(OSError):
            self._close()
            self.path.unlink()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
