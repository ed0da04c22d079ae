"""The role `consumer`: what the other services say becomes progress that people see; stuck uploads are given up."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from dataplatform.events.catalog import DATASETS
from dataplatform.events.processing import RUNS
from dataplatform.events.quality import ASSESSMENTS
from dataplatform.roles import Task, run_consumer
from ingest_svc.progress.beats import Heartbeats
from ingest_svc.progress.projection import CONSUMER, apply
from ingest_svc.progress.watchdog import Patience, Watchdog
from ingest_svc.settings import IngestSettings


async def run(settings: IngestSettings) -> None:
    """Run the role until SIGTERM or SIGINT."""
    patience = Patience(timedelta(minutes=settings.stall_minutes), timedelta(hours=settings.stall_queue_hours))
    watchdog = Watchdog(settings.database_url, patience, lambda: datetime.now(UTC))

    def also(pool: asyncpg.Pool) -> Sequence[Task]:
        beats = Heartbeats(pool, settings.kafka_bootstrap_servers, instance=settings.consumer_instance)
        return beats.run, watchdog.run

    await run_consumer(settings, consumer=CONSUMER, topics=[RUNS, ASSESSMENTS, DATASETS], apply=apply, also=also)
