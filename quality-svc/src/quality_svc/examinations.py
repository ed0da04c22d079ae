"""Examinations as facts and decisions: the closer look at a version, after it is served. Pure: no I/O, no framework.

All examinations of a dataset are one stream, so each knows those before it: what to compare a version with, what its
thresholds are learned from, which alerts are open.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from dataplatform.events.base import Event, ObjectRef
from dataplatform.events.identity import assessment_id, examination_id
from dataplatform.events.processing import RunCompleted
from dataplatform.events.quality import (
    AnomalyCount,
    AnomalyDetected,
    ExaminationCompleted,
    ExaminationFailed,
    OpenAlert,
    Suitability,
)
from quality_svc.alerts.domain import Alarm
from quality_svc.domain import FAILURES

QUEUE: Final = "examine"
HISTORY: Final = 13
"""Most earlier versions that are looked at: the one compared with, and those its thresholds are learned from."""
MOST_ALERTS: Final = 200
"""Most alerts of one version; what alarms beyond that is in the document."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a new examination takes of those before it, by when the versions were made: the latest of them last."""

    completed: tuple[ExaminationCompleted, ...]
    newest: bool
    open_alerts: tuple[OpenAlert, ...] = ()
    """Those that were open after the version before, withdrawn or not."""

    @property
    def previous(self) -> ExaminationCompleted | None:
        """The examination of the version before, of those that are served."""
        return self.completed[-1] if self.completed else None

    @property
    def signatures(self) -> tuple[ObjectRef, ...]:
        """The signatures to compare with, the earliest first."""
        return tuple(event.signature for event in self.completed if event.signature is not None)[-HISTORY:]


def stream_of(dataset: UUID) -> str:
    """Return the name of the stream of a dataset's examinations."""
    return f"examination:{examination_id(dataset)}"


def document_key(run: RunCompleted, fence: int, name: str) -> str:
    """Return where an attempt puts a document: a late attempt cannot overwrite the one that counted."""
    return f"examinations/{run.dataset_id}/{run.run_id}/{fence}/{name}.json"


def earlier_than(history: Iterable[Event], run: RunCompleted, withdrawn: Collection[UUID] = frozenset()) -> Earlier:
    """Return what there is before a run; `newest` says that no later version was examined already.

    Versions that are `withdrawn` are compared with no more; their alerts stay open until a later version is clean.
    """
    completed = [event for event in history if isinstance(event, ExaminationCompleted) and event.run_id != run.run_id]
    before = [event for event in completed if event.made_at < run.completed_at]
    before.sort(key=lambda event: event.made_at)
    served = tuple(event for event in before if event.run_id not in withdrawn)
    alerts = before[-1].alerts if before else ()
    return Earlier(served, newest=len(before) == len(completed), open_alerts=alerts)


def admits(history: Iterable[Event], event: ExaminationCompleted | ExaminationFailed) -> bool:
    """Whether `event` still has something to say of its run: what is completed stays so, one failure is told once."""
    last = None
    for past in history:
        if isinstance(past, ExaminationCompleted | ExaminationFailed) and past.run_id == event.run_id:
            last = past
    if isinstance(last, ExaminationFailed):
        return isinstance(event, ExaminationCompleted) or event.reason_code != last.reason_code
    return last is None


def alarms_of(result: Mapping[str, Any]) -> tuple[Alarm, ...]:
    """Return what alarms in a version, the worst first."""
    alarms = [Alarm(found["kind"], found["subject"], found["severity"]) for found in result["alarms"]]
    return tuple(sorted(alarms, key=lambda alarm: alarm.severity != "critical")[:MOST_ALERTS])


def completed(
    run: RunCompleted,
    earlier: Earlier,
    documents: tuple[ObjectRef, ObjectRef],
    result: Mapping[str, Any],
    at: datetime,
) -> ExaminationCompleted:
    """Return the event of what `quality_svc.assessment.examining.examine` found; `documents`: itself, signature."""
    compared = earlier.previous if earlier.signatures else None
    return ExaminationCompleted(
        dataset_id=run.dataset_id,
        examination_id=examination_id(run.dataset_id),
        run_id=run.run_id,
        document=documents[0],
        signature=documents[1],
        suitability=tuple(Suitability.model_validate(found) for found in result["suitability"]),
        anomalies=tuple(AnomalyCount.model_validate(found) for found in result["anomalies"]),
        drift=result["drift"],
        compared_with=compared.run_id if compared else None,
        alerts=tuple(alarm.as_open(run.dataset_id) for alarm in alarms_of(result)) if earlier.newest else (),
        failed_sections=tuple(result["failed_sections"]),
        made_at=run.completed_at,
        completed_at=at,
    )


def anomalies(run: RunCompleted, document: ObjectRef, result: Mapping[str, Any]) -> Sequence[AnomalyDetected]:
    """Return the events of what was found, one for each kind."""
    return [
        AnomalyDetected(
            dataset_id=run.dataset_id,
            assessment_id=assessment_id(run.run_id),
            run_id=run.run_id,
            kind=found["kind"],
            severity="info",
            count=found["count"],
            evidence=document,
        )
        for found in result["anomalies"]
    ]


def failed(run: RunCompleted, code: str, attempts: int, at: datetime) -> ExaminationFailed:
    """Return the event of an examination that came to nothing."""
    return ExaminationFailed(
        dataset_id=run.dataset_id,
        examination_id=examination_id(run.dataset_id),
        run_id=run.run_id,
        reason_code=code,
        detail=FAILURES.get(code, FAILURES["internal_error"]).replace("assessment", "examination"),
        attempts=attempts,
        failed_at=at,
    )
