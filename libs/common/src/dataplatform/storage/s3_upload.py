"""One multipart upload under way, and the body of a request. Which parts, and how many at once, `s3` decides."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any, Final

import structlog

from dataplatform.storage.errors import ObjectStoreError
from dataplatform.storage.pieces import Piece
from dataplatform.storage.s3_errors import s3_errors

ABORT_SECONDS: Final = 5.0
_SEND_BYTES: Final = 256 << 10

_log = structlog.get_logger(__name__)


class PartsUpload:
    """One multipart upload under way. Parts may be sent at the same time; `send` is called in their order."""

    def __init__(self, client: Any, bucket: str, key: str, name: str, upload_id: str) -> None:
        self._client = client
        self._key = key
        self._where = {"Bucket": bucket, "Key": name, "UploadId": upload_id}
        self._digest = hashlib.sha256()
        self._in_order = asyncio.Lock()  # a fair lock: whoever waits first goes first
        self._parts: dict[int, dict[str, Any]] = {}
        self.size_bytes = 0

    def sha256(self) -> str:
        """Return the hex hash of all parts sent so far."""
        return self._digest.hexdigest()

    async def send(self, number: int, part: Piece) -> None:
        """Hash and send part `number` (from 1), and remember what the server called it."""
        async with self._in_order:
            checksum = await asyncio.to_thread(self._take, part)
            self.size_bytes += len(part)
        with s3_errors(self._key):
            sent = await self._client.upload_part(
                **self._where,
                PartNumber=number,
                Body=RequestBody(part),
                ChecksumSHA256=checksum,
            )
        self._parts[number] = {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

    def _take(self, part: Piece) -> str:
        self._digest.update(part)
        return base64_of(hashlib.sha256(part).digest())

    async def complete(self, condition: dict[str, str]) -> None:
        """Make the object of the parts; `condition` is S3's own (`IfNoneMatch`)."""
        parts = [self._parts[number] for number in sorted(self._parts)]
        with s3_errors(self._key, writing=True):
            await self._client.complete_multipart_upload(
                **self._where,
                MultipartUpload={"Parts": parts},
                **condition,
            )

    async def abort(self) -> None:
        """Give the parts up; if the store cannot be told, `abort_stale_uploads` will."""
        await asyncio.shield(asyncio.create_task(self._abort()))

    async def _abort(self) -> None:
        try:
            with s3_errors(self._key):
                async with asyncio.timeout(ABORT_SECONDS):
                    await self._client.abort_multipart_upload(**self._where)
        except ObjectStoreError as error:
            _log.warning("multipart_upload_left_behind", key=self._key, reason=error.detail)


class RequestBody:
    """A request body for botocore (length, rewind for a retry) and for aiohttp (pieces, without a copy or a thread)."""

    def __init__(self, data: Piece) -> None:
        self._view = memoryview(data)
        self._position = 0

    def __len__(self) -> int:
        return len(self._view)

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes from the position."""
        end = len(self._view) if size < 0 else self._position + size
        taken = bytes(self._view[self._position : end])
        self._position += len(taken)
        return taken

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move as `io` does."""
        self._position = offset + (0, self._position, len(self._view))[whence]
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        for start in range(0, len(self._view), _SEND_BYTES):
            yield self._view[start : start + _SEND_BYTES]


def base64_of(digest: bytes) -> str:
    """Return a digest the way S3 headers carry it."""
    return base64.b64encode(digest).decode()
