import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from dataplatform.events.ingest import UPLOADS, UploadWithdrawn
from dataplatform.log import relay, store, topics
from dataplatform.log.envelope import Context, Envelope, from_kafka
from dataplatform.log.postgres import open_connection
from dataplatform_stack.services import Kafka

Make = Callable[[UUID], UploadWithdrawn]
Until = Callable[..., Awaitable[None]]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def broker(kafka_server: Kafka) -> Kafka:
    kafka_server.start()
    await topics.apply(kafka_server.bootstrap_servers)
    return kafka_server


async def append(pool: asyncpg.Pool, event: UploadWithdrawn, expected: int = 0) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await store.append(connection, expected, [event], service="ingest-svc", now=NOW, context=Context(UUID(int=1)))


async def published(broker: Kafka, streams: set[str], count: int) -> list[Envelope]:
    """Read the topic from its start until `count` records of `streams` were seen, then to its end."""
    consumer = AIOKafkaConsumer(UPLOADS, bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        found: list[Envelope] = []
        async with asyncio.timeout(30):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    mine = [r for r in records if dict(r.headers).get("ce_subject", b"").decode() in streams]
                    found += [from_kafka(r.topic, r.key, r.value, r.headers) for r in mine]
        return found
    finally:
        await consumer.stop()


@asynccontextmanager
async def running(*relays: relay.Relay) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(one.run(stop)) for one in relays]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)


async def test_what_is_committed_reaches_kafka_in_order_and_is_marked(
    pool: asyncpg.Pool, log_url: str, broker: Kafka, withdrawal: Make, until: Until
) -> None:
    events = [withdrawal(uuid4()) for _ in range(20)]
    async with running(relay.Relay(log_url, broker.bootstrap_servers)):
        for version in range(3):
            for event in events:
                await append(pool, event, version)
        found = await published(broker, {event.stream for event in events}, 60)
        for event in events:
            mine = [envelope for envelope in found if envelope.stream == event.stream]
            assert mine == await store.load(pool, event.stream)
        await until(lambda: _none_left(pool), "every event is marked published")


async def _none_left(pool: asyncpg.Pool) -> bool:
    return bool(await pool.fetchval("SELECT count(*) = 0 FROM events WHERE published_at IS NULL"))


async def test_a_relay_that_dies_between_send_and_mark_sends_again_and_loses_nothing(
    pool: asyncpg.Pool, log_url: str, broker: Kafka, withdrawal: Make
) -> None:
    event = withdrawal(uuid4())
    await append(pool, event)
    connection = await open_connection(log_url)
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, enable_idempotence=True)
    await producer.start()
    try:
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            async with connection.transaction():
                await relay.publish_batch(connection, producer)
                await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    finally:
        await producer.stop()
        connection.terminate()
    async with running(relay.Relay(log_url, broker.bootstrap_servers)):
        found = await published(broker, {event.stream}, 2)
    assert [envelope.id for envelope in found] == [found[0].id] * 2


async def test_while_kafka_is_down_appends_commit_and_the_outbox_drains_when_it_is_back(
    pool: asyncpg.Pool, log_url: str, broker: Kafka, withdrawal: Make
) -> None:
    event = withdrawal(uuid4())
    async with running(relay.Relay(log_url, broker.bootstrap_servers)):
        broker.stop()
        await append(pool, event)
        broker.start()
        assert len(await published(broker, {event.stream}, 1)) == 1


async def test_of_two_relays_one_leads_and_the_other_takes_over(
    pool: asyncpg.Pool, log_url: str, broker: Kafka, withdrawal: Make, until: Until
) -> None:
    first, second = (relay.Relay(log_url, broker.bootstrap_servers, poll_seconds=0.1) for _ in range(2))
    stop_first = asyncio.Event()
    leader = asyncio.create_task(first.run(stop_first))
    await until(lambda: _leaders(pool, 1), "the first relay leads")
    async with running(second):
        event = withdrawal(uuid4())
        await append(pool, event)
        await published(broker, {event.stream}, 1)
        stop_first.set()
        await asyncio.wait_for(leader, 20)
        await append(pool, event, 1)
        assert [envelope.version for envelope in await published(broker, {event.stream}, 2)] == [1, 2]


async def _leaders(pool: asyncpg.Pool, expected: int) -> bool:
    count = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = "
    return bool(
        await pool.fetchval(count + "(SELECT oid FROM pg_database WHERE datname = current_database())") == expected
    )


async def test_a_leader_that_falls_silent_loses_the_lock(pool: asyncpg.Pool, log_url: str, until: Until) -> None:
    silent = await open_connection(log_url)
    try:
        await silent.execute("SET idle_session_timeout = '300ms'")
        assert await silent.fetchval("SELECT pg_try_advisory_lock($1)", relay.LEADER_LOCK)
        await until(lambda: _leaders(pool, 0), "PostgreSQL ends the silent session")
    finally:
        with suppress(Exception):
            silent.terminate()


async def test_a_batch_that_kafka_refuses_is_not_marked(pool: asyncpg.Pool, withdrawal: Make) -> None:
    class Refusing:
        async def send(self, *_: Any, **__: Any) -> Any:
            raise KafkaError("no")

    await append(pool, withdrawal(uuid4()))
    async with pool.acquire() as connection:
        with pytest.raises(KafkaError):
            await relay.publish_batch(connection, Refusing())
    assert not await _none_left(pool)
