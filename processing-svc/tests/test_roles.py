"""The roles as they are started, on real Kafka, PostgreSQL and S3: an upload in, a run out."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from dataplatform.events.base import Event
from dataplatform.events.ingest import UploadReceived
from dataplatform.events.processing import RUNS, RunCompleted, RunFailed
from dataplatform.log.envelope import Context, Envelope, enclose, from_kafka, to_kafka
from dataplatform.log.topics import apply
from dataplatform_stack.services import Kafka
from processing_svc.domain import Run
from processing_svc.settings import ProcessingSettings

pytestmark = pytest.mark.integration

MEBIBYTE = 2**20
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]
MakeUpload = Callable[..., Awaitable[UploadReceived]]


class Role:
    """A role as a process; its port and its log."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def address(self) -> str | None:
        entries = [json.loads(line) for line in self.log.read_text().splitlines()]
        found = [entry for entry in entries if entry["event"] == "http.listening"]
        return f"http://{found[0]['host']}:{found[0]['port']}" if found else None

    async def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        address = self.address()
        if address is None:
            return False
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"{address}/readyz")).status_code == 200


def environment(settings: ProcessingSettings) -> dict[str, str]:
    secret = settings.s3_secret_access_key
    values = {
        "DATABASE_URL": settings.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "OBJECT_STORE_URL": settings.object_store_url,
        "S3_ENDPOINT_URL": settings.s3_endpoint_url or "",
        "S3_ACCESS_KEY_ID": settings.s3_access_key_id or "",
        "S3_SECRET_ACCESS_KEY": secret.get_secret_value() if secret else "",
        "SCRATCH_DIR": str(settings.scratch_dir),
    }
    return {**os.environ, **{f"DATAPLATFORM_{name}": value for name, value in values.items()}}


@contextmanager
def running(role: str, env: dict[str, str], log: Path) -> Iterator[Role]:
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "-m", "processing_svc", role], env=env, stdout=sink)
        try:
            yield Role(process, log)
        finally:
            process.kill()
            process.wait()


@pytest.fixture
async def kafka(kafka_server: Kafka) -> Kafka:
    kafka_server.start()
    await apply(kafka_server.bootstrap_servers)
    return kafka_server


@pytest.fixture
def env(settings: ProcessingSettings, kafka: Kafka) -> dict[str, str]:
    return environment(settings.model_copy(update={"kafka_bootstrap_servers": kafka.bootstrap_servers}))


@pytest.fixture
async def producer(kafka: Kafka) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as opened:
        yield opened


async def publish(producer: AIOKafkaProducer, event: Event, *, times: int = 1) -> None:
    (envelope,) = enclose([event], 0, service="ingest-svc", now=NOW, context=Context(UUID(int=1)))
    key, value, headers = to_kafka(envelope)
    for _ in range(times):
        await producer.send_and_wait(envelope.topic, value, key=key, headers=headers)


async def run_of(kafka: Kafka, upload: UploadReceived, seconds: float = 60) -> list[Envelope]:
    """Read the topic from its beginning until the run of an upload has ended."""
    stream = Run(upload).stream
    found: list[Envelope] = []
    async with (
        asyncio.timeout(seconds),
        AIOKafkaConsumer(RUNS, bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest") as consumer,
    ):
        while not (found and isinstance(found[-1].event(), RunCompleted | RunFailed)):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                envelopes = (from_kafka(r.topic, r.key, r.value, r.headers) for r in records)
                found += [envelope for envelope in envelopes if envelope.stream == stream]
    return found


async def test_an_upload_becomes_a_run_on_the_topic(
    env: dict[str, str], kafka: Kafka, producer: AIOKafkaProducer, make_upload: MakeUpload, eventually: Eventually,
    tmp_path: Path,
) -> None:  # fmt: skip
    upload = await make_upload(b"a,b\n1,x\n")
    with running("consumer", env, tmp_path / "c") as consumer, running("worker", env, tmp_path / "w") as worker:
        await eventually(consumer.ready)
        await eventually(worker.ready)
        await publish(producer, upload, times=2)
        envelopes = await run_of(kafka, upload)
        assert [envelope.type for envelope in envelopes] == [
            "run.started.v1", "table.standardized.v1", "run.completed.v1",
        ]  # fmt: skip
        assert [envelope.version for envelope in envelopes] == [1, 2, 3]
        for role in (consumer, worker):
            role.process.send_signal(signal.SIGTERM)
        for role in (consumer, worker):
            assert await asyncio.to_thread(role.process.wait, 20) == 0
    assert not os.listdir(env["DATAPLATFORM_SCRATCH_DIR"])  # noqa: PTH208 - a glance at a local folder


async def test_a_worker_killed_at_work_loses_nothing(
    env: dict[str, str], kafka: Kafka, producer: AIOKafkaProducer, make_upload: MakeUpload, eventually: Eventually,
    pool: Any, tmp_path: Path,
) -> None:  # fmt: skip
    body = "".join(f"{number},name {number},{number / 7}\n" for number in range(600_000))
    upload = await make_upload(f"id,name,value\n{body}".encode())
    with running("consumer", env, tmp_path / "c"):
        await publish(producer, upload)
        with running("worker", env, tmp_path / "w1") as worker:

            async def at_work() -> bool:
                return bool(await pool.fetchval("SELECT count(*) FROM jobs WHERE state = 'running'"))

            await eventually(at_work)
            children = psutil.Process(worker.process.pid).children(recursive=True)
            worker.process.kill()
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, 10)
        assert not alive, "the sandbox vanished with its worker"
        await pool.execute("UPDATE jobs SET lease_until = now()")  # the lease's minute is over
        left = set(os.listdir(env["DATAPLATFORM_SCRATCH_DIR"]))  # noqa: PTH208 - a glance at a local folder
        with running("worker", env, tmp_path / "w2"):
            envelopes = await run_of(kafka, upload)
            there = set(os.listdir(env["DATAPLATFORM_SCRATCH_DIR"]))  # noqa: PTH208 - and another
        assert left
        assert not left & there, "what the dead worker left was removed"
    assert isinstance(envelopes[-1].event(), RunCompleted)
    assert [envelope.version for envelope in envelopes] == [1, 2, 3]


async def test_idle_roles_are_small_and_load_no_engine(
    env: dict[str, str], kafka: Kafka, eventually: Eventually, tmp_path: Path
) -> None:
    limits = {"consumer": 80, "worker": 90}
    for name, mebibytes in limits.items():
        with running(name, env, tmp_path / name) as role:
            await eventually(role.ready)
            process = psutil.Process(role.process.pid)
            assert process.memory_full_info().pss < mebibytes * MEBIBYTE
            maps = {Path(part.path).name for part in process.memory_maps()}
            assert not {name for name in maps if "duckdb" in name or "arrow" in name}


async def test_metrics_tell_of_jobs_and_lag(
    env: dict[str, str], kafka: Kafka, eventually: Eventually, tmp_path: Path
) -> None:
    with running("consumer", env, tmp_path / "c") as consumer:
        await eventually(consumer.ready)
        async with httpx.AsyncClient(trust_env=False) as client:
            metrics = (await client.get(f"{consumer.address()}/metrics")).text
    for name in ("dataplatform_jobs", "dataplatform_outbox", "dataplatform_events_parked"):
        assert name in metrics


async def test_migrating_twice_at_once_is_harmless(database_url: str, settings: ProcessingSettings) -> None:
    commands = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "processing_svc", "migrate", env=environment(settings)
        )
        for _ in range(2)
    ]
    assert [await command.wait() for command in commands] == [0, 0]


def test_a_missing_setting_is_named_and_nothing_starts() -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("DATAPLATFORM_")}
    ended = subprocess.run(
        [sys.executable, "-m", "processing_svc", "worker"], env=bare, capture_output=True, check=False
    )
    assert ended.returncode == 2
    assert b"database_url" in ended.stderr
