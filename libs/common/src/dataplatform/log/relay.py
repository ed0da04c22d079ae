"""The relay: publishes committed events to Kafka in order, one leader per service.

An event is marked published only after Kafka acknowledged its whole batch. A crash between the two, a second leader or
a batch sent in part gives duplicates and disorder, never a loss; the inbox absorbs both.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from dataplatform.log import metrics
from dataplatform.log.envelope import to_kafka
from dataplatform.log.postgres import is_infrastructure_error, open_connection
from dataplatform.log.store import envelope_of

LEADER_LOCK: Final = 0x6C6F6772656C6179 & 0x7FFFFFFFFFFFFFFF
"""Advisory lock key, the ASCII of "logrelay"; databases are per service, so it needs no service in it."""
IDLE_SESSION_TIMEOUT: Final = "15s"
"""PostgreSQL ends a leader's session that says nothing for so long (a stopped process), and the lock goes with it."""
BATCH: Final = 500
POLL_SECONDS: Final = 1.0
PACE_SECONDS: Final = 0.2
"""Least time between the starts of two batches. The first event after a quiet moment leaves at once; under load, events
travel together, and the broker and every consumer behind it have so many fewer requests and transactions to make."""
MAX_BACKOFF_SECONDS: Final = 10.0
MAX_REQUEST_BYTES: Final = 8 * 1024 * 1024

_UNPUBLISHED = f"""SELECT position, event_id, source, type, stream_id, version, time, topic, key, data, correlation_id,
                          causation_id, traceparent
                   FROM events WHERE published_at IS NULL ORDER BY position LIMIT {BATCH}"""
_MARK = (
    "UPDATE events SET published_at = clock_timestamp() WHERE published_at IS NULL AND position = ANY ($1::bigint[])"
)

_log = structlog.get_logger(__name__)


class Relay:
    """Relays the outbox of one database for as long as `run` runs; any number may run, one leads."""

    def __init__(self, database_url: str, bootstrap_servers: str, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database_url = database_url
        self._bootstrap_servers = bootstrap_servers
        self._poll_seconds = poll_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Lead, or wait to lead, until `stop` is set; outlives every fault of PostgreSQL and Kafka."""
        await outlive_faults(self._lead, stop, self._poll_seconds, "relay_interrupted")

    async def _lead(self, stop: asyncio.Event) -> None:
        """Take the lock and publish until something breaks; return at once where another leads."""
        connection = await open_connection(self._database_url)
        try:
            await connection.execute(f"SET idle_session_timeout = '{IDLE_SESSION_TIMEOUT}'")
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_LOCK):
                return
            metrics.RELAY_LEADS.set(1)
            producer = self._producer()
            try:
                await producer.start()
                await self._publish(connection, producer, stop)
            finally:
                await close_producer(producer)
        finally:
            metrics.RELAY_LEADS.set(0)
            await asyncio.shield(_disconnect(connection))

    def _producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            enable_idempotence=True,
            acks="all",
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=10_000,
        )

    async def _publish(self, connection: Any, producer: AIOKafkaProducer, stop: asyncio.Event) -> None:
        appended = asyncio.Event()

        def wake(*_: object) -> None:
            appended.set()

        await connection.add_listener("log_appended", wake)
        while not stop.is_set():
            appended.clear()
            paced = asyncio.get_running_loop().time() + PACE_SECONDS
            while await publish_batch(connection, producer) == BATCH:
                pass
            await _either(appended, stop, self._poll_seconds)
            await metrics.wait(stop, paced - asyncio.get_running_loop().time())


async def publish_batch(connection: Any, producer: AIOKafkaProducer) -> int:
    """Publish up to `BATCH` events in order and mark them; return how many. Raises `KafkaError`: none is marked."""
    rows: Sequence[Any] = await connection.fetch(_UNPUBLISHED)
    if not rows:
        return 0
    futures = []
    for row in rows:
        envelope = envelope_of(dict(row))
        key, value, headers = to_kafka(envelope)
        futures.append(await producer.send(envelope.topic, value, key=key, headers=headers))
    await producer.flush()
    await asyncio.gather(*futures)
    await connection.execute(_MARK, [row["position"] for row in rows])
    for row in rows:
        metrics.EVENTS_PUBLISHED.labels(row["topic"]).inc()
    return len(rows)


async def _either(first: asyncio.Event, second: asyncio.Event, seconds: float) -> None:
    waits = [asyncio.ensure_future(first.wait()), asyncio.ensure_future(second.wait())]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiting in waits:
            waiting.cancel()


async def outlive_faults(
    lead: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event, pause_seconds: float, complaint: str
) -> None:
    """Call `lead` again and again until `stop` is set.

    It is called after a pause where it returned, and after longer and longer ones where PostgreSQL or Kafka failed it,
    which is logged as `complaint`. Raises every other error.
    """
    failures = 0
    while not stop.is_set():
        try:
            await lead(stop)
            failures = 0
        except Exception as error:
            if not (isinstance(error, KafkaError) or is_infrastructure_error(error)):
                raise
            failures += 1
            _log.warning(complaint, error=f"{type(error).__name__}: {error}", failures=failures)
        await metrics.wait(stop, min(0.1 * 2**failures, MAX_BACKOFF_SECONDS) if failures else pause_seconds)


async def close_producer(producer: AIOKafkaProducer) -> None:
    """Close a producer, also one whose broker is gone."""
    try:
        # stop() flushes first, which would wait for a broker that is gone
        await asyncio.wait_for(producer.stop(), 5)
    except (KafkaError, TimeoutError):
        _log.warning("producer_not_closed_cleanly")


async def _disconnect(connection: Any) -> None:
    try:
        await connection.close(timeout=5)
    except Exception as error:  # noqa: BLE001 - whatever happens here, the session is gone
        _log.warning("connection_not_closed_cleanly", error=str(error))
        connection.terminate()
