"""Events of quality-svc: assessments of a version, what they found, and the alerts that follow.

Findings and profiles are documents in object storage: no event carries a cell's value.
"""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from dataplatform.events.base import Event, Measure, ObjectRef, ReasonCode, Score, Text, Timestamp, Value

ASSESSMENTS = "quality.assessments.v1"

Severity = Literal["info", "warning", "critical"]


class Suitability(Value):
    """How fit a version is for one analytical task."""

    task: str
    verdict: Literal["suitable", "conditional", "unsuitable"]
    score: Score | None = None


class AssessmentEvent(Event):
    """What every event about the quality of a version names."""

    topic: ClassVar[str] = ASSESSMENTS
    identity: ClassVar[str] = "assessment_id"

    assessment_id: UUID
    run_id: UUID


class TableAssessment(Value):
    """The scores of one table."""

    table_id: UUID
    row_count: int = Field(ge=0)
    measures: tuple[Measure, ...] = ()


class AssessmentCompleted(AssessmentEvent):
    """The profile is stored and the scores are known."""

    type: ClassVar[str] = "assessment.completed.v1"

    profile: ObjectRef = Field(description="The profile of every column of every table, a JSON document")
    overall: Score | None = Field(default=None, description="Absent where nothing could be measured")
    measures: tuple[Measure, ...] = ()
    tables: tuple[TableAssessment, ...] = ()
    suitability: tuple[Suitability, ...] = ()
    completed_at: Timestamp


class AssessmentFailed(AssessmentEvent):
    """The version could not be assessed, so it is not published."""

    type: ClassVar[str] = "assessment.failed.v1"

    reason_code: ReasonCode
    detail: Text = ""
    attempts: int = Field(ge=0)
    failed_at: Timestamp


class AnomalyDetected(AssessmentEvent):
    """Something in the version is out of line; the evidence is a document."""

    type: ClassVar[str] = "anomaly.detected.v1"

    kind: ReasonCode
    severity: Severity
    count: int = Field(ge=1)
    evidence: ObjectRef


class InsightGenerated(AssessmentEvent):
    """A finding worth a person's time; claim, evidence and query are a document."""

    type: ClassVar[str] = "insight.generated.v1"

    kind: ReasonCode
    document: ObjectRef


class AlertEvent(Event):
    """What every event of an alert names."""

    topic: ClassVar[str] = ASSESSMENTS
    identity: ClassVar[str] = "alert_id"

    alert_id: UUID


class AlertRaised(AlertEvent):
    """A rule or a threshold was broken and someone should look."""

    type: ClassVar[str] = "alert.raised.v1"

    run_id: UUID | None = None
    kind: ReasonCode
    severity: Severity
    raised_at: Timestamp


class AlertResolved(AlertEvent):
    """The cause of an alert is gone, or someone said so."""

    type: ClassVar[str] = "alert.resolved.v1"

    reason_code: ReasonCode
    resolved_at: Timestamp
