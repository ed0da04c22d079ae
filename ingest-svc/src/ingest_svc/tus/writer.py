"""Bytes of one request on their way into an upload: cut into parts, sent, and written down in order.

The offset moves when a part is stored and committed, so a process that dies loses at most what it had of parts that
were under way. What is left at the end of a request, or of a connection, becomes a last part if it is large enough,
else a tail: an object of its own that the next request's part takes in.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import structlog

from dataplatform.problems import Problem
from dataplatform.storage import MAX_PARTS, ObjectStoreError, StoredPart
from dataplatform_formats.detection import Observation
from ingest_svc.problems import problem
from ingest_svc.transactions import Work
from ingest_svc.tus import ledger, sha256
from ingest_svc.tus.holding import Hold
from ingest_svc.tus.ledger import Advance, LostError, Tail
from ingest_svc.tus.protocol import Checksum, new_digest
from ingest_svc.tus.workshop import PARTS_PER_UPLOAD, Workshop, object_key, tail_key

NUMBERS_AT_ONCE: Final = 8
MAX_TAILS: Final = 64
_SCAN_BYTES: Final = 64 * 1024
_NOTHING_KEPT: Final = {
    "upload_length_exceeded",
    "file_too_large",
    "checksum_mismatch",
    "invalid_tus_header",
    "unsupported_checksum",
}
"""Refusals of the bytes themselves: what is not committed by then is dropped."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Noted:
    """What is known of all bytes in parts, as it is written down: null where it cannot be."""

    digest: bytes | None
    observation: bytes | None


class Knowledge:
    """The hash and the observation of the bytes in parts; None where this process cannot know them."""

    def __init__(self, hold: Hold) -> None:
        upload, parted = hold.upload, sum(part.size_bytes for part in hold.contents.parts)
        if parted == 0:
            self.digest: sha256.Digest | None = sha256.begin()
            self.observation: Observation | None = Observation()
        else:
            self.digest = sha256.resume(upload.digest) if upload.digest is not None else None
            known = upload.observation is not None and self.digest is not None
            self.observation = Observation.restore(upload.observation, parted) if known and upload.observation else None
        self._last = upload.observation

    def take(self, data: bytearray) -> Noted:
        """Learn the next part; in a thread."""
        if self.digest is None or self.observation is None:
            return Noted(None, None)
        self.digest.update(data)
        view = memoryview(data)
        for start in range(0, len(data), _SCAN_BYTES):
            self.observation.feed(bytes(view[start : start + _SCAN_BYTES]))
        snapshot = self.observation.snapshot()
        is_news, self._last = snapshot != self._last, snapshot
        return Noted(self.digest.export(), snapshot if is_news else None)


class Writer:
    """Takes the bytes of one request; `algorithms` are those in which the client announces that it will prove them.

    Where there are any, none of the bytes count before all of them are proven. `late_algorithms` are those in which a
    checksum may follow that nobody announced: bytes count as they come, and are taken back if it disproves them.
    """

    def __init__(
        self,
        workshop: Workshop,
        hold: Hold,
        length_bytes: int | None,
        *,
        algorithms: Iterable[str] = (),
        late_algorithms: Iterable[str] = (),
    ) -> None:
        self._workshop = workshop
        self._store = workshop.store.multipart
        self._hold = hold
        self._length_bytes = length_bytes
        self._limit = workshop.max_bytes if length_bytes is None else length_bytes
        self._digests = {algorithm: new_digest(algorithm) for algorithm in algorithms}
        self._late_digests = {algorithm: new_digest(algorithm) for algorithm in late_algorithms}
        self._superseded: list[Tail] = []
        self._added: list[StoredPart | Tail] = []
        self.knowledge = Knowledge(hold)
        self.offset = hold.upload.offset_bytes
        self._tails = list(hold.contents.tails)
        self._buffer = bytearray()
        self._has_parts = bool(hold.contents.parts)
        self._object_key, self._multipart_id = hold.upload.object_key, hold.upload.multipart_id
        self._numbers_reserved = hold.numbers_used
        self._last: asyncio.Task[None] | None = None
        self._in_order = asyncio.Lock()  # a fair lock: whoever waits first goes first
        self._slots = asyncio.Semaphore(PARTS_PER_UPLOAD)
        self._unproven: list[tuple[StoredPart, Noted]] = []

    @property
    def is_whole(self) -> bool:
        """Whether every byte of the upload has arrived."""
        return self.offset == self._length_bytes

    async def take(self, chunks: AsyncGenerator[bytes, None], told: Callable[[], Checksum | None]) -> None:
        """Take the bytes in, and return when they are safe; raises what `chunks` raises after what came is safe.

        `told` is asked for the client's checksum when the bytes have ended. Raises the problems
        `upload_length_exceeded` and `checksum_mismatch`, with nothing kept that this request did not commit before; the
        errors of store and database; `LostError`.
        """
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    self._hold.heard()
                    await self._accept(chunk)
            try:
                self._check(told())
            except Problem:
                await asyncio.shield(self._take_back())
                raise
            await self._keep_proven()
            await self._settle()
            await self._put_away()
        except (Problem, asyncio.CancelledError) as interruption:
            await asyncio.shield(self._save(interruption))
            raise
        finally:
            self._drop()
            await asyncio.shield(self._last_sent())

    async def _accept(self, chunk: bytes) -> None:
        if self.offset + len(chunk) > self._limit:
            raise self._too_long()
        for digest in (*self._digests.values(), *self._late_digests.values()):
            digest.update(chunk)
        self.offset += len(chunk)
        self._buffer += chunk
        self._workshop.buffers.held_bytes += len(chunk)
        if self._pending_bytes() >= max(self._workshop.part_bytes, self._needed_bytes()):
            await self._send()
        elif self._workshop.buffers.is_full and not self._digests:
            await self._put_away()

    def _too_long(self) -> Problem:
        if self._length_bytes is None:
            detail = f"{self._limit} bytes are the most"
            return problem("file_too_large", detail, {"limit_bytes": self._limit})
        return problem("upload_length_exceeded", f"the upload has {self._length_bytes} bytes in all")

    def _check(self, told: Checksum | None) -> None:
        if told is None:
            return
        digests = self._digests or self._late_digests
        if told.algorithm not in digests:
            raise problem("invalid_tus_header", "the checksum after the body is of another kind than the one before it")
        told.require(digests[told.algorithm])

    async def _keep_proven(self) -> None:
        await self._drain()
        self._digests = {}
        if self._unproven:
            await self._commit([part for part, _ in self._unproven], self._unproven[-1][1], end=self._parted())
            self._unproven = []

    async def _take_back(self) -> None:
        """Leave the upload as it was before the request: what was committed of its bytes has been disproven."""
        await self._last_sent()
        if not self._added:
            return
        upload, tails = self._hold.upload, self._hold.contents.tails
        numbers = [one.number for one in self._added if isinstance(one, StoredPart)]
        step = self._step(upload.offset_bytes)

        async def write(connection: Any) -> None:
            await ledger.advance(connection, self._hold.id, self._hold.fence, step)
            await ledger.drop_parts(connection, self._hold.id, numbers)
            await ledger.restore(connection, self._hold.id, tails, upload.digest, upload.observation)

        await self._write(write)
        self._superseded, self._late_digests = [], {}
        kept = {tail.object_key for tail in tails}
        await self._delete([one for one in self._added if isinstance(one, Tail) and one.object_key not in kept])

    async def _settle(self) -> None:
        """Be done with checksums that might have come: what later bytes took the place of may go."""
        superseded, self._superseded, self._late_digests = self._superseded, [], {}
        await self._delete(superseded)

    async def _save(self, interruption: BaseException) -> None:
        """Make safe what came before an interruption, unless it is not to be kept."""
        refused = isinstance(interruption, Problem) and interruption.code in _NOTHING_KEPT
        if refused or self._digests:
            return
        await self._settle()
        await self._put_away()

    async def _last_sent(self) -> None:
        if self._last is not None:
            await asyncio.wait([self._last])
            if not self._last.cancelled():
                self._last.exception()  # told already, if it is the request's end

    def _drop(self) -> None:
        self._workshop.buffers.held_bytes -= len(self._buffer)
        self._buffer = bytearray()

    def _parted(self) -> int:
        """Return the end of what was sent as parts."""
        return self.offset - self._pending_bytes()

    def _pending_bytes(self) -> int:
        return sum(tail.size_bytes for tail in self._tails) + len(self._buffer)

    def _needed_bytes(self) -> int:
        """Return the size of parts with which half of the part numbers left are enough, whatever interruptions cost."""
        used = self._hold.numbers_used
        if self._length_bytes is None:
            return self._workshop.part_bytes << (used // 1000)
        remaining = self._length_bytes - self._hold.upload.offset_bytes
        return -(-remaining // max(1, (MAX_PARTS - self._hold.upload.numbers_used) // 2))

    async def _put_away(self) -> None:
        """Make everything that came safe: as parts, as the whole object, or as a tail."""
        await self._drain()
        if self.is_whole and not self._has_parts:
            await self._keep_whole()
        elif self._pending_bytes() and (
            self.is_whole or self._pending_bytes() >= max(self._workshop.min_part_bytes, self._needed_bytes())
        ):
            await self._send()
            await self._drain()
        elif self._buffer:
            await self._keep_tail()

    async def _drain(self) -> None:
        if self._last is not None:
            await self._last

    async def _send(self) -> None:
        """Begin to send what is pending as a part, when there is room for one more."""
        if self._last is not None and self._last.done():
            await self._last  # one that failed ends the request
        await self._slots.acquire()
        await self._workshop.slots.acquire()
        task: asyncio.Task[None] | None = None
        try:
            number = await self._number()
            data, consumed = await self._take_pending()
            task = asyncio.create_task(self._sent(number, data, consumed, self._last, end=self.offset))
        finally:
            if task is None:
                self._free(None)
        task.add_done_callback(self._free)  # a callback: a task cancelled before its first step runs no `finally`
        self._last, self._has_parts = task, True

    def _free(self, _: "asyncio.Task[None] | None") -> None:
        self._workshop.slots.release()
        self._slots.release()

    async def _number(self) -> int:
        if self._hold.numbers_used == self._numbers_reserved:
            await self._reserve()
        if self._hold.numbers_used >= MAX_PARTS:
            raise problem("upload_length_exceeded", "the upload was interrupted too often; begin a new one")
        self._hold.numbers_used += 1
        return self._hold.numbers_used

    async def _reserve(self) -> None:
        created = None
        if self._multipart_id is None:
            self._object_key = object_key(self._hold.upload)
            created = self._multipart_id = await self._store.create(self._object_key)
        key, multipart_id = self._object_key or "", self._multipart_id

        async def write(connection: Any) -> int:
            return await ledger.reserve(
                connection, self._hold.id, self._hold.fence, NUMBERS_AT_ONCE, object_key=key, multipart_id=multipart_id
            )

        try:
            self._numbers_reserved = await self._workshop.transactions.patiently(write)
        except LostError:
            if created is not None:
                await self._store.abort(key, created)
            raise

    async def _take_pending(self) -> tuple[bytearray, list[Tail]]:
        """Return the bytes of the tails and of the buffer, and the tails, which are then consumed."""
        consumed = list(self._tails)
        data = await self._joined(consumed) if consumed else self._buffer
        self._workshop.buffers.held_bytes -= len(self._buffer)
        self._tails, self._buffer = [], bytearray()
        return data, consumed

    async def _joined(self, tails: list[Tail]) -> bytearray:
        data = bytearray()
        for tail in tails:
            async for chunk in self._workshop.store.stream(tail.object_key, 0, tail.size_bytes):
                data += chunk
        return data + self._buffer

    async def _sent(
        self, number: int, data: bytearray, consumed: list[Tail], previous: "asyncio.Task[None] | None", *, end: int
    ) -> None:
        """Send, hash and observe one part at the same time; commit it when those before it are committed."""
        key, multipart_id = self._object_key or "", self._multipart_id or ""
        async with self._hold.busy():
            sending = self._store.put_part(key, multipart_id, number, data)
            part, noted = await asyncio.gather(sending, self._note(data))
            if previous is not None:
                await previous
            if self._digests:
                self._unproven.append((part, noted))
                return
            await self._commit([part], noted, end=end)
        await self._delete(consumed)

    async def _note(self, data: bytearray) -> Noted:
        async with self._in_order:
            return await asyncio.to_thread(self.knowledge.take, data)

    async def _commit(self, parts: list[StoredPart], noted: Noted, *, end: int) -> None:
        step = self._step(end)

        async def write(connection: Any) -> None:
            await ledger.advance(connection, self._hold.id, self._hold.fence, step)
            await ledger.add_parts(connection, self._hold.id, parts, digest=noted.digest, observation=noted.observation)

        await self._write(write)
        self._added += parts

    async def _keep_tail(self) -> None:
        replaced = self._tails if len(self._tails) >= MAX_TAILS else []
        data = await self._joined(replaced) if replaced else self._buffer
        first = self.offset - len(data)
        tail = Tail(first, len(data), tail_key(self._hold.id, first, self._hold.fence))
        step = self._step(self.offset)

        async def write(connection: Any) -> None:
            await ledger.advance(connection, self._hold.id, self._hold.fence, step)
            if replaced:
                await ledger.drop_tails(connection, self._hold.id)
            await ledger.add_tail(connection, self._hold.id, tail)

        async with self._hold.busy():
            await self._workshop.store.put(tail.object_key, _once(data))
            await self._write(write)
        self._tails = [tail] if replaced else [*self._tails, tail]
        self._added.append(tail)
        self._drop()
        await self._delete([old for old in replaced if old.object_key != tail.object_key])

    async def _keep_whole(self) -> None:
        """Store a file that fits one part as one object: no two writers use the same key for that."""
        data, consumed = await self._take_pending()
        key = f"{object_key(self._hold.upload)}-{self._hold.fence}"
        step = self._step(self.offset)
        async with self._hold.busy():
            await asyncio.to_thread(self.knowledge.take, data)
            stored = await self._workshop.store.put(key, _once(data))

            async def write(connection: Any) -> None:
                await ledger.advance(connection, self._hold.id, self._hold.fence, step)
                await ledger.drop_tails(connection, self._hold.id)
                await ledger.keep_whole(connection, self._hold.id, key, stored.sha256)

            await self._write(write)
        await self._delete(consumed)

    def _step(self, offset: int) -> Advance:
        return Advance(offset, self._workshop.now(), self._workshop.expiry())

    async def _write(self, work: Work[None]) -> None:
        """Commit; a confirmation that was lost is not an error, since everything is written with the fence."""
        await self._workshop.transactions.patiently(work)

    async def _delete(self, tails: list[Tail]) -> None:
        if self._late_digests:
            self._superseded += tails
            return
        for tail in tails:
            try:
                await self._workshop.store.delete(tail.object_key)
            except ObjectStoreError as error:
                _log.warning("tus.tail_left_for_the_sweep", key=tail.object_key, error=str(error))


async def _once(data: bytearray) -> AsyncGenerator[bytes, None]:
    yield bytes(data)
