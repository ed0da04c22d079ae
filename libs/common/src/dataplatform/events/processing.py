"""Events of processing-svc: runs that make tables of an original, and ML preparations of a version."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from dataplatform.events.base import (
    Column,
    Event,
    ObjectRef,
    Origin,
    ReasonCode,
    Score,
    Text,
    Timestamp,
    Unextracted,
    Value,
)

RUNS = "processing.runs.v1"
PREPARATIONS = "processing.preparations.v1"

INLINE_COLUMNS = 1000
"""Most columns that an event names itself; a wider table's columns are in its schema object only."""


class RunEvent(Event):
    """What every event of a run names. The id of a run is the id of the version it may become."""

    topic: ClassVar[str] = RUNS
    identity: ClassVar[str] = "run_id"

    run_id: UUID
    upload_id: UUID


class RunStarted(RunEvent):
    """A worker took the upload on."""

    type: ClassVar[str] = "run.started.v1"

    handler: str
    handler_version: str
    started_at: Timestamp


class TableStandardized(RunEvent):
    """One table was extracted and written as Parquet."""

    type: ClassVar[str] = "table.standardized.v1"

    table_id: UUID
    index: int = Field(ge=0, description="Order in the original, from 0")
    name: str = Field(max_length=255)
    origin: Origin
    parts: tuple[ObjectRef, ...] = Field(min_length=1, description="Parquet files, in row order")
    row_count: int = Field(ge=0)
    column_count: int = Field(ge=0)
    columns: tuple[Column, ...] = Field(description="Empty where the table has more than 1000: see `schema_object`")
    schema_object: ObjectRef | None = Field(default=None, description="All columns, as a JSON document")


class TableSummary(Value):
    """A table of a run, enough to read it."""

    table_id: UUID
    index: int = Field(ge=0)
    name: str
    parts: tuple[ObjectRef, ...]
    row_count: int = Field(ge=0)
    column_count: int = Field(ge=0)


class RunCompleted(RunEvent):
    """Every table is standardized; what could not be extracted is named."""

    type: ClassVar[str] = "run.completed.v1"

    handler: str
    handler_version: str
    original: ObjectRef
    tables: tuple[TableSummary, ...] = Field(min_length=1)
    unextracted: tuple[Unextracted, ...] = ()
    repair_count: int = Field(default=0, ge=0)
    report: ObjectRef | None = Field(
        default=None, description="What was found and repaired, table by table: a JSON document"
    )
    completed_at: Timestamp


class RunFailed(RunEvent):
    """The original gave no table, or the attempts ran out."""

    type: ClassVar[str] = "run.failed.v1"

    reason_code: ReasonCode
    detail: Text = ""
    attempts: int = Field(ge=0)
    failed_at: Timestamp


class PreparationEvent(Event):
    """What every event of an ML preparation names."""

    topic: ClassVar[str] = PREPARATIONS
    identity: ClassVar[str] = "preparation_id"

    preparation_id: UUID
    version_id: UUID


class PreparationRequested(PreparationEvent):
    """Someone asked for features and splits of a version."""

    type: ClassVar[str] = "preparation.requested.v1"

    recipe: ObjectRef
    requested_by: UUID
    requested_at: Timestamp


class PreparationCompleted(PreparationEvent):
    """Prepared folds, the fitted pipeline and the leakage report are stored."""

    type: ClassVar[str] = "preparation.completed.v1"

    manifest: ObjectRef
    leakage_score: Score | None = None
    completed_at: Timestamp


class PreparationFailed(PreparationEvent):
    """The preparation could not be made, or would have leaked."""

    type: ClassVar[str] = "preparation.failed.v1"

    reason_code: ReasonCode
    detail: Text = ""
    failed_at: Timestamp
