"""From a request's bearer token to a principal, and what it may do. Rules on one upload are the domain's."""

import re

from fastapi import Request

from dataplatform.identity import IdentityUnavailableError, InvalidTokenError, Principal, TokenVerifier
from ingest_svc.limits.admitting import REQUESTS, Limits
from ingest_svc.problems import problem
from ingest_svc.transactions import DatabaseUnavailableError

_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)


async def authenticate(request: Request, verifier: TokenVerifier) -> Principal:
    """Return the bearer of the request's token; raises problems of status 401 and 503."""
    header = request.headers.get("authorization", "").strip()
    if not header:
        raise problem("token_missing")
    match = _BEARER.fullmatch(header)
    if match is None:
        raise problem("token_invalid", "the Authorization header has the form `Bearer <token>`")
    try:
        principal = await verifier.verify(match[1])
    except InvalidTokenError as error:
        raise problem(error.code, str(error)) from error
    except IdentityUnavailableError as error:
        raise problem("identity_unavailable", "the issuer's keys could not be fetched") from error
    await _count(request, principal)
    return principal


async def _count(request: Request, principal: Principal) -> None:
    limits: Limits = request.app.state.limits
    try:
        await limits.rates.take(request.scope, principal.subject, REQUESTS)
    except DatabaseUnavailableError as error:
        raise problem("database_unavailable", "send the request again") from error


def require_reader(principal: Principal, institution: str) -> None:
    """Raise a problem unless the principal may read of `institution`; one its token does not name is unknown."""
    _require_known(principal, institution)
    if not principal.may("reader", institution):
        raise problem("role_missing", f"this takes the role `reader` at {institution}")


def require_uploader(principal: Principal, institution: str) -> None:
    """Raise a problem unless the principal may upload for `institution`; one its token does not name is unknown."""
    _require_known(principal, institution)
    if not principal.may("uploader", institution):
        raise problem("role_missing", f"uploading for {institution} takes the role `uploader` there")


def _require_known(principal: Principal, institution: str) -> None:
    if not principal.knows(institution):
        detail = "the token names no such institution; if it is new, a new token will name it"
        raise problem("unknown_institution", detail)
