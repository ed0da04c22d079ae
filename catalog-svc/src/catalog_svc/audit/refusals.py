"""Refused writes: whoever is signed in and tries what they may not is in the audit log, too."""

from typing import Final

import structlog
from django.db import Error as DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from catalog_svc import clock
from catalog_svc.access.principals import PRINCIPAL
from catalog_svc.audit.services import record
from catalog_svc.correlation import correlation_id_of

INSTITUTION: Final = "refused_at"
"""Where a request keeps the institution at which it was refused, where that is known."""
_FORBIDDEN: Final = 403
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_log = structlog.get_logger(__name__)


def is_refused_write(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether somebody who is signed in was refused a write; costs nothing for every other answer."""
    return (
        response.status_code == _FORBIDDEN
        and request.method not in _SAFE
        and getattr(request, PRINCIPAL, None) is not None
    )


def write_down(request: HttpRequest) -> None:
    """Record a refused write. The refusal stands even where the log cannot be written just now."""
    route = request.resolver_match.route if request.resolver_match else ""
    try:
        record(
            by=getattr(request, PRINCIPAL).subject,
            action="request.refused",
            subject="operation",
            subject_id=f"{request.method} /{route}",
            institution=getattr(request, INSTITUTION, None),
            now=clock.now(),
            correlation_id=correlation_id_of(request),
            details={"path": request.path[:500]},
            outcome="refused",
        )
    except DatabaseError as error:
        _log.warning("audit.refusal_not_recorded", error=type(error).__name__)
