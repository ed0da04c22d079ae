"""The endpoints of processing requests: ask, list, show, see the runs, cancel."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar, cast
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from dataplatform.identity import Principal, TokenVerifier
from dataplatform.log.envelope import Context
from dataplatform.telemetry.http import correlation_id_of
from ingest_svc.commands import ForbiddenError
from ingest_svc.limits.admitting import PROCESSING_REQUESTS, Limits
from ingest_svc.paging import Cursor, Institution, Limit, OfDataset, only_id, page_of, time_and_id
from ingest_svc.problems import documented, problem
from ingest_svc.requests.commands import (
    MOST_UPLOADS,
    NotProcessableError,
    ProcessingRequests,
    TooManyUploadsError,
    UnknownDatasetError,
    UnknownRequestError,
)
from ingest_svc.requests.reading import Requests
from ingest_svc.requests.representations import RequestPage, RequestShown, RunPage, location_of, shown
from ingest_svc.requests.wishes import Wish
from ingest_svc.uploads.access import authenticate, require_reader
from ingest_svc.uploads.desk import ACCESS_CODES, call, checked_key

Result = TypeVar("Result")

router = APIRouter(prefix="/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], tags=["processing requests"])


@dataclass(frozen=True, slots=True)
class Counter:
    """What the endpoints work with; one per application, at `app.state.counter`. `now` and `new_id` as their names."""

    verifier: TokenVerifier
    limits: Limits
    commands: ProcessingRequests
    requests: Requests
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]


def _counter(request: Request) -> Counter:
    return cast("Counter", request.app.state.counter)


TheCounter = Annotated[Counter, Depends(_counter)]
Key = Annotated[str | None, Header(description="Makes a retry find the request it repeats", examples=["again-1"])]


@router.post(
    "/processing-requests",
    status_code=202,
    summary="Process an upload or a dataset again",
    response_model=RequestShown,
    response_model_exclude_none=True,
    responses=documented(
        *ACCESS_CODES,
        "invalid_idempotency_key",
        "role_missing",
        "unknown_upload",
        "unknown_dataset",
        "upload_not_processable",
        "idempotency_key_reused",
        "too_many_uploads",
        "invalid_request",
    ),
)
async def ask(
    request: Request, wish: Annotated[Wish, Body()], counter: TheCounter, idempotency_key: Key = None
) -> Response:
    """Ask for tables to be made again: of one upload, or of all current uploads of a dataset.

    Each upload gives a run with the options chosen, and each run that succeeds a new version; the version before
    serves until then. A repeated `Idempotency-Key` answers with the request made before.
    """
    principal = await authenticate(request, counter.verifier)
    await call(counter.limits.rates.take(request.scope, principal.subject, PROCESSING_REQUESTS))
    key, context = checked_key(idempotency_key), Context.begin(correlation_id_of(request.scope))
    request_id, replayed = await _call(
        counter.commands.ask(principal, wish, counter.new_id(), key=key, now=counter.now(), context=context)
    )
    row = await _call(counter.requests.of(principal, request_id))
    headers = {"Location": location_of(request_id), **({"Idempotent-Replayed": "true"} if replayed else {})}
    return JSONResponse(shown(row), 202, headers=headers)


@router.get(
    "/processing-requests",
    summary="List processing requests",
    response_model=RequestPage,
    response_model_exclude_none=True,
    responses=documented(*ACCESS_CODES, "role_missing", "unknown_institution", "invalid_request", "invalid_cursor"),
)
async def list_requests(  # noqa: PLR0917 - the framework passes them by name
    request: Request,
    counter: TheCounter,
    institution: Institution,
    dataset: OfDataset = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """List the processing requests of an institution, latest first."""
    principal = await authenticate(request, counter.verifier)
    require_reader(principal, institution)
    rows = await _call(counter.requests.listed(institution, dataset, time_and_id(cursor), limit + 1))
    return JSONResponse(page_of(rows, limit, shown, lambda row: (row["requested_at"].isoformat(), row["request_id"])))


_ONE = (*ACCESS_CODES, "unknown_request", "invalid_request")


@router.get(
    "/processing-requests/{request_id}",
    summary="Show a processing request",
    response_model=RequestShown,
    response_model_exclude_none=True,
    responses=documented(*_ONE),
)
async def show(request: Request, request_id: UUID, counter: TheCounter) -> Response:
    """Show a request, and how many of its runs are where."""
    principal = await authenticate(request, counter.verifier)
    return JSONResponse(shown(await _call(counter.requests.of(principal, request_id))))


@router.get(
    "/processing-requests/{request_id}/runs",
    summary="List the runs of a processing request",
    response_model=RunPage,
    response_model_exclude_none=True,
    responses=documented(*_ONE, "invalid_cursor"),
)
async def list_runs(
    request: Request, request_id: UUID, counter: TheCounter, limit: Limit = 20, cursor: Cursor = None
) -> Response:
    """List what becomes of each upload of a request: its run, how far that is, the version or the reason."""
    principal = await authenticate(request, counter.verifier)
    found = await _call(counter.requests.runs(principal, request_id, only_id(cursor), limit + 1))
    return JSONResponse(page_of(found, limit, lambda run: run[1], lambda run: run[:1]))


@router.post(
    "/processing-requests/{request_id}/cancellation",
    summary="Cancel a processing request",
    response_model=RequestShown,
    response_model_exclude_none=True,
    responses=documented(*_ONE, "role_missing"),
)
async def cancel(request: Request, request_id: UUID, counter: TheCounter) -> Response:
    """Take a request back: what has not ended ends, what was made stays. Again, or after its end, is harmless."""
    principal = await _cancel(request, request_id, counter)
    return JSONResponse(shown(await _call(counter.requests.of(principal, request_id))))


@router.delete(
    "/processing-requests/{request_id}",
    status_code=204,
    summary="Cancel a processing request, in short",
    responses=documented(*_ONE, "role_missing"),
)
async def delete(request: Request, request_id: UUID, counter: TheCounter) -> Response:
    """Take a request back. Again is harmless."""
    await _cancel(request, request_id, counter)
    return Response(status_code=204)


async def _cancel(request: Request, request_id: UUID, counter: Counter) -> Principal:
    principal = await authenticate(request, counter.verifier)
    context = Context.begin(correlation_id_of(request.scope))
    await _call(counter.commands.cancel(principal, request_id, now=counter.now(), context=context))
    return principal


async def _call(work: Awaitable[Result]) -> Result:
    """Await a command and tell its refusals as problems."""
    return await call(_told(work))


async def _told(work: Awaitable[Result]) -> Result:
    try:
        return await work
    except UnknownRequestError as error:
        raise problem("unknown_request") from error
    except UnknownDatasetError as error:
        raise problem("unknown_dataset") from error
    except NotProcessableError as error:
        raise problem("upload_not_processable") from error
    except TooManyUploadsError as error:
        raise problem("too_many_uploads", f"{MOST_UPLOADS} are the most; name uploads one by one") from error
    except ForbiddenError as error:
        detail = "an uploader processes uploads of their own again; a dataset takes the role `steward`"
        raise problem("role_missing", detail) from error
