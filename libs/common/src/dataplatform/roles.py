"""What every process role does around its own work: signals, pool, health, metrics, and an end in good order.

A role is a set of tasks that live together: when one ends, by the stop or by an error, all end.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import asyncpg
import structlog

from dataplatform import telemetry
from dataplatform.log import metrics
from dataplatform.log.postgres import is_infrastructure_error, open_pool
from dataplatform.settings import CommonSettings
from dataplatform.telemetry import Health

if TYPE_CHECKING:
    from dataplatform.log.inbox import Apply

Task = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set."""

_log = structlog.get_logger(__name__)


async def run_together(tasks: Sequence[Task], stop: asyncio.Event) -> None:
    """Run tasks until `stop` is set or one of them ends; then stop the others and raise the first error."""
    running = [asyncio.ensure_future(task(stop)) for task in tasks]
    try:
        await asyncio.wait((*running,), return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await asyncio.wait(running)
    finally:
        for task in running:
            task.cancel()
    for task in running:
        task.result()


@asynccontextmanager
async def pool_when_ready(url: str, stop: asyncio.Event, *, max_size: int = 10) -> AsyncIterator[asyncpg.Pool]:
    """Open a pool, waiting for a server that is not there yet; a stop meanwhile ends the process in good order."""
    pool = None
    while pool is None:
        try:
            pool = await open_pool(url, max_size=max_size)
        except Exception as error:
            if not is_infrastructure_error(error):
                raise
            _log.warning("role_waits_for_postgresql", error=f"{type(error).__name__}: {error}")
            await metrics.wait(stop, 1.0)
            if stop.is_set():
                raise SystemExit(0) from error
    try:
        yield pool
    finally:
        await asyncio.wait_for(pool.close(), 10)


def database_check(pool: asyncpg.Pool) -> Callable[[], Awaitable[object]]:
    """Return a readiness check that asks the database a question."""
    return partial(pool.fetchval, "SELECT 1")


async def run_consumer(
    settings: CommonSettings,
    *,
    consumer: str,
    topics: Sequence[str],
    apply: "Apply",
    health: Health | None = None,
    also: Callable[[asyncpg.Pool], Sequence[Task]] = lambda _pool: (),
) -> None:
    """Run a role that applies events and relays those of its own service, until a signal stops it.

    `also` returns what else lives with it, given the role's pool.
    """
    # only consumers carry the broker's client: it is 7 MB that a worker does without
    from dataplatform.log import redrive  # noqa: PLC0415
    from dataplatform.log.consumer import ConsumerRole  # noqa: PLC0415
    from dataplatform.log.inbox import Inbox  # noqa: PLC0415
    from dataplatform.log.relay import Relay  # noqa: PLC0415

    stop = telemetry.stop_on_signals()
    health = health or Health()
    async with pool_when_ready(settings.database_url, stop) as pool:
        inbox = Inbox(pool, consumer, apply)
        role = ConsumerRole(
            settings.kafka_bootstrap_servers, consumer, topics, inbox, instance=settings.consumer_instance
        )
        health.add("postgresql", database_check(pool))
        health.add("kafka", role.check)
        health.measure(partial(metrics.observe, pool))
        health.measure(role.observe_lag)
        await run_together(
            (
                partial(serve_health, settings, health),
                role.run,
                partial(redrive.attend, pool, consumer, inbox.redrive),
                Relay(settings.database_url, settings.kafka_bootstrap_servers).run,
                *also(pool),
            ),
            stop,
        )


async def serve_health(settings: CommonSettings, health: Health, stop: asyncio.Event) -> None:
    """Serve `/healthz`, `/readyz` and `/metrics` until `stop` is set."""
    await telemetry.serve(telemetry.health_app(health), settings.http_host, settings.http_port, stop)
