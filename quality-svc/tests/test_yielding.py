"""When examinations may begin, on real PostgreSQL."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from dataplatform.jobs import queue
from dataplatform.log.envelope import Context
from quality_svc import domain, examinations
from quality_svc.yielding import QUIET, Yielding

pytestmark = pytest.mark.integration

PATIENCE = timedelta(minutes=10)


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


async def put(pool: asyncpg.Pool, name: str) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await queue.enqueue(connection, name, "key", {}, context=Context(UUID(int=1)))


async def test_examinations_let_assessments_that_wait_or_run_come_first(pool: asyncpg.Pool) -> None:
    clock = Clock()
    yielding = Yielding(pool, PATIENCE, clock)
    assert await yielding.may_take()

    await put(pool, domain.QUEUE)
    await put(pool, examinations.QUEUE)
    assert not await yielding.may_take()
    job = await queue.claim(pool, domain.QUEUE, "worker", 60)
    assert job is not None
    assert not await yielding.may_take()
    await queue.complete(pool, job)
    assert not await yielding.may_take(), "a stream of files has gaps"
    clock.now += QUIET
    assert await yielding.may_take()


async def test_an_examination_that_has_waited_for_long_begins_in_any_case(pool: asyncpg.Pool) -> None:
    clock = Clock()
    yielding = Yielding(pool, PATIENCE, clock)
    await put(pool, domain.QUEUE)
    await put(pool, examinations.QUEUE)
    assert not await yielding.may_take()
    clock.now += PATIENCE + timedelta(seconds=5)
    assert await yielding.may_take()
