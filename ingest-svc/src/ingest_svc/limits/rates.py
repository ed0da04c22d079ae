"""Rates of requests per principal, kept in PostgreSQL so that they hold across replicas, and the fields that tell them.

The fields are those of draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` and `RateLimit`.
"""

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dataplatform.log.postgres import is_infrastructure_error
from dataplatform.problems import Problem
from ingest_svc.problems import problem
from ingest_svc.transactions import ACQUIRE_SECONDS, TRANSACTION_SECONDS, DatabaseUnavailableError

_STATE: Final = "rates"
_TAKE: Final = "SELECT * FROM rate_take($1, $2, $3, $4)"


@dataclass(frozen=True, slots=True)
class Policy:
    """So many requests in so many seconds, refilled evenly."""

    name: str
    quota: int
    window_seconds: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a principal stands with a policy; `retry_seconds` is zero unless the request is one too many."""

    policy: Policy
    allowed: bool
    remaining: int
    reset_seconds: int
    retry_seconds: int

    def refusal(self) -> Problem:
        """Return the problem of a request too many."""
        policy = self.policy
        limit = {
            "name": policy.name,
            "unit": "requests",
            "quota": policy.quota,
            "remaining": self.remaining,
            "window_seconds": policy.window_seconds,
        }
        detail = (
            f"{policy.quota} {policy.name} in {policy.window_seconds} s are the most of one account; "
            f"try again in {self.retry_seconds} s"
        )
        extra = {"limit": limit, "retry_after_seconds": self.retry_seconds}
        return problem("rate_limited", detail, extra, {"Retry-After": str(self.retry_seconds)})


class Rates:
    """Counts requests of principals against policies."""

    def __init__(self, pool: asyncpg.Pool, policies: Iterable[Policy]) -> None:
        self._pool = pool
        self._policies = {policy.name: policy for policy in policies}

    async def take(self, scope: Scope, principal: UUID, policy: str) -> None:
        """Count one request, and have its answer tell how the principal stands.

        Raises the problem `rate_limited`, and
        `DatabaseUnavailableError`.
        """
        standing = await self._take(principal, self._policies[policy])
        scope.setdefault("state", {}).setdefault(_STATE, {})[policy] = standing
        if not standing.allowed:
            raise standing.refusal()

    async def _take(self, principal: UUID, policy: Policy) -> Standing:
        row = await self._ask(principal, policy)
        return Standing(
            policy,
            row["allowed"],
            row["remaining"],
            math.ceil(row["reset_seconds"]),
            0 if row["allowed"] else max(1, math.ceil(row["retry_seconds"])),
        )

    async def _ask(self, principal: UUID, policy: Policy) -> Any:
        try:
            async with asyncio.timeout(TRANSACTION_SECONDS), self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                return await connection.fetchrow(_TAKE, principal, policy.name, policy.quota, policy.window_seconds)
        except Exception as error:
            if is_infrastructure_error(error):
                raise DatabaseUnavailableError(f"{type(error).__name__}: {error}") from error
            raise


class RateFields:
    """ASGI middleware: the answers to counted requests carry `RateLimit-Policy` and `RateLimit`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""

        async def send_on(message: Message) -> None:
            standings: dict[str, Standing] = scope.get("state", {}).get(_STATE, {})
            if message["type"] == "http.response.start" and standings:
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Policy"] = ", ".join(
                    f'"{one.policy.name}";q={one.policy.quota};w={one.policy.window_seconds}'
                    for one in standings.values()
                )
                headers["RateLimit"] = ", ".join(
                    f'"{one.policy.name}";r={one.remaining};t={one.reset_seconds}' for one in standings.values()
                )
            await send(message)

        await self._app(scope, receive, send_on)
