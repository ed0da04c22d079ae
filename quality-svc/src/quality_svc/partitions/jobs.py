"""Items as lease jobs over all workers: an assessment splits, workers measure, the last one to finish has it merged.

The queue `partitions` has one job for each item. A killed worker's item is leased again, under a higher fence; its
partial profile goes to a key with that fence, and the fence of the job's row when it is done says which one counts. The
transaction that completes the last item enqueues the merging assessment, once by its name; completions of one
assessment take a lock in turn, so that of two last ones one sees the other.
"""

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog

from dataplatform.events.base import ObjectRef
from dataplatform.events.processing import RunCompleted
from dataplatform.jobs.queue import Job, enqueue
from dataplatform.jobs.sandbox import Limits, Sandbox, SandboxFailure
from dataplatform.jobs.worker import Conclude, Heart, JobFailedError
from dataplatform.storage import ObjectStore
from quality_svc import domain as assessments
from quality_svc.commands import record_outcome
from quality_svc.partitions import domain
from quality_svc.partitions.fetching import fetch_footer, fetch_range
from quality_svc.partitions.sweeping import request_sweep
from quality_svc.settings import QualitySettings

CUT: Final = "quality_svc.partitions.work:cut_tables"
SCAN: Final = "quality_svc.partitions.work:scan_item"
_DOWNLOADS: Final = 4

_log = structlog.get_logger(__name__)


class Partitions:
    """Splits assessments, performs items, and brings their partial profiles to the one that merges."""

    def __init__(
        self,
        settings: QualitySettings,
        store: ObjectStore,
        sandbox: Sandbox,
        scratch: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._store = store
        self._sandbox = sandbox
        self._scratch = scratch
        self._clock = clock

    def splits(self, payload: Mapping[str, Any]) -> bool:
        """Whether an assessment with this payload is to be split rather than performed."""
        if domain.is_merge(payload):
            return False
        return bool(domain.large_tables(assessments.run_of(payload), self._settings.assess_split_bytes))

    async def split(self, job: Job, heart: Heart) -> Conclude:
        """Cut the large tables of an assessment into items; what is returned enqueues them."""
        run = assessments.run_of(job.payload)
        large = domain.large_tables(run, self._settings.assess_split_bytes)
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            files = [await self._footers(table.parts, Path(folder), str(table.index)) for table in large]
            argument = {
                "tables": [list(map(str, parts)) for parts in files],
                "item_bytes": self._settings.assess_item_bytes,
            }
            found = await self._run(CUT, argument, Path(folder), heart)
        tables = {table.index: items for table, items in zip(large, found["tables"], strict=True) if items}

        async def conclude(connection: Any) -> None:
            if not tables:  # nothing in them to measure apart
                await self._enqueue_merge(connection, job, run, {})
            for table, items in tables.items():
                for number in range(len(items)):
                    await self._enqueue_item(connection, job, run, domain.item_payload(run, tables, table, number))

        return conclude

    async def perform(self, job: Job, heart: Heart) -> Conclude:
        """Measure an item and store its partial profile; what is returned has all merged if it was the last."""
        run = assessments.run_of(job.payload)
        own = job.payload[domain.SPLIT]
        table = next(table for table in run.tables if table.index == own["table"])
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            parts = await self._footers(table.parts, Path(folder), "part")
            item, out = own["item"], Path(folder) / "out"
            out.mkdir()
            part = item["part"]
            await fetch_range(self._store, table.parts[part], parts[part], item["start"], item["end"])
            argument = {
                "parts": list(map(str, parts)),
                "item": item,
                "out": str(out / "partial.parquet"),
                "memory_bytes": self._settings.profile_memory_bytes,
                "threads": self._settings.assess_threads,
                "scratch": str(out),
            }
            await self._run(SCAN, argument, out, heart)
            key = domain.partial_key(run, table.index, item["number"], job.fence)
            await self._store.put_file(key, out / "partial.parquet")

        async def conclude(connection: Any) -> None:
            await self._merge_if_last(connection, job, run, own["counts"])

        return conclude

    async def conclude_failure(self, connection: Any, job: Job, code: str, detail: str) -> None:
        """Record that the assessment came to nothing for want of one item; the others' work is in vain."""
        _log.warning("partition_failed", job=str(job.id), code=code, detail=detail)
        now = self._clock()
        run = assessments.run_of(job.payload)
        await record_outcome(connection, job, assessments.failed(run, code, job.attempt, now), now)
        await request_sweep(connection, job, run, "failed")

    async def fetch_partials(self, payload: Mapping[str, Any], folder: Path) -> dict[int, dict[str, Any]]:
        """Download the partial profiles that a merging assessment needs: by table what `work.profiler_of` takes."""
        found: dict[int, dict[str, Any]] = {}
        slots = asyncio.Semaphore(_DOWNLOADS)

        async def fetch(key: str, path: Path) -> str:
            async with slots:
                await self._store.get_file(key, path)
            return str(path)

        for index, table in payload.get(domain.SPLIT, {}).get("tables", {}).items():
            paths = (folder / f"partial-{index}-{number}.parquet" for number in range(len(table["keys"])))
            files: list[str] = list(await asyncio.gather(*map(fetch, table["keys"], paths)))
            found[int(index)] = {"items": table["items"], "files": files}
        return found

    async def _footers(self, parts: Sequence[ObjectRef], folder: Path, name: str) -> list[Path]:
        slots = asyncio.Semaphore(_DOWNLOADS)
        paths = [folder / f"{name}-{number}.parquet" for number in range(len(parts))]

        async def fetch(part: ObjectRef, path: Path) -> None:
            async with slots:
                await fetch_footer(self._store, part, path)

        await asyncio.gather(*map(fetch, parts, paths))
        return paths

    async def _run(self, target: str, argument: dict[str, Any], out: Path, heart: Heart) -> dict[str, Any]:
        settings = self._settings
        limits = Limits(
            memory_bytes=settings.assess_memory_bytes,
            cpu_seconds=settings.assess_cpu_seconds,
            wall_seconds=settings.assess_wall_seconds,
            output_bytes=settings.assess_output_bytes,
        )
        try:
            return await self._sandbox.run(target, argument, limits, heart.report, output_folder=out, fresh=True)
        except SandboxFailure as failure:
            # the table itself is the reason: the same bytes would fail again
            raise JobFailedError(failure.code, failure.detail) from failure

    async def _merge_if_last(self, connection: Any, job: Job, run: RunCompleted, counts: Mapping[str, int]) -> None:
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{domain.QUEUE}/{domain.assessment_of(run)}"
        )
        names = domain.item_keys(run, counts)
        rows = await connection.fetch(
            "SELECT dedup_key, fence, payload FROM jobs WHERE queue = $1 AND dedup_key = ANY($2) AND state = 'done'",
            domain.QUEUE,
            names,
        )
        if len(rows) == len(names):
            done = {row["dedup_key"]: (row["fence"], row["payload"][domain.SPLIT]["item"]) for row in rows}
            await self._enqueue_merge(connection, job, run, done)

    async def _enqueue_merge(self, connection: Any, job: Job, run: RunCompleted, done: Mapping[str, Any]) -> None:
        await self._enqueue(connection, assessments.QUEUE, domain.merge_key(run), domain.merge_payload(run, done), job)

    async def _enqueue_item(self, connection: Any, job: Job, run: RunCompleted, payload: Mapping[str, Any]) -> None:
        own = payload[domain.SPLIT]
        name = domain.item_key(run, own["table"], own["item"]["number"])
        await self._enqueue(connection, domain.QUEUE, name, payload, job)

    async def _enqueue(self, connection: Any, queue: str, name: str, payload: Mapping[str, Any], job: Job) -> None:
        await enqueue(
            connection, queue, name, payload, context=job.context, max_attempts=self._settings.assess_attempts
        )
