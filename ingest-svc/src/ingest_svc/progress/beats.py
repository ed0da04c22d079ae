"""Heartbeats of jobs, from their topics to `run_progress`: the latest one of each run counts, the rest is forgotten."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from dataplatform.events.heartbeats import JobHeartbeat
from dataplatform.events.registry import HEARTBEATS
from dataplatform.log.metrics import wait
from dataplatform.log.postgres import is_infrastructure_error
from ingest_svc.progress.writing import refresh

GROUP: Final = "ingest-heartbeats"
MAX_BACKOFF_SECONDS: Final = 10.0

_HEARD: Final = """
UPDATE run_progress r SET beat = e.body, beat_at = e.beat_at
FROM (SELECT b AS body, (b ->> 'run_id')::uuid AS run_id, (b ->> 'beat_at')::timestamptz AS beat_at
      FROM jsonb_array_elements($1::jsonb) AS b) AS e
WHERE r.run_id = e.run_id AND (r.beat_at IS NULL OR r.beat_at < e.beat_at) AND r.published_at IS NULL
RETURNING r.upload_id
"""

_log = structlog.get_logger(__name__)


class Heartbeats:
    """Consumes the topics of heartbeats. They are no part of the log: what was missed is not made good."""

    def __init__(self, pool: asyncpg.Pool, bootstrap_servers: str, *, instance: str | None) -> None:
        self._pool = pool
        self._bootstrap_servers = bootstrap_servers
        self._instance = instance

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; outlives every fault of PostgreSQL and Kafka."""
        failures = 0
        while not stop.is_set():
            try:
                await self._consume(stop)
                failures = 0
            except Exception as error:
                if not (isinstance(error, KafkaError) or is_infrastructure_error(error)):
                    raise
                failures += 1
                _log.warning("heartbeats_missed", error=f"{type(error).__name__}: {error}")
                await wait(stop, min(0.1 * 2**failures, MAX_BACKOFF_SECONDS))

    async def _consume(self, stop: asyncio.Event) -> None:
        consumer = AIOKafkaConsumer(
            *(topic.name for topic in HEARTBEATS),
            bootstrap_servers=self._bootstrap_servers,
            group_id=GROUP,
            group_instance_id=self._instance,
            auto_offset_reset="latest",  # an old heartbeat tells nothing
        )
        await consumer.start()
        try:
            while not stop.is_set():
                batches = await consumer.getmany(timeout_ms=500, max_records=500)
                records = [record.value for batch in batches.values() for record in batch]
                if records:
                    await hear(self._pool, records)
        finally:
            await consumer.stop()


async def hear(pool: asyncpg.Pool, records: Iterable[bytes | None]) -> None:
    """Write down what these heartbeats say; what is none is skipped."""
    latest = {beat.run_id: beat for beat in sorted(_decoded(records), key=lambda beat: beat.beat_at)}
    if not latest:
        return
    bodies = [beat.model_dump(mode="json", exclude_none=True) for beat in latest.values()]
    async with pool.acquire() as connection, connection.transaction():
        rows: Sequence[Any] = await connection.fetch(_HEARD, bodies)
        uploads = {row["upload_id"] for row in rows if row["upload_id"] is not None}
        await refresh(connection, uploads, max(beat.beat_at for beat in latest.values()))


def _decoded(records: Iterable[bytes | None]) -> list[JobHeartbeat]:
    found = []
    for record in records:
        try:
            found.append(JobHeartbeat.model_validate_json(record or b""))
        except ValidationError as error:
            _log.warning("heartbeat_ignored", errors=error.error_count())
    return found
