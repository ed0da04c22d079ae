"""The worker's queues of webhooks: one for each endpoint, so that a slow or dead one holds nobody up.

A delivery is leased for longer than an attempt may take, posted, and ended in one transaction with its log. A worker
that dies in between leaves a lease that runs out: the delivery is made again with the same `webhook-id`, so receivers
may get a message twice, and know it.
"""

import asyncio
import os
import random
import socket
from collections import Counter as Tally
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter, Histogram

from catalog_svc.sealing import SealedError
from catalog_svc.settings import CatalogSettings
from catalog_svc.webhooks import ledger, schedule, signing
from catalog_svc.webhooks.addresses import Rules
from catalog_svc.webhooks.enqueueing import FAMILY
from catalog_svc.webhooks.ledger import Parcel
from catalog_svc.webhooks.messages import BODY_TYPE
from catalog_svc.webhooks.sending import Answer, Sender
from catalog_svc.worker import Bench
from dataplatform.jobs import queue as leases
from dataplatform.jobs.queue import Job, LeaseLostError
from dataplatform.log.metrics import every, wait
from dataplatform.log.postgres import is_infrastructure_error, open_connection
from dataplatform.roles import Task

POLL_SECONDS: Final = 2.0
DRAIN_SECONDS: Final = 10.0
SWEEP_SECONDS: Final = 3600.0
LEASE_SLACK_SECONDS: Final = 15.0
"""A lease outlives the longest attempt by so much, which is for the database."""
_BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE,
                          HTTPStatus.GATEWAY_TIMEOUT})  # fmt: skip
"""Answers of a receiver that has too much to do: everything for it pauses, not this message alone."""
BUSY_PAUSE: Final = timedelta(minutes=1)
"""Its length at most, where `Retry-After` does not say another."""

ATTEMPTS: Final = Counter("dataplatform_webhook_attempts", "Attempts to deliver a webhook", ["outcome"])
LATENCY: Final = Histogram(
    "dataplatform_webhook_attempt_seconds", "Duration of an attempt", buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
)

_log = structlog.get_logger(__name__)


def queue(bench: Bench) -> Task:
    """Return the dispatcher of this worker."""
    settings = bench.settings
    sender = Sender(rules_of(settings), settings.webhook_seconds)
    return Dispatcher(bench.pool, settings, sender, lambda: datetime.now(UTC), random.random).run


def rules_of(settings: CatalogSettings) -> Rules:
    """Return the rules that the settings make for addresses."""
    ports = (int(port) for port in settings.webhook_ports.split(",") if port.strip())
    return Rules(frozenset(ports), loopback=settings.webhook_loopback)


class Dispatcher:
    """Delivers what is due, several endpoints at once, each with a bound of its own.

    `clock` says when attempts are made; when they are due is the database's to say.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        settings: CatalogSettings,
        sender: Sender,
        clock: Callable[[], datetime],
        chance: schedule.Random,
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._sender = sender
        self._clock = clock
        self._chance = chance
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._lease_seconds = settings.webhook_seconds + LEASE_SLACK_SECONDS
        self._wake = asyncio.Event()
        self._busy: Tally[UUID] = Tally()
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; attempts in hand end."""
        background = [
            asyncio.create_task(every(1.0, partial(self._listen, stop), stop)),
            asyncio.create_task(every(self._lease_seconds / 6, partial(ledger.reap, self._pool), stop)),
            asyncio.create_task(every(SWEEP_SECONDS, self._sweep, stop)),
        ]
        try:
            await self._loop(stop)
            if self._running:
                await asyncio.wait(self._running, timeout=DRAIN_SECONDS)
        finally:
            for task in (*background, *self._running):
                task.cancel()
            await asyncio.gather(*background, *self._running, return_exceptions=True)

    async def _loop(self, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait())
        failures = 0
        while not stop.is_set():
            self._wake.clear()
            try:
                started = await self._start_due()
                failures, pause = 0, 0.0 if started else await self._pause()
            except Exception as error:
                if not is_infrastructure_error(error):
                    raise
                failures += 1
                pause = min(0.1 * 2**failures, 30.0)
                _log.warning("webhooks_wait", error=f"{type(error).__name__}: {error}")
            if pause:
                waking = asyncio.create_task(self._wake.wait())
                await asyncio.wait((stopping, waking), timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
        stopping.cancel()

    async def _pause(self) -> float:
        due = await ledger.seconds_to_next(self._pool)
        # what is due and not started waits for a slot, and an attempt that ends wakes
        return POLL_SECONDS if due is None or due <= 0 else min(POLL_SECONDS, max(0.01, due))

    async def _start_due(self) -> int:
        """Lease one delivery for each endpoint that has room for one; return how many were started."""
        started = 0
        for endpoint_id, failing in await ledger.due(self._pool):
            if len(self._running) >= self._settings.webhook_concurrency:
                break
            if self._busy[endpoint_id] >= (1 if failing else self._settings.webhook_endpoint_concurrency):
                continue
            job = await leases.claim(self._pool, f"{FAMILY}/{endpoint_id}", self._name, self._lease_seconds)
            if job is not None:
                self._begin(endpoint_id, job)
                started += 1
        return started

    def _begin(self, endpoint_id: UUID, job: Job) -> None:
        self._busy[endpoint_id] += 1
        task = asyncio.create_task(self._deliver(job))
        self._running.add(task)

        def end(ended: asyncio.Task[None]) -> None:
            self._running.discard(ended)
            self._busy[endpoint_id] -= 1
            if not self._busy[endpoint_id]:
                del self._busy[endpoint_id]
            self._wake.set()

        task.add_done_callback(end)

    async def _deliver(self, job: Job) -> None:
        """Make one attempt and record it; whatever fails here leaves a lease that runs out."""
        try:
            await self._attempt(job)
        except asyncio.CancelledError:
            await asyncio.shield(self._release(job))
            raise
        except LeaseLostError:
            ATTEMPTS.labels("lease_lost").inc()
        except Exception as error:  # noqa: BLE001 - one delivery must not end the others
            ATTEMPTS.labels("not_recorded").inc()
            defect = None if is_infrastructure_error(error) else error
            _log.warning("webhook_not_recorded", job=str(job.id), error=type(error).__name__, exc_info=defect)

    async def _release(self, job: Job) -> None:
        try:
            await leases.release(self._pool, job)
        except Exception as error:
            if not is_infrastructure_error(error):
                raise
            _log.warning("webhook_not_released", job=str(job.id), error=str(error))

    async def _attempt(self, job: Job) -> None:
        started = self._clock()
        found = await ledger.parcel(self._pool, UUID(job.payload["delivery_id"]), started)
        if found is None or not found.sendable:
            async with self._pool.acquire() as connection, connection.transaction():
                await ledger.drop(connection, job, found)
            return
        answer = await self._post(found, started)
        LATENCY.observe(answer.latency_ms / 1000)
        async with self._pool.acquire() as connection, connection.transaction():
            outcome = await self._record(connection, job, found, answer, started)
        ATTEMPTS.labels(outcome).inc()
        _log.info("webhook_attempted", endpoint=str(found.endpoint_id), delivery=str(found.delivery_id),
                  attempt=job.attempt, outcome=outcome, status=answer.status, error=answer.error_code)  # fmt: skip

    async def _post(self, parcel: Parcel, at: datetime) -> Answer:
        body = parcel.body.encode()
        try:
            secret_key = self._settings.secret_key.get_secret_value()
            secrets = [signing.opened(secret_key, parcel.endpoint_id, kept) for kept in parcel.secrets]
        except SealedError as error:
            return Answer(None, error.code, 0)
        named = signing.headers(parcel.delivery_id, at, body, secrets)
        fixed = {"content-type": BODY_TYPE, "user-agent": "dataplatform-webhooks/1", "accept": "*/*"}
        return await self._sender.send(parcel.url, {**fixed, **named}, body)

    async def _record(self, connection: Any, job: Job, parcel: Parcel, answer: Answer, started: datetime) -> str:
        if answer.succeeded:
            await ledger.delivered(connection, job, parcel, answer, started)
            return "delivered"
        asked = schedule.retry_after(answer.retry_after, started)
        later = schedule.delay(job.attempt, asked, self._chance)
        pause = (asked or min(later, BUSY_PAUSE)) if answer.status in _BUSY else None
        dead = answer.status == HTTPStatus.GONE or schedule.gives_up(parcel.asked_at, started, later)
        since = await ledger.failed(connection, job, parcel, answer, started, wait=None if dead else later, pause=pause)
        if answer.status == HTTPStatus.GONE:
            await ledger.disable(connection, parcel.endpoint_id, "gone", started)
        elif since and started - since > timedelta(days=self._settings.webhook_disable_after_days):
            await ledger.disable(connection, parcel.endpoint_id, "failing", started)
        return "dead" if dead else "failed"

    async def _listen(self, stop: asyncio.Event) -> None:
        """Wake when a delivery is enqueued."""

        def wake(*arguments: object) -> None:
            if str(arguments[-1]).startswith(f"{FAMILY}/"):
                self._wake.set()

        connection = await open_connection(self._settings.database_url)
        try:
            await connection.add_listener("job_ready", wake)
            while not stop.is_set() and not connection.is_closed():
                await wait(stop, POLL_SECONDS)
        finally:
            connection.terminate()

    async def _sweep(self) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await ledger.sweep(connection, self._clock())
