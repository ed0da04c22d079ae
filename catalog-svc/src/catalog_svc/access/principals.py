"""Who is asking: the bearer of a token, or anybody."""

from datetime import UTC, datetime
from functools import cache

from django.http import HttpRequest

from catalog_svc.accounts import selectors
from catalog_svc.accounts.tokens import Verifier
from catalog_svc.settings import settings
from dataplatform.identity import InvalidTokenError, Principal
from dataplatform.problems import Problem

CHALLENGE = 'Bearer realm="dataplatform"'


@cache
def verifier() -> Verifier:
    """Return the verifier of this process."""
    return Verifier(settings().issuer)


def principal_of(request: HttpRequest) -> Principal | None:
    """Return the bearer of the request's token, None if there is no token; raises a 401 problem for a bad one."""
    header = request.headers.get("Authorization", "")
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _refused("token_invalid", "the Authorization header is not `Bearer <token>`")
    try:
        principal, issued_at = verifier().verify(token.strip(), datetime.now(UTC))
    except InvalidTokenError as error:
        raise _refused(error.code, str(error)) from error
    if not selectors.is_good(principal.subject, issued_at):
        raise _refused("token_revoked", "the account was switched off, or its tokens were revoked")
    return principal


def required(request: HttpRequest) -> Principal:
    """Return the bearer of the request's token; raises a 401 problem where there is none."""
    principal = principal_of(request)
    if principal is None:
        raise _refused("token_missing", "send `Authorization: Bearer <token>`; POST /api/v1/tokens gives one")
    return principal


def _refused(code: str, detail: str) -> Problem:
    return Problem(code, "Not authenticated", 401, detail, headers={"WWW-Authenticate": CHALLENGE})
