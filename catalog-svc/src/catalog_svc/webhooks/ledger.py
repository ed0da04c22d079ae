"""What the worker reads and writes, for asyncpg: deliveries that are due, and what came of an attempt."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from catalog_svc.webhooks.enqueueing import FAMILY
from catalog_svc.webhooks.messages import PING
from catalog_svc.webhooks.sending import Answer
from dataplatform.jobs import queue as leases
from dataplatform.jobs.queue import Job
from dataplatform.log.postgres import Executor

KEPT: Final = timedelta(days=30)
"""How long ended deliveries and their log are kept."""

# paused: it asked for that; the limit bounds what one look costs, the next look comes when these are at work
_DUE: Final = f"""
SELECT w.endpoint_id, w.failing_since IS NOT NULL AS failing FROM webhook_endpoints w
WHERE w.disabled_at IS NULL AND (w.paused_until IS NULL OR w.paused_until <= clock_timestamp())
  AND EXISTS (SELECT 1 FROM jobs j WHERE j.queue = '{FAMILY}/' || w.endpoint_id AND j.state = 'ready'
              AND j.run_at <= clock_timestamp())
"""

_NEXT: Final = f"""
SELECT extract(epoch FROM min(greatest(n.run_at, coalesce(w.paused_until, n.run_at))) - clock_timestamp())::float8
FROM webhook_endpoints w
CROSS JOIN LATERAL (SELECT min(j.run_at) AS run_at FROM jobs j
                    WHERE j.queue = '{FAMILY}/' || w.endpoint_id AND j.state = 'ready') AS n
WHERE w.disabled_at IS NULL AND n.run_at IS NOT NULL
"""

_EXPIRED: Final = f"""
SELECT DISTINCT queue FROM jobs
WHERE state = 'running' AND lease_until < clock_timestamp() AND queue LIKE '{FAMILY}/%'
"""

_PARCEL: Final = """
SELECT d.delivery_id, d.endpoint_id, d.round, d.asked_at, d.type, m.body, w.url, w.secret, w.previous_secret,
       w.previous_until, w.disabled_at, w.institution_id,
       (s.dataset_id IS NULL OR s.institution_id = w.institution_id
        OR (w.include_public AND s.visibility = 'public')) AS visible
FROM webhook_deliveries d JOIN webhook_endpoints w ON w.endpoint_id = d.endpoint_id
JOIN webhook_messages m ON m.event_id = d.event_id
LEFT JOIN datasets s ON s.dataset_id = d.dataset_id
WHERE d.delivery_id = $1 AND d.state = 'pending'
"""

_LOG: Final = """
INSERT INTO webhook_attempts (delivery_id, round, attempt, started_at, status, error_code, latency_ms, response_bytes,
                              response_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

_STATE: Final = """
UPDATE webhook_deliveries
SET state = $2::text, attempts = $3, next_attempt_at = $4, last_status = $5, last_error = $6,
    ended_at = CASE WHEN $2::text = 'pending' THEN NULL ELSE clock_timestamp() END
WHERE delivery_id = $1
"""

_SUCCEEDED: Final = """
UPDATE webhook_endpoints SET failing_since = NULL, paused_until = NULL, last_success_at = $2 WHERE endpoint_id = $1
"""

_FAILED: Final = """
UPDATE webhook_endpoints
SET failing_since = coalesce(failing_since, $2), last_failure_at = $2, last_failure = $3,
    paused_until = greatest(paused_until, $4)
WHERE endpoint_id = $1 RETURNING failing_since, disabled_at
"""

_DISABLE: Final = """
UPDATE webhook_endpoints SET disabled_at = $2, disabled_reason = $3 WHERE endpoint_id = $1 AND disabled_at IS NULL
"""

# what waits goes with its endpoint: no attempt will be made, and nothing may pile up
_CANCEL: Final = f"""
WITH ended AS (
    UPDATE webhook_deliveries SET state = 'cancelled', ended_at = clock_timestamp(), next_attempt_at = NULL,
                                  last_error = 'endpoint_disabled'
    WHERE endpoint_id = $1 AND state = 'pending' RETURNING delivery_id)
UPDATE jobs SET state = 'cancelled', lease_until = NULL, finished_at = clock_timestamp(),
                error_code = 'endpoint_disabled'
WHERE queue = '{FAMILY}/' || $1::uuid AND state = 'ready'
"""

_SWEEP: Final = (
    """DELETE FROM webhook_attempts a USING webhook_deliveries d
       WHERE d.delivery_id = a.delivery_id AND d.state <> 'pending' AND d.ended_at < $1""",
    "DELETE FROM webhook_deliveries WHERE state <> 'pending' AND ended_at < $1",
    """DELETE FROM webhook_messages m WHERE m.kept_at < $1
       AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.event_id = m.event_id)""",
    "DELETE FROM webhook_unplaced WHERE kept_at < $1",
    f"""DELETE FROM jobs WHERE queue LIKE '{FAMILY}/%' AND state IN ('done', 'failed', 'cancelled')
        AND finished_at < $1""",
)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery with all that an attempt needs. `secrets` are sealed, the newest first."""

    delivery_id: UUID
    endpoint_id: UUID
    round: int
    asked_at: datetime
    url: str
    body: str
    secrets: tuple[bytes, ...]
    sendable: bool


async def due(connection: Executor) -> list[tuple[UUID, bool]]:
    """Return the endpoints that something is due for, and whether each is failing."""
    return [(row["endpoint_id"], row["failing"]) for row in await connection.fetch(_DUE)]


async def seconds_to_next(connection: Executor) -> float | None:
    """Return the seconds until something is due (not above zero: now), None where nothing waits."""
    found: float | None = await connection.fetchval(_NEXT)
    return found


async def reap(connection: Executor) -> None:
    """Make the deliveries of dead workers ready again."""
    for row in await connection.fetch(_EXPIRED):
        await leases.reap(connection, row["queue"])


async def parcel(connection: Executor, delivery_id: UUID, now: datetime) -> Parcel | None:
    """Return a delivery that still waits; None where it was cancelled or its endpoint deleted."""
    row = await connection.fetchrow(_PARCEL, delivery_id)
    if row is None:
        return None
    secrets = [row["secret"]]
    if row["previous_secret"] is not None and row["previous_until"] > now:
        secrets.append(row["previous_secret"])
    return Parcel(
        row["delivery_id"], row["endpoint_id"], row["round"], row["asked_at"], row["url"], row["body"], tuple(secrets),
        # a dataset may have been closed to others since the event was enqueued
        sendable=row["disabled_at"] is None and (row["visible"] or row["type"] == PING),
    )  # fmt: skip


async def delivered(connection: Any, job: Job, parcel: Parcel, answer: Answer, started: datetime) -> None:
    """Record a success; raises `LeaseLostError`. The caller's transaction."""
    await leases.complete(connection, job)
    await _record(connection, job, parcel, answer, started, state="delivered", later=None)
    await connection.execute(_SUCCEEDED, parcel.endpoint_id, started)


async def failed(
    connection: Any, job: Job, parcel: Parcel, answer: Answer, started: datetime, *, wait: timedelta | None,
    pause: timedelta | None,
) -> datetime | None:  # fmt: skip
    """Record a failure: another attempt after `wait`, or None and it is a dead letter. Raises `LeaseLostError`.

    `pause` keeps everything from the endpoint for so long. Returns since when the endpoint fails.
    """
    word = answer.error_code or f"status_{answer.status}"
    if wait is None:
        await leases.fail(connection, job, word, "given up")
    elif not await leases.retry(connection, job, wait.total_seconds(), word, "will be tried again"):
        raise leases.LeaseLostError("the delivery's lease is held by another attempt")
    state, later = ("dead", None) if wait is None else ("pending", started + wait)
    await _record(connection, job, parcel, answer, started, state=state, later=later)
    row = await connection.fetchrow(_FAILED, parcel.endpoint_id, started, word, pause and started + pause)
    if row is None:
        return None
    if row["disabled_at"] is not None:  # while this attempt was made
        await connection.execute(_CANCEL, parcel.endpoint_id)
    since: datetime = row["failing_since"]
    return since


async def drop(connection: Any, job: Job, parcel: Parcel | None) -> None:
    """End a delivery that is not to be made any more."""
    await leases.complete(connection, job)
    if parcel is not None:
        await connection.execute(_STATE, parcel.delivery_id, "cancelled", job.attempt - 1, None, None, "not_visible")


async def disable(connection: Any, endpoint_id: UUID, reason: str, now: datetime) -> None:
    """Disable an endpoint and cancel what waits for it."""
    await connection.execute(_DISABLE, endpoint_id, now, reason)
    await connection.execute(_CANCEL, endpoint_id)


async def sweep(connection: Any, now: datetime) -> None:
    """Forget what ended long ago."""
    for statement in _SWEEP:
        await connection.execute(statement, now - KEPT)


async def _record(
    connection: Any, job: Job, parcel: Parcel, answer: Answer, started: datetime, *, state: str, later: datetime | None
) -> None:
    await connection.execute(
        _LOG, parcel.delivery_id, parcel.round, job.attempt, started, answer.status, answer.error_code,
        answer.latency_ms, answer.response_bytes, answer.response_hash,
    )  # fmt: skip
    await connection.execute(_STATE, parcel.delivery_id, state, job.attempt, later, answer.status, answer.error_code)
