"""Examination jobs: after a version is assessed and on its way to be served, a closer look that nobody waits for.

The same worker as assessments, a sandbox of its own that starts with the first examination, each run in a fresh fork at
low priority. A failure is told and holds nothing back.
"""

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog

from dataplatform.events.base import ObjectRef
from dataplatform.events.processing import RunCompleted
from dataplatform.jobs.queue import Job
from dataplatform.jobs.sandbox import Limits, Sandbox, SandboxFailure
from dataplatform.jobs.worker import Conclude, Heart, JobFailedError
from dataplatform.log import store as log
from dataplatform.storage import ObjectStore
from quality_svc import commands, domain, examinations
from quality_svc.examinations import Earlier
from quality_svc.fetching import fetch_tables
from quality_svc.settings import QualitySettings

TARGET: Final = "quality_svc.assessment.examining:examine"
PRELOAD: Final = (
    "quality_svc.assessment.building",
    "quality_svc.assessment.local",
    "quality_svc.drift",
    "quality_svc.suitability.judging",
    "pandas",
    "scipy.stats",
    "sklearn.cluster",
    "sklearn.compose",
    "sklearn.decomposition",
    "sklearn.discriminant_analysis",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "sklearn.neighbors",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "sklearn.svm",
    "sklearn.tree",
)
"""What an examination imports: some three seconds of processor time, so it is done once."""
_SEED: Final = 0

_log = structlog.get_logger(__name__)


class Examiner:
    """Performs examination jobs; `clock` says when an outcome was reached."""

    def __init__(
        self,
        settings: QualitySettings,
        pool: asyncpg.Pool,
        store: ObjectStore,
        sandbox: Sandbox,
        scratch: Path,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._store = store
        self._sandbox = sandbox
        self._scratch = scratch
        self._clock = clock

    async def perform(self, job: Job, heart: Heart) -> Conclude:
        """Examine the version and store what was found; what is returned records the outcome."""
        run = domain.run_of(job.payload)
        async with self._pool.acquire() as connection:
            stream = await log.load(connection, examinations.stream_of(run.dataset_id))
            past = [envelope.event() for envelope in stream]
            earlier = examinations.earlier_than(past, run, await commands.withdrawn_of(connection, past))
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            out = Path(folder) / "out"
            out.mkdir()
            result = await self._examine(run, earlier, Path(folder), out, heart)
            documents = (
                await self._stored(run, job, out / "examination.json"),
                await self._stored(run, job, out / "signature.json"),
            )

        async def conclude(connection: Any) -> None:
            await commands.record_examination(connection, job, run, documents, result, now=self._clock())

        return conclude

    async def conclude_failure(self, connection: Any, job: Job, code: str, detail: str) -> None:
        """Record that the examination came to nothing; `detail` may quote the data, so only the log has it."""
        _log.warning("examination_failed", job=str(job.id), code=code, detail=detail)
        await commands.record_examination_failure(connection, job, domain.run_of(job.payload), code, self._clock())

    async def _examine(
        self, run: RunCompleted, earlier: Earlier, folder: Path, out: Path, heart: Heart
    ) -> dict[str, Any]:
        settings = self._settings
        tables_in = folder / "tables"
        tables_in.mkdir()
        argument = {
            "name": str(run.dataset_id),
            "tables": await fetch_tables(self._store, run, tables_in),
            "history": [await self._signature(ref, tables_in) for ref in earlier.signatures],
            "document": str(out / "examination.json"),
            "signature": str(out / "signature.json"),
            "made_at": run.completed_at.isoformat(),
            "memory_bytes": settings.profile_memory_bytes,
            "threads": 1,
            "scratch": str(out),
            "seed": _SEED,
        }
        limits = Limits(
            memory_bytes=settings.examine_memory_bytes,
            cpu_seconds=settings.examine_cpu_seconds,
            wall_seconds=settings.examine_wall_seconds,
            output_bytes=settings.assess_output_bytes,
        )
        try:
            return await self._sandbox.run(
                TARGET, argument, limits, heart.report, output_folder=out, fresh=True, group=domain.dedup_key(run)
            )
        except SandboxFailure as failure:
            raise JobFailedError(failure.code, failure.detail) from failure

    async def _signature(self, ref: ObjectRef, folder: Path) -> str:
        path = folder / f"signature-{ref.sha256}.json"
        if not path.exists():
            await self._store.get_file(ref.key, path, sha256=ref.sha256)
        return str(path)

    async def _stored(self, run: RunCompleted, job: Job, path: Path) -> ObjectRef:
        stored = await self._store.put_file(examinations.document_key(run, job.fence, path.stem), path)
        return ObjectRef(key=stored.key, sha256=stored.sha256, size_bytes=stored.size_bytes)


def examining_sandbox() -> Sandbox:
    """Return the sandbox that examinations run in. The first run starts it: a worker that has none pays nothing."""
    return Sandbox(PRELOAD)
