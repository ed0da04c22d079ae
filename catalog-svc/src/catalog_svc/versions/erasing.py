"""Carries erasures out: deletes the objects of what was erased, and reports it as `erasure.completed`.

The table `erasures`, made from events, is the queue: what is not reported complete is taken up again, after a crash,
after a rebuild, by whichever worker comes first. Deleting is by prefix, so that what failed or late attempts left goes
too, and what is gone already is no error. Something of the version that ends after the report (an examination that was
under way) makes the erasure pending once more. No Django here: an idle worker is small.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5

import asyncpg
import psycopg
import structlog

from catalog_svc.projections import locks, writing
from dataplatform.events.catalog import ErasureCompleted
from dataplatform.events.identity import NAMESPACE
from dataplatform.log.envelope import Context
from dataplatform.log.metrics import wait
from dataplatform.log.postgres import is_infrastructure_error, session_lock
from dataplatform.roles import Task
from dataplatform.storage.interface import ObjectStore

POLL_SECONDS: Final = 2.0
MAX_BACKOFF_SECONDS: Final = 300.0
BATCH: Final = 20
AT_ONCE: Final = 16
LOCK: Final = 0x657261736572
MADE_OF_RUNS: Final = ("tables", "profiles", "examinations", "manifests")
"""Folders that have a folder for each dataset, with one for each run in it: `<folder>/<dataset>/<run>/`."""

# Late is what ended after it was reported that everything is gone.
_PENDING: Final = """
SELECT x.erasure_id, x.dataset_id, x.version_id, x.upload_id, x.original_erased, x.erased_at
FROM erasures x
WHERE x.completed_at IS NULL OR EXISTS (
    SELECT 1 FROM runs r JOIN uploads u ON u.upload_id = r.upload_id
    LEFT JOIN assessments a ON a.run_id = r.run_id
    LEFT JOIN examinations e ON e.run_id = r.run_id
    WHERE r.dataset_id = x.dataset_id
      AND CASE WHEN x.version_id IS NULL THEN u.received_at <= x.erased_at
               ELSE r.run_id = x.version_id OR (r.upload_id = x.upload_id AND x.original_erased) END
      AND greatest(r.ended_at, a.ended_at, e.ended_at) > x.completed_at)
ORDER BY x.erased_at, x.erasure_id LIMIT $1
"""

_UPLOADS: Final = """
SELECT u.upload_id, u.institution_slug, u.dataset_slug FROM uploads u
WHERE u.dataset_id = $1 AND CASE WHEN $2::uuid IS NULL THEN u.received_at <= $3 ELSE u.upload_id = $2 END
ORDER BY u.upload_id
"""

_RUNS: Final = "SELECT run_id FROM runs WHERE dataset_id = $1 AND upload_id = ANY ($2::uuid[]) ORDER BY run_id"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Deleted:
    """What an erasure took away."""

    objects: int
    size_bytes: int


class Eraser:
    """Carries out what is pending, one erasure after the other; with several members, one of them does."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        database_url: str,
        store: Callable[[], Awaitable[ObjectStore]],
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._database_url = database_url
        self._store = store
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Look for erasures until `stop` is set; what fails is tried again, ever more rarely."""
        failures = 0
        while not stop.is_set():
            try:
                done, failed = await self.carry_out()
            except Exception as error:
                if not is_infrastructure_error(error):
                    raise
                _log.warning("erasure_waits", error=f"{type(error).__name__}: {error}")
                done, failed = 0, 1
            failures = failures + 1 if failed else 0
            if failed or not done:
                await wait(stop, min(POLL_SECONDS * 2**failures, MAX_BACKOFF_SECONDS))

    async def carry_out(self) -> tuple[int, int]:
        """Delete and report what is pending now; return how many erasures were carried out, and how many failed.

        Raises faults of the database and of the store, which would meet the next erasure as well.
        """
        done = failed = 0
        async with session_lock(self._pool, LOCK) as connection:
            for erasure in await connection.fetch(_PENDING, BATCH) if connection is not None else ():
                try:
                    await self._carry_out(connection, erasure)
                except Exception as error:
                    if is_infrastructure_error(error):
                        raise
                    _log.exception("erasure_failed", erasure=str(erasure["erasure_id"]))
                    failed += 1
                else:
                    done += 1
        return done, failed

    async def _carry_out(self, connection: Any, erasure: asyncpg.Record) -> None:
        prefixes = await self._prefixes(connection, erasure)
        deleted = await delete(await self._store(), prefixes)
        event = ErasureCompleted(
            dataset_id=erasure["dataset_id"],
            version_id=erasure["version_id"],
            object_count=deleted.objects,
            size_bytes=deleted.size_bytes,
            completed_at=self._clock(),
        )
        await asyncio.to_thread(self._report, event, erasure["erasure_id"])
        _log.info("erasure_completed", erasure=str(erasure["erasure_id"]), objects=deleted.objects)

    async def _prefixes(self, connection: Any, erasure: asyncpg.Record) -> Sequence[str]:
        dataset, version = erasure["dataset_id"], erasure["version_id"]
        uploads: list[asyncpg.Record] = []
        runs = set() if version is None else {version}
        if erasure["original_erased"]:
            uploads = await connection.fetch(_UPLOADS, dataset, erasure["upload_id"], erasure["erased_at"])
            found = await connection.fetch(_RUNS, dataset, [upload["upload_id"] for upload in uploads])
            runs |= {row["run_id"] for row in found}
        return [*_of_runs(dataset, runs), *_of_uploads(uploads)]

    def _report(self, event: ErasureCompleted, erasure: UUID) -> None:
        with psycopg.connect(self._database_url) as connection, connection.cursor() as cursor:
            locks.lock(cursor, [event.dataset_id])
            context = Context.begin(uuid5(NAMESPACE, f"erasure:{erasure}"))
            writing.append(cursor, [event], now=event.completed_at, context=context)


async def delete(store: ObjectStore, prefixes: Iterable[str]) -> Deleted:
    """Delete every object below the prefixes, until a listing finds none; raises the errors of the store."""
    objects = size_bytes = 0
    for prefix in prefixes:
        while found := [stat async for stat in store.list(prefix)]:
            for first in range(0, len(found), AT_ONCE):
                await asyncio.gather(*(store.delete(stat.key) for stat in found[first : first + AT_ONCE]))
            objects += len(found)
            size_bytes += sum(stat.size_bytes for stat in found)
    return Deleted(objects, size_bytes)


def queue(bench: Any) -> Task:
    """Return the eraser as a queue of the role `worker`."""
    return Eraser(bench.pool, bench.settings.database_url, bench.store, lambda: datetime.now(UTC)).run


def _of_runs(dataset: UUID, runs: Iterable[UUID]) -> list[str]:
    return [f"{folder}/{dataset}/{run}/" for run in sorted(runs) for folder in MADE_OF_RUNS]


def _of_uploads(uploads: Iterable[asyncpg.Record]) -> list[str]:
    return [
        f"originals/{upload['institution_slug']}/{upload['dataset_slug']}/{upload['upload_id']}/" for upload in uploads
    ]
