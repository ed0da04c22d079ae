"""Decisions on the database: ask for assessments and examinations, record what they came to.

The caller owns the transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from dataplatform.events.base import Event, ObjectRef
from dataplatform.events.identity import assessment_id
from dataplatform.events.processing import RunCompleted
from dataplatform.events.quality import AssessmentCompleted, AssessmentFailed, ExaminationCompleted, RuleOutcome
from dataplatform.jobs.queue import Job, cancel, enqueue
from dataplatform.log import store
from dataplatform.log.envelope import Context
from dataplatform.telemetry import current_traceparent
from quality_svc import domain, examinations, history
from quality_svc.alerts import commands as alerts

_JUDGED: Final = """
INSERT INTO judged AS j (dataset_id, made_at) VALUES ($1, $2)
ON CONFLICT (dataset_id) DO UPDATE SET made_at = excluded.made_at WHERE j.made_at <= excluded.made_at
RETURNING made_at
"""


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
    past = await store.load(connection, event.stream)
    if not domain.admits((envelope.event() for envelope in past), event):
        return False
    await _append(connection, len(past), [event], now, context_of(job))
    return True


async def settle_contract(connection: Any, job: Job, run: RunCompleted, rules: RuleOutcome, now: datetime) -> None:
    """Raise and resolve the alerts about the contract of a dataset, by the newest version held against it."""
    newest = await connection.fetchval(_JUDGED, run.dataset_id, run.completed_at)
    if newest is not None:
        alarms = domain.contract_alarms(rules)
        open_before = [alarm.as_open(run.dataset_id) for alarm in domain.CONTRACT_ALARMS]
        await alerts.settle(
            connection, run.dataset_id, run.run_id, alarms, open_before, now=now, context=context_of(job)
        )


async def request_examination(connection: Any, run: RunCompleted, context: Context, max_attempts: int) -> None:
    """Enqueue the closer look at a run that was assessed; of two requests for the same run one counts."""
    await enqueue(
        connection,
        examinations.QUEUE,
        domain.dedup_key(run),
        domain.job_payload(run),
        context=context,
        max_attempts=max_attempts,
    )


async def forget(connection: Any, run: UUID) -> None:
    """Keep nothing of an erased version but its id, and look at it no more: a running attempt loses its lease."""
    await history.forget_published(connection, run)
    for queue in (domain.QUEUE, examinations.QUEUE):
        await cancel(connection, queue, str(assessment_id(run)), "version_erased")


async def record_examination(
    connection: Any,
    job: Job,
    run: RunCompleted,
    documents: tuple[ObjectRef, ObjectRef],
    result: Mapping[str, Any],
    *,
    now: datetime,
) -> bool:
    """Append an examination, what it found by kind, and its alerts; return False where its stream already says it.

    Alerts follow the newest version only: of one that came late nothing is raised, and nothing resolved.
    Raises `VersionConflictError` where another examination of the dataset came between: the job is tried again.
    """
    past = [envelope.event() for envelope in await store.load(connection, examinations.stream_of(run.dataset_id))]
    earlier = examinations.earlier_than(past, run, await withdrawn_of(connection, past))
    event = examinations.completed(run, earlier, documents, result, now)
    if not examinations.admits(past, event):
        return False
    context = context_of(job)
    await _append(connection, len(past), [event], now, context)
    if found := examinations.anomalies(run, documents[0], result):
        version = await store.version_of(connection, found[0].stream)
        await _append(connection, version, found, now, context)
    if earlier.newest:
        await alerts.settle(
            connection,
            run.dataset_id,
            run.run_id,
            examinations.alarms_of(result),
            earlier.open_alerts,
            now=now,
            context=context,
        )
    return True


async def withdrawn_of(connection: Any, past: Iterable[Event]) -> frozenset[UUID]:
    """Return which of the versions that were examined are served no more."""
    versions = [event.run_id for event in past if isinstance(event, ExaminationCompleted)]
    return await history.withdrawn_among(connection, versions)


async def record_examination_failure(connection: Any, job: Job, run: RunCompleted, code: str, now: datetime) -> bool:
    """Append that an examination came to nothing; return False where its stream already says it."""
    past = [envelope.event() for envelope in await store.load(connection, examinations.stream_of(run.dataset_id))]
    event = examinations.failed(run, code, job.attempt, now)
    if not examinations.admits(past, event):
        return False
    await _append(connection, len(past), [event], now, context_of(job))
    return True


def context_of(job: Job) -> Context:
    """Return what travels from a job to the events it causes."""
    return Context(job.correlation_id, job.causation_id, current_traceparent() or job.traceparent)


async def _append(connection: Any, expected: int, events: Sequence[Event], now: datetime, context: Context) -> None:
    await store.append(connection, expected, events, service=domain.SERVICE, now=now, context=context)
