"""The endpoints of limits: what an institution may use and uses, and limits of its own."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from dataplatform.events.identity import SLUG_PATTERN
from ingest_svc.limits.quotas import InstitutionLimits, Quotas, Usage
from ingest_svc.problems import documented, problem
from ingest_svc.uploads.access import authenticate, require_reader
from ingest_svc.uploads.desk import ACCESS_CODES, TheDesk, call

LARGEST = 2**62

router = APIRouter(prefix="/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], tags=["limits"])

Institution = Annotated[str, Path(pattern=SLUG_PATTERN, examples=["aq"])]


class OwnLimits(BaseModel):
    """Limits of one institution; what is absent is as the platform's settings say."""

    model_config = ConfigDict(extra="forbid")

    max_upload_bytes: int | None = Field(default=None, gt=0, le=LARGEST, description="Largest file")
    bytes_stored: int | None = Field(default=None, ge=0, le=LARGEST, description="Bytes of its originals")
    bytes_per_day: int | None = Field(default=None, ge=0, le=LARGEST, description="Bytes sent on one UTC day")
    uploads_in_flight: int | None = Field(default=None, ge=0, le=2**31 - 1, description="Uploads under way at once")


class LimitShown(BaseModel):
    """One limit. `used` and `remaining` are absent where nothing is used up."""

    quota: int
    used: int | None = None
    remaining: int | None = None


class LimitsShown(BaseModel):
    """What an institution may use, and what is left of it."""

    institution: str
    max_upload_bytes: LimitShown
    bytes_stored: LimitShown
    bytes_per_day: LimitShown
    uploads_in_flight: LimitShown


@router.get(
    "/institutions/{institution}/limits",
    summary="Show the limits of an institution",
    response_model=LimitsShown,
    response_model_exclude_none=True,
    responses=documented(*ACCESS_CODES, "role_missing", "unknown_institution", "invalid_request"),
)
async def show(request: Request, institution: Institution, desk: TheDesk) -> Response:
    """Show what the institution may use, and what it uses now; for whoever may upload there."""
    principal = await authenticate(request, desk.verifier)
    if not principal.admin:
        require_reader(principal, institution)
        if not principal.may("uploader", institution):
            raise problem("role_missing", f"this takes the role `uploader` at {institution}")
    return JSONResponse(await _shown(desk.reception.limits.quotas, institution))


@router.put(
    "/institutions/{institution}/limits",
    summary="Set the limits of an institution",
    response_model=LimitsShown,
    response_model_exclude_none=True,
    responses=documented(*ACCESS_CODES, "role_missing", "unknown_institution", "invalid_request"),
)
async def set_limits(
    request: Request, institution: Institution, own: Annotated[OwnLimits, Body()], desk: TheDesk
) -> Response:
    """Give an institution limits of its own, in place of those it had; for the platform's administrators.

    What is there stays, also beyond a new limit; the next upload meets it.
    """
    principal = await authenticate(request, desk.verifier)
    if not principal.admin:
        require_reader(principal, institution)
        raise problem("role_missing", "limits are set by the platform's administrators")
    quotas = desk.reception.limits.quotas
    await call(quotas.set(institution, own.model_dump(), by=principal.subject, now=desk.reception.now()))
    return JSONResponse(await _shown(quotas, institution))


async def _shown(quotas: Quotas, institution: str) -> dict[str, Any]:
    limits, usage = await call(quotas.standing(institution))
    shown: dict[str, Any] = {name: {"quota": getattr(limits, name)} for name in InstitutionLimits.__slots__}
    for name in Usage.__slots__:
        used = getattr(usage, name)
        shown[name] |= {"used": used, "remaining": max(0, shown[name]["quota"] - used)}
    return {"institution": institution, **shown}
