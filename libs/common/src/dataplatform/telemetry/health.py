"""Liveness, readiness and the scrape endpoint that every role serves."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dataplatform.telemetry import metrics

Check = Callable[[], Awaitable[object]]

_log = structlog.get_logger(__name__)


class Health:
    """The checks a role must pass to be ready, and the measurements to refresh before a scrape."""

    def __init__(self, timeout_seconds: float = 2.0) -> None:
        self._timeout_seconds = timeout_seconds
        self._checks: dict[str, Check] = {}
        self._measurements: list[Check] = []

    def add(self, name: str, check: Check) -> None:
        """Require `check` to return without an exception, in time."""
        self._checks[name] = check

    def measure(self, refresh: Check) -> None:
        """Await `refresh` before each scrape, so it can set gauges; its failure is logged and the scrape goes on."""
        self._measurements.append(refresh)

    async def failures(self) -> dict[str, str]:
        """Run every check at once; return what failed, by name."""
        outcomes = await asyncio.gather(*(self._failure(check) for check in self._checks.values()))
        return {name: outcome for name, outcome in zip(self._checks, outcomes, strict=True) if outcome is not None}

    async def refresh(self) -> None:
        """Run every measurement at once."""
        for failure in await asyncio.gather(*(self._failure(refresh) for refresh in self._measurements)):
            if failure is not None:
                _log.warning("metrics.refresh_failed", error=failure)

    def routes(self) -> Sequence[Route]:
        """Return the routes, for a role that has an application of its own."""
        return (
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Route("/metrics", self._metrics),
        )

    async def _failure(self, check: Check) -> str | None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await check()
        except TimeoutError:
            return f"no answer in {self._timeout_seconds:g} s"
        except Exception as error:  # noqa: BLE001 - whatever a dependency raises means that it is not usable
            return f"{type(error).__name__}: {error}"
        return None

    async def _healthz(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _readyz(self, _request: Request) -> Response:
        failures = await self.failures()
        checks = {name: failures.get(name, "ok") for name in self._checks}
        status = "unready" if failures else "ready"
        return JSONResponse({"status": status, "checks": checks}, 503 if failures else 200)

    async def _metrics(self, _request: Request) -> Response:
        await self.refresh()
        return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)


def health_app(health: Health) -> Starlette:
    """Return an application with `/healthz`, `/readyz` and `/metrics` only, for roles without one of their own."""
    return Starlette(routes=list(health.routes()))
