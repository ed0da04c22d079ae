"""The interface of every object store, and the facts it returns. No I/O here."""

from collections.abc import AsyncGenerator, AsyncIterable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from dataplatform.storage.multipart import MultipartStore

CHUNK_BYTES = 1 << 20
"""Default size of the pieces in which objects are read: large enough that the cost per piece does not show."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What was stored: its key, the SHA-256 (hex) of its bytes, and how many there are."""

    key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoredStat:
    """What a listing knows about an object, without reading it. `modified_at` is in UTC."""

    key: str
    size_bytes: int
    modified_at: datetime


class ObjectStore(Protocol):
    """Bytes by key. Writing is atomic: a key holds all of an object or nothing, also after a crash.

    Every method raises `InvalidKeyError` for a key that `dataplatform.storage.keys` does not allow, and
    `ObjectStoreUnavailableError` (or its subclass `ObjectStoreRefusedError`) when the store cannot do its work.
    """

    async def put(
        self, key: str, chunks: AsyncIterable[bytes], *, size_limit: int | None = None, if_absent: bool = False
    ) -> StoredObject:
        """Store what `chunks` gives, in memory that does not grow with its size.

        Raises `SizeLimitExceededError` above `size_limit` bytes, `ObjectExistsError` with `if_absent` and a taken key,
        and whatever `chunks` raises. After any error, and after cancellation, no object is visible (an older one
        under the same key stays). Only when the store dies in the very act of committing may the object be there
        although `ObjectStoreUnavailableError` was raised.
        """
        ...

    async def put_file(self, key: str, path: Path, *, if_absent: bool = False) -> StoredObject:
        """Store a local file's bytes; the same guarantees as `put`."""
        ...

    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> None:
        """Write the object to the local file `path` (replaced if there), and verify its size.

        With `sha256`, verify that too: `ObjectCorruptError` if it differs. After an error there is no file.
        Raises `ObjectNotFoundError`, and `OSError` when the local file cannot be written.
        """
        ...

    def stream(
        self, key: str, start: int = 0, end: int | None = None, chunk_size: int = CHUNK_BYTES
    ) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from offset `start` up to, not including, `end` (`None`: to the last), in chunks.

        No chunk is larger than `chunk_size`. A range beyond the object's end yields what there is. Raises
        `ObjectNotFoundError` at the first step. A broken connection is resumed where it broke; `ObjectCorruptError` if
        the object was replaced meanwhile. Close it (`contextlib.aclosing`) when leaving early.
        """
        ...

    async def stat(self, key: str) -> StoredStat:
        """Return size and time of one object; raises `ObjectNotFoundError`."""
        ...

    async def delete(self, key: str) -> None:
        """Delete the object; deleting what is not there is no error."""
        ...

    def list(self, prefix: str = "") -> AsyncGenerator[StoredStat, None]:
        """Yield every object whose key starts with `prefix`, in the order of the keys' UTF-8 bytes."""
        ...

    @property
    def multipart(self) -> MultipartStore:
        """Objects made of parts that several processes may send."""
        ...

    async def abort_stale_uploads(self, older_than: datetime, *, spare: Collection[str] = ()) -> int:
        """Remove what unfinished writes begun before `older_than` (aware) left behind; return how many there were.

        `spare` has the ids of multipart uploads that somebody still goes on with.
        """
        ...

    async def check(self) -> None:
        """Answer within seconds whether the store can be used; raises `ObjectStoreUnavailableError` if not."""
        ...

    def uri(self, key: str) -> str:
        """Return the object's URI, `s3://bucket/...` or `file:///...`, for readers outside the platform."""
        ...
