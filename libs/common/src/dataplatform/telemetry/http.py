"""What every HTTP request gets, as one ASGI middleware: a correlation id, a server span, a log line, a duration."""

import asyncio
import re
import time
from typing import Final
from uuid import UUID, uuid4

import structlog
from opentelemetry.trace import Span, SpanKind, StatusCode
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dataplatform.problems import Problem, problem_response
from dataplatform.telemetry import metrics
from dataplatform.telemetry.tracing import span_from
from dataplatform.telemetry.unread import RequestBody

CORRELATION_HEADER: Final = "X-Correlation-ID"
_UNOBSERVED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_UUID: Final = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_SERVER_ERROR: Final = 500
_CLIENT_LEFT: Final = 499
"""Counted when the client closed the connection before an answer could begin (the convention of nginx)."""

DURATION = Histogram(
    "dataplatform_http_request_seconds",
    "Time from the first byte of a request to the last of its response",
    ("method", "route", "status"),
    buckets=metrics.LATENCY_BUCKETS_SECONDS,
    registry=metrics.REGISTRY,
)

_STOPPING: Final = problem_response(
    Problem(
        "service_unavailable",
        "Service unavailable",
        503,
        "this replica is being stopped; send the request again",
        headers={"Retry-After": "2"},
    )
)

_log = structlog.get_logger(__name__)


def correlation_id_of(scope: Scope) -> UUID:
    """Return the correlation id of a request behind `RequestMiddleware`."""
    value: UUID = scope["state"]["correlation_id"]
    return value


class RequestMiddleware:
    """Wraps the whole application: `RequestMiddleware(FastAPI(...))`, so it also sees the answers to defects.

    Takes `X-Correlation-ID` (a UUID; else makes one) and `traceparent` in, gives the correlation id back. An answer
    that is ready before the body was read waits for the rest of it for a moment (`unread`).

    Health and metrics endpoints pass unobserved. The route template, never the path, labels the metric.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http" or scope["path"] in _UNOBSERVED:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        correlation_id = _correlation_id(headers)
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        with (
            structlog.contextvars.bound_contextvars(correlation_id=str(correlation_id)),
            span_from(headers.get("traceparent"), f"HTTP {scope['method']}", SpanKind.SERVER) as span,
        ):
            exchange = _Exchange(self._app, correlation_id)
            try:
                await exchange.run(scope, receive, send)
            finally:
                _record(scope, span, exchange.status, exchange.seconds)


class _Exchange:
    """One request and its response."""

    def __init__(self, app: ASGIApp, correlation_id: UUID) -> None:
        self._app = app
        self._correlation_id = correlation_id
        self._began = time.perf_counter()
        self.status = _CLIENT_LEFT

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, body = False, RequestBody(scope, receive)

        async def send_on(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began, self.status = True, message["status"]
                MutableHeaders(scope=message)[CORRELATION_HEADER] = str(self._correlation_id)
                await body.linger()
            await send(message)

        try:
            await self._app(scope, body.receive, send_on)
        except asyncio.CancelledError:
            if not began:  # the role is ending and waits no longer; the server would say that this is a defect
                await _STOPPING(scope, receive, send_on)
            raise
        except Exception:
            self.status = _SERVER_ERROR
            raise


def _record(scope: Scope, span: Span, status: int, seconds: float) -> None:
    method, route = scope["method"], _route(scope)
    span.update_name(f"{method} {route}")
    span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
    if status >= _SERVER_ERROR:
        span.set_status(StatusCode.ERROR)
    DURATION.labels(method, route, str(status)).observe(seconds)
    _log.info("http.request", method=method, path=scope["path"], status=status, seconds=round(seconds, 6))


def _correlation_id(headers: Headers) -> UUID:
    given = headers.get(CORRELATION_HEADER, "")
    return UUID(given) if _UUID.match(given) else uuid4()


def _route(scope: Scope) -> str:
    route = getattr(scope.get("route"), "path", None)
    return route if isinstance(route, str) else "unmatched"
