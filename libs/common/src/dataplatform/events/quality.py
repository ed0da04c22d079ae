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


class ColumnSummary(Value):
    """What a column holds, in so far as that is no value of it: it is searched by this, and joined by it."""

    table_id: UUID
    position: int = Field(ge=0)
    semantic: ReasonCode | None = Field(default=None, description="Its semantic type, where one was recognized")
    distinct: int | None = Field(default=None, ge=0, description="Different values, perhaps estimated")
    unique: bool = Field(default=False, description="No value twice and none missing: it may be a key")


class RuleOutcome(Value):
    """What became of the rules of the contract that held; which ones, and their rows, are in the document."""

    contract: ObjectRef = Field(description="The contract that the tables were held against")
    result: ObjectRef = Field(description="What it came to, clause by clause, a JSON document")
    passed: int = Field(ge=0)
    failed: int = Field(ge=0)
    not_evaluated: int = Field(ge=0)
    critical_failed: int = Field(ge=0)


class AssessmentCompleted(AssessmentEvent):
    """The profile is stored and the scores are known."""

    type: ClassVar[str] = "assessment.completed.v1"

    profile: ObjectRef = Field(description="The profile of every column of every table, a JSON document")
    overall: Score | None = Field(default=None, description="Absent where nothing could be measured")
    measures: tuple[Measure, ...] = ()
    tables: tuple[TableAssessment, ...] = ()
    suitability: tuple[Suitability, ...] = ()
    columns: tuple[ColumnSummary, ...] = Field(
        default=(), description="Of the first columns of the first tables; all are in the profile"
    )
    rules: RuleOutcome | None = Field(default=None, description="Absent where no contract held")
    completed_at: Timestamp


class AssessmentFailed(AssessmentEvent):
    """The version could not be assessed, so it is not published."""

    type: ClassVar[str] = "assessment.failed.v1"

    reason_code: ReasonCode
    detail: Text = ""
    attempts: int = Field(ge=0)
    failed_at: Timestamp


class ExaminationEvent(Event):
    """What every event about the closer look at a version names: one stream for all examinations of a dataset.

    So a version is compared with those before it, and two examinations of a dataset cannot miss each other.
    """

    topic: ClassVar[str] = ASSESSMENTS
    identity: ClassVar[str] = "examination_id"

    examination_id: UUID = Field(description="Of the dataset: each examination names its run")
    run_id: UUID


class AnomalyCount(Value):
    """How many suspicious cells, rows or stretches of a kind were found."""

    kind: ReasonCode
    count: int = Field(ge=1)


class OpenAlert(Value):
    """An alert that was open after an examination."""

    alert_id: UUID
    kind: ReasonCode
    severity: Severity


class ExaminationCompleted(ExaminationEvent):
    """Relations, suitability, anomalies and drift of a version are known."""

    type: ClassVar[str] = "examination.completed.v1"

    document: ObjectRef = Field(description="What was found, a JSON document")
    signature: ObjectRef | None = Field(default=None, description="What later versions are compared with")
    suitability: tuple[Suitability, ...] = Field(default=(), description="Per task, of the table that fits it best")
    anomalies: tuple[AnomalyCount, ...] = ()
    drift: Literal["stable", "changed", "drifted", "not_compared"] = "not_compared"
    compared_with: UUID | None = Field(default=None, description="The run of the version it was compared with")
    alerts: tuple[OpenAlert, ...] = ()
    failed_sections: tuple[ReasonCode, ...] = Field(default=(), description="What of it could not be made")
    made_at: Timestamp = Field(description="When the version's tables were made: versions are in this order")
    completed_at: Timestamp


class ExaminationFailed(ExaminationEvent):
    """The closer look came to nothing; the version is served all the same."""

    type: ClassVar[str] = "examination.failed.v1"

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
    subject: Text = Field(default="", description="Which table and column, where it is about one")
    raised_at: Timestamp


class AlertAcknowledged(AlertEvent):
    """A person has seen the alert and takes care of it."""

    type: ClassVar[str] = "alert.acknowledged.v1"

    acknowledged_by: UUID
    acknowledged_at: Timestamp


class AlertResolved(AlertEvent):
    """The cause of an alert is gone, or someone said so."""

    type: ClassVar[str] = "alert.resolved.v1"

    reason_code: ReasonCode
    resolved_at: Timestamp
