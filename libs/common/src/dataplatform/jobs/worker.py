"""The worker: leases jobs of one queue, keeps the leases alive, ends each job in one transaction with its events."""

import asyncio
import os
import random
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import structlog
from opentelemetry.trace import Span, SpanKind
from prometheus_client import Counter, Histogram

from dataplatform.jobs import queue as leases
from dataplatform.jobs.queue import LEASE_SECONDS, Job, LeaseLostError
from dataplatform.log.metrics import every, wait
from dataplatform.log.postgres import is_infrastructure_error, open_connection
from dataplatform.telemetry.tracing import span_from

POLL_SECONDS: Final = 2.0
MAX_BACKOFF_SECONDS: Final = 60.0
PATIENCE_SECONDS: Final = 3600.0
"""Age up to which a job waits for a fault of its surroundings to pass; after it such faults count as attempts."""
YIELD_SECONDS: Final = 1.0
"""How long a worker that lets others come first waits before it asks again."""
PROGRESS_SECONDS: Final = 1.0
"""Progress is written down at most so often."""
DRAIN_SECONDS: Final = 10.0
"""How long a stopping worker lets its jobs go on before it gives them back."""

JOBS_ENDED: Final = Counter("dataplatform_jobs_ended", "Job attempts by outcome", ["queue", "outcome"])
JOB_SECONDS: Final = Histogram(
    "dataplatform_job_duration_seconds", "Duration of an attempt", ["queue"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),
)  # fmt: skip

Conclude = Callable[[Any], Awaitable[None]]
"""Appends what a finished job has to say, inside the transaction that completes it."""
Perform = Callable[[Job, "Heart"], Awaitable[Conclude]]
ConcludeFailure = Callable[[Any, Job, str, str], Awaitable[None]]
MayTake = Callable[[], Awaitable[bool]]
"""Whether the next job may be taken now, or others come first; asked before each, and again after a second."""

_log = structlog.get_logger(__name__)


class JobFailedError(Exception):
    """No further attempt would help: the job fails now, with a stable code and a sentence for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Heart:
    """Keeps one lease alive while its job runs; carries the job's progress into the lease table."""

    def __init__(self, pool: asyncpg.Pool, job: Job, lease_seconds: float) -> None:
        self._pool = pool
        self._job = job
        self._lease_seconds = lease_seconds
        self._progress: Mapping[str, Any] | None = None
        self._reported = asyncio.Event()

    def report(self, progress: Mapping[str, Any]) -> None:
        """Set the progress that the next beat, due within a second, writes down."""
        self._progress = progress
        self._reported.set()

    async def run(self) -> None:
        """Beat at a third of the lease, and when there is progress, until cancelled; raises `LeaseLostError`.

        A lost database is waited for.
        """
        while True:
            await asyncio.sleep(min(PROGRESS_SECONDS, self._lease_seconds / 3))
            await wait(self._reported, max(0.0, self._lease_seconds / 3 - PROGRESS_SECONDS))
            self._reported.clear()
            try:
                await leases.beat(self._pool, self._job, self._lease_seconds, self._progress)
            except Exception as error:
                if not is_infrastructure_error(error):
                    raise
                _log.warning("heartbeat_missed", job=str(self._job.id), error=str(error))


class Worker:
    """Runs jobs of one queue, `concurrency` at a time.

    `perform` does the long work and returns the function that appends its events; that function runs in the one
    transaction that completes the job. `conclude_failure` does the same for the transaction that fails it. With
    `may_take` no job begins while it says no.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        database_url: str,
        queue: str,
        perform: Perform,
        conclude_failure: ConcludeFailure,
        *,
        concurrency: int = 1,
        lease_seconds: float = LEASE_SECONDS,
        may_take: MayTake | None = None,
    ) -> None:
        self._may_take = may_take
        self._pool = pool
        self._database_url = database_url
        self._queue = queue
        self._perform = perform
        self._conclude_failure = conclude_failure
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._ready = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish what is quick, give back the rest, and return."""
        background = [
            asyncio.create_task(self._listen(stop)),
            asyncio.create_task(every(self._lease_seconds / 6, self.reap, stop)),
        ]
        slots = [asyncio.create_task(self._work(stop)) for _ in range(self._concurrency)]
        stopping = asyncio.create_task(stop.wait())
        try:
            # a slot or a background task ends before the stop only by an error that nobody expected
            await asyncio.wait((stopping, *background, *slots), return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            await asyncio.wait(slots, timeout=DRAIN_SECONDS)
        finally:
            for task in (stopping, *background, *slots):
                task.cancel()
            ended = await asyncio.gather(*background, *slots, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    async def run_one(self) -> bool:
        """Take one job, if there is one, and end it; return whether there was one. For one job per pod."""
        await self.reap()
        return await self._take_one()

    async def reap(self) -> None:
        """Put jobs of dead workers back, or fail them with their events at the last attempt."""
        async with self._pool.acquire() as connection, connection.transaction():
            for job in await leases.reap(connection, self._queue):
                await self._conclude_failure(connection, job, leases.LEASE_EXPIRED, leases.LEASE_EXPIRED_DETAIL)
                JOBS_ENDED.labels(self._queue, leases.LEASE_EXPIRED).inc()

    async def _listen(self, stop: asyncio.Event) -> None:
        """Wake the slots when a job is ready; without the listener they poll."""

        def wake(*arguments: object) -> None:
            if arguments[-1] == self._queue:
                self._ready.set()

        async def hold() -> None:
            connection = await open_connection(self._database_url)
            try:
                await connection.add_listener("job_ready", wake)
                while not stop.is_set() and not connection.is_closed():
                    await wait(stop, POLL_SECONDS)
            finally:
                connection.terminate()

        await every(1.0, hold, stop)

    async def _work(self, stop: asyncio.Event) -> None:
        failures = 0
        while not stop.is_set():
            self._ready.clear()
            pause = POLL_SECONDS
            try:
                if self._may_take is not None and not await self._may_take():
                    await wait(stop, YIELD_SECONDS)
                    continue
                if await self._take_one():
                    failures = 0
                    continue
                due = await leases.seconds_to_next(self._pool, self._queue)
                pause = min(POLL_SECONDS, max(0.01, due)) if due is not None else POLL_SECONDS
            except Exception as error:
                if not is_infrastructure_error(error):
                    raise
                failures += 1
                _log.warning("worker_waits", queue=self._queue, error=f"{type(error).__name__}: {error}")
                pause = min(0.1 * 2**failures, MAX_BACKOFF_SECONDS)
            await self._pause(stop, pause)

    async def _pause(self, stop: asyncio.Event, seconds: float) -> None:
        ready = asyncio.ensure_future(self._ready.wait())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((ready, stopping), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            stopping.cancel()

    async def _take_one(self) -> bool:
        job = await leases.claim(self._pool, self._queue, self._name, self._lease_seconds)
        if job is None:
            return False
        with _job_span(job), JOB_SECONDS.labels(self._queue).time():
            await self._attempt(job)
        return True

    async def _attempt(self, job: Job) -> None:
        try:
            conclude = await self._perform_while_beating(job)
            async with self._pool.acquire() as connection, connection.transaction():
                await leases.complete(connection, job)
                await conclude(connection)
            outcome = "done"
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(job))
            raise
        except LeaseLostError:
            outcome = LeaseLostError.code
        except JobFailedError as error:
            outcome = await self._end_in_failure(job, error.code, error.detail)
        except Exception as error:  # noqa: BLE001 - whatever it is, the job is retried or fails with its code
            outcome = await self._retry(job, error)
        JOBS_ENDED.labels(self._queue, outcome).inc()
        _log.info("job_ended", queue=self._queue, job=str(job.id), attempt=job.attempt, outcome=outcome)

    async def _perform_while_beating(self, job: Job) -> Conclude:
        heart = Heart(self._pool, job, self._lease_seconds)
        beating = asyncio.create_task(heart.run())
        working = asyncio.ensure_future(self._perform(job, heart))
        try:
            await asyncio.wait((beating, working), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                working.cancel()
                await asyncio.wait((working,))
                beating.result()
            return working.result()
        finally:
            beating.cancel()
            working.cancel()
            await asyncio.gather(beating, working, return_exceptions=True)

    async def _retry(self, job: Job, error: Exception) -> str:
        code = getattr(error, "code", None)
        code = code if isinstance(code, str) else "internal_error"
        detail = str(getattr(error, "detail", None) or f"{type(error).__name__}: {error}")[:2000]
        _log.warning("job_attempt_failed", job=str(job.id), attempt=job.attempt, code=code, detail=detail)
        age = (datetime.now(UTC) - job.created_at).total_seconds()
        if is_infrastructure_error(error) and age < PATIENCE_SECONDS:
            # the world's fault, not the job's: it uses up no attempt, and waits longer the longer it has waited
            await self._give_back(job, min(max(0.2, age / 2), MAX_BACKOFF_SECONDS))
            return "released"
        delay = min(2.0**job.attempt * random.uniform(0.5, 1.0), MAX_BACKOFF_SECONDS)  # noqa: S311
        if await leases.retry(self._pool, job, delay, code, detail):
            return "retried"
        return await self._end_in_failure(job, code, detail)

    async def _end_in_failure(self, job: Job, code: str, detail: str) -> str:
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await leases.fail(connection, job, code, detail)
                await self._conclude_failure(connection, job, code, detail)
        except LeaseLostError:
            return LeaseLostError.code
        return "failed"

    async def _give_back(self, job: Job, delay_seconds: float = 0.0) -> None:
        try:
            await leases.release(self._pool, job, delay_seconds)
        except Exception as error:
            if not is_infrastructure_error(error):
                raise
            # the lease runs out by itself and the reaper puts the job back
            _log.warning("job_not_released", job=str(job.id), error=str(error))


def _job_span(job: Job) -> AbstractContextManager[Span]:
    attributes = {"job.id": str(job.id), "job.queue": job.queue, "job.attempt": str(job.attempt)}
    return span_from(job.traceparent, f"job {job.queue}", SpanKind.CONSUMER, **attributes)
