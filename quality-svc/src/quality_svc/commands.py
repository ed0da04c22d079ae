"""Decisions on the database: ask for an assessment, record its outcome. The caller owns the transaction."""

from datetime import datetime
from typing import Any

from dataplatform.events.processing import RunCompleted
from dataplatform.events.quality import AssessmentCompleted, AssessmentFailed
from dataplatform.jobs.queue import Job, enqueue
from dataplatform.log import store
from dataplatform.log.envelope import Context
from dataplatform.telemetry import current_traceparent
from quality_svc import domain


async def request_assessment(connection: Any, run: RunCompleted, context: Context, max_attempts: int) -> None:
    """Enqueue the assessment of a run; of two requests for the same run one counts."""
    await enqueue(
        connection,
        domain.QUEUE,
        domain.dedup_key(run),
        domain.job_payload(run),
        context=context,
        max_attempts=max_attempts,
    )


async def record_outcome(
    connection: Any, job: Job, event: AssessmentCompleted | AssessmentFailed, now: datetime
) -> bool:
    """Append the outcome to the assessment's stream; return False where the stream already says it."""
    history = await store.load(connection, event.stream)
    if not domain.admits((envelope.event() for envelope in history), event):
        return False
    context = Context(job.correlation_id, job.causation_id, current_traceparent() or job.traceparent)
    await store.append(connection, len(history), [event], service=domain.SERVICE, now=now, context=context)
    return True
