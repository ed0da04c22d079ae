"""Prometheus metrics of the log: outbox, inbox, consumers. Names follow the Prometheus naming conventions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
import structlog
from prometheus_client import Counter, Gauge

from dataplatform.log.postgres import is_infrastructure_error

EVENTS_PUBLISHED: Final = Counter("dataplatform_events_published", "Events acknowledged by Kafka", ["topic"])
EVENTS_APPLIED: Final = Counter("dataplatform_events_applied", "Events applied by a consumer", ["consumer"])
EVENTS_PARKED: Final = Counter("dataplatform_events_parked", "Events parked for a failure", ["consumer", "code"])
DEAD_LETTERS: Final = Counter("dataplatform_dead_letters", "Records that are no events", ["consumer", "code"])
RELAY_LEADS: Final = Gauge("dataplatform_relay_leads", "1 while this process relays its service's outbox")
OUTBOX_DEPTH: Final = Gauge("dataplatform_outbox_depth_events", "Events that are committed and not yet published")
OUTBOX_AGE: Final = Gauge("dataplatform_outbox_age_seconds", "Age of the oldest event that is not yet published")
PARKED: Final = Gauge("dataplatform_parked_events", "Events waiting in the inbox", ["consumer", "state"])
CONSUMER_LAG: Final = Gauge(
    "dataplatform_consumer_lag_records", "Records between position and end", ["consumer", "topic", "partition"]
)
JOBS: Final = Gauge("dataplatform_jobs", "Jobs by state", ["queue", "state"])
JOB_AGE: Final = Gauge("dataplatform_job_oldest_ready_age_seconds", "Age of the oldest job that waits", ["queue"])

_OUTBOX = """SELECT count(*) AS depth, coalesce(extract(epoch FROM clock_timestamp() - min(time)), 0)::float8 AS age
             FROM events WHERE published_at IS NULL"""
_PARKED = """SELECT consumer, CASE WHEN error_code IS NULL THEN 'queued' ELSE 'failed' END AS state, count(*) AS events
             FROM parked_events GROUP BY 1, 2"""
# a family of queues, one for each of many things (`webhook/<id>`), is counted as one
_JOBS = """SELECT split_part(queue, '/', 1) AS queue, state, count(*) AS jobs,
                  coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS age
           FROM jobs WHERE state IN ('ready', 'running') GROUP BY 1, 2"""

_log = structlog.get_logger(__name__)


async def observe(pool: asyncpg.Pool) -> None:
    """Read the depths from the database into the gauges; a role calls it before each scrape."""
    async with pool.acquire() as connection:
        (outbox,) = await connection.fetch(_OUTBOX)
        parked = await connection.fetch(_PARKED)
        jobs = await connection.fetch(_JOBS)
    OUTBOX_DEPTH.set(outbox["depth"])
    OUTBOX_AGE.set(outbox["age"])
    PARKED.clear()
    for row in parked:
        PARKED.labels(row["consumer"], row["state"]).set(row["events"])
    JOBS.clear()
    JOB_AGE.clear()
    for row in jobs:
        JOBS.labels(row["queue"], row["state"]).set(row["jobs"])
        if row["state"] == "ready":
            JOB_AGE.labels(row["queue"]).set(row["age"])


async def every(seconds: float, action: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Repeat `action` with a pause between; a fault that passes is logged and waited out."""
    while not stop.is_set():
        try:
            await action()
        except Exception as error:
            if not is_infrastructure_error(error):
                raise
            _log.warning("periodic_action_failed", action=getattr(action, "__qualname__", ""), error=str(error))
        await wait(stop, seconds)


async def wait(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but no longer than until `stop` is set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
