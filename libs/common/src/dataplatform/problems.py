"""Errors over HTTP as RFC 9457 problem documents: one exception, one body, handlers for Starlette and FastAPI.

The codes themselves belong to whoever raises them.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

MEDIA_TYPE: Final = "application/problem+json"

_log = structlog.get_logger(__name__)


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Something that the caller of an HTTP interface can act on.

    `code` is stable and snake_case; `detail` says what happened this time; `extra` adds members to the document.
    """

    def __init__(
        self,
        code: str,
        title: str,
        status: int,
        detail: str = "",
        *,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail or title}")
        self.code = code
        self.title = title
        self.status = status
        self.detail = detail
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def to_dict(self) -> dict[str, Any]:
        """Return the problem document; `type` is a relative reference below this origin."""
        document = {"type": f"/problems/{self.code}", "title": self.title, "status": self.status, "code": self.code}
        return {**self.extra, **document, **({"detail": self.detail} if self.detail else {})}


class ProblemResponse(JSONResponse):
    """A response whose body is a problem document."""

    media_type = MEDIA_TYPE


def problem_response(problem: Problem) -> ProblemResponse:
    """Return the HTTP response that tells `problem`."""
    return ProblemResponse(problem.to_dict(), problem.status, headers=problem.headers)


def from_status(status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Problem:
    """Return the problem that a bare HTTP status stands for, for example `not_found` for 404."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    code = phrase.lower().replace(" ", "_").replace("-", "_").replace("'", "")
    return Problem(code, phrase, status, "" if detail == phrase else detail, headers=headers)


async def on_problem(_request: Request, error: Exception) -> Response:
    """Answer a raised `Problem`."""
    assert isinstance(error, Problem)  # noqa: S101 - registered for this type only
    return problem_response(error)


async def on_http_exception(_request: Request, error: Exception) -> Response:
    """Answer what the framework itself refuses (no such route, wrong method) as a problem."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    return problem_response(from_status(error.status_code, str(error.detail), error.headers))


async def on_unexpected(_request: Request, error: Exception) -> Response:
    """Answer a defect: the log has the trace, the caller learns nothing about our insides."""
    _log.error("http.defect", exc_info=error)
    return problem_response(
        Problem("internal_error", "Internal error", 500, "This is our fault; the correlation id finds it in our logs.")
    )


EXCEPTION_HANDLERS: Final[dict[Any, Any]] = {
    Problem: on_problem,
    HTTPException: on_http_exception,
    Exception: on_unexpected,
}
"""Pass as `exception_handlers=` to `Starlette(...)` or `FastAPI(...)`."""
