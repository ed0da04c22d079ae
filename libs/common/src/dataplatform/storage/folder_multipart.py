"""Multipart uploads in a folder, as `multipart` describes them: a folder of part files until they become one file."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeVar
from uuid import uuid4

from dataplatform.storage.errors import InvalidPartError, MultipartNotFoundError
from dataplatform.storage.keys import checked_key
from dataplatform.storage.multipart import MAX_PARTS, MIN_PART_BYTES, StoredPart
from dataplatform.storage.pieces import Piece

MULTIPART: Final = "multipart-"
KEY_FILE: Final = "key"
_COPY_BYTES: Final = 1 << 20
T = TypeVar("T")


class InThread(Protocol):
    """Calls blocking work in a thread, and names its errors."""

    async def __call__(self, work: Callable[[], T]) -> T:
        """Return what `work` returns."""
        ...


class FolderMultipart:
    """A `MultipartStore` whose uploads are folders in `incoming`.

    `open_object` opens an object for reading; `place` gives a finished file its key.
    """

    def __init__(
        self,
        incoming: Path,
        *,
        in_thread: InThread,
        open_object: Callable[[str], BinaryIO],
        place: Callable[[Path, str], None],
    ) -> None:
        self._incoming = incoming
        self._in_thread = in_thread
        self._open_object = open_object
        self._place = place

    async def create(self, key: str) -> str:
        """See `MultipartStore.create`."""
        checked_key(key)
        upload_id = uuid4().hex
        await self._in_thread(lambda: self._begin(upload_id, key))
        return upload_id

    async def put_part(self, key: str, upload_id: str, number: int, data: Piece) -> StoredPart:
        """See `MultipartStore.put_part`."""
        checked_key(key)
        etag = (await asyncio.to_thread(hashlib.sha256, data)).hexdigest()

        def write(file: BinaryIO) -> None:
            file.write(data)

        return await self._in_thread(lambda: self._store(key, upload_id, number, etag, write))

    async def copy_part(
        self, key: str, upload_id: str, number: int, source: str, *, start: int, end: int
    ) -> StoredPart:
        """See `MultipartStore.copy_part`."""
        checked_key(key)
        checked_key(source)

        def write(file: BinaryIO) -> None:
            with self._open_object(source) as origin:
                origin.seek(start)
                left = end - start
                while left and (chunk := origin.read(min(_COPY_BYTES, left))):
                    file.write(chunk)
                    left -= len(chunk)
            if left:
                raise InvalidPartError(f"object {source!r} has no bytes {start} to {end}")

        return await self._in_thread(lambda: self._store(key, upload_id, number, uuid4().hex, write))

    async def list_parts(self, key: str, upload_id: str) -> list[StoredPart]:
        """See `MultipartStore.list_parts`."""
        return await self._in_thread(lambda: self._parts(self._folder(key, upload_id)))

    async def complete(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> None:
        """See `MultipartStore.complete`."""
        await self._in_thread(lambda: self._join(key, upload_id, parts))

    async def abort(self, key: str, upload_id: str) -> None:
        """See `MultipartStore.abort`."""
        with suppress(MultipartNotFoundError):
            await self._in_thread(lambda: shutil.rmtree(self._folder(key, upload_id), ignore_errors=True))

    def _begin(self, upload_id: str, key: str) -> None:
        folder = self._incoming / f"{MULTIPART}{upload_id}"
        folder.mkdir()
        _write_durably(folder / KEY_FILE, lambda file: file.write(key.encode()))

    def _folder(self, key: str, upload_id: str) -> Path:
        checked_key(key)
        folder = self._incoming / f"{MULTIPART}{upload_id}"
        known = upload_id.isalnum() and (folder / KEY_FILE).is_file()
        if not known or (folder / KEY_FILE).read_bytes() != key.encode():
            raise MultipartNotFoundError(f"no multipart upload of {key!r} with this id")
        return folder

    def _store(
        self, key: str, upload_id: str, number: int, etag: str, write: Callable[[BinaryIO], object]
    ) -> StoredPart:
        if not 1 <= number <= MAX_PARTS:
            raise InvalidPartError(f"part {number}: parts are numbered from 1 to {MAX_PARTS}")
        folder = self._folder(key, upload_id)
        draft = folder / f".{uuid4().hex}"
        try:
            _write_durably(draft, write)
            for older in folder.glob(f"{number:05}-*"):
                older.unlink(missing_ok=True)
            draft.rename(folder / f"{number:05}-{etag}")
        except FileNotFoundError:
            raise MultipartNotFoundError(f"the multipart upload of {key!r} was ended meanwhile") from None
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(folder)
        return StoredPart(number, (folder / f"{number:05}-{etag}").stat().st_size, etag)

    def _parts(self, folder: Path) -> list[StoredPart]:
        names = sorted(path.name for path in folder.iterdir() if "-" in path.name)
        split = [(name, *name.split("-")) for name in names]
        return [StoredPart(int(number), (folder / name).stat().st_size, etag) for name, number, etag in split]

    def _join(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> None:
        folder = self._folder(key, upload_id)
        _verify(key, self._parts(folder), parts)
        draft = self._incoming / uuid4().hex

        def write(file: BinaryIO) -> None:
            for part in parts:
                with (folder / f"{part.number:05}-{part.etag}").open("rb") as source:
                    shutil.copyfileobj(source, file, _COPY_BYTES)

        try:
            _write_durably(draft, write)
            self._place(draft, key)
        finally:
            draft.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def _verify(key: str, stored: Sequence[StoredPart], wanted: Sequence[StoredPart]) -> None:
    if not wanted or not set(wanted) <= set(stored):
        raise InvalidPartError(f"not all parts of {key!r} that were named are stored")
    if [part.number for part in wanted] != sorted({part.number for part in wanted}):
        raise InvalidPartError(f"the parts of {key!r} are not in order")
    if any(part.size_bytes < MIN_PART_BYTES for part in wanted[:-1]):
        raise InvalidPartError(f"a part of {key!r} other than the last has less than {MIN_PART_BYTES} bytes")


def _write_durably(path: Path, write: Callable[[BinaryIO], object]) -> None:
    with path.open("xb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
