"""Settings of ingest-svc: the common ones and its own limits."""

from pydantic import Field

from dataplatform.settings import CommonSettings


class IngestSettings(CommonSettings):
    """Every field can be set as `DATAPLATFORM_<FIELD>`."""

    max_upload_bytes: int = Field(default=100 * 1024**3, gt=0, description="Largest file taken")
    body_idle_seconds: float = Field(default=60.0, gt=0, description="Longest silence in the middle of a body")
    commit_patience_seconds: float = Field(
        default=10.0, ge=0, description="How long a stored file waits for PostgreSQL before the client must try again"
    )
    orphan_hours: float = Field(default=24.0, gt=0, description="Age at which an unannounced original is swept")
    resumable_hours: float = Field(
        default=168.0, gt=0, description="How long a resumable upload waits to be gone on with"
    )
    sweep_minutes: float = Field(default=15.0, gt=0, description="Time between sweeps, over all replicas")
    stall_minutes: float = Field(
        default=30.0, gt=0, description="Silence after which work on an upload that began counts as failed"
    )
    stall_queue_hours: float = Field(default=12.0, gt=0, description="The same for an upload that waits for a worker")
    quota_bytes_stored: int = Field(default=10 * 1024**4, ge=0, description="Bytes of an institution's originals")
    quota_bytes_per_day: int = Field(default=1024**4, ge=0, description="Bytes an institution may send on one UTC day")
    quota_uploads_in_flight: int = Field(default=256, ge=0, description="Uploads of an institution under way at once")
    rate_requests_per_minute: int = Field(default=6000, gt=0, description="Requests of one account")
    rate_uploads_per_minute: int = Field(default=3000, gt=0, description="Uploads that one account begins")
    rate_processing_requests_per_minute: int = Field(default=60, gt=0, description="Processing requests of one account")
    idempotency_days: float = Field(default=30.0, gt=0, description="How long an Idempotency-Key is remembered")
