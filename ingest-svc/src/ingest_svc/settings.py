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
    idempotency_days: float = Field(default=30.0, gt=0, description="How long an Idempotency-Key is remembered")
