"""The lease table for asyncpg: one function for each of its rules. The caller owns the transaction.

Every change of a running job names the fence it was leased under, so a worker that wakes up late changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from dataplatform.log.envelope import Context
from dataplatform.log.postgres import Executor

LEASE_SECONDS = 60.0
LEASE_EXPIRED = "lease_expired"
LEASE_EXPIRED_DETAIL = "the worker died or hung: its lease ran out"


class LeaseLostError(Exception):
    """Another attempt owns the job, or it was cancelled: whatever was done under this lease must not be kept."""

    code = "lease_lost"


@dataclass(frozen=True, slots=True)
class Job:
    """One leased attempt. `fence` grows with every lease and is never reset; `attempt` counts from 1."""

    id: UUID
    queue: str
    dedup_key: str
    payload: dict[str, Any]
    attempt: int
    max_attempts: int
    fence: int
    correlation_id: UUID
    causation_id: UUID | None
    traceparent: str | None
    created_at: datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Build a job from a row of `jobs`."""
        return cls(**{name: row[name] for name in cls.__slots__})

    @property
    def context(self) -> Context:
        """What travels along to the events that the job causes."""
        return Context(self.correlation_id, self.causation_id, self.traceparent)


async def enqueue(
    connection: Executor,
    queue: str,
    dedup_key: str,
    payload: Mapping[str, Any],
    *,
    context: Context,
    priority: int = 0,
    max_attempts: int = 3,
) -> UUID | None:
    """Add a job; return its id, or None where `dedup_key` was used in this queue before. Workers wake on commit."""
    found: UUID | None = await connection.fetchval(
        "SELECT job_enqueue($1, $2, $3, $4, $5, $6, $7, $8)",
        queue, dedup_key, dict(payload), priority, max_attempts, context.correlation_id, context.causation_id,
        context.traceparent,
    )  # fmt: skip
    return found


async def claim(connection: Executor, queue: str, worker: str, lease_seconds: float) -> Job | None:
    """Lease the next ready job, if there is one."""
    row = await connection.fetchrow("SELECT * FROM job_claim($1, $2, $3)", queue, worker, lease_seconds)
    return Job.from_row(dict(row)) if row else None


async def seconds_to_next(connection: Executor, queue: str) -> float | None:
    """Return the seconds until the next job is due (not above zero: now), or None when none waits."""
    found: float | None = await connection.fetchval("SELECT job_next_seconds($1)", queue)
    return found


async def beat(connection: Executor, job: Job, lease_seconds: float, progress: Mapping[str, Any] | None = None) -> None:
    """Extend the lease and show progress; raises `LeaseLostError`."""
    _held(
        await connection.fetchval(
            "SELECT job_beat($1, $2, $3, $4)", job.id, job.fence, lease_seconds, dict(progress) if progress else None
        )
    )


async def complete(connection: Executor, job: Job) -> None:
    """Finish the job, in the transaction that keeps its results; raises `LeaseLostError`."""
    _held(await connection.fetchval("SELECT job_complete($1, $2)", job.id, job.fence))


async def fail(connection: Executor, job: Job, code: str, detail: str) -> None:
    """End the job for good, in the transaction that says so to the world; raises `LeaseLostError`."""
    _held(await connection.fetchval("SELECT job_fail($1, $2, $3, $4)", job.id, job.fence, code, detail))


async def retry(connection: Executor, job: Job, delay_seconds: float, code: str, detail: str) -> bool:
    """Give the job back for a later attempt; return False at the last attempt or when the lease is lost."""
    return bool(
        await connection.fetchval(
            "SELECT job_retry($1, $2, $3, $4, $5)", job.id, job.fence, delay_seconds, code, detail
        )
    )


async def release(connection: Executor, job: Job, delay_seconds: float = 0.0) -> None:
    """Give the job back without counting the attempt; nothing happens when the lease is lost."""
    await connection.fetchval("SELECT job_release($1, $2, $3)", job.id, job.fence, delay_seconds)


async def reap(connection: Executor, queue: str) -> list[Job]:
    """Make expired leases ready again; return the jobs that failed for good by it: the caller appends their events."""
    rows = await connection.fetch("SELECT * FROM job_reap($1, $2, $3)", queue, LEASE_EXPIRED, LEASE_EXPIRED_DETAIL)
    return [Job.from_row(dict(row)) for row in rows]


async def cancel(connection: Executor, queue: str, dedup_key: str, code: str) -> bool:
    """Take back a job that has not ended; return whether there was one. A running attempt loses its lease."""
    return bool(await connection.fetchval("SELECT job_cancel($1, $2, $3)", queue, dedup_key, code))


def _held(answer: Any) -> None:
    if not answer:
        raise LeaseLostError("the job's lease is held by another attempt, or the job has ended")
