"""Removes what no upload stands behind: originals never announced, uploads nobody went on with, keys grown old."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from dataplatform.events.ingest import UploadReceived
from dataplatform.storage import ObjectStore, StoredStat
from ingest_svc import metrics
from ingest_svc.domain import ORIGINALS
from ingest_svc.tus.sweeping import TusSweep

BATCH = 500
_UPLOAD_SEGMENT = 3

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """How many of each were removed."""

    originals: int = 0
    unfinished: int = 0
    idempotency_keys: int = 0
    expired_uploads: int = 0
    incoming: int = 0
    ended_uploads: int = 0


@dataclass(frozen=True, slots=True)
class Sweep:
    """Removes originals older than `orphan_age` that were never announced as received."""

    pool: asyncpg.Pool
    store: ObjectStore
    orphan_age: timedelta
    key_age: timedelta

    async def run(self, now: datetime) -> Swept:
        """Sweep once; safe at any time, beside running uploads and other sweeps."""
        older_than, tus = now - self.orphan_age, TusSweep(self.pool, self.store)
        swept = Swept(
            expired_uploads=await tus.expire(now),
            originals=await self._sweep_originals(older_than),
            unfinished=await self.store.abort_stale_uploads(older_than, spare=await tus.under_way()),
            incoming=await tus.clear_incoming(older_than),
            idempotency_keys=await self._forget_keys(now - self.key_age),
            ended_uploads=await tus.forget(now - self.key_age),
        )
        for kind, removed in asdict(swept).items():
            metrics.SWEPT.labels(kind).inc(removed)
        _log.info("sweep.ended", **asdict(swept))
        return swept

    async def _sweep_originals(self, older_than: datetime) -> int:
        removed, batch = 0, list[StoredStat]()
        async for stat in self.store.list(ORIGINALS):
            if stat.modified_at < older_than:
                batch.append(stat)
            if len(batch) == BATCH:
                removed += await self._sweep_batch(batch)
                batch = []
        return removed + await self._sweep_batch(batch)

    async def _sweep_batch(self, batch: Sequence[StoredStat]) -> int:
        removed, tus = 0, TusSweep(self.pool, self.store)
        announced = await self._received(
            [f"upload:{upload_id}" for stat in batch if (upload_id := _upload_of(stat.key))]
        )
        for stat in batch:
            upload_id = _upload_of(stat.key)
            if upload_id is None:
                _log.warning("sweep.unknown_key", key=stat.key)
            elif stat.key not in announced and not await tus.is_under_way(upload_id):
                await self.store.delete(stat.key)
                _log.info("sweep.removed", key=stat.key, size_bytes=stat.size_bytes)
                removed += 1
        return removed

    async def _received(self, streams: Sequence[str]) -> set[str]:
        """Return the keys of the originals that these streams announce."""
        rows = await self.pool.fetch(
            """SELECT data -> 'original' ->> 'key' AS key FROM events
               WHERE stream_id = ANY ($1::text[]) AND version = 1 AND type = $2""",
            streams,
            UploadReceived.type,
        )
        return {row["key"] for row in rows}

    async def _forget_keys(self, older_than: datetime) -> int:
        gone = await self.pool.fetchval(
            """WITH gone AS (DELETE FROM idempotency_keys WHERE created_at < $1 RETURNING 1)
               SELECT count(*) FROM gone""",
            older_than,
        )
        return int(gone)


def _upload_of(key: str) -> UUID | None:
    """Return the upload that an original belongs to; None for a key of another shape."""
    segments = key.split("/")
    try:
        return UUID(segments[_UPLOAD_SEGMENT])
    except (IndexError, ValueError):
        return None
