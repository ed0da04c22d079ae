"""Examination jobs on real PostgreSQL and S3, in the real sandbox; alerts from one version to the next."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pyarrow as pa
import pytest

from dataplatform.events.base import Event, ObjectRef
from dataplatform.events.catalog import AcknowledgementRequested
from dataplatform.events.processing import RunCompleted
from dataplatform.events.quality import (
    AlertAcknowledged,
    AlertRaised,
    AlertResolved,
    AnomalyDetected,
    AssessmentCompleted,
    ExaminationCompleted,
    ExaminationFailed,
)
from dataplatform.jobs.queue import Job
from dataplatform.jobs.sandbox import Sandbox
from dataplatform.jobs.worker import Worker
from dataplatform.log import store as log
from dataplatform.log.envelope import Context
from dataplatform.storage import ObjectStore
from quality_svc import commands, domain, examinations
from quality_svc.alerts import commands as alerts
from quality_svc.assessment.document import Assessment
from quality_svc.drift.signature import VersionSignature
from quality_svc.examiner import Examiner
from quality_svc.settings import QualitySettings
from quality_svc.worker import Assessor, sandbox_of

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MakeRun = Callable[..., Awaitable[RunCompleted]]
CAUSE = Context(UUID(int=5), UUID(int=6))
ROWS = 1500


def table(months: Sequence[int] = range(1, 13), seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    days = np.datetime64("2023-01-01") + rng.integers(0, 365, 2 * ROWS)
    days = days[np.isin(days.astype("datetime64[M]").astype(int) % 12 + 1, list(months))][:ROWS]
    city = rng.choice(["amsterdam", "rotterdam", "eindhoven"], len(days)).astype(object)
    city[7] = "amsterdxm"
    return pa.table(
        {"day": pa.array(days), "city": pa.array(list(city)), "price": pa.array(rng.normal(size=len(days)))}
    )


@pytest.fixture
async def sandbox(settings: QualitySettings) -> AsyncIterator[Sandbox]:
    async with sandbox_of(settings) as opened:
        yield opened


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def worker_with(
    settings: QualitySettings, pool: asyncpg.Pool, store: ObjectStore, sandbox: Sandbox, scratch: Path
) -> Worker:
    examiner = Examiner(settings, pool, store, sandbox, scratch, clock=lambda: NOW)
    return Worker(pool, settings.database_url, examinations.QUEUE, examiner.perform, examiner.conclude_failure)


async def examined(worker: Worker, pool: asyncpg.Pool, run: RunCompleted) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await commands.request_examination(connection, run, CAUSE, 1)
    assert await worker.run_one()


async def told(pool: asyncpg.Pool, *types: type[Event]) -> list[Any]:
    async with pool.acquire() as connection:
        streams = await connection.fetch("SELECT DISTINCT stream_id FROM events ORDER BY 1")
        found = [envelope.event() for row in streams for envelope in await log.load(connection, row["stream_id"])]
    return [event for event in found if isinstance(event, types)]


def later(run: RunCompleted, days: int) -> RunCompleted:
    return run.model_copy(update={"completed_at": NOW + timedelta(days=days)})


async def test_an_assessment_asks_for_an_examination_which_asks_for_nothing(
    settings: QualitySettings,
    pool: asyncpg.Pool,
    store: ObjectStore,
    sandbox: Sandbox,
    make_run: MakeRun,
    scratch: Path,
) -> None:
    run = await make_run([table()])
    async with pool.acquire() as connection, connection.transaction():
        await commands.request_assessment(connection, run, CAUSE, 1)
    assessor = Assessor(settings, store, sandbox, scratch, lambda: NOW)
    assert await Worker(
        pool, settings.database_url, domain.QUEUE, assessor.perform, assessor.conclude_failure
    ).run_one()
    assert await pool.fetchval("SELECT count(*) FROM jobs WHERE queue = 'examine' AND state = 'ready'") == 1
    assert [type(event) for event in await told(pool, Event)] == [AssessmentCompleted]
    assert await worker_with(settings, pool, store, sandbox, scratch).run_one()
    assert await pool.fetchval("SELECT count(*) FROM jobs WHERE state = 'ready'") == 0
    (event,) = await told(pool, ExaminationCompleted)
    assert (event.run_id, event.drift, event.compared_with, event.failed_sections) == (
        run.run_id,
        "not_compared",
        None,
        (),
    )
    assert {found.task for found in event.suitability} >= {"classification", "forecasting", "reporting"}
    assert [(found.kind, found.count) for found in event.anomalies] == [("typo", 1)]
    assert [(found.kind, found.count) for found in await told(pool, AnomalyDetected)] == [("typo", 1)]
    await store.get_file(event.document.key, scratch / "document", sha256=event.document.sha256)
    document = Assessment.model_validate_json((scratch / "document").read_bytes())
    assert document.anomalies.cells[0].row == 7
    assert document.tables[0].relations is not None
    assert "amster" not in event.model_dump_json()
    assert event.signature is not None
    await store.get_file(event.signature.key, scratch / "signature", sha256=event.signature.sha256)
    assert VersionSignature.model_validate_json((scratch / "signature").read_bytes()).as_of == run.completed_at


@pytest.mark.slow
async def test_a_lost_month_raises_one_alert_that_the_next_clean_version_resolves(
    settings: QualitySettings,
    pool: asyncpg.Pool,
    store: ObjectStore,
    sandbox: Sandbox,
    make_run: MakeRun,
    scratch: Path,
) -> None:
    worker = worker_with(settings, pool, store, sandbox, scratch)
    plan: list[Sequence[int]] = [range(1, 13), [1, 2, *range(4, 13)], [1, 2, *range(4, 13)]]
    runs = [later(await make_run([table(months, seed)]), seed) for seed, months in enumerate(plan)]
    await examined(worker, pool, runs[0])
    await examined(worker, pool, runs[1])
    (alert,) = await told(pool, AlertRaised)
    assert (alert.kind, alert.subject, alert.severity, alert.run_id) == (
        "lost_period",
        "table 0/day",
        "critical",
        runs[1].run_id,
    )
    request = AcknowledgementRequested(
        dataset_id=alert.dataset_id, alert_id=alert.alert_id, requested_by=UUID(int=9), requested_at=NOW
    )
    for _ in range(2):
        async with pool.acquire() as connection, connection.transaction():
            await alerts.acknowledge(connection, request, CAUSE)
    assert [event.acknowledged_by for event in await told(pool, AlertAcknowledged)] == [UUID(int=9)]
    await examined(worker, pool, runs[2])
    first, second, third = sorted(await told(pool, ExaminationCompleted), key=lambda event: event.made_at)
    assert (first.drift, second.drift, third.drift) == ("not_compared", "drifted", "stable")
    assert (second.compared_with, third.compared_with) == (runs[0].run_id, runs[1].run_id)
    assert [found.alert_id for found in second.alerts] == [alert.alert_id]
    assert len(await told(pool, AlertRaised)) == 1
    assert [event.alert_id for event in await told(pool, AlertResolved)] == [alert.alert_id]


async def test_a_failure_is_told_with_its_reason_and_holds_nothing_back(
    settings: QualitySettings,
    pool: asyncpg.Pool,
    store: ObjectStore,
    sandbox: Sandbox,
    make_run: MakeRun,
    scratch: Path,
) -> None:
    hurried = settings.model_copy(update={"examine_wall_seconds": 0.001})
    run = await make_run([table()])
    await examined(worker_with(hurried, pool, store, sandbox, scratch), pool, run)
    (event,) = await told(pool, Event)
    assert isinstance(event, ExaminationFailed)
    assert (event.reason_code, event.run_id) == ("timed_out", run.run_id)
    assert not [*scratch.iterdir()]  # noqa: ASYNC240


REFERENCE = ObjectRef(key="examinations/x", sha256="0" * 64, size_bytes=1)
JOB = Job(UUID(int=1), examinations.QUEUE, "x", {}, 1, 1, 1, CAUSE.correlation_id, None, None, NOW)


async def recorded(pool: asyncpg.Pool, run: RunCompleted, *subjects: str) -> bool:
    """Record an examination in which these columns drifted."""
    alarms = [{"kind": "distribution", "subject": subject, "severity": "warning"} for subject in subjects]
    result = {"suitability": [], "anomalies": [], "drift": "drifted", "alarms": alarms, "failed_sections": []}
    async with pool.acquire() as connection, connection.transaction():
        documents = (REFERENCE, REFERENCE)
        return await commands.record_examination(connection, JOB, run, documents, result, now=NOW)


async def test_alerts_are_raised_once_acknowledged_once_and_resolved_by_a_clean_version(
    pool: asyncpg.Pool, settings: QualitySettings, make_run: MakeRun
) -> None:
    runs = [later(await make_run([pa.table({"a": [1]})]), day) for day in range(5)]
    await recorded(pool, runs[0], "t/a", "t/b")
    await recorded(pool, runs[1], "t/a")
    raised = {event.subject: event for event in await told(pool, AlertRaised)}
    assert set(raised) == {"t/a", "t/b"}
    assert [event.alert_id for event in await told(pool, AlertResolved)] == [raised["t/b"].alert_id]
    for subject in ("t/a", "t/a", "t/b"):
        request = AcknowledgementRequested(
            dataset_id=runs[0].dataset_id, alert_id=raised[subject].alert_id, requested_by=UUID(int=9), requested_at=NOW
        )
        async with pool.acquire() as connection, connection.transaction():
            await alerts.acknowledge(connection, request, CAUSE)
    (seen,) = await told(pool, AlertAcknowledged)
    assert (seen.alert_id, seen.acknowledged_by) == (raised["t/a"].alert_id, UUID(int=9))
    await recorded(pool, runs[2], "t/a")
    assert len(await told(pool, AlertRaised)) == 2, "what was acknowledged and is still so is not raised again"
    await recorded(pool, runs[3])
    await recorded(pool, runs[4], "t/a")
    assert [event.subject for event in await told(pool, AlertRaised)].count("t/a") == 2
    open_now = [event.alerts for event in await told(pool, ExaminationCompleted) if event.run_id == runs[4].run_id]
    assert [[alert.alert_id for alert in found] for found in open_now] == [[raised["t/a"].alert_id]]


async def test_a_version_that_comes_late_raises_and_resolves_nothing(
    pool: asyncpg.Pool, settings: QualitySettings, make_run: MakeRun
) -> None:
    runs = [later(await make_run([pa.table({"a": [1]})]), day) for day in range(3)]
    await recorded(pool, runs[0], "t/a")
    await recorded(pool, runs[2], "t/a")
    await recorded(pool, runs[1], "t/b")
    assert [event.subject for event in await told(pool, AlertRaised)] == ["t/a"]
    assert await told(pool, AlertResolved) == []
    late = next(event for event in await told(pool, ExaminationCompleted) if event.run_id == runs[1].run_id)
    assert (late.compared_with, late.alerts) == (runs[0].run_id, ())


async def test_an_examination_is_told_once(pool: asyncpg.Pool, settings: QualitySettings, make_run: MakeRun) -> None:
    run = await make_run([pa.table({"a": [1, 2]})])
    assert [await recorded(pool, run, "t/a"), await recorded(pool, run, "t/b")] == [True, False]
    assert len(await told(pool, ExaminationCompleted, AlertRaised)) == 2
