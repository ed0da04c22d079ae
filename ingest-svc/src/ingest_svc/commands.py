"""Decisions that are written down: each loads a stream, lets the domain decide, and appends in one transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from dataplatform.events.ingest import UploadReceived, UploadRejected
from dataplatform.identity import Principal
from dataplatform.log import store
from dataplatform.log.envelope import Context
from ingest_svc.domain import SERVICE, Upload, WithdrawalReason, fold
from ingest_svc.limits import quotas
from ingest_svc.progress import writing
from ingest_svc.transactions import DatabaseUnavailableError, Transactions

__all__ = [
    "DatabaseUnavailableError",
    "ForbiddenError",
    "KeyReusedError",
    "Remembered",
    "UnknownUploadError",
    "Uploads",
]


class UnknownUploadError(Exception):
    """No such upload, or none that the principal may know of."""


class ForbiddenError(Exception):
    """The principal may see the upload but not do this to it."""


class KeyReusedError(Exception):
    """The Idempotency-Key stands for another upload: another file or another dataset."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The upload that an Idempotency-Key stands for, and what it was made of."""

    upload_id: UUID
    institution: str
    dataset: str
    sha256: str
    unchanged: bool = False

    def require_same(self, institution: str, dataset: str, sha256: str) -> None:
        """Raise `KeyReusedError` unless a retry is for the same dataset and brings the same bytes."""
        if (self.institution, self.dataset, self.sha256) != (institution, dataset, sha256):
            raise KeyReusedError


@dataclass(frozen=True, slots=True)
class Recorded:
    """Which upload stands for a file: a new one, one that an Idempotency-Key repeats, or one of the same bytes."""

    upload_id: UUID
    replayed: bool = False
    unchanged: bool = False

    @property
    def is_new(self) -> bool:
        """Whether the file itself was written down."""
        return not (self.replayed or self.unchanged)


Also = Callable[[Any, Recorded, UploadReceived | UploadRejected], Awaitable[None]]
"""Writes what belongs into the same transaction as an upload; must be repeatable."""


class Uploads:
    """The uploads of the platform, as commands and questions over their streams."""

    def __init__(self, pool: asyncpg.Pool, *, patience_seconds: float, key_age: timedelta = timedelta(days=30)) -> None:
        self._transactions = Transactions(pool, patience_seconds)
        self.key_age = key_age

    async def remembered(self, principal: Principal, key: str | None, now: datetime) -> Remembered | None:
        """Return what `key` stands for. Also tells, before a long body is read, that PostgreSQL is down."""

        async def ask(connection: Any) -> Remembered | None:
            if key is None:
                return None
            return await _remembered(connection, principal.subject, key, now - self.key_age)

        return await self._transactions.run(ask)

    async def record(
        self,
        event: UploadReceived | UploadRejected,
        sha256: str,
        *,
        key: str | None,
        now: datetime,
        context: Context,
        forced: bool = False,
        also: Also | None = None,
    ) -> Recorded:
        """Write down a new upload, unless `key` stands for an earlier one or the dataset's last has the same bytes.

        `forced` lets the same bytes be an upload again. Waits for PostgreSQL for a while, since the bytes are already
        here; recording twice is harmless. Raises `DatabaseUnavailableError` and `KeyReusedError`.
        """

        async def write(connection: Any) -> Recorded:
            recorded = await self._decide(connection, event, sha256, key=key, now=now, forced=forced)
            # A commit whose confirmation was lost has been made all the same.
            if recorded.is_new and await store.version_of(connection, event.stream) == 0:
                await store.append(connection, 0, [event], service=SERVICE, now=now, context=context)
                kept = isinstance(event, UploadReceived)
                size_bytes = event.original.size_bytes if isinstance(event, UploadReceived) else event.size_bytes
                await quotas.settle(connection, event.institution, event.upload_id, size_bytes, kept=kept)
                await writing.arrived(connection, event)
            if also is not None:
                await also(connection, recorded, event)
            return recorded

        return await self._transactions.patiently(write)

    async def _decide(
        self,
        connection: Any,
        event: UploadReceived | UploadRejected,
        sha256: str,
        *,
        key: str | None,
        now: datetime,
        forced: bool,
    ) -> Recorded:
        if key is not None:
            earlier = await _remember(connection, event, sha256, key, now=now, oldest=now - self.key_age)
            if earlier is not None:
                return Recorded(earlier.upload_id, replayed=True, unchanged=earlier.unchanged)
        same = await _same_again(connection, event) if isinstance(event, UploadReceived) and not forced else None
        if same is None:
            return Recorded(event.upload_id)
        if key is not None:
            await connection.execute(_KEY_MEANS, event.uploaded_by, key, same)
        return Recorded(same, unchanged=True)

    async def get(self, principal: Principal, upload_id: UUID) -> Upload:
        """Return an upload; raises `UnknownUploadError`."""

        async def ask(connection: Any) -> Upload:
            return await _visible(connection, principal, upload_id)

        return await self._transactions.run(ask)

    async def withdraw(
        self, principal: Principal, upload_id: UUID, reason: WithdrawalReason, *, now: datetime, context: Context
    ) -> Upload:
        """Take an upload back and return it; again is harmless.

        Raises `UnknownUploadError`, `ForbiddenError`, `NotWithdrawableError`.
        """

        async def write(connection: Any) -> Upload:
            upload = await _visible(connection, principal, upload_id)
            if not upload.may_be_withdrawn_by(principal):
                raise ForbiddenError
            event = upload.withdraw(principal, reason, now)
            if event is not None:
                await store.append(connection, upload.version, [event], service=SERVICE, now=now, context=context)
                await quotas.give_back(connection, upload.first.institution, upload.size_bytes)
                await writing.withdrawn(connection, upload_id, reason, now)
            return await _visible(connection, principal, upload_id)

        # Two withdrawals at once: the later one finds the stream further than it thought and looks again.
        return await self._transactions.patiently(write)


async def _visible(connection: Any, principal: Principal, upload_id: UUID) -> Upload:
    envelopes = await store.load(connection, f"upload:{upload_id}")
    upload = fold(envelope.event() for envelope in envelopes)
    if upload is None or not upload.may_be_seen_by(principal):
        raise UnknownUploadError
    return upload


_KEY_MEANS: Final = "UPDATE idempotency_keys SET upload_id = $3, unchanged = true WHERE principal = $1 AND key = $2"
# Position is the order of commits here: the lock lets a dataset's files be written down one at a time only.
_LOCK_DATASET: Final = "SELECT pg_advisory_xact_lock(hashtextextended('dataset:' || $1, 0))"
_LAST_OF_DATASET: Final = """
SELECT e.stream_id, e.data -> 'original' ->> 'sha256' AS sha256
FROM events e
WHERE e.type = 'upload.received.v1' AND e.key = $1
  AND NOT EXISTS (SELECT 1 FROM events w WHERE w.stream_id = e.stream_id AND w.type = 'upload.withdrawn.v1')
  AND NOT EXISTS (SELECT 1 FROM upload_progress p
                  WHERE p.upload_id = (e.data ->> 'upload_id')::uuid
                    AND (p.stage = 'failed' OR p.state = 'withdrawn'))
ORDER BY e.position DESC LIMIT 1
"""


async def _same_again(connection: Any, event: UploadReceived) -> UUID | None:
    """Return the dataset's last upload if it has the bytes of this one. Bytes of older uploads are a change back.

    One that was withdrawn or erased, or of which nothing could be made, does not count: sending it again is a new try.
    """
    await connection.execute(_LOCK_DATASET, event.key)
    last = await connection.fetchrow(_LAST_OF_DATASET, event.key)
    if last is None or last["sha256"] != event.original.sha256 or last["stream_id"] == event.stream:
        return None
    return UUID(last["stream_id"].removeprefix("upload:"))


async def _remembered(connection: Any, principal: UUID, key: str, oldest: datetime) -> Remembered | None:
    row = await connection.fetchrow(
        """SELECT upload_id, institution, dataset, sha256, unchanged FROM idempotency_keys
           WHERE principal = $1 AND key = $2 AND created_at >= $3""",
        principal,
        key,
        oldest,
    )
    return Remembered(**row) if row else None


async def _remember(
    connection: Any,
    event: UploadReceived | UploadRejected,
    sha256: str,
    key: str,
    *,
    now: datetime,
    oldest: datetime,
) -> Remembered | None:
    """Claim the key for this upload; return what another request claimed it for, if it did since `oldest`."""
    inserted = await connection.fetchval(
        """INSERT INTO idempotency_keys AS k (principal, key, institution, dataset, sha256, upload_id, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (principal, key) DO UPDATE
           SET institution = excluded.institution, dataset = excluded.dataset, sha256 = excluded.sha256,
               upload_id = excluded.upload_id, created_at = excluded.created_at, unchanged = false
           WHERE k.created_at < $8 RETURNING true""",
        event.uploaded_by,
        key,
        event.institution,
        event.dataset,
        sha256,
        event.upload_id,
        now,
        oldest,
    )
    if inserted:
        return None
    earlier = await _remembered(connection, event.uploaded_by, key, oldest)
    if earlier is None or earlier.upload_id == event.upload_id:
        return None
    earlier.require_same(event.institution, event.dataset, sha256)
    return earlier
