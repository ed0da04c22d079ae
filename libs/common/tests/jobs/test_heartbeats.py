import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from dataplatform.events.heartbeats import JobHeartbeat, Progress
from dataplatform.events.registry import HEARTBEATS
from dataplatform.jobs import queue
from dataplatform.jobs.heartbeats import HeartbeatRelay, Pulse
from dataplatform.jobs.worker import Heart
from dataplatform.log import topics
from dataplatform.log.envelope import Context
from dataplatform_stack.services import Kafka

Until = Callable[..., Awaitable[None]]
IDS = {"run_id": UUID(int=1), "upload_id": UUID(int=2), "dataset_id": UUID(int=3), "stage": "parsing"}
PROGRESS = {
    "rows": 5,
    "bytes": 80,
    "table_count": 1,
    "tables": [{"index": 0, "name": "t", "rows": 5, "bytes": 80, "done": False}],
}


def ids(_payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return IDS


@pytest.fixture
async def job(pool: asyncpg.Pool) -> queue.Job:
    await queue.enqueue(pool, "work", "a", {}, context=Context(UUID(int=1)))
    claimed = await queue.claim(pool, "work", "me", 60)
    assert claimed is not None
    return claimed


async def test_a_beat_is_told_once_and_only_progress_that_has_the_right_shape(
    pool: asyncpg.Pool, job: queue.Job
) -> None:
    pulse = Pulse("work", ids)
    (first,) = await pulse.news(pool)
    assert (first.run_id, first.attempt, first.progress) == (UUID(int=1), 1, None)
    assert await pulse.news(pool) == []
    await queue.beat(pool, job, 60, PROGRESS)
    (second,) = await pulse.news(pool)
    assert second.progress == Progress.model_validate(PROGRESS)
    await queue.beat(pool, job, 60, {"rows": "many", "tables": "no"})
    (third,) = await pulse.news(pool)
    assert third.progress is None
    await queue.complete(pool, job)
    assert await pulse.news(pool) == []


async def test_progress_is_written_down_long_before_the_lease_asks_for_it(
    pool: asyncpg.Pool, job: queue.Job, until: Until
) -> None:
    heart = Heart(pool, job, 600.0)
    beating = asyncio.create_task(heart.run())
    heart.report(PROGRESS)

    async def written() -> bool:
        return await pool.fetchval("SELECT progress IS NOT NULL FROM jobs") is True

    await until(written, "progress is in the lease table", 10)
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating


@pytest.mark.integration
async def test_of_two_relays_one_tells_and_when_it_ends_the_other_goes_on(
    pool: asyncpg.Pool, log_url: str, job: queue.Job, kafka_server: Kafka, topic_name: str, until: Until
) -> None:
    servers = kafka_server.bootstrap_servers
    await topics.apply(servers, [replace(HEARTBEATS[0], name=topic_name, partitions=1)])
    told: list[JobHeartbeat] = []
    consumer = AIOKafkaConsumer(topic_name, bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()

    async def collect() -> None:
        async for record in consumer:
            told.append(JobHeartbeat.model_validate(json.loads(record.value)))  # noqa: PERF401 - seen while it grows

    async def tell(count: int) -> None:
        await queue.beat(pool, job, 60, {**PROGRESS, "rows": count})

        async def came() -> bool:
            return bool(told and told[-1].progress and told[-1].progress.rows == count)

        await until(came, f"the heartbeat with {count} rows comes")

    stops = [asyncio.Event(), asyncio.Event()]
    relays = [
        asyncio.create_task(HeartbeatRelay(log_url, servers, topic_name, "work", ids).run(stop)) for stop in stops
    ]
    collecting = asyncio.create_task(collect())
    try:
        await tell(1)
        before = len(told)
        await tell(2)
        assert len(told) == before + 1
        for stop, relay in zip(stops, relays, strict=True):
            if stop is stops[0]:
                stop.set()
                await asyncio.wait_for(relay, 20)
        await tell(3)
    finally:
        stops[1].set()
        await asyncio.wait_for(relays[1], 20)
        collecting.cancel()
        await consumer.stop()
