"""Events of ingest-svc: uploads and the sources that are collected on a schedule."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from dataplatform.events.base import Event, Format, ObjectRef, ParseOptions, ReasonCode, Score, Text, Timestamp
from dataplatform.events.identity import Slug

UPLOADS = "ingest.uploads.v1"
SOURCES = "ingest.sources.v1"


class UploadEvent(Event):
    """What every event of an upload names."""

    topic: ClassVar[str] = UPLOADS
    identity: ClassVar[str] = "upload_id"

    upload_id: UUID


class UploadReceived(UploadEvent):
    """The original is stored, whole and hashed; its format was found in its content."""

    type: ClassVar[str] = "upload.received.v1"

    institution_id: UUID
    institution: Slug
    dataset: Slug
    original: ObjectRef
    file_name: str = Field(max_length=255, description="As the client named it: data, never a path")
    format: Format
    media_type: str
    encoding: str | None = Field(default=None, description="Of text formats, an IANA name")
    compression: str | None = None
    confidence: Score = 1.0
    name_mismatch: Text | None = Field(default=None, description="What the name claims and the content is not")
    received_at: Timestamp
    uploaded_by: UUID = Field(description="Account id: a pseudonym, never a name or an address")


class UploadRejected(UploadEvent):
    """The bytes arrived and were refused; nothing was kept."""

    type: ClassVar[str] = "upload.rejected.v1"

    institution_id: UUID
    institution: Slug
    dataset: Slug
    file_name: str = Field(max_length=255)
    size_bytes: int = Field(ge=0)
    reason_code: ReasonCode
    detail: Text = ""
    rejected_at: Timestamp
    uploaded_by: UUID


class UploadWithdrawn(UploadEvent):
    """Its owner took the upload back."""

    type: ClassVar[str] = "upload.withdrawn.v1"

    reason_code: ReasonCode
    withdrawn_at: Timestamp
    withdrawn_by: UUID


Stage = Literal["stored", "parsing", "assessing", "publishing"]
"""Where an upload is between being received and being published."""


class UploadStalled(UploadEvent):
    """Nothing was heard of a run for too long, so it counts as failed; an outcome that comes later still counts."""

    type: ClassVar[str] = "upload.stalled.v1"

    run_id: UUID
    stage: Stage
    reason_code: ReasonCode
    silent_since: Timestamp
    stalled_at: Timestamp


class ProcessingRequested(UploadEvent):
    """Someone asked for tables to be made of a received upload again; what comes of it is a new version."""

    type: ClassVar[str] = "processing.requested.v1"

    request_id: UUID = Field(description="The request may be about more uploads: each has its own event")
    run_id: UUID
    upload: UploadReceived = Field(description="As it was received: what the run is made of")
    options: ParseOptions = ParseOptions()
    handler_version: str | None = Field(
        default=None, max_length=100, description="Only a handler of this version may make the tables"
    )
    requested_by: UUID
    requested_at: Timestamp


class ProcessingCancelled(UploadEvent):
    """The request was taken back; a run that has not ended ends now."""

    type: ClassVar[str] = "processing.cancelled.v1"

    request_id: UUID
    run_id: UUID
    cancelled_by: UUID
    cancelled_at: Timestamp


class SourceEvent(Event):
    """What every event of a collected source names."""

    topic: ClassVar[str] = SOURCES
    identity: ClassVar[str] = "source_id"

    source_id: UUID


class SourceRegistered(SourceEvent):
    """A page or file of an institution is to be collected on a schedule."""

    type: ClassVar[str] = "source.registered.v1"

    institution_id: UUID
    url: str = Field(max_length=4096)
    schedule: str = Field(max_length=200, description="A cron expression, UTC")
    registered_at: Timestamp


class SourceRevised(SourceEvent):
    """The address or the schedule of a source changed; absent fields stay."""

    type: ClassVar[str] = "source.revised.v1"

    url: str | None = Field(default=None, max_length=4096)
    schedule: str | None = Field(default=None, max_length=200)
    enabled: bool | None = None
    revised_at: Timestamp


class CollectionEvent(Event):
    """What every event of one collection of a source names."""

    topic: ClassVar[str] = SOURCES
    identity: ClassVar[str] = "collection_id"

    collection_id: UUID
    source_id: UUID


class CollectionStarted(CollectionEvent):
    """A collector began to fetch a source."""

    type: ClassVar[str] = "collection.started.v1"

    started_at: Timestamp


class CollectionCompleted(CollectionEvent):
    """A collector fetched a source; `upload_ids` are the files that were new."""

    type: ClassVar[str] = "collection.completed.v1"

    upload_ids: tuple[UUID, ...] = ()
    unchanged: int = Field(default=0, ge=0, description="Files found that were known already")
    completed_at: Timestamp


class CollectionFailed(CollectionEvent):
    """A collector gave up on a source for this time."""

    type: ClassVar[str] = "collection.failed.v1"

    reason_code: ReasonCode
    detail: Text = ""
    failed_at: Timestamp
