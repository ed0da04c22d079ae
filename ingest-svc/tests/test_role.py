"""The service as it is started: a process, told by its environment, killed at the worst moments."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer

from dataplatform.identity.testing import LocalIssuer
from dataplatform.log.postgres import open_connection
from dataplatform.log.topics import apply
from dataplatform.storage import ObjectStore
from dataplatform_stack.services import Kafka
from dataplatform_stack.started import environment_of, migrated_twice_at_once, running, started_without_settings
from dataplatform_stack.testing import Eventually
from ingest_svc.settings import IngestSettings

pytestmark = pytest.mark.integration

PATH = "/v1/institutions/aq/datasets/air-quality/uploads"
CSV = b"station,no2\nnorth,12\nsouth,7\n"


async def stored_keys(store: ObjectStore) -> list[str]:
    return [stat.key async for stat in store.list("originals/")]


@asynccontextmanager
async def api(
    env: dict[str, str], log: Path, token: str, eventually: Eventually
) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
    with running("ingest_svc", "api", env, log) as role:
        await eventually(role.listening)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=role.address() or "", headers=headers, trust_env=False, timeout=30
        ) as client:
            yield role.process, client


@pytest.fixture
def token(issuer: LocalIssuer) -> str:
    return issuer.token({"aq": ["uploader"]})


async def test_migrating_twice_at_once_is_harmless(settings: IngestSettings) -> None:
    assert await migrated_twice_at_once("ingest_svc", environment_of(settings)) == [0, 0]


def test_a_missing_setting_is_named_and_nothing_starts() -> None:
    ended = started_without_settings("ingest_svc", "api")
    assert ended.returncode == 2
    assert b"database_url" in ended.stderr


async def test_sigterm_ends_the_role_in_good_order_and_an_upload_under_way_with_it(
    settings: IngestSettings, token: str, tmp_path: Path, eventually: Eventually
) -> None:
    async with api(environment_of(settings), tmp_path / "log", token, eventually) as (process, client):
        under_way = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield CSV
            under_way.set()
            await asyncio.sleep(0.5)  # the time a client takes, not a synchronization
            yield CSV

        uploading = asyncio.create_task(client.post(PATH, content=slowly()))
        await under_way.wait()
        process.send_signal(signal.SIGTERM)
        assert (await uploading).status_code == 201
        assert await asyncio.to_thread(process.wait, 20) == 0


async def test_an_upload_that_does_not_end_is_given_up_at_sigterm(
    settings: IngestSettings,
    token: str,
    store: ObjectStore,
    pool: asyncpg.Pool,
    tmp_path: Path,
    eventually: Eventually,
) -> None:
    async with api(environment_of(settings), tmp_path / "log", token, eventually) as (process, client):
        under_way = asyncio.Event()

        async def for_ever() -> AsyncIterator[bytes]:
            yield CSV
            under_way.set()
            await asyncio.Event().wait()

        uploading = asyncio.create_task(client.post(PATH, content=for_ever()))
        await under_way.wait()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
        uploading.cancel()
        await asyncio.wait({uploading})
    assert await stored_keys(store) == []
    assert await pool.fetchval("SELECT count(*) FROM events") == 0


async def test_memory_stays_flat_under_a_large_upload(
    settings: IngestSettings, token: str, tmp_path: Path, eventually: Eventually
) -> None:
    size_mib, peak = 192, 0
    piece = b"station,12.5,2026-01-02,\xc3\xa9\n" * (1024 * 1024 // 29)
    async with api(environment_of(settings), tmp_path / "log", token, eventually) as (process, client):
        assert (await client.post(PATH, content=CSV)).status_code == 201
        watched = psutil.Process(process.pid)
        before = watched.memory_info().rss

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal peak
            for _ in range(size_mib):
                yield piece
                peak = max(peak, watched.memory_info().rss)

        response = await client.post(PATH, content=pieces(), timeout=120)
    assert response.json()["file"]["size_bytes"] == size_mib * len(piece)
    assert (peak - before) / 2**20 < 110


async def test_killed_between_storing_and_committing_the_retry_makes_the_only_upload(
    settings: IngestSettings, token: str, store: ObjectStore, pool: asyncpg.Pool, tmp_path: Path, eventually: Eventually
) -> None:
    headers = {"Idempotency-Key": "once"}
    blocker = await open_connection(settings.database_url)
    async with api(environment_of(settings), tmp_path / "first", token, eventually) as (process, client):
        await blocker.execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        lost = asyncio.create_task(client.post(PATH, content=CSV, headers=headers))
        await eventually(partial(stored_keys, store))
        process.kill()
        with pytest.raises(httpx.TransportError):
            await lost
        await blocker.execute("ROLLBACK")
        await blocker.close()
    async with api(environment_of(settings), tmp_path / "second", token, eventually) as (_, client):
        retried = await client.post(PATH, content=CSV, headers=headers)
    assert retried.status_code == 201
    assert await pool.fetchval("SELECT count(*) FROM events") == 1
    assert len(await stored_keys(store)) == 2

    swept = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingest_svc", "sweep", "--hours", "0", env=environment_of(settings)
    )
    assert await swept.wait() == 0
    (left,) = await stored_keys(store)
    assert retried.json()["upload_id"] in left


async def test_killed_after_the_commit_the_retry_finds_the_upload(
    settings: IngestSettings, token: str, pool: asyncpg.Pool, tmp_path: Path, eventually: Eventually
) -> None:
    headers = {"Idempotency-Key": "once"}
    async with api(environment_of(settings), tmp_path / "first", token, eventually) as (process, client):
        lost = asyncio.create_task(client.post(PATH, content=CSV, headers=headers))
        await eventually(partial(pool.fetchval, "SELECT count(*) > 0 FROM events"))
        process.kill()
        await asyncio.wait({lost})
        lost.exception()
    async with api(environment_of(settings), tmp_path / "second", token, eventually) as (_, client):
        retried = await client.post(PATH, content=CSV, headers=headers)
    assert (retried.status_code, retried.headers["idempotent-replayed"]) == (201, "true")
    stream = await pool.fetchval("SELECT min(stream_id) FROM events HAVING count(*) = 1")
    assert stream == f"upload:{retried.json()['upload_id']}"


async def test_while_kafka_is_down_uploads_commit_and_the_outbox_drains_when_it_is_back(
    settings: IngestSettings,
    token: str,
    pool: asyncpg.Pool,
    kafka_server: Kafka,
    tmp_path: Path,
    eventually: Eventually,
) -> None:
    kafka_server.start()
    await apply(kafka_server.bootstrap_servers)
    kafka_server.stop()
    env = environment_of(settings, KAFKA_BOOTSTRAP_SERVERS=kafka_server.bootstrap_servers)
    async with api(env, tmp_path / "log", token, eventually) as (process, client):
        response = await client.post(PATH, content=CSV)
        assert response.status_code == 201
        assert (await client.get("/readyz")).status_code == 200
        assert "dataplatform_outbox_depth_events 1.0" in (await client.get("/metrics")).text
        await asyncio.to_thread(kafka_server.start)
        record = await _record_of(kafka_server, response.json()["upload_id"])
        assert json.loads(record)["file_name"] == "unnamed"
        await eventually(partial(pool.fetchval, "SELECT every(published_at IS NOT NULL) FROM events"))
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0


async def _record_of(kafka: Kafka, upload_id: str) -> bytes:
    consumer = AIOKafkaConsumer(
        "ingest.uploads.v1", bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with asyncio.timeout(40):
            async for record in consumer:
                if ("ce_subject", f"upload:{upload_id}".encode()) in record.headers:
                    return bytes(record.value)
    finally:
        await consumer.stop()
    raise AssertionError("the consumer ended before the record came")
