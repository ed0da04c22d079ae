"""The roles as they are started, on real Kafka, PostgreSQL and S3: a completed run in, an assessment out."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow as pa
import pytest
from aiokafka import AIOKafkaProducer

from dataplatform.events.identity import assessment_id
from dataplatform.events.processing import RunCompleted
from dataplatform.events.quality import ASSESSMENTS, AssessmentCompleted
from dataplatform.log.envelope import Envelope
from dataplatform_stack.services import Kafka
from dataplatform_stack.started import (
    environment_of,
    heard,
    migrated_twice_at_once,
    publish,
    running,
    started_without_settings,
)
from dataplatform_stack.testing import Eventually
from quality_svc.settings import QualitySettings

pytestmark = pytest.mark.integration

PACKAGE = "quality_svc"
MEBIBYTE = 2**20
MakeRun = Callable[..., Awaitable[RunCompleted]]


@pytest.fixture
def env(settings: QualitySettings, kafka: Kafka) -> dict[str, str]:
    return environment_of(settings, KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers)


async def assessments_of(kafka: Kafka, run: RunCompleted) -> list[Envelope]:
    """Wait until the run's assessment is there; return its stream."""
    return await heard(kafka.bootstrap_servers, ASSESSMENTS, f"assessment:{assessment_id(run.run_id)}", bool)


async def test_a_completed_run_becomes_an_assessment_on_the_topic(
    env: dict[str, str],
    kafka: Kafka,
    producer: AIOKafkaProducer,
    make_run: MakeRun,
    eventually: Eventually,
    tmp_path: Path,
) -> None:
    run = await make_run([pa.table({"a": [1, None]})])
    with (
        running(PACKAGE, "consumer", env, tmp_path / "c") as consumer,
        running(PACKAGE, "worker", env, tmp_path / "w") as worker,
    ):
        await eventually(consumer.ready)
        await eventually(worker.ready)
        await publish(producer, run, service="processing-svc", times=2)
        (envelope,) = await assessments_of(kafka, run)
        event = envelope.event()
        assert isinstance(event, AssessmentCompleted)
        assert event.run_id == run.run_id
        assert (1, 2) in {(found.numerator, found.denominator) for found in event.measures}
        for role in (consumer, worker):
            role.process.send_signal(signal.SIGTERM)
        for role in (consumer, worker):
            assert await asyncio.to_thread(role.process.wait, 20) == 0
    assert not os.listdir(env["DATAPLATFORM_SCRATCH_DIR"])  # noqa: PTH208 - a glance at a local folder


async def test_a_worker_killed_at_work_loses_nothing(
    env: dict[str, str],
    kafka: Kafka,
    producer: AIOKafkaProducer,
    make_run: MakeRun,
    eventually: Eventually,
    pool: Any,
    tmp_path: Path,
) -> None:
    run = await make_run([pa.table({f"c{i}": [f"{i}-{row}" for row in range(2000)] for i in range(150)})])
    with running(PACKAGE, "consumer", env, tmp_path / "c"):
        await publish(producer, run, service="processing-svc")
        with running(PACKAGE, "worker", env, tmp_path / "w1") as worker:

            async def at_work() -> bool:
                return bool(await pool.fetchval("SELECT count(*) FROM jobs WHERE state = 'running'"))

            await eventually(at_work)
            children = psutil.Process(worker.process.pid).children(recursive=True)
            worker.process.kill()
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, 10)
        assert not alive, "the sandbox vanished with its worker"
        await pool.execute("UPDATE jobs SET lease_until = now()")  # the lease's minute is over
        with running(PACKAGE, "worker", env, tmp_path / "w2"):
            (envelope,) = await assessments_of(kafka, run)
    assert isinstance(envelope.event(), AssessmentCompleted)
    assert envelope.version == 1


async def test_idle_roles_are_small_and_load_no_engine(
    env: dict[str, str], kafka: Kafka, eventually: Eventually, tmp_path: Path
) -> None:
    limits = {"consumer": 80, "worker": 90}
    for name, mebibytes in limits.items():
        with running(PACKAGE, name, env, tmp_path / name) as role:
            await eventually(role.ready)
            process = psutil.Process(role.process.pid)
            # its own memory: the share of common libraries depends on what else runs on the machine
            assert process.memory_full_info().uss < mebibytes * MEBIBYTE
            maps = {Path(part.path).name for part in process.memory_maps()}
            assert not {name for name in maps if "duckdb" in name or "arrow" in name}


async def test_metrics_tell_of_jobs_and_lag(
    env: dict[str, str], kafka: Kafka, eventually: Eventually, tmp_path: Path
) -> None:
    with running(PACKAGE, "consumer", env, tmp_path / "c") as consumer:
        await eventually(consumer.ready)
        async with httpx.AsyncClient(trust_env=False) as client:
            metrics = (await client.get(f"{consumer.address()}/metrics")).text
    for name in ("dataplatform_jobs", "dataplatform_outbox", "dataplatform_events_parked"):
        assert name in metrics


async def test_migrating_twice_at_once_is_harmless(env: dict[str, str]) -> None:
    assert await migrated_twice_at_once(PACKAGE, env) == [0, 0]


def test_a_missing_setting_is_named_and_nothing_starts() -> None:
    ended = started_without_settings(PACKAGE, "worker")
    assert ended.returncode == 2
    assert b"database_url" in ended.stderr
