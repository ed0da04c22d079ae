"""What the role `worker` of a service has at hand, opened in order and closed again. What it does is the service's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg

from dataplatform import telemetry
from dataplatform.jobs.sandbox import Sandbox
from dataplatform.jobs.scratch import scratch_folder
from dataplatform.jobs.worker import Worker
from dataplatform.log import metrics
from dataplatform.roles import database_check, pool_when_ready, run_together, serve_health
from dataplatform.settings import CommonSettings
from dataplatform.storage import ObjectStore, open_store
from dataplatform.telemetry import Health


@dataclass(frozen=True)
class Workshop:
    """What a worker has at hand: a folder of its own, a sandbox that has started, object storage, the database."""

    settings: CommonSettings
    scratch: Path
    sandbox: Sandbox
    store: ObjectStore
    pool: asyncpg.Pool
    health: Health
    stop: asyncio.Event

    async def run(self, *workers: Worker) -> None:
        """Serve health and work until SIGTERM or SIGINT."""
        tasks = (worker.run for worker in workers)
        await run_together((partial(serve_health, self.settings, self.health), *tasks), self.stop)


@asynccontextmanager
async def workshop(settings: CommonSettings, name: str, sandbox: Sandbox) -> AsyncIterator[Workshop]:
    """Open what the worker role `name` needs, waiting for a database that is not there yet."""
    stop, health = telemetry.stop_on_signals(), Health()
    with scratch_folder(settings.scratch_dir, name) as scratch:
        async with sandbox, open_store(settings) as store, pool_when_ready(settings.database_url, stop) as pool:
            health.add("object_store", store.check)
            health.add("postgresql", database_check(pool))
            health.measure(partial(metrics.observe, pool))
            yield Workshop(settings, scratch, sandbox, store, pool, health, stop)
