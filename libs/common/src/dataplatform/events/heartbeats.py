"""Heartbeats of jobs: how far one is, told on topics of short retention. No events: never stored, never replayed."""

from typing import Final, Literal
from uuid import UUID

from pydantic import Field

from dataplatform.events.base import Timestamp, Value

PROCESSING: Final = "processing.heartbeats.v1"
QUALITY: Final = "quality.heartbeats.v1"

LISTED_TABLES: Final = 100
"""Most tables that a heartbeat lists: the latest ones."""


class TableProgress(Value):
    """How far one table is. No cell values."""

    index: int = Field(ge=0)
    name: str = Field(max_length=255)
    rows: int = Field(ge=0, description="Rows done so far")
    bytes: int = Field(ge=0, description="Bytes of their values, uncompressed")
    done: bool = False


class Progress(Value):
    """How far a job is, as its sandbox reports it."""

    rows: int = Field(default=0, ge=0)
    bytes: int = Field(default=0, ge=0)
    share: float | None = Field(default=None, ge=0, le=1, description="Share of the file that was read, where known")
    table_count: int = Field(default=0, ge=0, description="Tables begun")
    tables: tuple[TableProgress, ...] = Field(default=(), max_length=LISTED_TABLES)


class JobHeartbeat(Value):
    """A job of a run is alive."""

    run_id: UUID
    upload_id: UUID
    dataset_id: UUID
    stage: Literal["parsing", "assessing"] = Field(description="`parsing` or `assessing`")
    attempt: int = Field(ge=1, description="Counts the attempts at the job from 1")
    beat_at: Timestamp = Field(description="When its worker was last heard of")
    progress: Progress | None = Field(default=None, description="Rows and bytes so far, table by table")
