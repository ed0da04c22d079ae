"""The role `worker`: runs the catalog's job queues. Any number of members may run; leases keep them apart.

What a queue's jobs do is in the package that the queue belongs to. To add one:

1. Write `def queue(bench: Bench) -> Task` in a module of your package. It is called once, when the role starts, and
   returns what runs until the event is set: nearly always
   `Worker(bench.pool, bench.settings.database_url, QUEUE, perform, conclude_failure, concurrency=1).run`
   of `dataplatform.jobs.worker` (perform: job and heart in, a function out that runs in the job's last transaction).
2. Name it in `QUEUES` below, as `package.module:function`.
3. Enqueue with `dataplatform.jobs.cursor.enqueue` in the transaction of the request that asks for it.

An idle worker is small: a queue's module imports nothing heavy (no Django, no DuckDB, no client of the object store)
before its first job. `bench.store()` opens the object store when it is first wanted; `catalog_svc.roles.set_up()` sets
Django up, after which models are imported inside a function and used on a thread (`asyncio.to_thread`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

import asyncpg

from catalog_svc.objects import documents
from catalog_svc.settings import CatalogSettings
from dataplatform import telemetry
from dataplatform.jobs.scratch import scratch_folder
from dataplatform.log import metrics
from dataplatform.roles import Task, database_check, pool_when_ready, run_together, serve_health
from dataplatform.storage.interface import ObjectStore
from dataplatform.telemetry import Health

QUEUES: Final = (
    "catalog_svc.webhooks.dispatching:queue",
    "catalog_svc.exports.making:queue",
    "catalog_svc.versions.erasing:queue",
)


@dataclass(frozen=True)
class Bench:
    """What every queue has at hand. `scratch` is this process's own folder, gone with it."""

    settings: CatalogSettings
    pool: asyncpg.Pool
    scratch: Path
    health: Health

    async def store(self) -> ObjectStore:
        """Return the object store, opened at the first use."""
        return await documents.store()


Queue = Callable[[Bench], Task]


async def run(settings: CatalogSettings, queues: tuple[str, ...] = QUEUES) -> None:
    """Run the role until SIGTERM or SIGINT: jobs in hand end or are given back."""
    stop, health = telemetry.stop_on_signals(), Health()
    with scratch_folder(settings.scratch_dir, "catalog-worker") as scratch:
        async with pool_when_ready(settings.database_url, stop) as pool:
            health.add("postgresql", database_check(pool))
            health.measure(partial(metrics.observe, pool))
            bench = Bench(settings, pool, scratch, health)
            tasks = [_queue(target)(bench) for target in queues]
            try:
                await run_together((partial(serve_health, settings, health), *tasks), stop)
            finally:
                await asyncio.wait_for(documents.close(), 5)


def _queue(target: str) -> Queue:
    module, _, function = target.partition(":")
    found: Queue = getattr(import_module(module), function)
    return found
