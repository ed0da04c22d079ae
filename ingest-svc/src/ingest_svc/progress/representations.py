"""The shapes of answers on where uploads are."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ingest_svc.domain import Upload
from ingest_svc.progress.stages import Stage
from ingest_svc.uploads.representations import FileRepresentation, ReasonRepresentation, location_of, represent

State = Literal["receiving", "received", "rejected", "withdrawn", "unchanged", "abandoned"]


class TableShown(BaseModel):
    """One table of a run."""

    index: int
    name: str
    rows: int
    bytes: int | None = Field(default=None, description="Bytes of its values so far, uncompressed")
    done: bool = False


class RunShown(BaseModel):
    """A run: the making of tables of an upload, and how far it is."""

    model_config = ConfigDict(extra="allow")

    run_id: UUID
    request_id: UUID | None = Field(default=None, description="Of the processing request, if one asked for it")
    handler: str | None = None
    handler_version: str | None = None
    attempt: int | None = Field(default=None, description="Of the job that is at work")
    rows: int | None = None
    bytes: int | None = None
    table_count: int | None = None
    tables: list[TableShown] | None = Field(default=None, description="The latest 100 while at work, then the first")
    assessed_rows: int | None = None
    assessed_tables: int | None = None


class VersionShown(BaseModel):
    """The version of the dataset that is served of this upload."""

    version_id: UUID
    number: int


class ProgressShown(BaseModel):
    """Where an upload is. `final`: nothing follows by itself."""

    stage: Stage = Field(description="`held`: the version is made, and waits until a steward publishes it")
    final: bool
    received_bytes: int
    size_bytes: int | None = Field(default=None, description="Absent while the client has not told it")
    run: RunShown | None = None
    version: VersionShown | None = None
    reason: ReasonRepresentation | None = None
    result_id: UUID | None = Field(default=None, description="The earlier upload of the same bytes")
    change: int = Field(description="Number of the latest change: the id of its event in the stream")
    at: datetime


class FileShown(FileRepresentation):
    """The file, as far as it is known."""

    size_bytes: int | None = None  # type: ignore[assignment]


class UploadShown(BaseModel):
    """One upload with where it is; of one that is still being received little is known yet."""

    upload_id: UUID
    institution: str
    dataset: str
    dataset_id: UUID | None = None
    version_id: UUID | None = Field(default=None, description="Of the version that is first made from this upload")
    state: State
    file: FileShown
    reason: ReasonRepresentation | None = None
    began_at: datetime
    received_at: datetime | None = None
    withdrawn_at: datetime | None = None
    progress: ProgressShown
    links: dict[str, str]


class UploadListed(BaseModel):
    """An upload in a list."""

    upload_id: UUID
    institution: str
    dataset: str
    file_name: str
    state: State
    stage: Stage
    final: bool
    received_bytes: int
    size_bytes: int | None = None
    reason: ReasonRepresentation | None = None
    version: VersionShown | None = None
    began_at: datetime
    links: dict[str, str]


class UploadPage(BaseModel):
    """One page of a list, latest first; `next` is the cursor of the next."""

    items: list[UploadListed]
    next: str | None = None


def shown(row: dict[str, Any], upload: Upload | None) -> dict[str, Any]:
    """Return one upload as JSON: its row of progress, and what its stream tells, if it has one yet."""
    own = location_of(row["upload_id"])
    progress = {name: value for name, value in row["snapshot"].items() if name != "upload_id"}
    told = represent(upload) if upload is not None else _under_way(row)
    return {
        **told,
        "state": row["state"],
        "began_at": row["began_at"].isoformat(),
        "progress": {**progress, "change": row["change"]},
        "links": {**told["links"], "self": own, "events": f"{own}/events"},
    }


def listed(row: dict[str, Any]) -> dict[str, Any]:
    """Return one upload of a list as JSON."""
    names = ("upload_id", "institution", "dataset", "file_name", "state", "stage", "final", "received_bytes")
    own = location_of(row["upload_id"])
    optional = {"size_bytes": row["size_bytes"], **{n: row["snapshot"].get(n) for n in ("reason", "version")}}
    return UploadListed(
        **{name: row[name] for name in names},
        **{name: value for name, value in optional.items() if value is not None},
        began_at=row["began_at"],
        links={"self": own, "events": f"{own}/events"},
    ).model_dump(mode="json", exclude_none=True)


def _under_way(row: dict[str, Any]) -> dict[str, Any]:
    file = {"name": row["file_name"], **({"size_bytes": row["size_bytes"]} if row["size_bytes"] is not None else {})}
    return {
        "upload_id": str(row["upload_id"]),
        "institution": row["institution"],
        "dataset": row["dataset"],
        "file": file,
        "links": {},
    }
