"""The order of a rebuild: replay, wait for a moment in which nobody writes, compare or replace, let go."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import structlog
from asgiref.sync import sync_to_async

from catalog_svc import clock
from catalog_svc.manifests import storage
from catalog_svc.projections import search
from catalog_svc.projections.apply import CONSUMER
from catalog_svc.projections.arrears import catch_up
from catalog_svc.projections.tables import projection_models
from catalog_svc.rebuild import shadow
from catalog_svc.rebuild.replay import Applier, applying
from catalog_svc.settings import CatalogSettings
from dataplatform.log.envelope import Envelope
from dataplatform.log.relay import Relay

LOCK: Final = 0x72656275696C64
_POLL_SECONDS: Final = 0.1
_OBJECTS_BETWEEN_COLLECTIONS: Final = 100_000

_BEHIND: Final = f"""
SELECT count(*) FROM {shadow.SCHEMA}.stream_positions s
LEFT JOIN public.stream_positions l ON l.consumer = s.consumer AND l.stream_id = s.stream_id
WHERE coalesce(l.version, 0) < s.version
"""
_UNPUBLISHED: Final = "SELECT count(*) FROM public.events WHERE published_at IS NULL"
_REACHED: Final = "SELECT stream_id, version FROM public.stream_positions WHERE consumer = %s AND stream_id = ANY (%s)"

_log = structlog.get_logger(__name__)


class RebuildError(Exception):
    """The rebuild could not be finished; nothing was changed. `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True)
class Outcome:
    """What a rebuild found or did. `rows` counts, by table, those that differ or were changed."""

    rows: dict[str, int]
    events: int
    undecodable: int
    behind: int
    seconds: float

    @property
    def same(self) -> bool:
        """Whether the live catalog is what the log says."""
        return not any(self.rows.values())


async def rebuild(settings: CatalogSettings, *, check: bool, patience_seconds: float = 60.0) -> Outcome:
    """Make the catalog again from Kafka; with `check` compare only, else replace what differs.

    Waits up to `patience_seconds` for the live projector (check) and for the outbox to drain. Raises `RebuildError`
    and the errors of Kafka and PostgreSQL; the live catalog is then as it was.
    """
    began = time.monotonic()
    with psycopg.connect(settings.database_url, autocommit=True) as live:
        if not _one(live, "SELECT pg_try_advisory_lock(%s)", [LOCK]):
            raise RebuildError("rebuild_running", "another rebuild runs on this database")
        if not check:
            restored = await sync_to_async(shadow.restore_missing)()
            _log.info("tables_restored", tables=restored)
        await sync_to_async(shadow.create)()
        try:
            async with applying(settings) as applier, _relay(settings):
                with _seldom_collected():
                    await applier.to_the_end()
                _log.info("replayed", events=applier.events, seconds=round(time.monotonic() - began, 1))
                work = _compare if check else _swap
                rows, behind = await work(settings, live, applier, time.monotonic() + patience_seconds)
                if not check:
                    # live again: what came in meanwhile was applied here, so no projector will look at it
                    publishing = storage(settings, asyncio.get_running_loop())
                    await asyncio.to_thread(catch_up, settings.database_url, publishing, clock.now)
        finally:
            await sync_to_async(shadow.drop)()
    return Outcome(rows, applier.events, applier.undecodable, behind, time.monotonic() - began)


async def _compare(
    settings: CatalogSettings, live: psycopg.Connection[Any], applier: Applier, deadline: float
) -> tuple[dict[str, int], int]:
    """Compare at one moment: the live catalog as it stands, the shadow with just the events that it has applied."""
    behind = await _until_projected(live, deadline)
    with psycopg.connect(settings.database_url) as snapshot:
        async with _nobody_writes(live, deadline):
            # what the projector has not applied yet is not to be applied here either
            await applier.to_the_end(lambda batch: _reached(settings, batch))
            await asyncio.to_thread(_refresh, settings)
            snapshot.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            snapshot.execute("SELECT 1 FROM public.stream_positions LIMIT 1")
        return await asyncio.to_thread(shadow.differences, snapshot), behind


async def _swap(
    settings: CatalogSettings, live: psycopg.Connection[Any], applier: Applier, deadline: float
) -> tuple[dict[str, int], int]:
    """Replace, in one transaction that keeps every writer out, and lets readers go on."""
    await asyncio.to_thread(_refresh, settings, learn=True)
    async with _nobody_writes(live, deadline):
        before = applier.events
        await applier.to_the_end()
        if applier.events != before:
            await asyncio.to_thread(_refresh, settings, learn=True)
        changed = await asyncio.to_thread(shadow.replace, live)
    return changed, 0


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for garbage in cycles less often: events have none, and are so many that the search costs a third."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@asynccontextmanager
async def _nobody_writes(live: psycopg.Connection[Any], deadline: float) -> AsyncIterator[None]:
    """Hold off the projector and everybody who appends, once all that was appended is in Kafka; commit at the end."""
    with live.transaction():
        await asyncio.to_thread(live.execute, "LOCK TABLE public.stream_positions IN EXCLUSIVE MODE")
        if await _until_none(live, _UNPUBLISHED, deadline):
            raise RebuildError("outbox_not_drained", "the catalog's own events do not reach Kafka: is it up?")
        yield


async def _until_projected(live: psycopg.Connection[Any], deadline: float) -> int:
    """Wait for the live projector to have applied what the replay has; return how many streams it is behind with."""
    behind = await _until_none(live, _BEHIND, deadline)
    if behind:
        _log.warning("projector_is_behind", streams=behind)
    return behind


async def _until_none(live: psycopg.Connection[Any], count: str, deadline: float) -> int:
    """Wait for a count to become 0, no longer than `deadline`; return it."""
    while (left := _one(live, count)) and time.monotonic() < deadline:  # noqa: ASYNC110 - other processes count it down
        await asyncio.sleep(_POLL_SECONDS)
    return int(left)


def _reached(settings: CatalogSettings, batch: Sequence[Envelope]) -> list[Envelope]:
    with psycopg.connect(settings.database_url) as connection:
        streams = sorted({envelope.stream for envelope in batch})
        reached: dict[str, int] = dict(connection.execute(_REACHED, [CONSUMER, streams]).fetchall())
    return [envelope for envelope in batch if envelope.version <= reached.get(envelope.stream, 0)]


def _refresh(settings: CatalogSettings, *, learn: bool = False) -> None:
    options = f"-c search_path={shadow.SCHEMA},public"
    with psycopg.connect(settings.database_url, options=options) as connection, connection.cursor() as cursor:
        # the shadow's only: a plain ANALYZE would wait for the lock on the live positions
        cursor.execute(f"ANALYZE {', '.join(model._meta.db_table for model in projection_models())}")  # noqa: SLF001
        search.refresh_all(cursor, learn=learn)


@asynccontextmanager
async def _relay(settings: CatalogSettings) -> AsyncIterator[None]:
    """Relay the catalog's outbox for as long as this runs, should no projector do it."""
    stop = asyncio.Event()
    running = asyncio.create_task(Relay(settings.database_url, settings.kafka_bootstrap_servers).run(stop))
    try:
        yield
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            await running


def _one(connection: psycopg.Connection[Any], statement: Any, values: Any = None) -> Any:
    row = connection.execute(statement, values).fetchone()
    return row[0] if row else None
