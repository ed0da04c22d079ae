"""The endpoints that take a whole file in one request: a raw body by POST or PUT, or a form. Resumable ones: `tus`."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from dataplatform.events.ingest import UploadRejected
from dataplatform.log.envelope import Context
from dataplatform.problems import Problem
from dataplatform.telemetry.http import correlation_id_of
from dataplatform_formats.detection.outcome import REASONS
from ingest_svc import metrics
from ingest_svc.problems import documented, problem
from ingest_svc.uploads.body import Body, ByteSource
from ingest_svc.uploads.desk import (
    ACCESS_CODES,
    RECEIVING_CODES,
    Desk,
    TheDesk,
    announced_bytes,
    call,
    checked_key,
    name_in,
    require_destination,
)
from ingest_svc.uploads.form import FormFile, boundary_of
from ingest_svc.uploads.reception import Intent, Receipt
from ingest_svc.uploads.representations import UploadRepresentation, location_of, represent

router = APIRouter(prefix="/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], tags=["uploads"])

Disposition = Annotated[str | None, Header(alias="Content-Disposition", description='`attachment; filename="a.csv"`')]
Key = Annotated[
    str | None, Header(alias="Idempotency-Key", description="Makes a retry find the upload that it repeats")
]
Force = Annotated[bool, Query(description="Make a new version also of the bytes that the dataset has already")]
FileName = Annotated[str, Path(description="The file's name: data, never a path")]

_PATH = "/institutions/{institution}/datasets/{dataset}/uploads"
_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}
_RAW: dict[str, Any] = {"application/octet-stream": {"schema": _BINARY}}
_FORM: dict[str, Any] = {
    "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {"file": _BINARY}}}
}
_SENT = "The bytes of the file. Its format is found in its content."


def _described(**content: Any) -> dict[str, Any]:
    responses = documented(*ACCESS_CODES, *RECEIVING_CODES, *REASONS)
    again = {"description": "The dataset has these bytes already: its upload, in state `unchanged`"}
    return {
        "status_code": 201,
        "response_model": UploadRepresentation,
        "response_model_exclude_none": True,
        "responses": {200: {**again, "model": UploadRepresentation}, **responses},
        "openapi_extra": {"requestBody": {"required": True, "description": _SENT, "content": content}},
    }


@router.post(_PATH, summary="Upload one file", **_described(**_RAW, **_FORM))
async def upload(  # noqa: PLR0917 - the framework passes them by name
    request: Request,
    institution: str,
    dataset: str,
    desk: TheDesk,
    disposition: Disposition = None,
    key: Key = None,
    force: Force = False,
) -> Response:
    """Store the body, or the one file of a form, find its format, and announce it for processing.

    Answers when the file is stored and written down; the version of the dataset follows. A repeated `Idempotency-Key`
    answers with the upload made before, marked by the header `Idempotent-Replayed`. The bytes that the dataset has
    already are no new upload, unless `force` says so.
    """
    return await _receive(request, desk, (institution, dataset), disposition, None, key=key, force=force)


@router.put(_PATH, summary="Upload one file by PUT", **_described(**_RAW))
async def put(  # noqa: PLR0917 - the framework passes them by name
    request: Request,
    institution: str,
    dataset: str,
    desk: TheDesk,
    disposition: Disposition = None,
    key: Key = None,
    force: Force = False,
) -> Response:
    """Do what POST does."""
    return await _receive(request, desk, (institution, dataset), disposition, None, key=key, force=force)


@router.put(_PATH + "/{file_name:path}", summary="Upload one file by PUT, named by the path", **_described(**_RAW))
async def put_named(  # noqa: PLR0917 - the framework passes them by name
    request: Request,
    institution: str,
    dataset: str,
    file_name: FileName,
    desk: TheDesk,
    key: Key = None,
    force: Force = False,
) -> Response:
    """Do what POST does; `curl -T air.csv .../uploads/` names the file so."""
    return await _receive(request, desk, (institution, dataset), None, file_name or None, key=key, force=force)


async def _receive(
    request: Request,
    desk: Desk,
    to: tuple[str, str],
    disposition: str | None,
    name: str | None,
    *,
    key: str | None,
    force: bool,
) -> Response:
    body, began = Body(request.receive, idle_seconds=desk.body_idle_seconds), time.perf_counter()
    try:
        principal = await require_destination(request, desk, *to)
        source: ByteSource = body
        size_bytes = announced_bytes(request)
        boundary = boundary_of(request.headers.get("content-type", "")) if request.method == "POST" else None
        usable_key = checked_key(key)
        if boundary is not None:
            form = FormFile(body, boundary)
            await form.open()
            source, disposition, size_bytes = form, form.disposition, None
        file_name = name_in(disposition, name)
        intent = Intent(principal, *to, file_name, usable_key, size_bytes, force)
        context = Context.begin(correlation_id_of(request.scope))
        receipt = await call(desk.reception.take(intent, source, context, request.scope))
    except Problem as refusal:
        count(refusal.code, "", began)
        raise
    count(outcome_of(receipt), getattr(receipt.upload.first, "format", ""), began)
    return _answer(receipt)


def outcome_of(receipt: Receipt) -> str:
    """Return how a file ended, for metrics and headers: received, rejected, unchanged or replayed."""
    if receipt.replayed:
        return "replayed"
    return "unchanged" if receipt.unchanged else receipt.upload.state


def refusal_of(receipt: Receipt) -> Problem | None:
    """Return the problem that a rejected upload is answered with; None for any other."""
    first = receipt.upload.first
    if not isinstance(first, UploadRejected):
        return None
    location = location_of(first.upload_id)
    extra = {"upload_id": str(first.upload_id), "links": {"self": location}}
    return problem(first.reason_code, first.detail, extra, {"Location": location})


def _answer(receipt: Receipt) -> Response:
    headers = {"Location": location_of(receipt.upload.first.upload_id)}
    if receipt.replayed:
        headers["Idempotent-Replayed"] = "true"
    if refusal := refusal_of(receipt):
        refusal.headers.update(headers)
        raise refusal
    status = 200 if receipt.unchanged else 201
    return JSONResponse(represent(receipt.upload, unchanged=receipt.unchanged), status, headers=headers)


def count(outcome: str, found: str, began: float) -> None:
    """Count an upload that ended."""
    metrics.UPLOADS.labels(outcome, found).inc()
    metrics.SECONDS.labels(outcome).observe(time.perf_counter() - began)
