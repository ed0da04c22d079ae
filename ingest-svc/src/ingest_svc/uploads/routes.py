"""The endpoints of uploads that are here: shown, taken back. How they come in is `receiving` and `ingest_svc.tus`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Body as JsonBody
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from dataplatform.log.envelope import Context
from dataplatform.telemetry.http import correlation_id_of
from ingest_svc.domain import Upload, WithdrawalReason
from ingest_svc.problems import documented
from ingest_svc.uploads.access import authenticate
from ingest_svc.uploads.desk import ACCESS_CODES, Desk, TheDesk, call
from ingest_svc.uploads.representations import UploadRepresentation, WithdrawalRequest, represent

router = APIRouter(prefix="/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], tags=["uploads"])


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
    return await call(desk.uploads.withdraw(principal, upload_id, reason, now=now, context=context))
