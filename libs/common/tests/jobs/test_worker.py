import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from dataplatform.jobs import queue
from dataplatform.jobs.queue import Job, LeaseLostError
from dataplatform.jobs.worker import Conclude, Heart, JobFailedError, Worker
from dataplatform.log.envelope import Context

Until = Callable[..., Awaitable[None]]
CONTEXT = Context(UUID(int=1))
PROCESS = Path(__file__).with_name("worker_process.py")


@pytest.fixture(autouse=True)
async def _effects(pool: asyncpg.Pool) -> None:
    await pool.execute("CREATE TABLE effects (key text, outcome text)")


async def put(pool: asyncpg.Pool, *keys: str, max_attempts: int = 3, **payload: Any) -> None:
    async with pool.acquire() as connection, connection.transaction():
        for key in keys:
            await queue.enqueue(connection, "work", key, payload, context=CONTEXT, max_attempts=max_attempts)


async def note(connection: Any, job: Job, outcome: str) -> None:
    await connection.execute("INSERT INTO effects VALUES ($1, $2)", job.dedup_key, outcome)


async def outcomes(pool: asyncpg.Pool) -> list[tuple[str, str]]:
    return [tuple(row) for row in await pool.fetch("SELECT key, outcome FROM effects ORDER BY key, outcome")]


class Workshop:
    """Makes workers whose `perform` the test sets."""

    def __init__(self, pool: asyncpg.Pool, url: str) -> None:
        self.pool, self.url = pool, url
        self.calls: list[Job] = []

    async def perform(self, job: Job, _heart: Heart) -> Conclude:
        self.calls.append(job)
        return lambda connection: note(connection, job, "done")

    async def conclude_failure(self, connection: Any, job: Job, code: str, _detail: str) -> None:
        await note(connection, job, code)

    @asynccontextmanager
    async def working(self, **options: Any) -> AsyncIterator[None]:
        stop = asyncio.Event()
        worker = Worker(self.pool, self.url, "work", self.perform, self.conclude_failure, **options)
        task = asyncio.create_task(worker.run(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, 20)


@pytest.fixture
def workshop(pool: asyncpg.Pool, log_url: str) -> Workshop:
    return Workshop(pool, log_url)


async def _ended(pool: asyncpg.Pool) -> bool:
    return bool(await pool.fetchval("SELECT count(*) = 0 FROM jobs WHERE state IN ('ready', 'running')"))


async def test_no_job_begins_while_others_come_first(pool: asyncpg.Pool, workshop: Workshop, until: Until) -> None:
    await put(pool, "a", "b")
    answers = iter([False, False])
    seen = list[int]()

    async def may_take() -> bool:
        seen.append(len(workshop.calls))
        return next(answers, True)

    async with workshop.working(may_take=may_take):
        await until(lambda: _ended(pool), "both jobs end")

    assert seen[:3] == [0, 0, 0]
    assert await outcomes(pool) == [("a", "done"), ("b", "done")]


async def test_every_job_is_done_once_and_a_known_key_is_no_new_job(
    pool: asyncpg.Pool, workshop: Workshop, until: Until
) -> None:
    async with workshop.working(concurrency=4):
        await put(pool, *"abcdefgh")
        await until(lambda: _ended(pool), "all jobs ended")
        await put(pool, *"abcd")
    assert await outcomes(pool) == [(key, "done") for key in "abcdefgh"]
    assert len(workshop.calls) == 8


async def test_a_permanent_failure_fails_at_once_with_its_code(
    pool: asyncpg.Pool, workshop: Workshop, until: Until
) -> None:
    async def perform(job: Job, _heart: Heart) -> Conclude:
        workshop.calls.append(job)
        raise JobFailedError("encrypted_workbook", "it has a password")

    workshop.perform = perform  # type: ignore[method-assign]
    async with workshop.working():
        await put(pool, "a")
        await until(lambda: _ended(pool), "the job ended")
    assert await outcomes(pool) == [("a", "encrypted_workbook")]
    assert len(workshop.calls) == 1


async def test_an_unexpected_error_is_retried_and_then_fails_with_its_code(
    pool: asyncpg.Pool, workshop: Workshop, until: Until
) -> None:
    async def perform(job: Job, _heart: Heart) -> Conclude:
        workshop.calls.append(job)
        raise ZeroDivisionError("a defect")

    workshop.perform = perform  # type: ignore[method-assign]
    async with workshop.working():
        await put(pool, "a", max_attempts=2)
        await until(lambda: _ended(pool), "the job ended")
    assert await outcomes(pool) == [("a", "internal_error")]
    assert [job.attempt for job in workshop.calls] == [1, 2]


async def test_a_fault_of_the_surroundings_uses_up_no_attempt(
    pool: asyncpg.Pool, workshop: Workshop, until: Until
) -> None:
    async def perform(job: Job, _heart: Heart) -> Conclude:
        workshop.calls.append(job)
        if len(workshop.calls) < 4:
            raise ConnectionRefusedError("object store away")
        return lambda connection: note(connection, job, "done")

    workshop.perform = perform  # type: ignore[method-assign]
    async with workshop.working():
        await put(pool, "a", max_attempts=1)
        await until(lambda: _ended(pool), "the job ended")
    assert await outcomes(pool) == [("a", "done")]
    assert [job.attempt for job in workshop.calls] == [1, 1, 1, 1]


async def test_a_result_under_a_lost_lease_is_rolled_back(pool: asyncpg.Pool, workshop: Workshop) -> None:
    await put(pool, "a")
    late = await queue.claim(pool, "work", "late", -1.0)
    assert late is not None
    assert await queue.reap(pool, "work") == []
    current = await queue.claim(pool, "work", "current", 60.0)
    assert current is not None
    assert (current.fence, current.attempt) == (late.fence + 1, 2)
    with pytest.raises(LeaseLostError):
        async with pool.acquire() as connection, connection.transaction():
            await note(connection, late, "late")
            await queue.complete(connection, late)
    for change in (queue.beat(pool, late, 60), queue.fail(pool, late, "x_code", "")):
        with pytest.raises(LeaseLostError):
            await change
    assert not await queue.retry(pool, late, 0, "x_code", "")
    assert await outcomes(pool) == []


async def test_a_job_whose_workers_all_die_fails_with_its_event_in_the_same_transaction(
    pool: asyncpg.Pool, workshop: Workshop, until: Until
) -> None:
    await put(pool, "a", max_attempts=1)
    assert await queue.claim(pool, "work", "dead", -1.0)
    async with workshop.working():
        await until(lambda: _ended(pool), "the job ended")
    assert await outcomes(pool) == [("a", "lease_expired")]


async def test_a_cancelled_job_stops_its_running_attempt(pool: asyncpg.Pool, workshop: Workshop, until: Until) -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def perform(job: Job, _heart: Heart) -> Conclude:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError("unreachable")

    workshop.perform = perform  # type: ignore[method-assign]
    async with workshop.working(lease_seconds=0.3):
        await put(pool, "a")
        await asyncio.wait_for(started.wait(), 10)
        assert await queue.cancel(pool, "work", "a", "withdrawn")
        await asyncio.wait_for(stopped.wait(), 10)
    assert await pool.fetchval("SELECT state FROM jobs") == "cancelled"
    assert await outcomes(pool) == []


async def test_a_stopping_worker_gives_its_job_back_uncounted(
    pool: asyncpg.Pool, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataplatform.jobs.worker.DRAIN_SECONDS", 0.1)
    started = asyncio.Event()

    async def perform(job: Job, _heart: Heart) -> Conclude:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    workshop.perform = perform  # type: ignore[method-assign]
    async with workshop.working():
        await put(pool, "a")
        await asyncio.wait_for(started.wait(), 10)
    row = await pool.fetchrow("SELECT state, attempt, fence FROM jobs")
    assert tuple(row or ()) == ("ready", 0, 1)


async def test_killed_and_stopped_workers_lose_no_job_and_do_none_twice(
    pool: asyncpg.Pool, log_url: str, until: Until
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - to repeat a failure
    chance = random.Random(seed)
    keys = [f"{number:03d}" for number in range(120)]
    await put(pool, *keys, max_attempts=50, seconds=0.05)
    workers: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        workers.append(subprocess.Popen([sys.executable, str(PROCESS), log_url], stdout=subprocess.DEVNULL))

    try:
        for _ in range(3):
            start()
        kills = 0
        while not await _ended(pool):
            done = await pool.fetchval("SELECT count(*) FROM jobs WHERE state = 'done'")
            if kills < 6 and done > kills * 15:
                kills += 1
                victim = workers.pop(chance.randrange(len(workers)))
                if chance.random() < 0.5:
                    victim.kill()
                    victim.wait()
                    start()
                else:
                    victim.send_signal(signal.SIGSTOP)
                    asyncio.get_running_loop().call_later(3, victim.send_signal, signal.SIGCONT)
                    workers.insert(0, victim)
            await asyncio.sleep(0.02)
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGCONT)
            worker.kill()
            worker.wait()
    assert kills == 6
    assert await outcomes(pool) == [(key, "done") for key in keys]
