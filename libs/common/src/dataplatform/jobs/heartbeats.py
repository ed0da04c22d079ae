"""Tells the other services how far the running jobs of a queue are, on a topic of short retention.

Workers write their progress into the lease table, as they do to keep a lease alive; this carries it on, so that they
need no broker. Nothing depends on it: a heartbeat that is lost is followed by another.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from aiokafka import AIOKafkaProducer
from pydantic import ValidationError

from dataplatform.events.heartbeats import JobHeartbeat, Progress
from dataplatform.log.metrics import wait
from dataplatform.log.postgres import Executor, open_connection
from dataplatform.log.relay import IDLE_SESSION_TIMEOUT, close_producer, outlive_faults

LEADER_LOCK: Final = 0x6A6F62626561747A & 0x7FFFFFFFFFFFFFFF
"""Advisory lock key, the ASCII of "jobbeatz": of many replicas one tells."""
POLL_SECONDS: Final = 1.0

_RUNNING: Final = """SELECT id, fence, attempt, lease_until, payload, progress, clock_timestamp() AS now
                     FROM jobs WHERE queue = $1 AND state = 'running'"""

Describe = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""From a job's payload to `run_id`, `upload_id`, `dataset_id` and `stage` of its heartbeat."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Pulse:
    """What was told last of each running job, so that only what is new is told."""

    queue: str
    describe: Describe
    _told: dict[UUID, tuple[int, datetime]] = field(default_factory=dict)

    async def news(self, connection: Executor) -> list[JobHeartbeat]:
        """Return the heartbeats of jobs that beat since the last call."""
        rows = await connection.fetch(_RUNNING, self.queue)
        beats = {row["id"]: (row["fence"], row["lease_until"]) for row in rows}
        new = [row for row in rows if self._told.get(row["id"]) != beats[row["id"]]]
        self._told = beats
        return [self._heartbeat(dict(row)) for row in new]

    def _heartbeat(self, row: Mapping[str, Any]) -> JobHeartbeat:
        ids = self.describe(row["payload"])
        return JobHeartbeat(**ids, attempt=row["attempt"], beat_at=row["now"], progress=_progress(row["progress"]))


def _progress(reported: Any) -> Progress | None:
    """Return what a sandbox reported, unless it is not what an honest one says."""
    try:
        return Progress.model_validate(reported) if reported else None
    except ValidationError as error:
        _log.warning("progress_ignored", errors=error.error_count())
        return None


class HeartbeatRelay:
    """Relays the heartbeats of one queue for as long as `run` runs; any number may run, one leads."""

    def __init__(self, database_url: str, bootstrap_servers: str, topic: str, queue: str, describe: Describe) -> None:
        self._database_url = database_url
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._queue = queue
        self._describe = describe

    async def run(self, stop: asyncio.Event) -> None:
        """Lead, or wait to lead, until `stop` is set; outlives every fault of PostgreSQL and Kafka."""
        await outlive_faults(self._lead, stop, POLL_SECONDS, "heartbeats_interrupted")

    async def _lead(self, stop: asyncio.Event) -> None:
        connection = await open_connection(self._database_url)
        try:
            await connection.execute(f"SET idle_session_timeout = '{IDLE_SESSION_TIMEOUT}'")
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_LOCK):
                await wait(stop, 2 * POLL_SECONDS)
                if stop.is_set():
                    return
            await self._tell(connection, stop)
        finally:
            connection.terminate()

    async def _tell(self, connection: Executor, stop: asyncio.Event) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap_servers, request_timeout_ms=5_000)
        try:
            await producer.start()
            pulse = Pulse(self._queue, self._describe)
            while not stop.is_set():
                for heartbeat in await pulse.news(connection):
                    value = heartbeat.model_dump_json(exclude_none=True).encode()
                    await producer.send(self._topic, value, key=str(heartbeat.run_id).encode())
                await wait(stop, POLL_SECONDS)
        finally:
            await close_producer(producer)
