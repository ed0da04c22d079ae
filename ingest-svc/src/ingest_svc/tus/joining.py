"""Concatenation: partial uploads become one object inside the object store.

What the store can copy from object to object is copied there, in ranges; only bytes around a seam that is too close to
the next one for a part go through this process. The hash needs all bytes in order, so the joined object is read once.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from dataplatform.storage import MIN_PART_BYTES, ObjectNotFoundError, ObjectStore, StoredPart
from ingest_svc.problems import problem
from ingest_svc.tus import ledger
from ingest_svc.tus.holding import Hold
from ingest_svc.tus.ledger import Advance, TusUpload
from ingest_svc.tus.protocol import concat_of
from ingest_svc.tus.workshop import Workshop, object_key

COPY_BYTES: Final = 256 << 20
"""Largest range of one copy: well below S3's 5 GiB, so that each ends in time."""


@dataclass(frozen=True, slots=True)
class Source:
    """A partial upload as the object it became."""

    object_key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Copied:
    """A part that the store makes of a range of an object."""

    object_key: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Streamed:
    """A part that is read from ranges of several objects and sent."""

    ranges: tuple[Copied, ...]


def plan(
    sources: Sequence[Source], *, minimum: int = MIN_PART_BYTES, most: int = COPY_BYTES
) -> list[Copied | Streamed]:
    """Return the parts that make up the sources in order: all but the last of at least `minimum` bytes."""
    steps: list[Copied | Streamed] = []
    seam: list[Copied] = []
    for source in sources:
        start = 0
        if seam:
            start = min(source.size_bytes, minimum - _size(seam))
            seam.append(Copied(source.object_key, 0, start))
        if seam and _size(seam) >= minimum:
            steps.append(Streamed(tuple(seam)))
            seam = []
        rest = source.size_bytes - start
        if rest >= minimum:
            steps += _ranges(source.object_key, start, source.size_bytes, minimum=minimum, most=most)
        elif rest:
            seam.append(Copied(source.object_key, start, source.size_bytes))
    return [*steps, Streamed(tuple(seam))] if seam else steps


def _size(ranges: Sequence[Copied]) -> int:
    return sum(one.end - one.start for one in ranges)


def _ranges(key: str, start: int, end: int, *, minimum: int, most: int) -> list[Copied]:
    """Cut a range into pieces of `most`, the last of which may be larger rather than too small."""
    pieces = []
    while end - start > most + minimum:
        pieces.append(Copied(key, start, start + most))
        start += most
    return [*pieces, Copied(key, start, end)]


class Joiner:
    """Joins partial uploads."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    async def sources(self, final: TusUpload) -> list[Source]:
        """Return what a final upload is made of; raises the problem `invalid_concatenation`."""
        concat = concat_of(final.concat)
        wanted = concat.parts if concat is not None and concat.parts is not None else ()

        async def ask(connection: Any) -> list[TusUpload | None]:
            return [await ledger.find(connection, upload_id) for upload_id in wanted]

        found = await self._workshop.transactions.run(ask)
        return [_source(upload, upload_id, final) for upload, upload_id in zip(found, wanted, strict=True)]

    async def join(self, hold: Hold) -> None:
        """Make the object's parts and write them down; again is harmless. Raises as `sources` does."""
        async with hold.busy():
            sources = await self.sources(hold.upload)
            if hold.upload.is_whole and hold.upload.object_key is not None:
                return
            steps = plan([source for source in sources if source.size_bytes])
            key = object_key(hold.upload)
            multipart_id = hold.upload.multipart_id or await self._workshop.store.multipart.create(key)
            number = await self._reserve(hold, len(steps), key, multipart_id) - len(steps)
            parts = []
            for step in steps:
                number += 1
                parts.append(await self._part(step, key, multipart_id, number))
            hold.numbers_used = number
            await self._write_down(hold, parts)

    async def _reserve(self, hold: Hold, count: int, key: str, multipart_id: str) -> int:
        async def write(connection: Any) -> int:
            return await ledger.reserve(
                connection, hold.id, hold.fence, count, object_key=key, multipart_id=multipart_id
            )

        last = await self._workshop.transactions.patiently(write)
        hold.numbers_used = last
        return last

    async def _part(self, step: Copied | Streamed, key: str, multipart_id: str, number: int) -> StoredPart:
        store = self._workshop.store
        try:
            if isinstance(step, Copied):
                return await store.multipart.copy_part(
                    key, multipart_id, number, step.object_key, start=step.start, end=step.end
                )
            data = bytearray()
            async for chunk in _bytes_of(store, step.ranges):
                data += chunk
            return await store.multipart.put_part(key, multipart_id, number, data)
        except ObjectNotFoundError as error:
            raise problem("invalid_concatenation", "a partial upload was removed meanwhile") from error

    async def _write_down(self, hold: Hold, parts: Sequence[StoredPart]) -> None:
        step = Advance(sum(part.size_bytes for part in parts), self._workshop.now(), self._workshop.expiry())

        async def write(connection: Any) -> None:
            await ledger.advance(connection, hold.id, hold.fence, step)
            await ledger.add_parts(connection, hold.id, parts, digest=None, observation=None)

        await self._workshop.transactions.patiently(write)


async def _bytes_of(store: ObjectStore, ranges: Sequence[Copied]) -> AsyncIterator[bytes]:
    for one in ranges:
        async for chunk in store.stream(one.object_key, one.start, one.end):
            yield chunk


def _source(upload: TusUpload | None, upload_id: UUID, final: TusUpload) -> Source:
    same = (final.principal, final.institution, final.dataset)
    if upload is None or (upload.principal, upload.institution, upload.dataset) != same:
        raise problem("invalid_concatenation", f"{upload_id} is no upload of yours for this dataset")
    if not upload.is_partial or upload.state != "stored" or upload.object_key is None:
        raise problem("invalid_concatenation", f"{upload_id} is no partial upload that is whole")
    return Source(upload.object_key, upload.offset_bytes)
