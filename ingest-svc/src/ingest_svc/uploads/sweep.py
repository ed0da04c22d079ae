"""Removes what no upload stands behind: originals stored by a process that died before it could announce them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from dataplatform.events.ingest import UploadReceived
from dataplatform.storage import ObjectStore, StoredStat
from ingest_svc import metrics
from ingest_svc.domain import ORIGINALS

BATCH = 500
_UPLOAD_SEGMENT = 3

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """How many of each were removed."""

    originals: int
    unfinished: int
    idempotency_keys: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """Removes originals older than `orphan_age` that were never announced as received."""

    pool: asyncpg.Pool
    store: ObjectStore
    orphan_age: timedelta
    key_age: timedelta

    async def run(self, now: datetime) -> Swept:
        """Sweep once; safe at any time, beside running uploads and other sweeps."""
        older_than = now - self.orphan_age
        originals = await self._sweep_originals(older_than)
        unfinished = await self.store.abort_stale_uploads(older_than)
        keys = await self._forget_keys(now - self.key_age)
        swept = Swept(originals, unfinished, keys)
        for kind in ("originals", "unfinished", "idempotency_keys"):
            metrics.SWEPT.labels(kind).inc(getattr(swept, kind))
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
        removed = 0
        announced = await self._received([stream for stat in batch if (stream := _stream_of(stat.key))])
        for stat in batch:
            stream = _stream_of(stat.key)
            if stream is None:
                _log.warning("sweep.unknown_key", key=stat.key)
            elif stream not in announced:
                await self.store.delete(stat.key)
                _log.info("sweep.removed", key=stat.key, size_bytes=stat.size_bytes)
                removed += 1
        return removed

    async def _received(self, streams: Sequence[str]) -> set[str]:
        rows = await self.pool.fetch(
            "SELECT stream_id FROM events WHERE stream_id = ANY ($1::text[]) AND version = 1 AND type = $2",
            streams,
            UploadReceived.type,
        )
        return {row["stream_id"] for row in rows}

    async def _forget_keys(self, older_than: datetime) -> int:
        gone = await self.pool.fetchval(
            """WITH gone AS (DELETE FROM idempotency_keys WHERE created_at < $1 RETURNING 1)
               SELECT count(*) FROM gone""",
            older_than,
        )
        return int(gone)


def _stream_of(key: str) -> str | None:
    """Return the stream of the upload that an original belongs to; None for a key of another shape."""
    segments = key.split("/")
    try:
        return f"upload:{UUID(segments[_UPLOAD_SEGMENT])}"
    except (IndexError, ValueError):
        return None
