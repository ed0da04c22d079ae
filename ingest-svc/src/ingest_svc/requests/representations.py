"""The shapes of answers on processing requests."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from dataplatform.events.base import ParseOptions
from ingest_svc.progress.representations import RunShown, VersionShown
from ingest_svc.progress.stages import Stage
from ingest_svc.requests.reading import state_of
from ingest_svc.uploads.representations import ReasonRepresentation

RequestState = Literal["requested", "running", "completed", "failed", "cancelling", "cancelled"]


class CountsShown(BaseModel):
    """How many of the runs are where."""

    runs: int
    published: int
    held: int = Field(description="Versions that are made, and wait for a steward")
    failed: int
    cancelled: int
    under_way: int


class RequestShown(BaseModel):
    """A processing request. `completed`: all runs ended, and at least one gave a version, served or held."""

    request_id: UUID
    institution: str
    dataset: str
    upload_id: UUID | None = Field(default=None, description="Absent: all current uploads of the dataset")
    options: ParseOptions
    handler_version: str | None = None
    state: RequestState
    counts: CountsShown
    skipped: int = Field(description="Uploads that the wanted version of the handler had processed already")
    requested_by: UUID
    requested_at: datetime
    cancelled_at: datetime | None = None
    links: dict[str, str]


class RequestPage(BaseModel):
    """One page of requests, latest first; `next` is the cursor of the next."""

    items: list[RequestShown]
    next: str | None = None


class RequestedRun(RunShown):
    """One run of a request: of one upload."""

    upload_id: UUID
    stage: Stage
    final: bool
    reason: ReasonRepresentation | None = None
    version: VersionShown | None = None


class RunPage(BaseModel):
    """One page of the runs of a request; `next` is the cursor of the next."""

    items: list[RequestedRun]
    next: str | None = None


def location_of(request_id: UUID) -> str:
    """Return the path of a request."""
    return f"/v1/processing-requests/{request_id}"


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as JSON."""
    own, state = location_of(row["request_id"]), state_of(row)
    ended = row["published"] + row["held"] + row["failed"] + row["cancelled"]
    open_still = state in {"requested", "running"}
    return RequestShown(
        **{name: row[name] for name in ("request_id", "institution", "dataset", "upload_id", "handler_version",
                                        "skipped", "requested_by", "requested_at", "cancelled_at")},
        options=row["options"],
        state=state,
        counts=CountsShown(
            **{name: row[name] for name in ("runs", "published", "held", "failed", "cancelled")},
            under_way=row["runs"] - ended,
        ),
        links={
            "self": own,
            "runs": f"{own}/runs",
            **({"upload": f"/v1/uploads/{row['upload_id']}"} if row["upload_id"] else {}),
            **({"cancellation": f"{own}/cancellation"} if open_still else {}),
        },
    ).model_dump(mode="json", exclude_none=True)  # fmt: skip
