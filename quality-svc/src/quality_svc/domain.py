"""Assessments as facts and decisions. Pure: no I/O, no framework; time and ids come in as arguments."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from dataplatform.events.base import Event, Measure, ObjectRef
from dataplatform.events.identity import assessment_id, dataset_id, institution_id
from dataplatform.events.processing import RunCompleted
from dataplatform.events.quality import (
    AssessmentCompleted,
    AssessmentFailed,
    ColumnSummary,
    RuleOutcome,
    TableAssessment,
)
from quality_svc.alerts.domain import Alarm

SERVICE: Final = "quality-svc"
CONSUMER: Final = "quality"
QUEUE: Final = "assess"

INLINE_TABLES: Final = 1000
"""Most tables whose scores an event names itself; of a version with more, they are in the profile document only."""

FAILURES: Final[dict[str, str]] = {
    "unreadable_table": "a standardized table cannot be read as Parquet",
    "memory_limit_exceeded": "the assessment needed more memory than it may use",
    "cpu_limit_exceeded": "the assessment needed more processor time than it may use",
    "output_limit_exceeded": "the profile grew larger than it may be",
    "timed_out": "the assessment took longer than it may",
    "crashed": "the assessment's process died",
    "object_not_found": "a standardized table is missing from object storage",
    "object_corrupt": "a standardized table is not what its hash says",
    "object_store_unavailable": "object storage did not answer",
    "object_store_refused": "object storage refused access",
    "lease_expired": "the worker died or hung: its lease ran out",
    "internal_error": "a fault of the platform",
}
"""Every reason code of `assessment.failed` and its sentence. An engine's own message may quote cells: it is only
logged, never part of an event."""


CONTRACT_ALARMS: Final = (Alarm("critical_rule_failed", "", "critical"), Alarm("rule_failed", "", "warning"))
"""What alarms about a contract: one alert of each kind at most is open for a dataset."""


def stream_of(assessment: UUID) -> str:
    """Return the name of the stream of an assessment."""
    return f"assessment:{assessment}"


def institution_of(run: RunCompleted) -> str | None:
    """Return the slug of the institution that the original's key names, if the dataset's id proves it."""
    match run.original.key.split("/")[:3]:
        case [_, institution, dataset] if dataset_id(institution_id(institution), dataset) == run.dataset_id:
            return institution
        case _:
            return None


def job_payload(run: RunCompleted) -> dict[str, Any]:
    """Return what the job of assessing a run has to know: the event itself."""
    return run.to_data()


def run_of(payload: Mapping[str, Any]) -> RunCompleted:
    """Undo `job_payload`."""
    return RunCompleted.from_data(dict(payload))


def pulse_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return whose heartbeat the job of this payload has."""
    return {**{name: payload[name] for name in ("run_id", "upload_id", "dataset_id")}, "stage": "assessing"}


def dedup_key(run: RunCompleted) -> str:
    """Return the name of the one job that assesses a run."""
    return str(assessment_id(run.run_id))


def profile_key(run: RunCompleted, fence: int) -> str:
    """Return where an attempt puts its profile document: a late attempt cannot overwrite the one that counted."""
    return f"profiles/{run.dataset_id}/{run.run_id}/{fence}/profile.json"


def contract_result_key(run: RunCompleted, fence: int) -> str:
    """Return where an attempt puts what the contract came to."""
    return f"profiles/{run.dataset_id}/{run.run_id}/{fence}/contract.json"


def completed(
    run: RunCompleted,
    profile: ObjectRef,
    result: Mapping[str, Any],
    at: datetime,
    contract: tuple[ObjectRef, ObjectRef] | None = None,
) -> AssessmentCompleted:
    """Return the event of what `quality_svc.assess.assess` found; `contract` and its result, where one held."""
    tables = tuple(
        TableAssessment(
            table_id=UUID(table["table_id"]), row_count=table["row_count"], measures=_measures(table["measures"])
        )
        for table in result["tables"]
    )
    return AssessmentCompleted(
        dataset_id=run.dataset_id,
        assessment_id=assessment_id(run.run_id),
        run_id=run.run_id,
        profile=profile,
        overall=result["overall"],
        measures=_measures(result["measures"]),
        tables=tables if len(tables) <= INLINE_TABLES else (),
        columns=tuple(ColumnSummary.model_validate(column) for column in result.get("columns", ())),
        rules=RuleOutcome(contract=contract[0], result=contract[1], **result["rules"]) if contract else None,
        completed_at=at,
    )


def contract_alarms(rules: RuleOutcome) -> tuple[Alarm, ...]:
    """Return what of a contract's outcome alarms: critical clauses that failed, and others."""
    critical, other = CONTRACT_ALARMS
    failed = ((critical, rules.critical_failed), (other, rules.failed - rules.critical_failed))
    return tuple(alarm for alarm, count in failed if count > 0)


def failed(run: RunCompleted, code: str, attempts: int, at: datetime) -> AssessmentFailed:
    """Return the event of an assessment that came to nothing."""
    return AssessmentFailed(
        dataset_id=run.dataset_id,
        assessment_id=assessment_id(run.run_id),
        run_id=run.run_id,
        reason_code=code,
        detail=FAILURES.get(code, FAILURES["internal_error"]),
        attempts=attempts,
        failed_at=at,
    )


def admits(history: Iterable[Event], event: AssessmentCompleted | AssessmentFailed) -> bool:
    """Whether `event` still has something to say: what is completed stays so, and one failure is not told twice."""
    outcomes = [past for past in history if isinstance(past, AssessmentCompleted | AssessmentFailed)]
    last = outcomes[-1] if outcomes else None
    if isinstance(last, AssessmentFailed):
        return isinstance(event, AssessmentCompleted) or event.reason_code != last.reason_code
    return not isinstance(last, AssessmentCompleted)


def _measures(measures: Iterable[Mapping[str, Any]]) -> tuple[Measure, ...]:
    return tuple(Measure.model_validate(measure) for measure in measures)
