"""Who is asking: the bearer of a token, whoever's session a browser's cookie names, or anybody."""

from datetime import UTC, datetime
from functools import cache

from django.http import HttpRequest
from ninja.utils import check_csrf

from catalog_svc.access import standing
from catalog_svc.accounts import opaque, personal_tokens, sessions
from catalog_svc.accounts.tokens import Verifier, principal_for
from catalog_svc.settings import settings
from dataplatform.identity import InvalidTokenError, Principal
from dataplatform.problems import Problem

PRINCIPAL = "catalog_principal"
"""Where a request keeps who is asking, once that was found out."""
CHALLENGE = 'Bearer realm="dataplatform"'
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@cache
def verifier() -> Verifier:
    """Return the verifier of this process."""
    return Verifier(settings().issuer)


def principal_of(request: HttpRequest) -> Principal | None:
    """Return the bearer of the request's token, or whose session its cookie names; None for neither.

    Raises a 401 problem for a bad token, 403 for a write with a cookie that another site may have caused. A cookie
    whose session is over is no cookie.
    """
    principal = _asking(request)
    # for what comes after the answer: a refusal is written down with who was refused
    setattr(request, PRINCIPAL, principal)
    return principal


def _asking(request: HttpRequest) -> Principal | None:
    header = request.headers.get("Authorization", "")
    if not header:
        return _of_session(request)
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _refused("token_invalid", "the Authorization header is not `Bearer <token>`")
    try:
        return _bearer(token.strip(), datetime.now(UTC))
    except InvalidTokenError as error:
        raise _refused(error.code, str(error)) from error


def _bearer(token: str, now: datetime) -> Principal:
    if token.startswith(opaque.TOKEN_PREFIX):
        return personal_tokens.use(token, now)[0]
    principal, issued_at = verifier().verify(token, now)
    today = standing.standing_of(principal.subject, issued_at)
    if today is None:
        raise InvalidTokenError("token_revoked", "the account was switched off, or its tokens were revoked")
    if principal.token is not None and not personal_tokens.is_alive(principal.token, now):
        raise InvalidTokenError("token_revoked", "the personal access token it was got with has ended")
    return standing.reduced(principal, today)


def _of_session(request: HttpRequest) -> Principal | None:
    account = sessions.account_of_cookie(request)
    if account is None:
        return None
    if request.method not in _SAFE and check_csrf(request) is not None:
        detail = "a write with a session cookie needs the header X-CSRFToken, with the value of the cookie of that name"
        raise Problem("csrf_failed", "Cross-site request refused", 403, detail)
    return principal_for(account)


def required(request: HttpRequest) -> Principal:
    """Return the bearer of the request's token; raises a 401 problem where there is none."""
    principal = principal_of(request)
    if principal is None:
        raise _refused(
            "token_missing", "send `Authorization: Bearer <token>`; POST /api/v1/tokens gives one, or sign in"
        )
    return principal


def _refused(code: str, detail: str) -> Problem:
    return Problem(code, "Not authenticated", 401, detail, headers={"WWW-Authenticate": CHALLENGE})
