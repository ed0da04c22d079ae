"""The endpoints of uploads: HTTP in, HTTP out; what happens in between is `reception` and `commands`."""

import re
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi import Body as JsonBody
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from dataplatform.events.identity import is_slug
from dataplatform.events.ingest import UploadRejected
from dataplatform.identity import TokenVerifier
from dataplatform.log.envelope import Context
from dataplatform.problems import Problem
from dataplatform.storage import ObjectStoreUnavailableError
from dataplatform.telemetry.http import correlation_id_of
from dataplatform_formats.detection.outcome import REASONS
from ingest_svc import metrics
from ingest_svc.commands import (
    DatabaseUnavailableError,
    ForbiddenError,
    KeyReusedError,
    UnknownUploadError,
    Uploads,
)
from ingest_svc.domain import NotWithdrawableError, Upload, WithdrawalReason
from ingest_svc.problems import documented, problem
from ingest_svc.uploads.access import authenticate, require_uploader
from ingest_svc.uploads.body import Body
from ingest_svc.uploads.naming import InvalidFileNameError, file_name_of
from ingest_svc.uploads.reception import Intent, Reception
from ingest_svc.uploads.representations import UploadRepresentation, WithdrawalRequest, location_of, represent

ACCESS_CODES = (
    "token_missing",
    "token_invalid",
    "token_expired",
    "rate_limited",
    "identity_unavailable",
    "database_unavailable",
)
_LENGTH_DIGITS = 18
"""More is beyond a bigint, and beyond any limit: such a body is refused when it turns out to be so large."""
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")

Result = TypeVar("Result")

router = APIRouter(prefix="/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], tags=["uploads"])


@dataclass(frozen=True, slots=True)
class Desk:
    """What the endpoints work with; one per application, at `app.state.desk`."""

    verifier: TokenVerifier
    uploads: Uploads
    reception: Reception
    body_idle_seconds: float


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]


@router.post(
    "/institutions/{institution}/datasets/{dataset}/uploads",
    status_code=201,
    summary="Upload one file",
    response_model=UploadRepresentation,
    response_model_exclude_none=True,
    responses=documented(
        *ACCESS_CODES,
        "incomplete_body",
        "invalid_file_name",
        "invalid_idempotency_key",
        "role_missing",
        "unknown_institution",
        "stalled_body",
        "file_too_large",
        "storage_quota_exceeded",
        "daily_quota_exceeded",
        "too_many_uploads_in_flight",
        "invalid_dataset",
        "idempotency_key_reused",
        *REASONS,
        "object_store_unavailable",
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The bytes of the file. Its format is found in its content; Content-Type is not read.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload(  # noqa: PLR0917 - the framework passes them by name
    request: Request,
    institution: str,
    dataset: str,
    desk: TheDesk,
    content_disposition: Annotated[str | None, Header(description='`attachment; filename="name.csv"`')] = None,
    idempotency_key: Annotated[str | None, Header(description="Makes a retry find the upload it repeats")] = None,
) -> Response:
    """Store the body, find its format, and announce it for processing.

    Answers when the file is stored and written down; the version of the dataset follows. A repeated
    `Idempotency-Key` answers with the upload made before, marked by the header `Idempotent-Replayed`.
    """
    body, began = Body(request.receive, idle_seconds=desk.body_idle_seconds), time.perf_counter()
    try:
        intent = await _intent(
            request, desk, institution, dataset, disposition=content_disposition, key=idempotency_key
        )
        context = Context.begin(correlation_id_of(request.scope))
        made, replayed = await _call(desk.reception.take(intent, body, context, request.scope))
    except Problem as refusal:
        _count(refusal.code, "", began)
        await body.linger()
        raise
    _count("replayed" if replayed else made.state, getattr(made.first, "format", ""), began)
    return _answer(made, replayed=replayed)


@router.get(
    "/uploads/{upload_id}",
    summary="Show an upload",
    response_model=UploadRepresentation,
    response_model_exclude_none=True,
    responses=documented(*ACCESS_CODES, "unknown_upload", "invalid_request"),
)
async def show(request: Request, upload_id: UUID, desk: TheDesk) -> Response:
    """Show the state of an upload. One of an institution that the token does not name is unknown."""
    principal = await authenticate(request, desk.verifier)
    return JSONResponse(represent(await _call(desk.uploads.get(principal, upload_id))))


_WITHDRAWAL_RESPONSES = documented(
    *ACCESS_CODES, "role_missing", "unknown_upload", "upload_not_withdrawable", "invalid_request"
)


@router.post(
    "/uploads/{upload_id}/withdrawal",
    summary="Take an upload back",
    response_model=UploadRepresentation,
    response_model_exclude_none=True,
    responses=_WITHDRAWAL_RESPONSES,
)
async def withdraw(
    request: Request,
    upload_id: UUID,
    desk: TheDesk,
    withdrawal: Annotated[WithdrawalRequest | None, JsonBody()] = None,
) -> Response:
    """Withdraw an upload, and with it the version made of it. Again is harmless and keeps the first reason."""
    reason = (withdrawal or WithdrawalRequest()).reason_code
    return JSONResponse(represent(await _withdraw(request, desk, upload_id, reason)))


@router.delete(
    "/uploads/{upload_id}", status_code=204, summary="Take an upload back, in short", responses=_WITHDRAWAL_RESPONSES
)
async def delete(request: Request, upload_id: UUID, desk: TheDesk) -> Response:
    """Withdraw an upload on request. Again is harmless."""
    await _withdraw(request, desk, upload_id, "requested")
    return Response(status_code=204)


async def _withdraw(request: Request, desk: Desk, upload_id: UUID, reason: WithdrawalReason) -> Upload:
    principal = await authenticate(request, desk.verifier)
    context = Context.begin(correlation_id_of(request.scope))
    now = desk.reception.now()
    return await _call(desk.uploads.withdraw(principal, upload_id, reason, now=now, context=context))


async def _intent(
    request: Request, desk: Desk, institution: str, dataset: str, *, disposition: str | None, key: str | None
) -> Intent:
    principal = await authenticate(request, desk.verifier)
    require_uploader(principal, institution)
    if not is_slug(dataset):
        raise problem("invalid_dataset", f"{dataset[:100]!r} is not such a name")
    if key is not None and not _KEY.fullmatch(key):
        raise problem("invalid_idempotency_key")
    announced = request.headers.get("content-length", "")
    announced_bytes = int(announced) if announced.isdecimal() and len(announced) <= _LENGTH_DIGITS else None
    try:
        return Intent(principal, institution, dataset, file_name_of(disposition), key, announced_bytes)
    except InvalidFileNameError as error:
        raise problem("invalid_file_name", str(error)) from error


async def _call(work: Awaitable[Result]) -> Result:
    """Await a command and tell its refusals as problems."""
    try:
        return await work
    except DatabaseUnavailableError as error:
        raise problem("database_unavailable", "send the request again") from error
    except ObjectStoreUnavailableError as error:
        raise problem("object_store_unavailable", "send the request again") from error
    except KeyReusedError as error:
        raise problem("idempotency_key_reused") from error
    except UnknownUploadError as error:
        raise problem("unknown_upload") from error
    except ForbiddenError as error:
        raise problem("role_missing", "its uploader or a steward of the institution may withdraw an upload") from error
    except NotWithdrawableError as error:
        raise problem("upload_not_withdrawable") from error


def _answer(made: Upload, *, replayed: bool) -> Response:
    location = location_of(made.first.upload_id)
    headers = {"Location": location, **({"Idempotent-Replayed": "true"} if replayed else {})}
    if isinstance(made.first, UploadRejected):
        extra = {"upload_id": str(made.first.upload_id), "links": {"self": location}}
        refusal = problem(made.first.reason_code, made.first.detail, extra)
        refusal.headers.update(headers)
        raise refusal
    return JSONResponse(represent(made), 201, headers=headers)


def _count(outcome: str, found: str, began: float) -> None:
    metrics.UPLOADS.labels(outcome, found).inc()
    metrics.SECONDS.labels(outcome).observe(time.perf_counter() - began)
