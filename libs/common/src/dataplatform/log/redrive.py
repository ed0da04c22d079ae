"""Redrive: an operator asks, by a mark on the parked event; the consumer that knows how to apply it does it.

So the command line needs no service's code, and the event is applied by the very process that would have applied it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg
import structlog

from dataplatform.log import metrics

POLL_SECONDS: Final = 1.0
_REQUESTED: Final = (
    "SELECT stream_id FROM parked_events WHERE consumer = $1 AND redrive_requested ORDER BY parked_at, stream_id"
)

Redrive = Callable[[str], Awaitable[bool]]
"""Applies the failed event of a stream again and what queues behind it; returns whether all went through."""

_log = structlog.get_logger(__name__)


async def request(connection: Any, consumer: str, stream: str | None = None) -> int:
    """Ask for a failed stream, or all of them, to be redriven; return how many there are."""
    return int(await connection.fetchval("SELECT inbox_request_redrive($1, $2)", consumer, stream))


async def attend(pool: asyncpg.Pool, consumer: str, redrive: Redrive, stop: asyncio.Event) -> None:
    """Carry out requests until `stop` is set."""

    async def carry_out() -> None:
        for row in await pool.fetch(_REQUESTED, consumer):
            clean = await redrive(row["stream_id"])
            _log.info("stream_redriven", consumer=consumer, stream=row["stream_id"], clean=clean)

    await metrics.every(POLL_SECONDS, carry_out, stop)
