"""Decisions that are written down: each loads a stream, lets the domain decide, and appends in one transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from dataplatform.events.ingest import UploadReceived, UploadRejected
from dataplatform.identity import Principal
from dataplatform.log import store
from dataplatform.log.envelope import Context
from ingest_svc.domain import SERVICE, Upload, WithdrawalReason, fold
from ingest_svc.limits import quotas
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

    def require_same(self, institution: str, dataset: str, sha256: str) -> None:
        """Raise `KeyReusedError` unless a retry is for the same dataset and brings the same bytes."""
        if (self.institution, self.dataset, self.sha256) != (institution, dataset, sha256):
            raise KeyReusedError


class Uploads:
    """The uploads of the platform, as commands and questions over their streams."""

    def __init__(self, pool: asyncpg.Pool, *, patience_seconds: float) -> None:
        self._transactions = Transactions(pool, patience_seconds)

    async def remembered(self, principal: Principal, key: str | None) -> Remembered | None:
        """Return what `key` stands for. Also tells, before a long body is read, that PostgreSQL is down."""

        async def ask(connection: Any) -> Remembered | None:
            return await _remembered(connection, principal.subject, key) if key is not None else None

        return await self._transactions.run(ask)

    async def record(
        self, event: UploadReceived | UploadRejected, sha256: str, *, key: str | None, now: datetime, context: Context
    ) -> UUID:
        """Write down a new upload, and return its id, or that of the earlier one that `key` stands for.

        Waits for PostgreSQL for a while, since the bytes are already here; recording twice is harmless. Raises
        `DatabaseUnavailableError` and `KeyReusedError`.
        """

        async def write(connection: Any) -> UUID:
            if key is not None:
                earlier = await _remember(connection, event, sha256, key, now)
                if earlier is not None:
                    return earlier
            # A commit whose confirmation was lost has been made all the same.
            if await store.version_of(connection, event.stream) == 0:
                await store.append(connection, 0, [event], service=SERVICE, now=now, context=context)
                kept = isinstance(event, UploadReceived)
                size_bytes = event.original.size_bytes if isinstance(event, UploadReceived) else event.size_bytes
                await quotas.settle(connection, event.institution, event.upload_id, size_bytes, kept=kept)
            return event.upload_id

        return await self._transactions.patiently(write)

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
            return await _visible(connection, principal, upload_id)

        # Two withdrawals at once: the later one finds the stream further than it thought and looks again.
        return await self._transactions.patiently(write)


async def _visible(connection: Any, principal: Principal, upload_id: UUID) -> Upload:
    envelopes = await store.load(connection, f"upload:{upload_id}")
    upload = fold(envelope.event() for envelope in envelopes)
    if upload is None or not upload.may_be_seen_by(principal):
        raise UnknownUploadError
    return upload


async def _remembered(connection: Any, principal: UUID, key: str) -> Remembered | None:
    row = await connection.fetchrow(
        "SELECT upload_id, institution, dataset, sha256 FROM idempotency_keys WHERE principal = $1 AND key = $2",
        principal,
        key,
    )
    return Remembered(**row) if row else None


async def _remember(
    connection: Any, event: UploadReceived | UploadRejected, sha256: str, key: str, now: datetime
) -> UUID | None:
    """Claim the key for this upload; return the upload that another request claimed it for, if it did."""
    inserted = await connection.fetchval(
        """INSERT INTO idempotency_keys (principal, key, institution, dataset, sha256, upload_id, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING true""",
        event.uploaded_by,
        key,
        event.institution,
        event.dataset,
        sha256,
        event.upload_id,
        now,
    )
    if inserted:
        return None
    earlier = await _remembered(connection, event.uploaded_by, key)
    if earlier is None or earlier.upload_id == event.upload_id:
        return None
    earlier.require_same(event.institution, event.dataset, sha256)
    return earlier.upload_id
