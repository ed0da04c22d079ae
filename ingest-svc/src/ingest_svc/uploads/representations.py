"""What the API shows: the shapes of its answers, and uploads turned into them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from dataplatform.events.base import Format
from dataplatform.events.identity import run_id
from dataplatform.events.ingest import UploadReceived
from ingest_svc.domain import State, Upload, WithdrawalReason


class FileRepresentation(BaseModel):
    """The file as it arrived; what was found out about it is absent when it was rejected."""

    name: str = Field(description="As the client named it", examples=["air-quality.csv"])
    size_bytes: int
    sha256: str | None = None
    format: Format | None = None
    media_type: str | None = None
    encoding: str | None = None
    compression: str | None = Field(default=None, description="What the format is wrapped in, or an archive's kind")
    confidence: float | None = None
    name_mismatch: str | None = Field(default=None, description="What the name claims and the content is not")


class ReasonRepresentation(BaseModel):
    """Why an upload was rejected or withdrawn."""

    code: str
    detail: str = ""


class UploadRepresentation(BaseModel):
    """One upload."""

    upload_id: UUID
    institution: str
    dataset: str
    dataset_id: UUID
    version_id: UUID | None = Field(default=None, description="Of the version that is being made from this upload")
    state: State | Literal["unchanged"] = Field(
        description="`unchanged` answers the bytes that the dataset has already; shown is the earlier upload"
    )
    file: FileRepresentation
    reason: ReasonRepresentation | None = None
    received_at: datetime
    withdrawn_at: datetime | None = None
    links: dict[str, str]


class WithdrawalRequest(BaseModel):
    """Why an upload is taken back."""

    model_config = ConfigDict(extra="forbid")

    reason_code: WithdrawalReason = "requested"


class ProblemDocument(BaseModel):
    """An RFC 9457 problem. `code` is stable; more members may follow, by code."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None
    upload_id: UUID | None = None


def represent(upload: Upload, *, unchanged: bool = False) -> dict[str, Any]:
    """Return an upload as the JSON that the API shows; `unchanged`: as the answer to the same bytes again."""
    first, withdrawal = upload.first, upload.withdrawal
    received = first if isinstance(first, UploadReceived) else None
    return UploadRepresentation(
        upload_id=first.upload_id,
        institution=first.institution,
        dataset=first.dataset,
        dataset_id=first.dataset_id,
        version_id=run_id(first.upload_id) if received else None,
        state="unchanged" if unchanged else upload.state,
        file=_file(upload),
        reason=_reason(upload),
        received_at=first.received_at if isinstance(first, UploadReceived) else first.rejected_at,
        withdrawn_at=withdrawal.withdrawn_at if withdrawal else None,
        links=_links(upload),
    ).model_dump(mode="json", exclude_none=True)


def location_of(upload_id: UUID) -> str:
    """Return the path of an upload."""
    return f"/v1/uploads/{upload_id}"


def _file(upload: Upload) -> FileRepresentation:
    first = upload.first
    if not isinstance(first, UploadReceived):
        return FileRepresentation(name=first.file_name, size_bytes=first.size_bytes)
    return FileRepresentation(
        name=first.file_name,
        size_bytes=first.original.size_bytes,
        sha256=first.original.sha256,
        format=first.format,
        media_type=first.media_type,
        encoding=first.encoding,
        compression=first.compression,
        confidence=first.confidence,
        name_mismatch=first.name_mismatch,
    )


def _reason(upload: Upload) -> ReasonRepresentation | None:
    if upload.withdrawal is not None:
        return ReasonRepresentation(code=upload.withdrawal.reason_code)
    if isinstance(upload.first, UploadReceived):
        return None
    return ReasonRepresentation(code=upload.first.reason_code, detail=upload.first.detail)


def _links(upload: Upload) -> dict[str, str]:
    own = location_of(upload.first.upload_id)
    return {"self": own, **({"withdrawal": f"{own}/withdrawal"} if upload.state == "received" else {})}
