"""Decisions on the database: ask for a run, take it back, record start and outcome. The caller owns the transaction."""

from collections.abc import Sequence
from datetime import datetime

from dataplatform.events.base import Event
from dataplatform.events.ingest import UploadReceived, UploadWithdrawn
from dataplatform.events.processing import RunStarted
from dataplatform.jobs import queue
from dataplatform.jobs.queue import Job
from dataplatform.log import store
from dataplatform.log.envelope import Context
from dataplatform.log.postgres import Executor
from dataplatform.telemetry import current_traceparent
from processing_svc import domain


async def request_run(connection: Executor, upload: UploadReceived, context: Context, max_attempts: int) -> None:
    """Enqueue the parse of an upload; of two requests for the same upload one counts."""
    key = domain.dedup_key(upload.upload_id)
    await queue.enqueue(connection, domain.QUEUE, key, upload.to_data(), context=context, max_attempts=max_attempts)


async def cancel_run(connection: Executor, withdrawn: UploadWithdrawn) -> None:
    """Take back the parse of a withdrawn upload, if it has not ended."""
    await queue.cancel(connection, domain.QUEUE, domain.dedup_key(withdrawn.upload_id), "upload_withdrawn")


async def record_start(connection: Executor, job: Job, event: RunStarted, now: datetime) -> None:
    """Append that the run started, at its first attempt only."""
    if await store.version_of(connection, event.stream) == 0:
        await store.append(connection, 0, [event], service=domain.SERVICE, now=now, context=_context(job))


async def record_outcome(connection: Executor, job: Job, events: Sequence[Event], now: datetime) -> bool:
    """Append what a run came to; return False where its stream already says so."""
    history = await store.load(connection, events[-1].stream)
    if not domain.admits((envelope.event() for envelope in history), events[-1]):
        return False
    await store.append(connection, len(history), events, service=domain.SERVICE, now=now, context=_context(job))
    return True


def _context(job: Job) -> Context:
    return Context(job.correlation_id, job.causation_id, current_traceparent() or job.traceparent)
