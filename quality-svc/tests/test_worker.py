"""Assessment jobs on real PostgreSQL and S3, in the real sandbox: what they leave behind, however they end."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import asyncpg
import pyarrow as pa
import pytest

from dataplatform.events.base import ObjectRef
from dataplatform.events.catalog import ContractDefined
from dataplatform.events.processing import RunCompleted
from dataplatform.events.quality import AssessmentCompleted, AssessmentFailed
from dataplatform.jobs.sandbox import Sandbox
from dataplatform.jobs.worker import Worker
from dataplatform.log import store as log
from dataplatform.log.envelope import Context, Envelope, enclose
from dataplatform.storage import ObjectStore
from quality_svc import commands, domain
from quality_svc.consumer import dispatcher
from quality_svc.holding import held
from quality_svc.profile.document import ProfileDocument
from quality_svc.settings import QualitySettings
from quality_svc.worker import Assessor, sandbox_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MakeRun = Callable[..., Awaitable[RunCompleted]]

pytestmark = pytest.mark.integration

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CAUSE = Context(UUID(int=5), UUID(int=6), TRACE)
CONTRACT = """
{apiVersion: v3.1.0, kind: DataContract, id: c, version: "1", status: active, schema: [{name: t, properties: [
  {name: a, required: true}, {name: b, unique: true}]}]}
"""
SLOW = pa.table({f"column_{number}": [number] for number in range(500)})
"""Takes longer to profile than the sandbox takes to notice that the time is up."""


def clock() -> datetime:
    return NOW


@pytest.fixture
async def sandbox(settings: QualitySettings) -> AsyncIterator[Sandbox]:
    async with sandbox_of(settings) as opened:
        yield opened


@pytest.fixture
def worker(
    settings: QualitySettings, pool: asyncpg.Pool, store: ObjectStore, sandbox: Sandbox, tmp_path: Path
) -> Worker:
    return worker_with(settings, pool, store, sandbox, tmp_path)


def worker_with(
    settings: QualitySettings, pool: asyncpg.Pool, store: ObjectStore, sandbox: Sandbox, folder: Path
) -> Worker:
    scratch = folder / "work"
    scratch.mkdir(exist_ok=True)
    assessor = Assessor(settings, store, sandbox, scratch, clock)
    return Worker(pool, settings.database_url, domain.QUEUE, assessor.perform, assessor.conclude_failure)


async def enqueue(pool: asyncpg.Pool, run: RunCompleted, attempts: int = 1) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await commands.request_assessment(connection, run, CAUSE, attempts)


async def outcome_of(pool: asyncpg.Pool, run: RunCompleted) -> list[Envelope]:
    async with pool.acquire() as connection:
        return await log.load(connection, f"assessment:{domain.dedup_key(run)}")


async def test_a_run_is_profiled_scored_and_told(
    worker: Worker, pool: asyncpg.Pool, store: ObjectStore, make_run: MakeRun, tmp_path: Path
) -> None:
    run = await make_run([pa.table({"a": [1, None], "b": ["x", "y"]}), pa.table({"a": [3], "b": ["z"]})])
    await enqueue(pool, run)
    assert await worker.run_one()
    (envelope,) = await outcome_of(pool, run)
    event = envelope.event()
    assert isinstance(event, AssessmentCompleted)
    assert event.overall is not None
    assert 5 / 6 < event.overall < 1
    (cells,) = [measure for measure in event.tables[0].measures if measure.name == "completeness_cells"]
    assert (event.tables[0].row_count, cells.numerator, cells.denominator) == (3, 5, 6)
    assert envelope.correlation_id == CAUSE.correlation_id
    assert envelope.causation_id == CAUSE.causation_id
    assert (envelope.traceparent or "").split("-")[1] == TRACE.split("-")[1], "the event belongs to the upload's trace"
    await store.get_file(event.profile.key, tmp_path / "profile.json", sha256=event.profile.sha256)
    document = ProfileDocument.model_validate_json((tmp_path / "profile.json").read_bytes())
    assert document.run_id == run.run_id
    assert [column.count for column in document.tables[0].columns] == [2, 3]
    assert not list((tmp_path / "work").iterdir()), "scratch is empty again"


async def test_the_contract_that_holds_is_enforced_and_what_it_came_to_is_told(
    settings: QualitySettings,
    sandbox: Sandbox,
    pool: asyncpg.Pool,
    store: ObjectStore,
    make_run: MakeRun,
    tmp_path: Path,
) -> None:
    run = await make_run([pa.table({"a": [1, None], "b": ["secret", "y"]})])
    document = tmp_path / "contract.yaml"
    document.write_text(CONTRACT)
    stored = await store.put_file(f"contracts/{run.dataset_id}/x", document)
    reference = ObjectRef(key=stored.key, sha256=stored.sha256, size_bytes=stored.size_bytes)
    dispatch = dispatcher(settings)
    defined = ContractDefined(dataset_id=run.dataset_id, contract=reference, defined_by=UUID(int=1), defined_at=NOW)
    (envelope,) = enclose([defined], 0, service="test", now=NOW, context=CAUSE)
    async with pool.acquire() as connection, connection.transaction():
        await dispatch.apply(connection, [envelope])
        assert await held(connection, UUID(int=7)) is None
    (tmp_path / "work").mkdir()
    assessor = Assessor(settings, store, sandbox, tmp_path / "work", clock, contract_of=partial(held, pool))
    worker = Worker(pool, settings.database_url, domain.QUEUE, assessor.perform, assessor.conclude_failure)
    await enqueue(pool, run)
    assert await worker.run_one()
    (told,) = await outcome_of(pool, run)
    event = told.event()
    assert isinstance(event, AssessmentCompleted)
    assert event.rules is not None
    assert (event.rules.contract, event.rules.critical_failed, event.rules.passed) == (reference, 1, 3)
    assert event.overall is not None
    assert event.overall <= 0.5
    await store.get_file(event.rules.result.key, tmp_path / "result.json", sha256=event.rules.result.sha256)
    result = json.loads((tmp_path / "result.json").read_text())
    (broken,) = [clause for clause in result["clauses"] if clause["result"]["state"] == "failed"]
    assert (broken["clause"], broken["result"]["samples"][0]["row"]) == ("required", 1)
    assert "secret" not in json.dumps(told.data)


async def test_no_value_of_the_data_reaches_the_log(worker: Worker, pool: asyncpg.Pool, make_run: MakeRun) -> None:
    run = await make_run([pa.table({"name": ["Jane Roe"]})])
    await enqueue(pool, run)
    await worker.run_one()
    (envelope,) = await outcome_of(pool, run)
    assert "Jane" not in json.dumps(envelope.data)


async def test_two_requests_for_a_run_are_one_job(worker: Worker, pool: asyncpg.Pool, make_run: MakeRun) -> None:
    run = await make_run([pa.table({"a": [1]})])
    await enqueue(pool, run)
    await enqueue(pool, run)
    assert [await worker.run_one(), await worker.run_one()] == [True, False]
    assert len(await outcome_of(pool, run)) == 1


async def test_a_table_that_is_no_parquet_fails_at_once_with_its_reason(
    worker: Worker, pool: asyncpg.Pool, store: ObjectStore, make_run: MakeRun, tmp_path: Path
) -> None:
    (tmp_path / "bad").write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    bad = await store.put_file("tables/bad", tmp_path / "bad")
    run = await make_run([pa.table({"a": [1]})])
    part = run.tables[0].parts[0].model_copy(update={"key": bad.key, "sha256": bad.sha256})
    table = run.tables[0].model_copy(update={"parts": (part,)})
    run = run.model_copy(update={"tables": (table,)})
    await enqueue(pool, run, attempts=3)
    await worker.run_one()
    (envelope,) = await outcome_of(pool, run)
    event = envelope.event()
    assert isinstance(event, AssessmentFailed)
    assert (event.reason_code, event.attempts, event.detail) == (
        "unreadable_table",
        1,
        domain.FAILURES["unreadable_table"],
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"sha256": "f" * 64}, "object_corrupt"), ({"key": "tables/nowhere"}, "object_not_found")],
    ids=["other bytes than announced", "no such object"],
)
async def test_a_part_that_is_not_there_as_announced_fails_after_the_last_attempt(
    changes: dict[str, str], code: str, worker: Worker, pool: asyncpg.Pool, make_run: MakeRun
) -> None:
    run = await make_run([pa.table({"a": [1]})])
    part = run.tables[0].parts[0].model_copy(update=changes)
    run = run.model_copy(update={"tables": (run.tables[0].model_copy(update={"parts": (part,)}),)})
    await enqueue(pool, run, attempts=1)
    await worker.run_one()
    (envelope,) = await outcome_of(pool, run)
    event = envelope.event()
    assert isinstance(event, AssessmentFailed)
    assert event.reason_code == code


async def test_an_assessment_that_takes_too_long_is_killed_and_told(
    settings: QualitySettings,
    pool: asyncpg.Pool,
    store: ObjectStore,
    sandbox: Sandbox,
    make_run: MakeRun,
    tmp_path: Path,
) -> None:
    hurried = settings.model_copy(update={"assess_wall_seconds": 0.001})
    run = await make_run([SLOW])
    await enqueue(pool, run)
    await worker_with(hurried, pool, store, sandbox, tmp_path).run_one()
    (envelope,) = await outcome_of(pool, run)
    event = envelope.event()
    assert isinstance(event, AssessmentFailed)
    assert event.reason_code == "timed_out"
    assert not list((tmp_path / "work").iterdir())


async def test_a_failed_assessment_can_be_run_again_and_then_completes(
    settings: QualitySettings,
    pool: asyncpg.Pool,
    store: ObjectStore,
    sandbox: Sandbox,
    make_run: MakeRun,
    tmp_path: Path,
) -> None:
    run = await make_run([SLOW])
    await enqueue(pool, run)
    hurried = settings.model_copy(update={"assess_wall_seconds": 0.001})
    await worker_with(hurried, pool, store, sandbox, tmp_path).run_one()
    await pool.execute("UPDATE jobs SET state = 'ready', attempt = 0, run_at = now() WHERE state = 'failed'")
    await worker_with(settings, pool, store, sandbox, tmp_path).run_one()
    events = [envelope.event() for envelope in await outcome_of(pool, run)]
    assert [type(event) for event in events] == [AssessmentFailed, AssessmentCompleted]


async def test_a_late_attempt_leaves_neither_an_event_nor_the_document_that_counts(
    settings: QualitySettings,
    pool: asyncpg.Pool,
    store: ObjectStore,
    sandbox: Sandbox,
    make_run: MakeRun,
    tmp_path: Path,
) -> None:
    run = await make_run([pa.table({"a": [1]})])
    await enqueue(pool, run, attempts=3)
    (tmp_path / "late").mkdir()
    assessor = Assessor(settings, store, sandbox, tmp_path / "late", clock)

    async def too_late(job: object, heart: object) -> object:
        conclude = await assessor.perform(job, heart)  # type: ignore[arg-type]
        await pool.execute("UPDATE jobs SET state = 'ready', run_at = now()")  # as a reaper does
        assert await worker_with(settings, pool, store, sandbox, tmp_path).run_one()
        return conclude

    late = Worker(pool, settings.database_url, domain.QUEUE, too_late, assessor.conclude_failure)  # type: ignore[arg-type]
    assert await late.run_one()
    (envelope,) = await outcome_of(pool, run)
    event = envelope.event()
    assert isinstance(event, AssessmentCompleted)
    assert event.profile.key == domain.profile_key(run, 2)
