"""Multipart uploads on S3, as `multipart` describes them: one request for each call."""

import asyncio
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import ClientError

from dataplatform.storage.errors import InvalidPartError, MultipartNotFoundError, ObjectNotFoundError
from dataplatform.storage.multipart import StoredPart
from dataplatform.storage.pieces import Piece
from dataplatform.storage.s3_errors import RangeBeyondEndError, s3_errors
from dataplatform.storage.s3_upload import RequestBody, base64_of

_NO_UPLOAD: Final = "NoSuchUpload"
_BAD_PARTS: Final = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "EntityTooLarge"}


class S3Multipart:
    """A `MultipartStore` in one bucket; `name_of` gives the full name of a key, and checks it."""

    def __init__(self, client: Any, bucket: str, name_of: Callable[[str], str]) -> None:
        self._client = client
        self._bucket = bucket
        self._name_of = name_of

    async def create(self, key: str) -> str:
        """See `MultipartStore.create`."""
        where = {"Bucket": self._bucket, "Key": self._name_of(key)}
        with s3_errors(key):
            begun = await self._client.create_multipart_upload(**where, ChecksumAlgorithm="CRC32")
        return str(begun["UploadId"])

    async def put_part(self, key: str, upload_id: str, number: int, data: Piece) -> StoredPart:
        """See `MultipartStore.put_part`."""
        where = self._where(key, upload_id)
        # Against damage on the way a CRC does, at a third of the cost; who wants a hash of the whole has that anyway.
        checksum = base64_of((await asyncio.to_thread(zlib.crc32, data)).to_bytes(4, "big"))
        with _upload_errors(key):
            sent = await self._client.upload_part(
                **where, PartNumber=number, Body=RequestBody(data), ChecksumCRC32=checksum
            )
        return StoredPart(number, len(data), sent["ETag"], checksum)

    async def copy_part(
        self, key: str, upload_id: str, number: int, source: str, *, start: int, end: int
    ) -> StoredPart:
        """See `MultipartStore.copy_part`."""
        where, origin = self._where(key, upload_id), {"Bucket": self._bucket, "Key": self._name_of(source)}
        with s3_errors(source):  # some servers copy what there is of a range
            if (await self._client.head_object(**origin))["ContentLength"] < end:
                raise InvalidPartError(f"object {source!r} has no bytes {start} to {end}")
        with _upload_errors(source):
            copied = await self._client.upload_part_copy(
                **where, PartNumber=number, CopySource=origin, CopySourceRange=f"bytes={start}-{end - 1}"
            )
        return _part(number, end - start, copied["CopyPartResult"])

    async def list_parts(self, key: str, upload_id: str) -> list[StoredPart]:
        """See `MultipartStore.list_parts`."""
        found: list[StoredPart] = []
        pages = aiter(self._client.get_paginator("list_parts").paginate(**self._where(key, upload_id)))
        while True:
            with _upload_errors(key):
                page = await anext(pages, None)
            if page is None:
                return sorted(found, key=lambda part: part.number)
            found += [_part(part["PartNumber"], part["Size"], part) for part in page.get("Parts", [])]

    async def complete(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> None:
        """See `MultipartStore.complete`."""
        named = [_named(part) for part in parts]
        with _upload_errors(key):
            await self._client.complete_multipart_upload(
                **self._where(key, upload_id), MultipartUpload={"Parts": named}
            )

    async def abort(self, key: str, upload_id: str) -> None:
        """See `MultipartStore.abort`."""
        try:
            with _upload_errors(key):
                await self._client.abort_multipart_upload(**self._where(key, upload_id))
        except (MultipartNotFoundError, ObjectNotFoundError):
            return

    def _where(self, key: str, upload_id: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._name_of(key), "UploadId": upload_id}


@contextmanager
def _upload_errors(key: str) -> Iterator[None]:
    try:
        with s3_errors(key):
            try:
                yield
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                if code == _NO_UPLOAD:
                    raise MultipartNotFoundError(f"no multipart upload of {key!r} with this id") from error
                if code in _BAD_PARTS:
                    raise InvalidPartError(f"the parts of {key!r} are not what was stored: {error}") from error
                raise
    except RangeBeyondEndError as error:
        raise InvalidPartError(error.detail) from error


def _part(number: int, size_bytes: int, told: Mapping[str, Any]) -> StoredPart:
    etag = told["ETag"]  # some servers leave its quotes out here
    return StoredPart(number, size_bytes, etag if etag[0] == '"' else f'"{etag}"', told.get("ChecksumCRC32", ""))


def _named(part: StoredPart) -> dict[str, Any]:
    checksum = {"ChecksumCRC32": part.checksum} if part.checksum else {}
    return {"PartNumber": part.number, "ETag": part.etag, **checksum}
