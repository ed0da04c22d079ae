"""Decisions on the database: ask for a run, take it back, record start and outcome. The caller owns the transaction."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from dataplatform.events.base import Event
from dataplatform.events.processing import RunStarted
from dataplatform.jobs import queue
from dataplatform.jobs.queue import Job
from dataplatform.log import store
from dataplatform.log.envelope import Context
from dataplatform.log.postgres import Executor
from dataplatform.telemetry import current_traceparent
from processing_svc import domain
from processing_svc.domain import Run

_UNENDED = """SELECT dedup_key, payload, attempt FROM jobs
              WHERE queue = $1 AND state IN ('ready', 'running') AND payload ->> 'upload_id' = $2 ORDER BY id"""


async def request_run(connection: Executor, run: Run, context: Context, max_attempts: int) -> None:
    """Enqueue a run; of two requests for the same run one counts."""
    await queue.enqueue(
        connection, domain.QUEUE, run.dedup_key, run.payload(), context=context, max_attempts=max_attempts
    )


async def cancel_runs(
    connection: Executor, upload: UUID, code: str, at: datetime, context: Context, *, only: UUID | None = None
) -> None:
    """End the runs of an upload (or `only` this one) that have not ended, and say so: `code` becomes their reason."""
    for row in await connection.fetch(_UNENDED, domain.QUEUE, str(upload)):
        run = domain.run_of(row["payload"])
        if only is not None and run.run_id != only:
            continue
        # from here on no attempt can complete: whatever it does at its end finds its lease lost
        if await queue.cancel(connection, domain.QUEUE, row["dedup_key"], code):
            await _append(connection, [domain.failed(run, code, "", row["attempt"], at)], at, context)


async def record_start(connection: Executor, job: Job, event: RunStarted, now: datetime) -> None:
    """Append that the run started, at its first attempt only."""
    if await store.version_of(connection, event.stream) == 0:
        await store.append(connection, 0, [event], service=domain.SERVICE, now=now, context=_context(job))


async def record_outcome(connection: Executor, job: Job, events: Sequence[Event], now: datetime) -> bool:
    """Append what a run came to; return False where its stream already says so."""
    return await _append(connection, events, now, _context(job))


async def _append(connection: Executor, events: Sequence[Event], now: datetime, context: Context) -> bool:
    history = await store.load(connection, events[-1].stream)
    if not domain.admits((envelope.event() for envelope in history), events[-1]):
        return False
    await store.append(connection, len(history), events, service=domain.SERVICE, now=now, context=context)
    return True


def _context(job: Job) -> Context:
    return Context(job.correlation_id, job.causation_id, current_traceparent() or job.traceparent)
