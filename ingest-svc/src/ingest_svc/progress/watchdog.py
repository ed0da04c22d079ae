"""Nothing stays in progress for ever: an upload of which nothing is heard for too long counts as failed.

The pipeline ends its own jobs; this is for what it cannot see: a service that is not there, an event that never came.
One replica watches at a time, and judges no silence that it did not hear itself: while nobody watched, nobody listened.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import structlog
from prometheus_client import Counter

from dataplatform.events.identity import NAMESPACE
from dataplatform.events.ingest import UploadStalled
from dataplatform.log import store
from dataplatform.log.envelope import Context
from dataplatform.log.metrics import every, wait
from dataplatform.log.postgres import open_connection
from dataplatform.log.store import VersionConflictError
from ingest_svc.domain import SERVICE, fold
from ingest_svc.progress import writing
from ingest_svc.progress.stages import current_run

LEADER_LOCK: Final = 0x7761746368646F67 & 0x7FFFFFFFFFFFFFFF
"""Advisory lock key, the ASCII of "watchdog"."""
IDLE_SESSION_TIMEOUT: Final = "60s"
BATCH: Final = 100

STALLED = Counter("dataplatform_ingest_stalled_total", "Uploads that the watchdog gave up, by the stage they were in",
                  ("stage",))  # fmt: skip

_REASONS: Final = {
    "stored": "run_never_started",
    "parsing": "parsing_went_silent",
    "assessing": "assessment_went_silent",
    "publishing": "never_published",
}
# Who waits in a queue makes no sound: a stage without a heartbeat of its own has the longer patience.
_SILENT: Final = """
SELECT * FROM (
    SELECT upload_id, stage, heard_at,
           NOT (stage IN ('parsing', 'publishing') OR coalesce(snapshot -> 'run' ? 'attempt', false)) AS waits
    FROM upload_progress WHERE stage IN ('stored', 'parsing', 'assessing', 'publishing')
) AS p
WHERE p.heard_at < CASE WHEN p.waits THEN $2::timestamptz ELSE $1::timestamptz END
ORDER BY p.heard_at LIMIT $3
"""
_RUNS: Final = "SELECT * FROM run_progress WHERE upload_id = $1"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long silence may last: of work that began, and of work that waits in a queue."""

    silence: timedelta
    queue: timedelta


@dataclass(frozen=True, slots=True)
class Watchdog:
    """Looks for stuck uploads every `every_seconds` for as long as `run` runs; any number may run, one watches."""

    database_url: str
    patience: Patience
    clock: Callable[[], datetime]
    every_seconds: float = 10.0

    async def run(self, stop: asyncio.Event) -> None:
        """Watch, or wait to watch, until `stop` is set."""

        async def watch() -> None:
            connection = await open_connection(self.database_url)
            try:
                await connection.execute(f"SET idle_session_timeout = '{IDLE_SESSION_TIMEOUT}'")
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_LOCK):
                    await self._watch(connection, stop)
            finally:
                connection.terminate()

        await every(self.every_seconds, watch, stop)

    async def _watch(self, connection: Any, stop: asyncio.Event) -> None:
        since = self.clock()
        while not stop.is_set():
            await self.look(connection, since)
            await wait(stop, self.every_seconds)

    async def look(self, connection: Any, since: datetime) -> list[UUID]:
        """Give up what was silent for too long, at `since` the earliest; return which uploads."""
        now = self.clock()
        silent, queued = now - self.patience.silence, now - self.patience.queue
        given_up = []
        for row in await connection.fetch(_SILENT, silent, queued, BATCH):
            if since > (queued if row["waits"] else silent):
                continue
            try:
                async with connection.transaction():
                    if await self._give_up(connection, row, now):
                        given_up.append(row["upload_id"])
            except VersionConflictError:
                _log.info("watchdog_was_late", upload_id=str(row["upload_id"]))
        return given_up

    async def _give_up(self, connection: Any, row: Mapping[str, Any], now: datetime) -> bool:
        upload_id, stage = row["upload_id"], row["stage"]
        upload = fold(envelope.event() for envelope in await store.load(connection, f"upload:{upload_id}"))
        run = current_run(await connection.fetch(_RUNS, upload_id))
        if upload is None or upload.state != "received" or run is None:
            return False
        event = UploadStalled(
            dataset_id=upload.first.dataset_id,
            upload_id=upload_id,
            run_id=run["run_id"],
            stage=stage,
            reason_code=_REASONS[stage],
            silent_since=row["heard_at"],
            stalled_at=now,
        )
        context = Context.begin(uuid5(NAMESPACE, f"stalled:{upload_id}"))
        await store.append(connection, upload.version, [event], service=SERVICE, now=now, context=context)
        await writing.stalled(connection, event)
        STALLED.labels(stage).inc()
        _log.warning("upload_stalled", upload_id=str(upload_id), stage=stage, silent_since=str(row["heard_at"]))
        return True
