"""Which assessments share a process, and that a shared one gives what one of its own gives."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pyarrow as pa
import pytest
from prometheus_client import REGISTRY

from dataplatform.events.identity import assessment_id, dataset_id, institution_id
from dataplatform.events.processing import RunCompleted
from dataplatform.events.quality import AssessmentCompleted
from dataplatform.jobs.sandbox import Sandbox
from dataplatform.jobs.worker import Worker
from dataplatform.log import store as log
from dataplatform.log.envelope import Context
from dataplatform.storage import ObjectStore
from quality_svc import commands, domain
from quality_svc.settings import QualitySettings
from quality_svc.worker import TARGET, Assessor, owner_of, sandbox_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLE = pa.table({"a": [1, None], "b": ["x", "y"]})
MakeRun = Callable[[list[pa.Table]], Awaitable[RunCompleted]]
Process = Callable[[RunCompleted], Awaitable[float | None]]


@pytest.fixture
async def sandbox(settings: QualitySettings) -> AsyncIterator[Sandbox]:
    async with sandbox_of(settings) as opened:
        yield opened


@pytest.fixture
async def process(
    settings: QualitySettings, pool: asyncpg.Pool, store: ObjectStore, sandbox: Sandbox, tmp_path: Path
) -> Process:
    """Run the job of a run, and return the score."""
    (tmp_path / "work").mkdir()
    assessor = Assessor(settings, store, sandbox, tmp_path / "work", lambda: NOW)
    worker = Worker(pool, settings.database_url, domain.QUEUE, assessor.perform, assessor.conclude_failure)

    async def perform(run: RunCompleted) -> float | None:
        async with pool.acquire() as connection, connection.transaction():
            await commands.request_assessment(connection, run, Context(UUID(int=5), UUID(int=6), None), 1)
        assert await worker.run_one()
        async with pool.acquire() as connection:
            stream = domain.stream_of(assessment_id(run.run_id))
            (event,) = [found.event() for found in await log.load(connection, stream)]
        assert isinstance(event, AssessmentCompleted)
        return event.overall

    return perform


def processes() -> float:
    """Return how many processes assessments of this test run have begun in."""
    return REGISTRY.get_sample_value("dataplatform_sandbox_processes_total", {"target": TARGET}) or 0.0


def of(run: RunCompleted, institution: str, dataset: str = "things") -> RunCompleted:
    """Return the run as one of a dataset of an institution."""
    original = run.original.model_copy(update={"key": f"originals/{institution}/{dataset}/{run.upload_id}/original"})
    changes = {"original": original, "dataset_id": dataset_id(institution_id(institution), dataset)}
    return run.model_copy(update=changes)


@pytest.mark.integration
async def test_small_runs_of_an_institution_share_a_process(process: Process, make_run: MakeRun) -> None:
    before = processes()
    scores = [await process(of(await make_run([TABLE]), "a", dataset)) for dataset in ("one", "two", "one")]
    assert len(set(scores)) == 1
    assert processes() - before == 1
    await process(of(await make_run([TABLE]), "b"))
    assert processes() - before == 2


@pytest.mark.integration
async def test_a_large_one_has_a_process_of_its_own(process: Process, make_run: MakeRun) -> None:
    before = processes()
    for size in (1 << 20, (1 << 20) + 1):
        run = of(await make_run([TABLE]), "a")
        (table,) = run.tables
        (part,) = table.parts
        claimed = table.model_copy(update={"parts": (part.model_copy(update={"size_bytes": size}),)})
        for _ in range(2):
            run = run.model_copy(update={"tables": (claimed,), "run_id": UUID(int=run.run_id.int + 1)})
            await process(run)
    assert processes() - before == 3


@pytest.mark.integration
async def test_an_institution_is_what_the_id_of_the_dataset_proves(make_run: MakeRun) -> None:
    run = of(await make_run([TABLE]), "a")
    assert owner_of(run) == str(institution_id("a"))
    forged = run.model_copy(update={"dataset_id": dataset_id(institution_id("b"), "things")})
    assert owner_of(forged) == str(forged.dataset_id)
    elsewhere = run.model_copy(update={"original": run.original.model_copy(update={"key": "original"})})
    assert owner_of(elsewhere) == str(run.dataset_id)
