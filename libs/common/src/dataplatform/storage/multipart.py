"""Objects made of parts that different processes may send: the interface, and the facts it returns. No I/O here.

Where `ObjectStore.put` is one call that stores everything or nothing, a multipart upload lives from `create` to
`complete` or `abort`, over crashes and across replicas; whoever knows its id goes on with it. Which parts belong to the
object is the caller's to remember: only those it names in `complete` do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from dataplatform.storage.pieces import Piece

MIN_PART_BYTES: Final = 5 << 20
"""Every part but the last has at least so many bytes (S3's rule, which the folder keeps too)."""
MAX_PARTS: Final = 10_000
"""Parts are numbered from 1 to this; numbers may be left out, and the order of the numbers is that of the bytes."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One part as stored: `etag` and `checksum` are the store's own names for exactly these bytes under this number."""

    number: int
    size_bytes: int
    etag: str
    checksum: str = ""


class MultipartStore(Protocol):
    """Multipart uploads of one object store.

    Every method raises `InvalidKeyError` for a bad key, `ObjectStoreUnavailableError` (or `ObjectStoreRefusedError`)
    when the store cannot do its work, and, `create` and `abort` excepted, `MultipartNotFoundError` when no such upload
    is under way: it was completed, aborted or swept. Completing a completed upload again may do so or succeed.
    """

    async def create(self, key: str) -> str:
        """Begin an object and return the id of its upload; nothing is visible under the key until `complete`."""
        ...

    async def put_part(self, key: str, upload_id: str, number: int, data: Piece) -> StoredPart:
        """Store one part, verified by a checksum on the way. Use no number twice: stores differ in what stays."""
        ...

    async def copy_part(
        self, key: str, upload_id: str, number: int, source: str, *, start: int, end: int
    ) -> StoredPart:
        """Make a part of the bytes from `start` up to, not including, `end` of the object `source`, inside the store.

        Raises `ObjectNotFoundError` where there is no such object, and `InvalidPartError` for a range it does not have.
        """
        ...

    async def list_parts(self, key: str, upload_id: str) -> list[StoredPart]:
        """Return every part stored so far, in the order of the numbers."""
        ...

    async def complete(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> None:
        """Make the object of exactly these parts, given in order; whatever else was sent is dropped.

        Replaces an object under the key. Raises `InvalidPartError` where a part is missing or too small; the upload
        then goes on. At least one part is needed.
        """
        ...

    async def abort(self, key: str, upload_id: str) -> None:
        """Drop the upload and its parts; one that is not under way is no error."""
        ...
