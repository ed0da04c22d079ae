"""The role `projector`: events from Kafka become rows, policies follow, and the catalog's own events are relayed.

Any number of members may run: Kafka shares the partitions out, the locks and the inbox keep them apart.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from catalog_svc import clock
from catalog_svc.manifests import storage
from catalog_svc.projections import writing
from catalog_svc.projections.apply import CONSUMER, TOPICS
from catalog_svc.projections.arrears import catch_up
from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.settings import CatalogSettings
from dataplatform import telemetry
from dataplatform.log import metrics, redrive
from dataplatform.log.consumer import ConsumerRole, Record
from dataplatform.log.envelope import Envelope, UndecodableRecordError
from dataplatform.log.relay import Relay
from dataplatform.roles import database_check, pool_when_ready, run_together
from dataplatform.telemetry import Health

T = TypeVar("T")


class ThreadedReceiver:
    """Gives batches to the inbox on one thread of its own, so the loop stays free while PostgreSQL works."""

    def __init__(self, inbox: ProjectionInbox) -> None:
        self._inbox = inbox
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="projector")

    async def receive(self, envelopes: Sequence[Envelope]) -> None:
        """Apply, park or drop events."""
        await self._run(partial(self._inbox.receive, envelopes))

    async def bury(self, record: Record, error: UndecodableRecordError) -> None:
        """Keep a record that is no event."""
        await self._run(partial(self._inbox.bury, record, error))

    async def redrive(self, stream: str) -> bool:
        """Apply a failed event again, and what queues behind it."""
        return await self._run(partial(self._inbox.redrive, stream))

    async def close(self) -> None:
        """Let the batch in hand end, then close the connection."""
        await self._run(self._inbox.close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


async def run(settings: CatalogSettings) -> None:
    """Project until a signal stops it."""
    stop = telemetry.stop_on_signals()
    health = Health()
    publishing = storage(settings, asyncio.get_running_loop())
    receiver = ThreadedReceiver(ProjectionInbox(settings.database_url, writing.reaction(publishing, clock.now)))
    role = ConsumerRole(
        settings.kafka_bootstrap_servers, CONSUMER, TOPICS, receiver, instance=settings.consumer_instance
    )
    async with pool_when_ready(settings.database_url, stop, max_size=3) as pool:
        health.add("postgresql", database_check(pool))
        health.add("kafka", role.check)
        health.measure(partial(metrics.observe, pool))
        health.measure(role.observe_lag)
        await asyncio.to_thread(catch_up, settings.database_url, publishing, clock.now)
        try:
            await run_together(
                (
                    partial(_serve_health, settings, health),
                    role.run,
                    partial(redrive.attend, pool, CONSUMER, receiver.redrive),
                    Relay(settings.database_url, settings.kafka_bootstrap_servers).run,
                ),
                stop,
            )
        finally:
            await receiver.close()


async def _serve_health(settings: CatalogSettings, health: Health, stop: asyncio.Event) -> None:
    await telemetry.serve(telemetry.health_app(health), settings.http_host, settings.http_port, stop)
