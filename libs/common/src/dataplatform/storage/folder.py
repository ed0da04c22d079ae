"""The object store on a plain folder of a local (or mounted) file system.

A put is a temporary file, fsync, rename, fsync of the folder. Paths are walked segment by segment from the root with
O_NOFOLLOW, so no symbolic link below the root is ever followed, even one made meanwhile.
"""

import asyncio
import errno
import os
import shutil
import stat as modes
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Collection, Iterator
from contextlib import aclosing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

from dataplatform.storage.errors import (
    InvalidKeyError,
    ObjectCorruptError,
    ObjectExistsError,
    ObjectNotFoundError,
    ObjectStoreRefusedError,
    ObjectStoreUnavailableError,
)
from dataplatform.storage.folder_multipart import KEY_FILE, MULTIPART, FolderMultipart
from dataplatform.storage.interface import CHUNK_BYTES, StoredObject, StoredStat
from dataplatform.storage.keys import checked_key, checked_prefix
from dataplatform.storage.local import FILE_PIECE_BYTES, Draft, file_chunks, open_in_thread, write_file
from dataplatform.storage.pieces import pieces

INCOMING: Final = ".incoming"
"""Where drafts are written. No valid key starts with a dot, so no object can be there."""
LISTING_PAGE: Final = 1000
T = TypeVar("T")
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REFUSED: Final = {errno.EACCES, errno.EPERM, errno.EROFS}


class FolderStore:
    """An `ObjectStore` under `root`, which is made when it is not there."""

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.realpath(root))
        with _folder_errors():
            self._root.mkdir(parents=True, exist_ok=True)
            (self._root / INCOMING).mkdir(exist_ok=True)

    async def put(
        self, key: str, chunks: AsyncIterable[bytes], *, size_limit: int | None = None, if_absent: bool = False
    ) -> StoredObject:
        """See `ObjectStore.put`."""
        checked_key(key)
        draft = Draft(self._root / INCOMING / uuid4().hex, hashed=True, errors=_folder_errors)
        try:
            async with aclosing(pieces(chunks, lambda _: FILE_PIECE_BYTES, size_limit)) as parts:
                await draft.fill(parts)
            await _in_thread(
                lambda: draft.publish(lambda: _place(self._root, draft.path, key, if_absent=if_absent), durable=True)
            )
        except BaseException:
            await draft.abandon()
            raise
        return StoredObject(key, draft.sha256(), draft.size_bytes)

    async def put_file(self, key: str, path: Path, *, if_absent: bool = False) -> StoredObject:
        """See `ObjectStore.put_file`."""
        async with aclosing(file_chunks(path)) as chunks:
            return await self.put(key, chunks, if_absent=if_absent)

    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> None:
        """See `ObjectStore.get_file`."""
        found = await self.stat(key)
        async with aclosing(self.stream(key, chunk_size=FILE_PIECE_BYTES)) as chunks:
            await write_file(chunks, path, size_bytes=found.size_bytes, sha256=sha256, key=key)

    async def stream(
        self, key: str, start: int = 0, end: int | None = None, chunk_size: int = CHUNK_BYTES
    ) -> AsyncGenerator[bytes, None]:
        """See `ObjectStore.stream`."""
        checked_key(key)
        with _folder_errors():
            file = await open_in_thread(lambda: _open_object(self._root, key))
        with file:
            descriptor = file.fileno()
            size = os.fstat(descriptor).st_size
            position, stop = start, size if end is None else min(end, size)
            while position < stop:
                wanted, offset = min(chunk_size, stop - position), position
                chunk = await _in_thread(lambda: os.pread(descriptor, wanted, offset))  # noqa: B023 (awaited here)
                if not chunk:
                    raise ObjectCorruptError(f"object {key!r} became shorter while it was read")
                yield chunk
                position += len(chunk)

    async def stat(self, key: str) -> StoredStat:
        """See `ObjectStore.stat`."""
        checked_key(key)
        return await _in_thread(lambda: _stat(self._root, key))

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        checked_key(key)
        await _in_thread(lambda: _delete(self._root, key))

    async def list(self, prefix: str = "") -> AsyncGenerator[StoredStat, None]:
        """See `ObjectStore.list`."""
        checked_prefix(prefix)
        found = _walk(self._root, "", prefix)
        while page := await _in_thread(lambda: list(islice(found, LISTING_PAGE))):
            for item in page:
                yield item

    @property
    def multipart(self) -> FolderMultipart:
        """See `ObjectStore.multipart`."""
        return FolderMultipart(
            self._root / INCOMING,
            in_thread=_in_thread,
            open_object=lambda key: _open_object(self._root, key),
            place=partial(_place, self._root, if_absent=False),
        )

    async def abort_stale_uploads(self, older_than: datetime, *, spare: Collection[str] = ()) -> int:
        """See `ObjectStore.abort_stale_uploads`."""
        spared = {f"{MULTIPART}{upload_id}" for upload_id in spare}
        return await _in_thread(lambda: _sweep(self._root / INCOMING, older_than.timestamp(), spared))

    async def check(self) -> None:
        """See `ObjectStore.check`."""
        await _in_thread(lambda: _check(self._root))

    def uri(self, key: str) -> str:
        """See `ObjectStore.uri`."""
        return (self._root / checked_key(key)).as_uri()


def _place(root: Path, draft: Path, key: str, *, if_absent: bool) -> None:
    """Give a finished file its name, and see that the name is on the disk too."""
    *segments, name = key.split("/")
    with _closing(_open_folder(root, segments, create=True)) as folder:
        if if_absent:
            try:
                os.link(draft, name, dst_dir_fd=folder)
            except FileExistsError:
                raise ObjectExistsError(f"object {key!r} is already there") from None
            draft.unlink()
        else:
            os.replace(draft, name, dst_dir_fd=folder)
        os.fsync(folder)


@contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    """Close a file descriptor at the end of the block."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_folder(root: Path, segments: list[str], *, create: bool = False) -> int:
    """Open the folder of a key, one segment at a time; the caller closes it."""
    folder = os.open(root, _FOLDER)
    for segment in segments:
        with _closing(folder):
            if create:
                with suppress(FileExistsError):
                    os.mkdir(segment, dir_fd=folder)
                    os.fsync(folder)
            folder = os.open(segment, _FOLDER, dir_fd=folder)
    return folder


@contextmanager
def _entry(root: Path, key: str) -> Iterator[tuple[int, str]]:
    """Give (folder descriptor, file name) of a key; whatever says "not there" becomes `ObjectNotFoundError`."""
    *segments, name = key.split("/")
    try:
        with _closing(_open_folder(root, segments)) as folder:
            yield folder, name
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            # Without its cause: an `OSError` below would look like a fault of the disk, worth trying again.
            raise ObjectNotFoundError(f"no object {key!r}") from None
        raise


def _open_object(root: Path, key: str) -> FileIO:
    with _entry(root, key) as (folder, name):
        # Non-blocking: opening a pipe that lies there must not hang. For ordinary files it changes nothing.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    if not modes.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ObjectNotFoundError(f"no object {key!r}: a folder or a special file is there")
    return FileIO(descriptor)


def _stat(root: Path, key: str) -> StoredStat:
    with _entry(root, key) as (folder, name):
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not modes.S_ISREG(found.st_mode):
        raise ObjectNotFoundError(f"no object {key!r}: a folder or a special file is there")
    return _stored(key, found)


def _stored(key: str, found: os.stat_result) -> StoredStat:
    return StoredStat(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _delete(root: Path, key: str) -> None:
    with suppress(ObjectNotFoundError), _entry(root, key) as (folder, name):
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)


def _walk(folder: Path, above: str, prefix: str) -> Iterator[StoredStat]:
    """Yield objects depth first, in key order: a folder sorts as its name with the slash, as it does in its keys."""
    try:
        with os.scandir(folder) as entries:
            named = [(entry.name + "/" * entry.is_dir(follow_symlinks=False), entry) for entry in entries]
    except FileNotFoundError:
        return  # deleted meanwhile
    for name, entry in sorted(named, key=lambda pair: pair[0].encode()):
        key = above + name
        if name.startswith(".") or not (key.startswith(prefix) or prefix.startswith(key)):
            continue
        if name.endswith("/"):
            yield from _walk(folder / entry.name, key, prefix)
        elif key.startswith(prefix) and entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):
                yield _stored(key, entry.stat(follow_symlinks=False))


def _sweep(incoming: Path, older_than: float, spared: Collection[str]) -> int:
    swept = 0
    for entry in os.scandir(incoming):
        with suppress(FileNotFoundError):
            is_folder = entry.is_dir(follow_symlinks=False)
            # a folder is as old as the file that was written when it was made, however new its last part is
            begun = (Path(entry.path, KEY_FILE) if is_folder else Path(entry.path)).lstat().st_mtime
            if begun < older_than and entry.name not in spared:
                shutil.rmtree(entry.path) if is_folder else Path(entry.path).unlink()
                swept += 1
    return swept


def _check(root: Path) -> None:
    if not os.access(root / INCOMING, os.W_OK | os.X_OK):
        raise ObjectStoreRefusedError(f"the folder {root} is not there or not writable")
    if os.statvfs(root).f_bavail == 0:
        raise ObjectStoreUnavailableError(f"no space left on the disk of {root}")


@contextmanager
def _folder_errors() -> Iterator[None]:
    """Turn what the operating system says into the store's own errors."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}:
            raise InvalidKeyError(f"the key leads through an object or a link, or names a folder: {error}") from None
        refused = error.errno in _REFUSED
        kind = ObjectStoreRefusedError if refused else ObjectStoreUnavailableError
        raise kind(f"the folder of the object store failed: {error}") from error


async def _in_thread(work: Callable[[], T]) -> T:
    with _folder_errors():
        return await asyncio.to_thread(work)
