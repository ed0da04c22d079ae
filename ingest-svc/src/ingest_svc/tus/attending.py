"""What the role `api` does about uploads beside answering requests: finishes what a lost process left, and sweeps.

Every replica runs this; a lock in the database lets one of them work at a time, and when the last sweep was is written
down, so more replicas do not sweep more often.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import structlog

from dataplatform.log import metrics
from dataplatform.log.postgres import is_infrastructure_error, session_lock
from dataplatform.problems import Problem
from dataplatform.storage import ObjectStoreError
from ingest_svc.commands import KeyReusedError
from ingest_svc.transactions import DatabaseUnavailableError
from ingest_svc.tus.service import Resumables
from ingest_svc.uploads.sweep import Sweep, Swept

TICK_SECONDS: Final = 5.0
LOCK: Final = 0x696E676573742E73
"""Advisory lock key, the ASCII of "ingest.s"."""
_LEFT: Final = """
SELECT upload_id FROM tus_uploads
WHERE state = 'receiving' AND (offset_bytes = length_bytes OR concat LIKE 'final%')
  AND (lease_until IS NULL OR lease_until < clock_timestamp()) AND updated_at < clock_timestamp() - interval '5 seconds'
ORDER BY updated_at LIMIT 100
"""
_DUE: Final = "SELECT NOT EXISTS (SELECT 1 FROM sweeps WHERE began_at > $1)"
_SWEPT: Final = "INSERT INTO sweeps (began_at, ended_at, removed) VALUES ($1, $2, $3)"

_log = structlog.get_logger(__name__)


class Attendant:
    """Attends to uploads until the role stops."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        resumables: Resumables,
        sweep: Sweep,
        *,
        every: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._resumables = resumables
        self._sweep = sweep
        self._every = every
        self._now = now

    async def run(self, stop: asyncio.Event) -> None:
        """Attend every few seconds until `stop` is set; outlives faults of PostgreSQL and the object store."""
        while not stop.is_set():
            try:
                await self.attend()
            except Exception as error:
                if not (isinstance(error, ObjectStoreError) or is_infrastructure_error(error)):
                    raise
                _log.warning("attendant.interrupted", error=f"{type(error).__name__}: {error}")
            await metrics.wait(stop, TICK_SECONDS)
        self._resumables.stop()

    async def attend(self) -> Swept | None:
        """Finish what was left, and sweep if that is due; nothing where another replica does. Returns what went."""
        async with session_lock(self._pool, LOCK) as connection:
            if connection is None:
                return None
            await self._finish_left(connection)
            return await self._sweep_if_due(connection)

    async def _finish_left(self, connection: Any) -> None:
        for row in await connection.fetch(_LEFT):
            try:
                await self._resumables.finish_if_free(row["upload_id"])
                _log.info("tus.finished_for_a_lost_process", upload_id=str(row["upload_id"]))
            except (Problem, KeyReusedError, ObjectStoreError, DatabaseUnavailableError) as error:
                _log.warning("tus.left_unfinished", upload_id=str(row["upload_id"]), error=str(error))

    async def _sweep_if_due(self, connection: Any) -> Swept | None:
        began = self._now()
        if not await connection.fetchval(_DUE, began - self._every):
            return None
        swept = await self._sweep.run(began)
        await connection.execute(_SWEPT, began, self._now(), json.loads(json.dumps(asdict(swept))))
        return swept
