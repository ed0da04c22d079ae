"""The object store on S3 and what speaks its protocol (AWS, SeaweedFS, MinIO, Ceph).

Small objects are one request, larger ones a multipart upload with a bounded number of parts in flight. Every request
carries a SHA-256 the server verifies, computed in a thread; so the request itself is signed without hashing the body
a second time on the event loop. Not here: credentials and connections (`opening`), error names (`s3_errors`).
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Collection
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

from dataplatform.storage.errors import (
    InvalidKeyError,
    ObjectNotFoundError,
    ObjectStoreRefusedError,
    ObjectStoreUnavailableError,
)
from dataplatform.storage.interface import CHUNK_BYTES, StoredObject, StoredStat
from dataplatform.storage.keys import checked_key, checked_prefix
from dataplatform.storage.local import file_chunks, write_file
from dataplatform.storage.pieces import Piece, pieces
from dataplatform.storage.s3_errors import RangeBeyondEndError, s3_errors
from dataplatform.storage.s3_multipart import S3Multipart
from dataplatform.storage.s3_upload import PartsUpload, RequestBody, base64_of

PART_BYTES: Final = 8 << 20
PARTS_PER_SIZE: Final = 1000
PART_BYTES_LIMIT: Final = 512 << 20
PARTS_IN_FLIGHT_PER_OBJECT: Final = 3
CHECK_SECONDS: Final = 5.0
CONTENT_TYPE: Final = "application/x-object"
"""Of every object, and on every part. Without one SeaweedFS guesses it, and packs what it takes for text: half of the
processor time of writing a large CSV, and six sevenths of reading it back."""
RESUMES: Final = 4


@dataclass(frozen=True, slots=True)
class S3Location:
    """Where objects live: `prefix` is '' or ends with '/'."""

    bucket: str
    prefix: str = ""


class S3Store:
    """An `ObjectStore` in one bucket.

    Memory of a put or get: about 5 parts of 8 MiB (parts of a put double in size every 1000 parts, since S3 allows
    10,000 of them); of all puts together, `parts_in_flight` parts and one or two more per put. `client` is an open
    aioboto3 S3 client.
    """

    def __init__(
        self, client: Any, location: S3Location, *, part_bytes: int = PART_BYTES, parts_in_flight: int = 8
    ) -> None:
        self._client = client
        self._bucket = location.bucket
        self._prefix = location.prefix
        self._part_bytes = part_bytes
        self._in_flight = asyncio.Semaphore(parts_in_flight)
        client.meta.events.register("before-sign.s3.UploadPart", _name_type, unique_id="dataplatform-part-type")

    async def put(
        self, key: str, chunks: AsyncIterable[bytes], *, size_limit: int | None = None, if_absent: bool = False
    ) -> StoredObject:
        """See `ObjectStore.put`."""
        name = self._name(key)
        condition = {"IfNoneMatch": "*"} if if_absent else {}
        async with aclosing(pieces(chunks, self._size_of_part, size_limit)) as parts:
            first = await anext(parts, b"")
            if len(first) < self._part_bytes:
                return await self._put_whole(key, name, first, condition)
            return await self._put_parts(key, name, first, parts, condition)

    async def put_file(self, key: str, path: Path, *, if_absent: bool = False) -> StoredObject:
        """See `ObjectStore.put_file`."""
        async with aclosing(file_chunks(path, self._part_bytes)) as chunks:
            return await self.put(key, chunks, if_absent=if_absent)

    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> None:
        """See `ObjectStore.get_file`."""
        name = self._name(key)
        with s3_errors(key):
            found = await self._client.get_object(Bucket=self._bucket, Key=name)
        size, etag, body = found["ContentLength"], found["ETag"], found["Body"]
        if size > self._part_bytes:
            body.close()
            chunks = self._parts_ahead(key, name, size, etag)
        else:
            # most objects are small: one request each
            chunks = self._begun(key, name, size, etag, body)
        async with aclosing(chunks):
            await write_file(chunks, path, size_bytes=size, sha256=sha256, key=key, piece_bytes=self._part_bytes)

    async def _begun(self, key: str, name: str, size: int, etag: str, body: Any) -> AsyncGenerator[bytes, None]:
        """Yield an object whose first response is there already, going on elsewhere if that one breaks."""
        position = 0
        try:
            async with aclosing(_body_chunks(key, body, CHUNK_BYTES)) as chunks:
                async for chunk in chunks:
                    position += len(chunk)
                    yield chunk
        except ObjectStoreUnavailableError:
            rest = self._resumed(key, name, position, size, chunk_size=CHUNK_BYTES, etag=etag)
            async with aclosing(rest) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _parts_ahead(self, key: str, name: str, size: int, etag: str) -> AsyncGenerator[bytes, None]:
        """Yield an object's parts in order, while the next ones are on their way."""

        async def part(start: int) -> bytes:
            end = min(start + self._part_bytes, size)
            chunks = self._resumed(key, name, start, end, chunk_size=CHUNK_BYTES, etag=etag)
            return b"".join([chunk async for chunk in chunks])

        starts = iter(range(0, size, self._part_bytes))
        under_way = deque(asyncio.create_task(part(start)) for start in islice(starts, PARTS_IN_FLIGHT_PER_OBJECT))
        try:
            while under_way:
                yield await under_way[0]
                under_way.popleft()
                under_way.extend(asyncio.create_task(part(start)) for start in islice(starts, 1))
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def stream(
        self, key: str, start: int = 0, end: int | None = None, chunk_size: int = CHUNK_BYTES
    ) -> AsyncGenerator[bytes, None]:
        """See `ObjectStore.stream`."""
        name = self._name(key)
        if end is not None and end <= start:
            await self.stat(key)
            return
        async with aclosing(self._resumed(key, name, start, end, chunk_size=chunk_size, etag=None)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _resumed(
        self, key: str, name: str, start: int, end: int | None, *, chunk_size: int, etag: str | None
    ) -> AsyncGenerator[bytes, None]:
        """Yield a range of the object with this ETag (`None`: of the one found first), over broken connections."""
        position, broken = start, 0
        while True:
            try:
                etag, body = await self._open(key, name, position, end, etag)
                async with aclosing(_body_chunks(key, body, chunk_size)) as chunks:
                    async for chunk in chunks:
                        broken, position = 0, position + len(chunk)
                        yield chunk
            except RangeBeyondEndError:
                return
            except ObjectStoreUnavailableError:
                if etag is None or broken == RESUMES:
                    raise
                broken += 1
                await asyncio.sleep(0.1 * 2**broken)
            else:
                return

    async def _open(self, key: str, name: str, start: int, end: int | None, etag: str | None) -> tuple[str, Any]:
        """Begin to read; with `etag`, only the same object as before. Returns its ETag and the body."""
        options: dict[str, str] = {}
        if start or end is not None:
            options["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        if etag is not None:
            options["IfMatch"] = etag
        with s3_errors(key):
            found = await self._client.get_object(Bucket=self._bucket, Key=name, **options)
        return found["ETag"], found["Body"]

    async def stat(self, key: str) -> StoredStat:
        """See `ObjectStore.stat`."""
        with s3_errors(key):
            found = await self._client.head_object(Bucket=self._bucket, Key=self._name(key))
        return StoredStat(key, found["ContentLength"], found["LastModified"])

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        with s3_errors(key):
            await self._client.delete_object(Bucket=self._bucket, Key=self._name(key))

    async def list(self, prefix: str = "") -> AsyncGenerator[StoredStat, None]:
        """See `ObjectStore.list`."""
        wanted = self._prefix + checked_prefix(prefix)
        paginator = self._client.get_paginator("list_objects_v2")
        pages = aiter(paginator.paginate(Bucket=self._bucket, Prefix=wanted))
        while (page := await _next_page(pages, wanted)) is not None:
            for item in page.get("Contents", []):
                if not item["Key"].endswith("/"):  # some servers list folders as empty objects
                    yield StoredStat(item["Key"].removeprefix(self._prefix), item["Size"], item["LastModified"])

    @property
    def multipart(self) -> S3Multipart:
        """See `ObjectStore.multipart`."""
        return S3Multipart(self._client, self._bucket, self._name)

    async def abort_stale_uploads(self, older_than: datetime, *, spare: Collection[str] = ()) -> int:
        """See `ObjectStore.abort_stale_uploads`."""
        stale = []
        paginator = self._client.get_paginator("list_multipart_uploads")
        pages = aiter(paginator.paginate(Bucket=self._bucket, Prefix=self._prefix))
        while (page := await _next_page(pages, self._prefix)) is not None:
            begun = [(u["Key"], u["UploadId"]) for u in page.get("Uploads", []) if u["Initiated"] < older_than]
            stale += [(name, upload_id) for name, upload_id in begun if upload_id not in spare]
        for name, upload_id in stale:
            with s3_errors(name):
                await self._client.abort_multipart_upload(Bucket=self._bucket, Key=name, UploadId=upload_id)
        return len(stale)

    async def check(self) -> None:
        """See `ObjectStore.check`."""
        try:
            with s3_errors(self._bucket):
                async with asyncio.timeout(CHECK_SECONDS):
                    # Not head_bucket: SeaweedFS refuses it to keys that are limited to some prefixes, as ours are.
                    await self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
        except ObjectNotFoundError as error:
            raise ObjectStoreRefusedError(f"the object store has no bucket {self._bucket!r}") from error

    def uri(self, key: str) -> str:
        """See `ObjectStore.uri`."""
        return f"s3://{self._bucket}/{self._name(key)}"

    def _name(self, key: str) -> str:
        name = self._prefix + checked_key(key)
        if len(name.encode()) > 1024:  # noqa: PLR2004 (S3's own limit, prefix included)
            raise InvalidKeyError(f"object key {key!r} is too long with the store's prefix")
        return name

    def _size_of_part(self, index: int) -> int:
        return min(self._part_bytes << (index // PARTS_PER_SIZE), max(PART_BYTES_LIMIT, self._part_bytes))

    async def _put_whole(self, key: str, name: str, body: Piece, condition: dict[str, str]) -> StoredObject:
        digest = await asyncio.to_thread(hashlib.sha256, body)
        with s3_errors(key, writing=True):
            await self._client.put_object(
                Bucket=self._bucket,
                Key=name,
                Body=RequestBody(body),
                ChecksumSHA256=base64_of(digest.digest()),
                ContentType=CONTENT_TYPE,
                **condition,
            )
        return StoredObject(key, digest.hexdigest(), len(body))

    async def _put_parts(
        self, key: str, name: str, first: Piece, rest: AsyncIterator[Piece], condition: dict[str, str]
    ) -> StoredObject:
        with s3_errors(key):
            begun = await self._client.create_multipart_upload(
                Bucket=self._bucket, Key=name, ChecksumAlgorithm="SHA256", ContentType=CONTENT_TYPE
            )
        upload = PartsUpload(self._client, self._bucket, key, name, begun["UploadId"])
        try:
            await self._send_all(upload, first, rest)
            await upload.complete(condition)
        except BaseException:
            await upload.abort()
            raise
        return StoredObject(key, upload.sha256(), upload.size_bytes)

    async def _send_all(self, upload: PartsUpload, first: Piece, rest: AsyncIterator[Piece]) -> None:
        """Send parts as they come, several at a time; the source is read on only when a part may start."""
        slots = asyncio.Semaphore(PARTS_IN_FLIGHT_PER_OBJECT)

        def end(_: asyncio.Task[None]) -> None:  # a callback: a task cancelled before its first step runs no `finally`
            self._in_flight.release()
            slots.release()

        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                part: Piece | None = first
                for number in count(1):
                    if part is None:
                        break
                    await slots.acquire()
                    await self._in_flight.acquire()
                    group.create_task(upload.send(number, part)).add_done_callback(end)
                    part = await anext(rest, None)
        except BaseExceptionGroup as several:
            failure = several.exceptions[0]
        if failure is not None:
            raise failure


def _name_type(request: Any, **_: Any) -> None:
    request.headers["Content-Type"] = CONTENT_TYPE  # S3's interface has no parameter for it


async def _body_chunks(key: str, body: Any, chunk_size: int) -> AsyncGenerator[bytes, None]:
    """Read a response to its announced end, then give its connection back (or drop it, if left early)."""
    try:
        while True:
            with s3_errors(key):
                chunk = await body.read(chunk_size)
            if not chunk:
                return
            yield chunk
    finally:
        body.close()


async def _next_page(pages: AsyncIterator[Any], prefix: str) -> Any | None:
    with s3_errors(prefix):
        return await anext(pages, None)
