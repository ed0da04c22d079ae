"""The end of an upload whose bytes are all safe: its object is made, its hash known, its fate written down.

Every step may be taken again, by another process too, and from wherever the last one got to.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final
from uuid import UUID

import structlog

from dataplatform.events.base import ObjectRef
from dataplatform.events.ingest import UploadReceived, UploadRejected
from dataplatform.identity import Principal
from dataplatform.log.envelope import Context
from dataplatform.storage import InvalidPartError, MultipartNotFoundError, ObjectNotFoundError
from dataplatform_formats.detection import Observation
from ingest_svc.commands import KeyReusedError, Recorded
from ingest_svc.domain import Destination
from ingest_svc.problems import problem
from ingest_svc.tus import ledger, sha256
from ingest_svc.tus.holding import Hold
from ingest_svc.tus.ledger import TusUpload
from ingest_svc.tus.workshop import INCOMING, Workshop
from ingest_svc.tus.writer import Knowledge
from ingest_svc.uploads.reception import Intent, Receipt, Reception

_READ_BYTES: Final = 1 << 20

_log = structlog.get_logger(__name__)


class Finisher:
    """Ends uploads."""

    def __init__(self, workshop: Workshop, reception: Reception) -> None:
        self._workshop = workshop
        self._reception = reception

    async def finish(self, hold: Hold, knowledge: Knowledge | None = None) -> Receipt | None:
        """End an upload; None for a partial one, which waits to be joined.

        `knowledge` is what the writer learned, where it was this process. Raises what `Reception.conclude` raises, and
        the problem `upload_expired` where the store has lost the parts.
        """
        async with hold.busy():
            upload = await self._reloaded(hold)
            key, size_bytes = upload.object_key or "", upload.offset_bytes
            await self._make_object(upload, hold.id)
            if upload.is_partial:
                await self._end(hold.id, "stored")
                return None
            digest, observation = await self._known(upload, knowledge or Knowledge(hold))
            original = ObjectRef(key=key, sha256=digest, size_bytes=size_bytes)
            receipt = await self._conclude(upload, original, observation)
            await self.clear(hold.id)
            return receipt

    async def clear(self, upload_id: UUID) -> None:
        """Delete what an ended upload left among those under way."""
        async for stat in self._workshop.store.list(f"{INCOMING}{upload_id}/"):
            await self._workshop.store.delete(stat.key)

    async def _reloaded(self, hold: Hold) -> TusUpload:
        async def ask(connection: Any) -> TusUpload | None:
            return await ledger.find(connection, hold.id)

        upload = await self._workshop.transactions.patiently(ask)
        if upload is None or upload.fence != hold.fence or not upload.is_whole:
            raise ledger.LostError
        return upload

    async def _make_object(self, upload: TusUpload, upload_id: UUID) -> None:
        if upload.multipart_id is None:
            return  # it was stored as one object

        async def ask(connection: Any) -> ledger.Contents:
            return await ledger.contents(connection, upload_id)

        parts = (await self._workshop.transactions.patiently(ask)).parts
        key = upload.object_key or ""
        try:
            await self._workshop.store.multipart.complete(key, upload.multipart_id, parts)
        except MultipartNotFoundError:
            await self._require_made(key, upload)
        except InvalidPartError as error:
            await self._give_up(upload, str(error))

    async def _require_made(self, key: str, upload: TusUpload) -> None:
        """See that the upload was completed before, by this process or another that died after it."""
        try:
            found = await self._workshop.store.stat(key)
        except ObjectNotFoundError:
            await self._give_up(upload, "the object store knows neither the parts nor the object")
        else:
            if found.size_bytes != upload.offset_bytes:
                await self._give_up(upload, "the stored object has another size")

    async def _give_up(self, upload: TusUpload, reason: str) -> None:
        _log.error("tus.parts_lost", upload_id=str(upload.upload_id), reason=reason)
        await self._end(upload.upload_id, "expired")
        raise problem("upload_expired", "the object store has lost parts of it")

    async def _known(self, upload: TusUpload, knowledge: Knowledge) -> tuple[str, Observation]:
        """Return hash and observation: as learned on the way, or by reading the object where that was not possible."""
        learned = knowledge.observation
        if knowledge.digest is None or learned is None or learned.size_bytes != upload.offset_bytes:
            chunks = self._workshop.store.stream(upload.object_key or "", chunk_size=_READ_BYTES)
            return await read_again(chunks)
        digest = knowledge.digest.hexdigest()
        if upload.sha256 not in (None, digest):
            raise RuntimeError("the stored object is not what was received")
        return digest, learned

    async def _conclude(self, upload: TusUpload, original: ObjectRef, observation: Observation) -> Receipt:
        principal = Principal(upload.principal, {upload.institution: frozenset({"uploader"})})
        intent = Intent(
            principal,
            upload.institution,
            upload.dataset,
            upload.file_name,
            upload.idempotency_key,
            original.size_bytes,
            upload.forced,
        )

        async def also(connection: Any, recorded: Recorded, event: UploadReceived | UploadRejected) -> None:
            state: ledger.State = "unchanged" if recorded.unchanged else "received"
            refusal = ("", "")
            if recorded.is_new and isinstance(event, UploadRejected):
                state, refusal = "rejected", (event.reason_code, event.detail)
            await ledger.end(
                connection,
                upload.upload_id,
                state,
                sha256=original.sha256,
                result_id=recorded.upload_id,
                refusal=refusal,
            )

        context = Context(upload.correlation_id, None, upload.traceparent)
        destination = Destination(upload.upload_id, upload.institution, upload.dataset)
        try:
            return await self._reception.conclude(intent, destination, original, observation, context, also=also)
        except KeyReusedError:
            refusal = problem("idempotency_key_reused")
            await self._end(upload.upload_id, "rejected", refusal=(refusal.code, refusal.title))
            raise

    async def _end(self, upload_id: UUID, state: ledger.State, *, refusal: tuple[str, str] = ("", "")) -> None:
        async def write(connection: Any) -> None:
            await ledger.end(connection, upload_id, state, refusal=refusal)

        await self._workshop.transactions.patiently(write)


async def read_again(chunks: AsyncGenerator[bytes, None]) -> tuple[str, Observation]:
    """Return hash and observation of stored bytes."""
    digest, observation = sha256.begin(), Observation()
    async with aclosing(chunks):
        async for chunk in chunks:
            digest.update(chunk)
            observation.feed(chunk)
    return digest.hexdigest(), observation
