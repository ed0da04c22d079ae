"""The role `worker`: leases jobs, profiles in a sandbox, stores the document, records the outcome.

This process never opens a table itself: Parquet is foreign input, and its readers are native code.
"""

import asyncio
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog

from dataplatform.events.base import ObjectRef
from dataplatform.events.identity import assessment_id, dataset_id, institution_id
from dataplatform.events.processing import RunCompleted, TableSummary
from dataplatform.jobs.queue import Job
from dataplatform.jobs.role import workshop
from dataplatform.jobs.sandbox import Limits, Reuse, Sandbox, SandboxFailure
from dataplatform.jobs.worker import Conclude, Heart, JobFailedError, Worker
from dataplatform.storage import ObjectStore
from quality_svc import domain
from quality_svc.commands import record_outcome
from quality_svc.domain import QUEUE
from quality_svc.settings import QualitySettings

TARGET: Final = "quality_svc.assess:assess"
PRELOAD: Final = ("quality_svc.assess",)
WARM_UP: Final = "quality_svc.warming:warm_up"
_DOWNLOADS: Final = 4

_log = structlog.get_logger(__name__)


class Assessor:
    """Performs assessment jobs; `clock` says when an outcome was reached."""

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

    async def perform(self, job: Job, heart: Heart) -> Conclude:
        """Profile every table of the run and store the document; what is returned records the outcome."""
        run = domain.run_of(job.payload)
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            tables_in, out = Path(folder) / "tables", Path(folder) / "out"
            tables_in.mkdir()
            out.mkdir()
            tables = await self._fetch(run, tables_in)
            document = out / "profile.json"
            result = await self._assess(run, tables, document, heart)
            stored = await self._store.put_file(domain.profile_key(run, job.fence), document)
        profile = ObjectRef(key=stored.key, sha256=stored.sha256, size_bytes=stored.size_bytes)

        async def conclude(connection: Any) -> None:
            now = self._clock()
            await record_outcome(connection, job, domain.completed(run, profile, result, now), now)

        return conclude

    async def conclude_failure(self, connection: Any, job: Job, code: str, detail: str) -> None:
        """Record that the assessment came to nothing; `detail` may quote the data, so only the log has it."""
        _log.warning("assessment_failed", job=str(job.id), code=code, detail=detail)
        now = self._clock()
        event = domain.failed(domain.run_of(job.payload), code, job.attempt, now)
        await record_outcome(connection, job, event, now)

    async def _fetch(self, run: RunCompleted, folder: Path) -> list[dict[str, Any]]:
        """Download and verify every part; return the tables as the sandbox takes them."""
        slots = asyncio.Semaphore(_DOWNLOADS)

        async def fetch(part: ObjectRef, path: Path) -> str:
            async with slots:
                await self._store.get_file(part.key, path, sha256=part.sha256)
            return str(path)

        async def table(summary: TableSummary) -> dict[str, Any]:
            paths = (folder / f"{summary.index}-{number}.parquet" for number in range(len(summary.parts)))
            parts = await asyncio.gather(*map(fetch, summary.parts, paths))
            identity = {"table_id": str(summary.table_id), "index": summary.index, "name": summary.name}
            return {**identity, "parts": list(parts)}

        return list(await asyncio.gather(*map(table, run.tables)))

    async def _assess(
        self, run: RunCompleted, tables: list[dict[str, Any]], document: Path, heart: Heart
    ) -> dict[str, Any]:
        settings = self._settings
        limits = Limits(
            memory_bytes=settings.assess_memory_bytes,
            cpu_seconds=settings.assess_cpu_seconds,
            wall_seconds=settings.assess_wall_seconds,
            output_bytes=settings.assess_output_bytes,
        )
        size_bytes = sum(part.size_bytes for table in run.tables for part in table.parts)
        argument = {
            "dataset_id": str(run.dataset_id),
            "run_id": str(run.run_id),
            "assessment_id": str(assessment_id(run.run_id)),
            "tables": tables,
            "document": str(document),
            "memory_bytes": settings.profile_memory_bytes,
            "threads": settings.assess_threads,
            "scratch": str(document.parent),
        }
        try:
            return await self._sandbox.run(
                TARGET,
                argument,
                limits,
                heart.report,
                output_folder=document.parent,
                fresh=size_bytes > settings.assess_reuse_max_bytes,
                group=owner_of(run),
            )
        except SandboxFailure as failure:
            # the profile itself said so: the same bytes would fail again
            raise JobFailedError(failure.code, failure.detail) from failure


def sandbox_of(settings: QualitySettings) -> Sandbox:
    """Return the sandbox that assessments run in, not started."""
    runs = settings.assess_reuse_runs
    return Sandbox(PRELOAD, warm=WARM_UP, reuse=Reuse(runs=runs) if runs > 1 else None)


def owner_of(run: RunCompleted) -> str:
    """Return whose runs may share a process with this one: no table may reach another institution's.

    That is the institution which the original's key names, if the dataset's id proves it; else the dataset alone.
    """
    _, *slugs = run.original.key.split("/")[:3]
    if len(slugs) == 2 and dataset_id(institution_id(slugs[0]), slugs[1]) == run.dataset_id:  # noqa: PLR2004
        return str(institution_id(slugs[0]))
    return str(run.dataset_id)


async def run(settings: QualitySettings) -> None:
    """Run the role until SIGTERM or SIGINT."""
    async with workshop(settings, "quality-worker", sandbox_of(settings)) as shop:
        assessor = Assessor(settings, shop.store, shop.sandbox, shop.scratch, lambda: datetime.now(UTC))
        worker = Worker(
            shop.pool,
            settings.database_url,
            QUEUE,
            assessor.perform,
            assessor.conclude_failure,
            concurrency=settings.assess_concurrency,
        )
        await shop.run(worker)
