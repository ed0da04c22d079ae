"""Resumable uploads as commands: create, look, append, terminate, and finish what was left without an end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog
from starlette.types import Scope

from dataplatform.identity import Principal
from dataplatform.log.envelope import Context
from dataplatform.problems import Problem
from dataplatform.storage import MultipartNotFoundError
from ingest_svc.commands import KeyReusedError, UnknownUploadError
from ingest_svc.problems import problem
from ingest_svc.tus import ledger
from ingest_svc.tus.finishing import Finisher
from ingest_svc.tus.holding import Hold, holding, settled
from ingest_svc.tus.joining import Joiner
from ingest_svc.tus.ledger import LostError, TusUpload
from ingest_svc.tus.protocol import Checksum
from ingest_svc.tus.workshop import Workshop
from ingest_svc.tus.writer import Writer
from ingest_svc.uploads.body import Body
from ingest_svc.uploads.receiving import count, outcome_of
from ingest_svc.uploads.reception import Receipt, Reception

_ENDED: Final = {"terminated": "upload_terminated", "expired": "upload_expired"}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Creation:
    """What a client asks for when it begins an upload, as checked."""

    principal: Principal
    institution: str
    dataset: str
    file_name: str
    metadata: str | None
    concat: str | None
    length_bytes: int | None
    forced: bool
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class Incoming:
    """The bytes of one request; `told` gives the client's checksum when they have ended.

    It is in one of `algorithms`, or, where it was not announced, of `late_algorithms`.
    """

    body: Body
    announced_bytes: int | None
    algorithms: tuple[str, ...]
    told: Callable[[], Checksum | None]
    late_algorithms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an upload stands after a request, and what came of it where that was its end."""

    upload: TusUpload
    receipt: Receipt | None = None
    replayed: bool = False


class Resumables:
    """The uploads that may be gone on with; one per application, at `app.state.resumables`."""

    def __init__(self, workshop: Workshop, reception: Reception) -> None:
        self.workshop = workshop
        self.reception = reception
        self._limits = reception.limits
        self._finisher = Finisher(workshop, reception)
        self._joiner = Joiner(workshop)
        self._bodies: set[Body] = set()
        self._stopping = False

    def stop(self) -> None:
        """Have every body that is being read put away what came of it, and answered: the process is about to end."""
        self._stopping = True
        for body in self._bodies:
            body.interrupt(problem("replica_stopping"))

    async def create(self, creation: Creation, context: Context, scope: Scope, incoming: Incoming | None) -> Outcome:
        """Begin an upload, or find the one that the Idempotency-Key stands for; raises problems."""
        upload, replayed = await self._begun(creation, context, scope)
        receipt = None
        try:
            if upload.is_final and upload.state == "receiving":
                receipt = await self._joined(upload.upload_id)
            elif upload.state == "receiving" and (
                upload.is_whole or (incoming is not None and not upload.offset_bytes)
            ):
                receipt = await self._appended(upload, 0, incoming)
        except Problem as refusal:
            refusal.headers.setdefault("Location", f"/v1/tus/{upload.upload_id}")
            raise
        return Outcome(await self._found(upload.upload_id), receipt, replayed)

    async def look(self, principal: Principal, upload_id: UUID) -> TusUpload:
        """Return an upload as it stands when whoever is putting its last bytes away has done so; raises problems.

        An upload whose bytes are all here, but whose end was lost with a process, is ended first.
        """
        await self._visible(principal, upload_id)
        await settled(self.workshop, upload_id)
        upload = await self._visible(principal, upload_id)
        if upload.state != "receiving" or not upload.is_whole:
            return upload
        await self.finish_if_free(upload_id)
        return await self._visible(principal, upload_id)

    async def append(
        self, principal: Principal, upload_id: UUID, offset: int, length_bytes: int | None, incoming: Incoming
    ) -> Outcome:
        """Take bytes in at `offset`, with the length where it was deferred; raises problems."""
        upload = await self._visible(principal, upload_id)
        if upload.is_final:
            raise problem("upload_is_final")
        if principal.subject != upload.principal:
            raise problem("role_missing", "who began an upload goes on with it")
        if length_bytes is not None and length_bytes > self.workshop.max_bytes:
            most = self.workshop.max_bytes
            raise problem("file_too_large", f"{most} bytes are the most", {"limit_bytes": most})
        receipt = await self._appended(upload, offset, incoming, length_bytes)
        return Outcome(await self._found(upload_id), receipt)

    async def terminate(self, principal: Principal, upload_id: UUID, context: Context) -> None:
        """End an upload; whatever is stored of it goes, and one that was announced is withdrawn. Raises problems."""
        upload = await self._visible(principal, upload_id)
        own = principal.subject == upload.principal and principal.may("uploader", upload.institution)
        if not (own or principal.may("steward", upload.institution)):
            raise problem("role_missing", "who began an upload may end it, and stewards of the institution")
        if upload.state == "received" and upload.result_id == upload_id:
            now = self.workshop.now()
            await self.reception.uploads.withdraw(principal, upload_id, "requested", now=now, context=context)

        async def write(connection: Any) -> None:
            await ledger.terminate(connection, upload_id)

        await self.workshop.transactions.patiently(write)
        await self.remove(await self._found(upload_id))

    async def remove(self, upload: TusUpload) -> None:
        """Delete what is stored of an upload that has ended without coming to anything, and let go of its room."""
        if upload.multipart_id is not None and upload.object_key is not None:
            await self.workshop.store.multipart.abort(upload.object_key, upload.multipart_id)
        await self._finisher.clear(upload.upload_id)
        await self._limits.release(upload.upload_id)

    async def finish_if_free(self, upload_id: UUID) -> None:
        """End an upload whose bytes are all here, or join a final one, unless a process is at it; raises problems."""
        try:
            async with holding(self.workshop, upload_id, patience_seconds=0) as hold:
                if hold is not None and hold.upload.is_final:
                    await self._finished_final(hold)
                elif hold is not None and hold.upload.is_whole:
                    await self._finished(hold, None if hold.is_placed else await self._placed(hold))
        except Problem as refusal:
            if refusal.code != "upload_locked":
                raise
        except LostError:
            return  # somebody else is at it by now

    async def _begun(self, creation: Creation, context: Context, scope: Scope) -> tuple[TusUpload, bool]:
        key = creation.idempotency_key
        earlier = await self._earlier(creation) if key is not None else None
        if earlier is not None:
            return earlier, True
        upload = await self._new(creation, context)
        if not upload.is_final:  # the bytes of a final one were admitted as those of its parts
            await self._limits.admit(
                scope,
                creation.principal,
                creation.institution,
                upload.upload_id,
                creation.length_bytes,
                hold_seconds=self.workshop.lifetime.total_seconds(),
            )

        async def write(connection: Any) -> None:
            await ledger.create(connection, upload)

        try:
            await self.workshop.transactions.patiently(write)
        except asyncpg.UniqueViolationError:
            # another request with the key was faster, or this very one, whose confirmation was lost
            found = await self._find(upload.upload_id)
            if found is not None:
                return found, False
            await self._limits.release(upload.upload_id)
            return await self._begun(creation, context, scope)
        return upload, False

    async def _earlier(self, creation: Creation) -> TusUpload | None:
        """Return the upload that the Idempotency-Key stands for; raises `KeyReusedError` where it is for another."""
        key, principal, now = creation.idempotency_key, creation.principal, self.workshop.now()
        oldest = now - self.reception.uploads.key_age

        async def ask(connection: Any) -> TusUpload | None:
            return await ledger.find_by_key(connection, principal.subject, key or "", oldest)

        earlier = await self.workshop.transactions.patiently(ask)
        if earlier is None:
            if await self.reception.uploads.remembered(principal, key, now) is not None:
                raise KeyReusedError
            return None
        told = (creation.institution, creation.dataset, creation.metadata, creation.concat, creation.forced)
        was = (earlier.institution, earlier.dataset, earlier.metadata, earlier.concat, earlier.forced)
        same_length = earlier.is_final or creation.length_bytes is None or creation.length_bytes == earlier.length_bytes
        if told != was or not same_length:
            raise KeyReusedError
        return earlier

    async def _new(self, creation: Creation, context: Context) -> TusUpload:
        now = self.workshop.now()
        upload = TusUpload(
            upload_id=self.workshop.new_id(),
            principal=creation.principal.subject,
            institution=creation.institution,
            dataset=creation.dataset,
            file_name=creation.file_name,
            metadata=creation.metadata,
            concat=creation.concat,
            forced=creation.forced,
            idempotency_key=creation.idempotency_key,
            correlation_id=context.correlation_id,
            traceparent=context.traceparent,
            length_bytes=creation.length_bytes,
            created_at=now,
            expires_at=now + self.workshop.lifetime,
        )
        length = creation.length_bytes
        if upload.is_final:
            length = sum(source.size_bytes for source in await self._joiner.sources(upload))
        if length is not None and length > self.workshop.max_bytes:
            most = self.workshop.max_bytes
            raise problem("file_too_large", f"{most} bytes are the most", {"limit_bytes": most})
        return replace(upload, length_bytes=length)

    async def _appended(
        self, upload: TusUpload, offset: int, incoming: Incoming | None, length_bytes: int | None = None
    ) -> Receipt | None:
        if self._stopping:
            raise problem("replica_stopping")
        async with holding(self.workshop, upload.upload_id) as hold:
            if hold is None:
                _require_harmless(await self._found(upload.upload_id), offset, incoming)
                return None
            if offset != hold.upload.offset_bytes:
                raise _mismatch(hold.upload.offset_bytes)
            try:
                return await self._written(hold, incoming, length_bytes)
            except MultipartNotFoundError as error:
                raise await self._given_up(hold) from error
            except LostError as error:
                raise await self._why_lost(upload.upload_id) from error

    async def _written(self, hold: Hold, incoming: Incoming | None, length_bytes: int | None) -> Receipt | None:
        length = await self._length(hold, length_bytes)
        announced = incoming.announced_bytes if incoming is not None else 0
        if length is not None and announced is not None and hold.upload.offset_bytes + announced > length:
            raise problem("upload_length_exceeded", f"the upload has {length} bytes in all")
        if hold.is_placed:
            return await self._finished(hold, None)
        writer = await self._placed(hold, incoming, length)
        return await self._finished(hold, writer) if writer.is_whole else None

    async def _length(self, hold: Hold, told: int | None) -> int | None:
        known = hold.upload.length_bytes
        if told is None or told == known:
            return known
        if known is not None or told < hold.upload.offset_bytes:
            raise problem("upload_length_conflict", f"the upload has {known or hold.upload.offset_bytes} bytes")
        principal = Principal(hold.upload.principal)
        seconds = self.workshop.lifetime.total_seconds()
        await self._limits.grow(principal, hold.upload.institution, hold.id, told, hold_seconds=seconds)

        async def write(connection: Any) -> None:
            await ledger.set_length(connection, hold.id, hold.fence, told)

        await self.workshop.transactions.patiently(write)
        return told

    async def _placed(self, hold: Hold, incoming: Incoming | None = None, length: int | None = None) -> Writer:
        """Have bytes written, and where they belong; also with none to add, for those that a lost process left."""
        body = incoming.body if incoming is not None else Body(_nothing, idle_seconds=1)
        algorithms = incoming.algorithms if incoming is not None else ()
        length = hold.upload.length_bytes if length is None else length
        late = incoming.late_algorithms if incoming is not None else ()
        writer = Writer(self.workshop, hold, length, algorithms=algorithms, late_algorithms=late)
        hold.on_lost = body.interrupt
        self._bodies.add(body)
        try:
            await writer.take(body.chunks(), incoming.told if incoming is not None else _untold)
        finally:
            self._bodies.discard(body)
        return writer

    async def _joined(self, upload_id: UUID) -> Receipt | None:
        async with holding(self.workshop, upload_id) as hold:
            try:
                return await self._finished_final(hold) if hold is not None else None
            except LostError as error:
                raise await self._why_lost(upload_id) from error

    async def _finished_final(self, hold: Hold) -> Receipt | None:
        if hold.upload.length_bytes == 0:
            writer = await self._placed(hold)
            return await self._finished(hold, writer)
        if not hold.is_placed:
            await self._joiner.join(hold)
        return await self._finished(hold, None)

    async def _finished(self, hold: Hold, writer: Writer | None) -> Receipt | None:
        began = time.perf_counter()
        receipt = await self._finisher.finish(hold, writer.knowledge if writer is not None else None)
        if receipt is not None:
            await self._limits.release(hold.id)
            count(outcome_of(receipt), getattr(receipt.upload.first, "format", ""), began)
        return receipt

    async def _given_up(self, hold: Hold) -> Problem:
        """End an upload whose parts the store has dropped, by a rule of its own: nothing can be added any more."""
        upload = await self._find(hold.id)
        if upload is None or upload.state != "receiving" or upload.fence != hold.fence:
            return await self._why_lost(hold.id)
        _log.error("tus.parts_lost", upload_id=str(hold.id))

        async def write(connection: Any) -> None:
            await ledger.end(connection, hold.id, "expired")

        await self.workshop.transactions.patiently(write)
        return problem("upload_expired", "the object store has dropped its parts")

    async def _why_lost(self, upload_id: UUID) -> Problem:
        upload = await self._find(upload_id)
        code = _ENDED.get(upload.state, "upload_taken_over") if upload is not None else "unknown_upload"
        return problem(code)

    async def _visible(self, principal: Principal, upload_id: UUID) -> TusUpload:
        upload = await self._find(upload_id)
        if upload is None or not principal.knows(upload.institution):
            raise UnknownUploadError
        if not principal.may("uploader", upload.institution):
            raise problem("role_missing", f"uploading for {upload.institution} takes the role `uploader` there")
        if upload.state in _ENDED:
            raise problem(_ENDED[upload.state])
        return upload

    async def _found(self, upload_id: UUID) -> TusUpload:
        upload = await self._find(upload_id)
        if upload is None:
            raise UnknownUploadError
        return upload

    async def _find(self, upload_id: UUID) -> TusUpload | None:
        async def ask(connection: Any) -> TusUpload | None:
            return await ledger.find(connection, upload_id)

        return await self.workshop.transactions.patiently(ask)


def _require_harmless(upload: TusUpload, offset: int, incoming: Incoming | None) -> None:
    """Accept a request that brings nothing to an upload that is whole: its answer was lost, say."""
    if upload.state in _ENDED:
        raise problem(_ENDED[upload.state])
    if offset != upload.offset_bytes:
        raise _mismatch(upload.offset_bytes)
    if upload.refusal_code is not None:
        raise problem(upload.refusal_code, upload.refusal_detail or "", {"upload_id": str(upload.upload_id)})
    if incoming is not None and incoming.announced_bytes != 0:
        raise problem("upload_length_exceeded", "the upload is whole")


def _mismatch(offset: int) -> Problem:
    return problem("offset_mismatch", f"the upload stands at {offset}", {"offset": offset})


def _untold() -> None:
    return None


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
