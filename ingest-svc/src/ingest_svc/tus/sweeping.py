"""Removes uploads that nobody went on with, and what processes that died left behind among those under way."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from dataplatform.storage import ObjectStore
from ingest_svc.tus.workshop import INCOMING

BATCH: Final = 100
_EXPIRE: Final = f"""
WITH gone AS (
    SELECT upload_id FROM tus_uploads
    WHERE state IN ('receiving', 'stored') AND expires_at < $1
      AND (lease_until IS NULL OR lease_until < clock_timestamp())
    ORDER BY expires_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED
), released AS (
    DELETE FROM admissions a USING gone g WHERE a.upload_id = g.upload_id
)
UPDATE tus_uploads u
SET state = 'expired', fence = fence + 1, lease_until = NULL, digest = NULL, observation = NULL, updated_at = $1
FROM gone WHERE u.upload_id = gone.upload_id
RETURNING u.upload_id, u.institution, u.offset_bytes, u.object_key, u.multipart_id
"""
_UNDER_WAY: Final = "SELECT multipart_id FROM tus_uploads WHERE state = 'receiving' AND multipart_id IS NOT NULL"
_ALIVE: Final = "SELECT upload_id FROM tus_uploads WHERE upload_id = ANY ($1) AND state IN ('receiving', 'stored')"
_FORGET: Final = """
WITH gone AS (
    DELETE FROM tus_uploads WHERE state NOT IN ('receiving', 'stored') AND updated_at < $1 RETURNING 1
)
SELECT count(*) FROM gone
"""

_log = structlog.get_logger(__name__)


class TusSweep:
    """Sweeps resumable uploads; safe beside running ones and beside other sweeps."""

    def __init__(self, pool: asyncpg.Pool, store: ObjectStore) -> None:
        self._pool = pool
        self._store = store

    async def expire(self, now: datetime) -> int:
        """End uploads that were to be gone on with before `now`, and delete their bytes; return how many."""
        expired = 0
        while rows := await self._pool.fetch(_EXPIRE, now):
            for row in rows:
                await self._remove(row)
            expired += len(rows)
        return expired

    async def _remove(self, row: Any) -> None:
        if row["multipart_id"] is not None:
            await self._store.multipart.abort(row["object_key"], row["multipart_id"])
        async for stat in self._store.list(f"{INCOMING}{row['upload_id']}/"):
            await self._store.delete(stat.key)
        _log.info(
            "sweep.upload_expired",
            upload_id=str(row["upload_id"]),
            institution=row["institution"],
            size_bytes=row["offset_bytes"],
        )

    async def clear_incoming(self, older_than: datetime) -> int:
        """Delete objects of uploads that have ended or are not known, stored before `older_than`; return how many."""
        removed = 0
        async for stat in self._store.list(INCOMING):
            if stat.modified_at < older_than and not await self.is_under_way(_upload_in(stat.key)):
                await self._store.delete(stat.key)
                _log.info("sweep.removed", key=stat.key, size_bytes=stat.size_bytes)
                removed += 1
        return removed

    async def is_under_way(self, upload_id: UUID | None) -> bool:
        """Whether an upload is still gone on with."""
        return upload_id is not None and bool(await self._pool.fetchval(_ALIVE, [upload_id]))

    async def under_way(self) -> set[str]:
        """Return the ids of the object store's multipart uploads that are gone on with."""
        return {row["multipart_id"] for row in await self._pool.fetch(_UNDER_WAY)}

    async def forget(self, older_than: datetime) -> int:
        """Forget uploads that ended before `older_than`: their addresses are unknown then; return how many."""
        return int(await self._pool.fetchval(_FORGET, older_than))


def _upload_in(key: str) -> UUID | None:
    try:
        return UUID(key.removeprefix(INCOMING).partition("/")[0])
    except ValueError:
        return None
