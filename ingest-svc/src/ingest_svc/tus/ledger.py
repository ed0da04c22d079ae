"""What is written down of uploads under way: one row each, with its parts and tails, and the lease of its one writer.

A writer holds a lease, and a fence that grows with each holder. Every statement that changes an upload names the fence,
so a writer that was stopped for a while, woke up and is no longer the writer changes nothing. A lease that is not
renewed (its process is dead, or its client silent) passes to the next who asks. Leases go by the database's clock
alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from dataplatform.log.postgres import Executor
from dataplatform.storage import StoredPart

LEASE_SECONDS: Final = 5.0

State = Literal["receiving", "stored", "received", "rejected", "unchanged", "terminated", "expired"]
"""`stored` is a partial upload that is whole; after `receiving` and `stored` nothing changes any more."""


class LostError(Exception):
    """The fence is no longer that of the upload: another request goes on with it, or it ended."""


@dataclass(frozen=True, slots=True)
class TusUpload:
    """An upload as its row tells it; `parted` bytes are in parts, the rest up to `offset_bytes` in tails."""

    upload_id: UUID
    principal: UUID
    institution: str
    dataset: str
    file_name: str
    metadata: str | None
    concat: str | None
    forced: bool
    idempotency_key: str | None
    correlation_id: UUID
    traceparent: str | None
    length_bytes: int | None
    created_at: datetime
    expires_at: datetime
    state: State = "receiving"
    offset_bytes: int = 0
    object_key: str | None = None
    multipart_id: str | None = None
    numbers_used: int = 0
    digest: bytes | None = None
    observation: bytes | None = None
    sha256: str | None = None
    result_id: UUID | None = None
    refusal_code: str | None = None
    refusal_detail: str | None = None
    fence: int = 0
    lease_until: datetime | None = None

    @property
    def is_partial(self) -> bool:
        """Whether it is a piece that waits to be joined to others."""
        return self.concat == "partial"

    @property
    def is_final(self) -> bool:
        """Whether it is made of partial uploads."""
        return self.concat is not None and not self.is_partial

    @property
    def is_whole(self) -> bool:
        """Whether all of its bytes are safe."""
        return self.length_bytes is not None and self.offset_bytes == self.length_bytes


@dataclass(frozen=True, slots=True)
class Tail:
    """Bytes that are too few for a part, as an object of their own."""

    first_byte: int
    size_bytes: int
    object_key: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Where the bytes of an upload are."""

    parts: tuple[StoredPart, ...]
    tails: tuple[Tail, ...]


_COLUMNS: Final = ", ".join(field.name for field in fields(TusUpload))
_CREATE: Final = """
INSERT INTO tus_uploads (upload_id, principal, institution, dataset, file_name, metadata, concat, forced,
                         idempotency_key, correlation_id, traceparent, length_bytes, created_at, updated_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14)
"""
_ACQUIRE: Final = f"""
UPDATE tus_uploads SET fence = fence + 1, lease_until = clock_timestamp() + make_interval(secs => {LEASE_SECONDS})
WHERE upload_id = $1 AND state = 'receiving' AND (lease_until IS NULL OR lease_until < clock_timestamp())
RETURNING {_COLUMNS}
"""
_RENEW: Final = f"""
UPDATE tus_uploads
SET lease_until = CASE WHEN $3 THEN clock_timestamp() + make_interval(secs => {LEASE_SECONDS}) ELSE lease_until END
WHERE upload_id = $1 AND fence = $2 AND state = 'receiving' RETURNING true
"""
_RESERVE: Final = """
UPDATE tus_uploads SET numbers_used = numbers_used + $3, object_key = coalesce(object_key, $4),
                       multipart_id = coalesce(multipart_id, $5)
WHERE upload_id = $1 AND fence = $2 AND state = 'receiving' RETURNING numbers_used
"""
_ADVANCE: Final = f"""
UPDATE tus_uploads
SET offset_bytes = $3, updated_at = $4, expires_at = $5,
    lease_until = clock_timestamp() + make_interval(secs => {LEASE_SECONDS})
WHERE upload_id = $1 AND fence = $2 AND state = 'receiving' RETURNING true
"""
_NOTE: Final = "UPDATE tus_uploads SET digest = $2, observation = coalesce($3, observation) WHERE upload_id = $1"


async def create(connection: Executor, upload: TusUpload) -> None:
    """Write down a new upload; raises `asyncpg.UniqueViolationError` where its Idempotency-Key is in use."""
    await connection.execute(
        _CREATE,
        upload.upload_id,
        upload.principal,
        upload.institution,
        upload.dataset,
        upload.file_name,
        upload.metadata,
        upload.concat,
        upload.forced,
        upload.idempotency_key,
        upload.correlation_id,
        upload.traceparent,
        upload.length_bytes,
        upload.created_at,
        upload.expires_at,
    )


async def find(connection: Executor, upload_id: UUID) -> TusUpload | None:
    """Return an upload."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM tus_uploads WHERE upload_id = $1", upload_id)
    return _upload_of(row)


async def find_by_key(connection: Executor, principal: UUID, key: str, oldest: datetime) -> TusUpload | None:
    """Return the upload that was created with an Idempotency-Key since `oldest`; an older one gives the key up."""
    await connection.execute(
        """UPDATE tus_uploads SET idempotency_key = NULL
           WHERE principal = $1 AND idempotency_key = $2 AND created_at < $3""",
        principal,
        key,
        oldest,
    )
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM tus_uploads WHERE principal = $1 AND idempotency_key = $2", principal, key
    )
    return _upload_of(row)


async def acquire(connection: Executor, upload_id: UUID) -> TusUpload | None:
    """Become the writer and return the upload with the new fence; None while another is, or where it has ended."""
    return _upload_of(await connection.fetchrow(_ACQUIRE, upload_id))


async def renew(connection: Executor, upload_id: UUID, fence: int, *, active: bool) -> bool:
    """Return whether the fence still holds, and stay the writer for longer if `active`."""
    return bool(await connection.fetchval(_RENEW, upload_id, fence, active))


async def let_go(connection: Executor, upload_id: UUID, fence: int, numbers_used: int) -> None:
    """Be the writer no more, with part numbers given back that were never sent; again is harmless."""
    await connection.execute(
        """UPDATE tus_uploads SET lease_until = NULL, numbers_used = least(numbers_used, $3)
           WHERE upload_id = $1 AND fence = $2""",
        upload_id,
        fence,
        numbers_used,
    )


async def is_held(connection: Executor, upload_id: UUID) -> bool:
    """Whether somebody is the writer at the moment."""
    return bool(
        await connection.fetchval(
            "SELECT lease_until >= clock_timestamp() FROM tus_uploads WHERE upload_id = $1", upload_id
        )
    )


async def contents(connection: Executor, upload_id: UUID) -> Contents:
    """Return where the bytes of an upload are, in order."""
    parts = await connection.fetch(
        "SELECT number, size_bytes, etag, checksum FROM tus_parts WHERE upload_id = $1 ORDER BY number", upload_id
    )
    tails = await connection.fetch(
        "SELECT first_byte, size_bytes, object_key FROM tus_tails WHERE upload_id = $1 ORDER BY first_byte", upload_id
    )
    return Contents(tuple(StoredPart(**row) for row in parts), tuple(Tail(**row) for row in tails))


async def reserve(
    connection: Executor, upload_id: UUID, fence: int, count: int, *, object_key: str | None, multipart_id: str | None
) -> int:
    """Take `count` part numbers that no other writer ever gets, and return the last; raises `LostError`."""
    last = await connection.fetchval(_RESERVE, upload_id, fence, count, object_key, multipart_id)
    if last is None:
        raise LostError
    return int(last)


@dataclass(frozen=True, slots=True)
class Advance:
    """Bytes that became safe: up to `offset_bytes`, at the time `now`."""

    offset_bytes: int
    now: datetime
    expires_at: datetime


async def advance(connection: Executor, upload_id: UUID, fence: int, step: Advance) -> None:
    """Move the offset; raises `LostError`. First in its transaction, since it takes the row's lock."""
    moved = await connection.fetchval(_ADVANCE, upload_id, fence, step.offset_bytes, step.now, step.expires_at)
    if not moved:
        raise LostError


async def add_parts(
    connection: Executor,
    upload_id: UUID,
    parts: Sequence[StoredPart],
    *,
    digest: bytes | None,
    observation: bytes | None,
) -> None:
    """Write down parts that took in the tails before them; `observation` None is as it was. Again is harmless."""
    await connection.executemany(
        "INSERT INTO tus_parts (upload_id, number, size_bytes, etag, checksum) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT DO NOTHING",
        [(upload_id, part.number, part.size_bytes, part.etag, part.checksum) for part in parts],
    )
    await drop_tails(connection, upload_id)
    await connection.execute(_NOTE, upload_id, digest, observation)


async def drop_parts(connection: Executor, upload_id: UUID, numbers: Sequence[int]) -> None:
    """Forget parts: their numbers are not used again, and the store drops them when the object is made or given up."""
    await connection.execute(
        "DELETE FROM tus_parts WHERE upload_id = $1 AND number = ANY ($2::int[])", upload_id, numbers
    )


async def restore(
    connection: Executor, upload_id: UUID, tails: Sequence[Tail], digest: bytes | None, observation: bytes | None
) -> None:
    """Write down the tails, hash and observation that an upload had before."""
    await drop_tails(connection, upload_id)
    for tail in tails:
        await add_tail(connection, upload_id, tail)
    await connection.execute(
        "UPDATE tus_uploads SET digest = $2, observation = $3 WHERE upload_id = $1", upload_id, digest, observation
    )


async def set_length(connection: Executor, upload_id: UUID, fence: int, length_bytes: int) -> None:
    """Write down a length that was deferred; raises `LostError`."""
    known = await connection.fetchval(
        """UPDATE tus_uploads SET length_bytes = $3
           WHERE upload_id = $1 AND fence = $2 AND state = 'receiving' AND coalesce(length_bytes, $3) = $3
           RETURNING true""",
        upload_id,
        fence,
        length_bytes,
    )
    if not known:
        raise LostError


async def drop_tails(connection: Executor, upload_id: UUID) -> None:
    """Forget the tails: their bytes are elsewhere now."""
    await connection.execute("DELETE FROM tus_tails WHERE upload_id = $1", upload_id)


async def add_tail(connection: Executor, upload_id: UUID, tail: Tail) -> None:
    """Write down bytes that are too few for a part. Again is harmless."""
    await connection.execute(
        """INSERT INTO tus_tails (upload_id, first_byte, size_bytes, object_key) VALUES ($1, $2, $3, $4)
           ON CONFLICT (upload_id, first_byte)
           DO UPDATE SET size_bytes = excluded.size_bytes, object_key = excluded.object_key""",
        upload_id,
        tail.first_byte,
        tail.size_bytes,
        tail.object_key,
    )


async def keep_whole(connection: Executor, upload_id: UUID, object_key: str, sha256: str) -> None:
    """Write down that the object is stored, as one of its own and not of parts."""
    await connection.execute(
        "UPDATE tus_uploads SET object_key = $2, sha256 = $3, multipart_id = NULL WHERE upload_id = $1",
        upload_id,
        object_key,
        sha256,
    )


async def end(
    connection: Executor,
    upload_id: UUID,
    state: State,
    *,
    sha256: str | None = None,
    result_id: UUID | None = None,
    refusal: tuple[str, str] = ("", ""),
) -> None:
    """Give the upload its last state, with nobody as its writer; one that has ended keeps its end."""
    await connection.execute(
        """UPDATE tus_uploads SET state = $2, sha256 = coalesce($3, sha256), result_id = $4,
                  refusal_code = nullif($5, ''), refusal_detail = nullif($6, ''), fence = fence + 1, lease_until = NULL,
                  digest = NULL, observation = NULL, updated_at = clock_timestamp()
           WHERE upload_id = $1 AND state IN ('receiving', 'stored')""",
        upload_id,
        state,
        sha256,
        result_id,
        *refusal,
    )


async def terminate(connection: Executor, upload_id: UUID) -> None:
    """End the upload for everybody, whatever came of it; again is harmless."""
    await connection.execute(
        """UPDATE tus_uploads SET state = 'terminated', fence = fence + 1, lease_until = NULL, digest = NULL,
                  observation = NULL, updated_at = clock_timestamp()
           WHERE upload_id = $1 AND state NOT IN ('terminated', 'expired')""",
        upload_id,
    )


def _upload_of(row: Any) -> TusUpload | None:
    return TusUpload(**row) if row is not None else None
