"""Transactions on the service's database: bounded in time, and patient where a client's work would be lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import asyncpg
import structlog

from dataplatform.log.postgres import is_infrastructure_error

ACQUIRE_SECONDS: Final = 5.0
TRANSACTION_SECONDS: Final = 10.0
"""A transaction here takes milliseconds; after so long the server hangs, and the client is better told than kept."""
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0

Result = TypeVar("Result")
Work = Callable[[Any], Awaitable[Result]]
"""Takes the connection whose transaction it runs in."""

_log = structlog.get_logger(__name__)


class DatabaseUnavailableError(Exception):
    """PostgreSQL could not take the work for now. If it was a commit, whether it took place is not known."""


@dataclass(frozen=True, slots=True)
class Transactions:
    """Runs work in transactions of a pool; `patience_seconds` is how long `patiently` waits for PostgreSQL."""

    pool: asyncpg.Pool
    patience_seconds: float

    async def run(self, work: Work[Result]) -> Result:
        """Run `work` in one transaction; raises `DatabaseUnavailableError`, and what `work` raises."""
        try:
            async with asyncio.timeout(TRANSACTION_SECONDS):
                async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
                    return await work(connection)
        except Exception as error:
            if is_infrastructure_error(error):
                raise DatabaseUnavailableError(f"{type(error).__name__}: {error}") from error
            raise

    async def patiently(self, work: Work[Result]) -> Result:
        """Run `work` again and again while PostgreSQL is away or another transaction won; it must be repeatable."""
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self.patience_seconds, _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self.run(work)
            except DatabaseUnavailableError as error:
                if loop.time() + pause > deadline:
                    raise
                _log.warning("database.waiting", error=str(error), pause_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
