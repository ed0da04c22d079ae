"""Items as lease jobs on real PostgreSQL and S3: split, measured by any worker, merged once, whoever dies."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pyarrow as pa
import pytest

from dataplatform.events.processing import RunCompleted
from dataplatform.events.quality import AssessmentCompleted, AssessmentFailed
from dataplatform.jobs.sandbox import Sandbox
from dataplatform.jobs.worker import Worker
from dataplatform.log import store as log
from dataplatform.log.envelope import Context
from dataplatform.storage import ObjectStore
from dataplatform_stack.started import environment_of
from quality_svc import commands, domain
from quality_svc.partitions import sweeping
from quality_svc.partitions.domain import QUEUE, item_keys, merge_key, partials_prefix
from quality_svc.partitions.fetching import fetch_footer, fetch_range
from quality_svc.partitions.jobs import Partitions
from quality_svc.partitions.sweeping import Sweeping
from quality_svc.profile.document import ProfileDocument
from quality_svc.settings import QualitySettings
from quality_svc.worker import Assessor, sandbox_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MakeRun = Callable[..., Awaitable[RunCompleted]]
Kinds = Callable[..., pa.Table]
ROWS = 3_000
OWN_SETTINGS = ("ASSESS_SPLIT_BYTES", "ASSESS_ITEM_BYTES", "EXAMINE_CONCURRENCY")

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_samples")]


@pytest.fixture
def settings(settings: QualitySettings) -> QualitySettings:
    return settings.model_copy(update={"assess_split_bytes": 1, "assess_item_bytes": 1, "examine_concurrency": 0})


@pytest.fixture
async def sandbox(settings: QualitySettings) -> AsyncIterator[Sandbox]:
    async with sandbox_of(settings) as opened:
        yield opened


class Workers:
    """Workers of both queues, one job at a time."""

    def __init__(
        self, settings: QualitySettings, pool: asyncpg.Pool, store: ObjectStore, sandbox: Sandbox, folder: Path
    ) -> None:
        assessor = Assessor(settings, store, sandbox, folder, lambda: NOW)
        self.partitions = assessor.partitions
        self.assess = Worker(pool, settings.database_url, domain.QUEUE, assessor.perform, assessor.conclude_failure)
        self.items = self.worker_of(self.partitions, pool, settings)
        swept = Sweeping(store)
        self.sweep = Worker(pool, settings.database_url, sweeping.QUEUE, swept.perform, swept.conclude_failure)

    @staticmethod
    def worker_of(partitions: Partitions, pool: asyncpg.Pool, settings: QualitySettings) -> Worker:
        return Worker(pool, settings.database_url, QUEUE, partitions.perform, partitions.conclude_failure)

    async def all_items(self) -> int:
        done = 0
        while await self.items.run_one():
            done += 1
        return done


@pytest.fixture
def workers(
    settings: QualitySettings, pool: asyncpg.Pool, store: ObjectStore, sandbox: Sandbox, tmp_path: Path
) -> Workers:
    (tmp_path / "work").mkdir()
    return Workers(settings, pool, store, sandbox, tmp_path / "work")


async def enqueue(pool: asyncpg.Pool, run: RunCompleted, attempts: int = 3) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await commands.request_assessment(connection, run, Context(UUID(int=5), None, None), attempts)


async def outcomes(pool: asyncpg.Pool, run: RunCompleted) -> list[AssessmentCompleted | AssessmentFailed]:
    async with pool.acquire() as connection:
        history = await log.load(connection, f"assessment:{domain.dedup_key(run)}")
    events = [envelope.event() for envelope in history]
    return [event for event in events if isinstance(event, AssessmentCompleted | AssessmentFailed)]


async def document_of(store: ObjectStore, event: object, folder: Path) -> ProfileDocument:
    assert isinstance(event, AssessmentCompleted)
    await store.get_file(event.profile.key, folder / "profile.json", sha256=event.profile.sha256)
    return ProfileDocument.model_validate_json((folder / "profile.json").read_bytes())


def tables_of(all_kinds: Kinds, rows: int = ROWS) -> list[list[pa.Table]]:
    whole = all_kinds(rows)
    return [[whole.slice(0, rows // 2), whole.slice(rows // 2)], [all_kinds(40)]]


async def test_a_large_table_is_measured_in_items_and_profiled_as_ever(
    workers: Workers,
    settings: QualitySettings,
    pool: asyncpg.Pool,
    store: ObjectStore,
    sandbox: Sandbox,
    make_run: MakeRun,
    tmp_path: Path,
    all_kinds: Kinds,
) -> None:
    run = await make_run(*tables_of(all_kinds))
    await enqueue(pool, run)
    assert await workers.assess.run_one()
    assert await outcomes(pool, run) == []
    assert not await workers.assess.run_one(), "nothing to merge yet"
    assert await workers.all_items() == 3
    assert await workers.assess.run_one()
    (event,) = await outcomes(pool, run)
    merged = await document_of(store, event, tmp_path)
    assert len([stat async for stat in store.list(partials_prefix(run))]) == 3
    assert await workers.sweep.run_one()
    assert [stat async for stat in store.list(partials_prefix(run))] == []
    whole = await make_run(*tables_of(all_kinds))
    await enqueue(pool, whole)
    single = Workers(settings.model_copy(update={"assess_split_bytes": 0}), pool, store, sandbox, tmp_path / "work")
    assert await single.assess.run_one()
    (event,) = await outcomes(pool, whole)
    expected = await document_of(store, event, tmp_path)
    left_out = {"mean", "sd", "skew", "lengths"}  # equal but for last bits, as test_merging says
    for one, other in zip(merged.tables, expected.tables, strict=True):
        assert [column.model_dump(exclude=left_out) for column in one.columns] == [
            column.model_dump(exclude=left_out) for column in other.columns
        ]
    assert merged.overall == expected.overall
    assert not list((tmp_path / "work").iterdir()), "scratch is empty again"


async def test_the_last_of_two_that_end_at_once_has_all_merged_once(
    workers: Workers, pool: asyncpg.Pool, make_run: MakeRun, all_kinds: Kinds
) -> None:
    run = await make_run(*tables_of(all_kinds))
    await enqueue(pool, run)
    await workers.assess.run_one()
    assert await asyncio.gather(*(workers.items.run_one() for _ in range(3))) == [True] * 3
    rows = await pool.fetch("SELECT dedup_key FROM jobs WHERE queue = $1 AND state = 'ready'", domain.QUEUE)
    assert [row["dedup_key"] for row in rows] == [merge_key(run)]
    assert [await workers.assess.run_one(), await workers.assess.run_one()] == [True, False]
    assert len(await outcomes(pool, run)) == 1


async def test_an_item_that_ends_too_late_is_not_the_one_that_counts(
    workers: Workers, settings: QualitySettings, pool: asyncpg.Pool, make_run: MakeRun, all_kinds: Kinds
) -> None:
    run = await make_run([all_kinds(50)])
    await enqueue(pool, run)
    await workers.assess.run_one()

    async def too_late(job: object, heart: object) -> object:
        conclude = await workers.partitions.perform(job, heart)  # type: ignore[arg-type]
        await pool.execute(
            "UPDATE jobs SET state = 'ready', run_at = now() WHERE queue = $1", QUEUE
        )  # as a reaper does
        assert await workers.items.run_one()
        return conclude

    late = Worker(pool, settings.database_url, QUEUE, too_late, workers.partitions.conclude_failure)  # type: ignore[arg-type]
    assert await late.run_one()
    (row,) = await pool.fetch("SELECT payload FROM jobs WHERE dedup_key = $1", merge_key(run))
    assert row["payload"]["partitions"]["tables"]["0"]["keys"][0].endswith("/2.parquet")
    assert await workers.assess.run_one()
    assert len(await outcomes(pool, run)) == 1


async def test_a_part_that_is_no_parquet_fails_the_assessment(
    workers: Workers, pool: asyncpg.Pool, store: ObjectStore, make_run: MakeRun, tmp_path: Path, all_kinds: Kinds
) -> None:
    (tmp_path / "bad").write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    bad = await store.put_file("tables/bad", tmp_path / "bad")
    run = await make_run([all_kinds(50)])
    part = run.tables[0].parts[0].model_copy(update={"key": bad.key, "size_bytes": bad.size_bytes})
    run = run.model_copy(update={"tables": (run.tables[0].model_copy(update={"parts": (part,)}),)})
    await enqueue(pool, run)
    await workers.assess.run_one()
    (event,) = await outcomes(pool, run)
    assert isinstance(event, AssessmentFailed)
    assert event.reason_code == "unreadable_table"


async def test_an_item_that_cannot_be_measured_fails_the_assessment_once(
    workers: Workers, pool: asyncpg.Pool, store: ObjectStore, make_run: MakeRun, tmp_path: Path, all_kinds: Kinds
) -> None:
    run = await make_run(*tables_of(all_kinds, 200))
    await enqueue(pool, run)
    await workers.assess.run_one()
    for part in run.tables[0].parts:
        await store.get_file(part.key, tmp_path / "part")
        whole = (tmp_path / "part").read_bytes()
        footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
        (tmp_path / "part").write_bytes(bytes(footer) + whole[footer:])
        await store.put_file(part.key, tmp_path / "part")
    assert await workers.all_items() == 3
    (event,) = await outcomes(pool, run)
    assert isinstance(event, AssessmentFailed)
    assert event.reason_code == "unreadable_table"
    assert not await workers.assess.run_one(), "nothing is merged"


async def test_only_the_bytes_of_an_item_are_fetched(
    store: ObjectStore, make_run: MakeRun, tmp_path: Path, all_kinds: Kinds
) -> None:
    run = await make_run([all_kinds(2_000)])
    part = run.tables[0].parts[0]
    await store.get_file(part.key, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    await fetch_footer(store, part, tmp_path / "some")
    await fetch_range(store, part, tmp_path / "some", 1_000, 2_000)
    some = (tmp_path / "some").read_bytes()
    assert len(some) == len(whole)
    assert (some[1_000:2_000], some[-65_536:]) == (whole[1_000:2_000], whole[-65_536:])
    assert not any(some[: min(1_000, len(whole) - 65_536)])


@pytest.mark.slow
async def test_killed_workers_are_replaced_and_the_result_counts_once(
    workers: Workers,
    settings: QualitySettings,
    pool: asyncpg.Pool,
    store: ObjectStore,
    make_run: MakeRun,
    tmp_path: Path,
    all_kinds: Kinds,
) -> None:
    """Two worker processes; whichever holds an item is killed, again and again, and its lease runs out."""
    large = [all_kinds(20_000, seed) for seed in range(6)]
    run = await make_run(large)
    await enqueue(pool, run, attempts=3)
    await pool.execute("UPDATE jobs SET max_attempts = 50")
    assert await workers.assess.run_one()
    await pool.execute("UPDATE jobs SET max_attempts = 50 WHERE queue = $1", QUEUE)
    names = item_keys(run, {"0": 6})
    for kill in range(4):
        process = await start_worker(settings, tmp_path / f"killed-{kill}")
        held = await eventually(pool, "SELECT id FROM jobs WHERE queue = $1 AND state = 'running'")
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await pool.execute(
            "UPDATE jobs SET lease_until = now() - interval '1 s' WHERE id = $1 AND state = 'running'", held
        )
    process = await start_worker(settings, tmp_path / "survivor")
    try:
        await eventually(pool, "SELECT id FROM jobs WHERE queue <> $1 AND dedup_key LIKE '%/merged' AND state = 'done'")
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
    rows = await pool.fetch("SELECT state, attempt FROM jobs WHERE dedup_key = ANY($1)", names)
    assert {row["state"] for row in rows} == {"done"}
    assert sum(row["attempt"] for row in rows) >= 6
    (event,) = await outcomes(pool, run)
    document = await document_of(store, event, tmp_path)
    assert document.tables[0].row_count == 120_000
    assert document.tables[0].columns[0].count == 120_000


async def start_worker(settings: QualitySettings, scratch: Path) -> asyncio.subprocess.Process:
    own = {name: str(getattr(settings, name.lower())) for name in OWN_SETTINGS}
    environment = environment_of(settings, SCRATCH_DIR=str(scratch), **own)
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "quality_svc", "worker", env=environment)


async def eventually(pool: asyncpg.Pool, sql: str) -> object:
    """Wait for a row; the test's own time limit ends it."""
    while True:
        found = await pool.fetchval(sql, QUEUE)
        if found is not None:
            return found
        await asyncio.sleep(0.02)
