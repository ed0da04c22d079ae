"""Decisions on processing requests, each in one transaction with its events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from dataplatform.events.base import ParseOptions
from dataplatform.events.identity import run_id
from dataplatform.events.ingest import ProcessingCancelled, ProcessingRequested, UploadReceived
from dataplatform.identity import Principal
from dataplatform.log import store
from dataplatform.log.envelope import Context
from ingest_svc.commands import ForbiddenError, KeyReusedError, UnknownUploadError
from ingest_svc.domain import SERVICE, fold
from ingest_svc.progress import writing
from ingest_svc.progress.reading import may_see
from ingest_svc.progress.stages import CANCELLED, stage_of_run
from ingest_svc.requests.wishes import Wish
from ingest_svc.transactions import Transactions

MOST_UPLOADS: Final = 5000
"""Of one request: its events are one transaction."""


class UnknownRequestError(Exception):
    """No such request, or none that the principal may know of."""


class UnknownDatasetError(Exception):
    """The dataset has no upload that could be processed."""


class NotProcessableError(Exception):
    """The upload was rejected or withdrawn: there is nothing to process."""


class TooManyUploadsError(Exception):
    """The dataset has more uploads than one request may be about."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a request is about: a version of each upload's stream and the upload, and how many were left out."""

    institution: str
    dataset: str
    uploads: Sequence[tuple[int, UploadReceived]]
    skipped: int = 0


_CURRENT: Final = """
SELECT p.upload_id, made.handler_version FROM upload_progress p
LEFT JOIN LATERAL (
    SELECT r.handler_version FROM run_progress r WHERE r.upload_id = p.upload_id AND r.completed_at IS NOT NULL
    ORDER BY r.completed_at DESC, r.run_id LIMIT 1
) AS made ON true
WHERE p.institution = $1 AND p.dataset = $2 AND p.state = 'received' ORDER BY p.upload_id LIMIT $3
"""
_STREAMS: Final = """
SELECT e.stream_id, e.data, (SELECT max(m.version) FROM events m WHERE m.stream_id = e.stream_id) AS version
FROM events e WHERE e.stream_id = ANY ($1::text[]) AND e.version = 1 ORDER BY e.stream_id
"""
_FORGET_KEY: Final = """
UPDATE processing_requests SET idempotency_key = NULL
WHERE requested_by = $1 AND idempotency_key = $2 AND requested_at < $3
"""
_INSERT: Final = """
INSERT INTO processing_requests (request_id, institution, dataset, upload_id, options, handler_version, skipped,
                                 requested_by, requested_at, idempotency_key, fingerprint)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (requested_by, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING RETURNING true
"""
_BY_KEY: Final = """
SELECT request_id, fingerprint FROM processing_requests
WHERE requested_by = $1 AND idempotency_key = $2 AND requested_at >= $3
"""
_ONE: Final = "SELECT * FROM processing_requests WHERE request_id = $1"
_RUNS: Final = "SELECT * FROM run_progress WHERE request_id = $1 ORDER BY run_id"
_CANCEL: Final = "UPDATE processing_requests SET cancelled_by = $2, cancelled_at = $3 WHERE request_id = $1"


@dataclass(frozen=True, slots=True)
class ProcessingRequests:
    """The requests of the platform. `key_age` is how long an Idempotency-Key is remembered."""

    transactions: Transactions
    key_age: timedelta

    async def ask(
        self, principal: Principal, wish: Wish, request_id: UUID, *, key: str | None, now: datetime, context: Context
    ) -> tuple[UUID, bool]:
        """Write a request down; return its id, and whether it is an earlier one that `key` stands for.

        Raises `UnknownUploadError`, `UnknownDatasetError`, `ForbiddenError`, `NotProcessableError`,
        `TooManyUploadsError`, `KeyReusedError` and `DatabaseUnavailableError`.
        """

        async def write(connection: Any) -> tuple[UUID, bool]:
            earlier = await self._earlier(connection, principal, wish, key, now)
            if earlier is not None:
                return earlier, earlier != request_id
            chosen = await _choose(connection, principal, wish)
            if key is not None:
                await connection.execute(_FORGET_KEY, principal.subject, key, now - self.key_age)
            if not await _insert(connection, principal, wish, chosen, request_id, key=key, now=now):
                # another request with the key was faster; its transaction has ended by now
                won = await self._earlier(connection, principal, wish, key, now)
                return won or request_id, won is not None
            for version, upload in chosen.uploads:
                event = _requested(wish, upload, request_id, principal.subject, now)
                await store.append(connection, version, [event], service=SERVICE, now=now, context=context)
                await writing.asked(connection, event)
            return request_id, False

        return await self.transactions.patiently(write)

    async def cancel(self, principal: Principal, request_id: UUID, *, now: datetime, context: Context) -> None:
        """Take a request back: the runs of it that have not ended. Again, or after its end, is harmless.

        Raises `UnknownRequestError`, `ForbiddenError` and `DatabaseUnavailableError`.
        """

        async def write(connection: Any) -> None:
            request = await _visible(connection, principal, request_id)
            if not _may_cancel(principal, request):
                raise ForbiddenError
            open_runs = [run for run in await connection.fetch(_RUNS, request_id) if _is_open(run)]
            if request["cancelled_at"] is not None or not open_runs:
                return
            streams = await _streams(connection, [run["upload_id"] for run in open_runs])
            for run in open_runs:
                version, upload = streams[run["upload_id"]]
                event = ProcessingCancelled(
                    dataset_id=upload.dataset_id,
                    upload_id=upload.upload_id,
                    request_id=request_id,
                    run_id=run["run_id"],
                    cancelled_by=principal.subject,
                    cancelled_at=now,
                )
                await store.append(connection, version, [event], service=SERVICE, now=now, context=context)
            await connection.execute(_CANCEL, request_id, principal.subject, now)

        await self.transactions.patiently(write)

    async def _earlier(
        self, connection: Any, principal: Principal, wish: Wish, key: str | None, now: datetime
    ) -> UUID | None:
        if key is None:
            return None
        row = await connection.fetchrow(_BY_KEY, principal.subject, key, now - self.key_age)
        if row is None:
            return None
        if row["fingerprint"] != wish.fingerprint:
            raise KeyReusedError
        found: UUID = row["request_id"]
        return found


async def _choose(connection: Any, principal: Principal, wish: Wish) -> Chosen:
    if wish.upload_id is not None:
        return await _one(connection, principal, wish.upload_id)
    institution, dataset = wish.institution or "", wish.dataset or ""
    if not may_see(principal, institution):
        raise UnknownDatasetError
    if not principal.may("steward", institution):
        raise ForbiddenError
    rows = await connection.fetch(_CURRENT, institution, dataset, MOST_UPLOADS + 1)
    if not rows:
        raise UnknownDatasetError
    if len(rows) > MOST_UPLOADS:
        raise TooManyUploadsError
    wanted = wish.handler_version
    left = [row["upload_id"] for row in rows if wanted is None or row["handler_version"] != wanted]
    streams = await _streams(connection, left)
    return Chosen(institution, dataset, [streams[one] for one in left], len(rows) - len(left))


async def _one(connection: Any, principal: Principal, upload_id: UUID) -> Chosen:
    envelopes = await store.load(connection, f"upload:{upload_id}")
    upload = fold(envelope.event() for envelope in envelopes)
    if upload is None or not upload.may_be_seen_by(principal):
        raise UnknownUploadError
    if not upload.may_be_processed_by(principal):
        raise ForbiddenError
    if upload.state != "received" or not isinstance(upload.first, UploadReceived):
        raise NotProcessableError
    return Chosen(upload.first.institution, upload.first.dataset, [(upload.version, upload.first)])


async def _streams(connection: Any, uploads: Sequence[UUID]) -> dict[UUID, tuple[int, UploadReceived]]:
    rows = await connection.fetch(_STREAMS, [f"upload:{one}" for one in uploads])
    found = ((row["version"], UploadReceived.from_data(row["data"])) for row in rows)
    return {upload.upload_id: (version, upload) for version, upload in found}


async def _insert(
    connection: Any,
    principal: Principal,
    wish: Wish,
    chosen: Chosen,
    request_id: UUID,
    *,
    key: str | None,
    now: datetime,
) -> bool:
    return bool(
        await connection.fetchval(
            _INSERT,
            request_id,
            chosen.institution,
            chosen.dataset,
            wish.upload_id,
            wish.options.model_dump(mode="json", exclude_defaults=True),
            wish.handler_version,
            chosen.skipped,
            principal.subject,
            now,
            key,
            wish.fingerprint,
        )
    )


def _requested(wish: Wish, upload: UploadReceived, request_id: UUID, by: UUID, now: datetime) -> ProcessingRequested:
    return ProcessingRequested(
        dataset_id=upload.dataset_id,
        upload_id=upload.upload_id,
        request_id=request_id,
        run_id=run_id(upload.upload_id, str(request_id)),
        upload=upload,
        options=ParseOptions.model_validate(wish.options.model_dump(exclude_defaults=True)),
        handler_version=wish.handler_version,
        requested_by=by,
        requested_at=now,
    )


async def _visible(connection: Any, principal: Principal, request_id: UUID) -> dict[str, Any]:
    row = await connection.fetchrow(_ONE, request_id)
    if row is None or not may_see(principal, row["institution"]):
        raise UnknownRequestError
    return dict(row)


def _may_cancel(principal: Principal, request: dict[str, Any]) -> bool:
    own = principal.subject == request["requested_by"] and principal.may("uploader", request["institution"])
    return own or principal.may("steward", request["institution"])


def _is_open(run: Any) -> bool:
    """Whether a run could still be kept from being: what completed goes on to be assessed and published."""
    return stage_of_run(run) in {"stored", "parsing"} and run["reason_code"] != CANCELLED
