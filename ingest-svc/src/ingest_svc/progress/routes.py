"""The endpoints that tell where uploads are: one, a page of them, and the stream of what happens to one."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPBearer

from dataplatform.identity import TokenVerifier
from ingest_svc.commands import Uploads
from ingest_svc.paging import Cursor, Institution, Limit, OfDataset, page_of, time_and_id
from ingest_svc.problems import documented
from ingest_svc.progress.listening import Listener
from ingest_svc.progress.reading import Progress
from ingest_svc.progress.representations import UploadPage, UploadShown, listed, shown
from ingest_svc.progress.stages import Stage
from ingest_svc.progress.streaming import MEDIA_TYPE, Stream
from ingest_svc.uploads.access import authenticate, require_reader
from ingest_svc.uploads.desk import ACCESS_CODES, call

LARGEST_CHANGE: Final = 2**31 - 1

router = APIRouter(prefix="/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], tags=["progress"])


@dataclass(frozen=True, slots=True)
class Window:
    """What the endpoints work with; one per application, at `app.state.window`."""

    verifier: TokenVerifier
    uploads: Uploads
    progress: Progress
    listener: Listener


def _window(request: Request) -> Window:
    return cast("Window", request.app.state.window)


TheWindow = Annotated[Window, Depends(_window)]
AtStage = Annotated[Stage | None, Query(description="Only those that are there now")]


@router.get(
    "/uploads",
    summary="List uploads",
    response_model=UploadPage,
    response_model_exclude_none=True,
    responses=documented(*ACCESS_CODES, "role_missing", "unknown_institution", "invalid_request", "invalid_cursor"),
)
async def list_uploads(  # noqa: PLR0917 - the framework passes them by name
    request: Request,
    window: TheWindow,
    institution: Institution,
    dataset: OfDataset = None,
    stage: AtStage = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """List the uploads of an institution, latest first: those under way, those that failed, all of them."""
    principal = await authenticate(request, window.verifier)
    require_reader(principal, institution)
    after = time_and_id(cursor)
    rows = await call(window.progress.listed(institution, dataset, stage, after, limit + 1))
    return JSONResponse(page_of(rows, limit, listed, lambda row: (row["began_at"].isoformat(), row["upload_id"])))


@router.get(
    "/uploads/{upload_id}",
    summary="Show an upload",
    response_model=UploadShown,
    response_model_exclude_none=True,
    responses=documented(*ACCESS_CODES, "unknown_upload", "invalid_request"),
)
async def show(request: Request, upload_id: UUID, window: TheWindow) -> Response:
    """Show an upload, what was found out about its file, and where it is.

    One of an institution that the token does not name is unknown.
    """
    principal = await authenticate(request, window.verifier)
    row = await call(window.progress.of(principal, upload_id))
    told = row["state"] in {"received", "rejected", "withdrawn"}
    upload = await call(window.uploads.get(principal, upload_id)) if told else None
    return JSONResponse(shown(row, upload))


@router.get(
    "/uploads/{upload_id}/events",
    summary="Follow an upload",
    response_class=StreamingResponse,
    responses=cast("dict[int | str, dict[str, Any]]", {
        200: {
            "description": "Server-Sent Events. Each `progress` event has the number of a change as its id and where "
            "the upload is as its data; `end` is the last. Comments keep the connection alive.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "examples": {"published": {"value": (
                'id: 4\nevent: progress\ndata: {"upload_id":"0190c5a4-7d2e-7c11-9f3a-52b1f6a0d7e1","stage":"parsing",'
                '"final":false,"received_bytes":48213,"size_bytes":48213,"run":{"run_id":'
                '"6d2c1f2e-59ad-5a0f-8a6e-6d0b0a6ab0c9","attempt":1,"rows":122880,"bytes":9830400,"table_count":1,'
                '"tables":[{"index":0,"name":"readings","rows":122880,"bytes":9830400}]},'
                '"at":"2026-03-01T08:00:02+00:00"}\n\n'
            )}}}},
        },
        204: {"description": "The upload has come to its end, and the client has heard of it: nothing will follow"},
        **documented(*ACCESS_CODES, "unknown_upload", "invalid_request"),
    }),
)  # fmt: skip
async def follow(
    request: Request,
    upload_id: UUID,
    window: TheWindow,
    last_event_id: Annotated[
        str | None,
        Header(
            pattern=r"^[0-9]{1,10}$", description="Id of the last event that was seen: go on after it", examples=["4"]
        ),
    ] = None,
) -> Response:
    """Follow an upload from its first byte to its end, through any replica.

    Without `Last-Event-ID` it begins at the beginning. Progress inside a stage is told by its latest state only.
    """
    principal = await authenticate(request, window.verifier)
    seen = min(int(last_event_id or 0), LARGEST_CHANGE)
    news = await call(window.progress.since(principal, upload_id, seen))
    if news.final and not news.changes:
        return Response(status_code=204)
    stream = Stream(window.progress, window.listener, principal, upload_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream.events(news), media_type=MEDIA_TYPE, headers=headers)
