"""The way of a body into the platform: stored while it is observed, judged when it is whole, written down, answered."""

import asyncio
import hashlib
import io
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from starlette.types import Scope

from dataplatform.events.base import ObjectRef
from dataplatform.identity import Principal
from dataplatform.log.envelope import Context
from dataplatform.log.postgres import is_infrastructure_error
from dataplatform.storage import ObjectStore, ObjectStoreError, SizeLimitExceededError
from dataplatform.telemetry.tracing import span
from dataplatform_formats.detection import Detection, Observation, UnacceptableError, detect
from ingest_svc.commands import Also, KeyReusedError, Remembered, Uploads
from ingest_svc.domain import Arrival, Destination, Upload, announce, begin
from ingest_svc.limits.admitting import Limits
from ingest_svc.limits.quotas import Admission
from ingest_svc.problems import problem
from ingest_svc.uploads.body import ByteSource
from ingest_svc.uploads.ranges import open_ranges

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Intent:
    """What a client wants to upload, as checked before its body is read."""

    principal: Principal
    institution: str
    dataset: str
    file_name: str
    idempotency_key: str | None
    announced_bytes: int | None
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a file: its upload, or the earlier one that it repeats by its key or by its bytes."""

    upload: Upload
    replayed: bool = False
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Reception:
    """Takes uploads in. `now` and `new_id` are the clock and the source of ids."""

    store: ObjectStore
    uploads: Uploads
    limits: Limits
    max_bytes: int
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]

    async def take(self, intent: Intent, body: ByteSource, context: Context, scope: Scope) -> Receipt:
        """Return the upload, or the one from before that it repeats.

        Raises problems, `DatabaseUnavailableError`, `KeyReusedError` and the object store's errors. A file that is
        refused for its content is an upload too: a rejected one.
        """
        earlier = await self.uploads.remembered(intent.principal, intent.idempotency_key, self.now())
        if earlier is not None:
            await self._require_same(intent, body, earlier)
            upload = await self.uploads.get(intent.principal, earlier.upload_id)
            return Receipt(upload, replayed=True, unchanged=earlier.unchanged)
        destination = Destination(self.new_id(), intent.institution, intent.dataset)
        admission = await self.limits.admit(
            scope, intent.principal, intent.institution, destination.upload_id, intent.announced_bytes
        )
        try:
            return await self._take_admitted(intent, destination, body, context, admission)
        finally:
            await self._release(destination.upload_id)

    async def _take_admitted(
        self, intent: Intent, destination: Destination, body: ByteSource, context: Context, admission: Admission
    ) -> Receipt:
        observation = Observation()
        with span("store original"):
            original = await self._put(destination.object_key, _observed(body, observation), admission)
        return await self.conclude(intent, destination, original, observation, context)

    async def conclude(
        self,
        intent: Intent,
        destination: Destination,
        original: ObjectRef,
        observation: Observation,
        context: Context,
        *,
        also: Also | None = None,
    ) -> Receipt:
        """Find the format of a file that is stored whole, and write it down; `also` joins the transaction.

        Raises what `take` raises. The stored object goes unless it is announced as received.
        """
        observation.finish()
        arrival = Arrival(destination, original, intent.file_name, intent.principal.subject, self.now())
        with span("detect format"):
            outcome = await self._detect(observation, original, intent.file_name)
        event = announce(arrival, outcome)
        try:
            recorded = await self.uploads.record(
                event,
                original.sha256,
                key=intent.idempotency_key,
                now=arrival.received_at,
                context=context,
                forced=intent.forced,
                also=also,
            )
        except KeyReusedError:
            await self.discard(original.key)
            raise
        # Only what was announced as received is kept. After any other failure the object stays: whether the commit
        # took place is not known, and the sweep will find out.
        if not recorded.is_new or isinstance(outcome, UnacceptableError):
            await self.discard(original.key)
        upload = begin(event) if recorded.is_new else await self.uploads.get(intent.principal, recorded.upload_id)
        return Receipt(upload, recorded.replayed, recorded.unchanged)

    async def _put(self, key: str, chunks: AsyncGenerator[bytes, None], admission: Admission) -> ObjectRef:
        try:
            stored = await self.store.put(key, chunks, size_limit=admission.max_bytes)
        except SizeLimitExceededError as error:
            raise admission.too_large() from error
        return ObjectRef(key=stored.key, sha256=stored.sha256, size_bytes=stored.size_bytes)

    async def _detect(
        self, observation: Observation, original: ObjectRef, file_name: str
    ) -> Detection | UnacceptableError:
        reader = (
            io.BytesIO(observation.head)
            if observation.is_whole
            else open_ranges(self.store, original.key, original.size_bytes)
        )
        try:
            return await asyncio.to_thread(detect, observation, reader, file_name)
        except UnacceptableError as refusal:
            return refusal

    async def _require_same(self, intent: Intent, body: ByteSource, earlier: Remembered) -> None:
        digest, size_bytes = hashlib.sha256(), 0
        async for chunk in body.chunks():
            size_bytes += len(chunk)
            if size_bytes > self.max_bytes:
                raise too_large(self.max_bytes)
            digest.update(chunk)
        earlier.require_same(intent.institution, intent.dataset, digest.hexdigest())

    async def _release(self, upload_id: UUID) -> None:
        """End what is held, if the upload did not come to be written down; else nothing is held any more."""
        try:
            await self.limits.release(upload_id)
        except Exception as error:
            if not is_infrastructure_error(error):
                raise
            _log.warning("admission.left_to_lapse", upload_id=str(upload_id), error=str(error))

    async def discard(self, key: str) -> None:
        """Delete an object that no upload stands for; what cannot be deleted now is left for the sweep."""
        try:
            await self.store.delete(key)
        except ObjectStoreError as error:
            _log.warning("original.left_for_the_sweep", key=key, error=str(error))


async def _observed(body: ByteSource, observation: Observation) -> AsyncGenerator[bytes, None]:
    async for chunk in body.chunks():
        observation.feed(chunk)
        yield chunk


def too_large(limit_bytes: int) -> Exception:
    """Return the problem of a file over the limit."""
    return problem("file_too_large", f"{limit_bytes} bytes are the most", {"limit_bytes": limit_bytes})
