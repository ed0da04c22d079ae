"""What happens to an upload when the client, PostgreSQL or the object store fails it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from dataplatform.events.base import ObjectRef
from dataplatform.events.identity import dataset_id, institution_id
from dataplatform.identity import Principal
from dataplatform.identity.testing import SUBJECT, LocalIssuer
from dataplatform.log.envelope import Context
from dataplatform.storage import ObjectStore
from dataplatform_formats.detection import Detection
from dataplatform_stack.testing import TestPostgres, TestS3
from ingest_svc.commands import DatabaseUnavailableError, Recorded, Uploads
from ingest_svc.domain import Arrival, Destination, announce
from ingest_svc.uploads.sweep import Sweep, Swept

pytestmark = pytest.mark.integration

PATH = "/v1/institutions/aq/datasets/air-quality/uploads"
AGAIN = PATH + "?force=true"
CSV = b"station,no2\nnorth,12\nsouth,7\n"
DAY = timedelta(days=1)


async def everything_written(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM events"))


async def stored_keys(store: ObjectStore) -> list[str]:
    return [stat.key async for stat in store.list("originals/")]


Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


class TestBody:
    async def _send_half(self, address: str, issuer: LocalIssuer, half: bytes) -> asyncio.StreamWriter:
        target = urlsplit(address)
        _, writer = await asyncio.open_connection(target.hostname, target.port)
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: test\r\nContent-Length: {2 * len(half)}\r\n"
            f"Authorization: Bearer {issuer.token({'aq': ['uploader']})}\r\n\r\n"
        )
        writer.write(head.encode() + half)
        await writer.drain()
        return writer

    @pytest.mark.parametrize("size", [10, 100_000, 20_000_000])
    async def test_a_body_cut_off_half_way_leaves_nothing(
        self,
        address: str,
        client: httpx.AsyncClient,
        issuer: LocalIssuer,
        pool: asyncpg.Pool,
        store: ObjectStore,
        eventually: Eventually,
        size: int,
    ) -> None:
        writer = await self._send_half(address, issuer, b"a,b\n" * (size // 4))
        before = _count_of(await client.get("/metrics"), "incomplete_body")
        writer.close()

        async def counted() -> bool:
            return _count_of(await client.get("/metrics"), "incomplete_body") > before

        await eventually(counted)
        assert await everything_written(pool) == 0
        assert await stored_keys(store) == []
        assert await store.abort_stale_uploads(datetime.now(UTC) + DAY) == 0

    async def test_a_body_that_stops_arriving_is_told_so(
        self, address: str, issuer: LocalIssuer, pool: asyncpg.Pool, store: ObjectStore
    ) -> None:
        target = urlsplit(address)
        reader, writer = await asyncio.open_connection(target.hostname, target.port)
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n"
            f"Authorization: Bearer {issuer.token({'aq': ['uploader']})}\r\n\r\na,b\n"
        )
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b'"stalled_body"' in answer
        assert await everything_written(pool) == 0
        assert await stored_keys(store) == []


def _count_of(metrics: httpx.Response, outcome: str) -> float:
    wanted = f'dataplatform_ingest_uploads_total{{format="",outcome="{outcome}"}} '
    lines = [line for line in metrics.text.splitlines() if line.startswith(wanted)]
    return float(lines[0].removeprefix(wanted)) if lines else 0.0


class TestPostgresqlDown:
    async def test_uploads_answer_503_with_retry_after_and_go_on_afterwards(
        self, client: httpx.AsyncClient, postgres_server: TestPostgres, pool: asyncpg.Pool
    ) -> None:
        assert (await client.post(AGAIN, content=CSV)).status_code == 201
        postgres_server.stop()
        try:
            refused = await client.post(AGAIN, content=CSV)
            unready = await client.get("/readyz")
        finally:
            postgres_server.start()
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert unready.status_code == 503
        assert "postgresql" in unready.json()["checks"]
        assert (await client.post(AGAIN, content=CSV)).status_code == 201
        assert (await client.get("/readyz")).status_code == 200
        assert await everything_written(pool) == 2

    async def test_a_server_that_hangs_is_told_as_unavailable_and_used_again_when_it_goes_on(
        self, client: httpx.AsyncClient, postgres_server: TestPostgres, pool: asyncpg.Pool
    ) -> None:
        assert (await client.post(AGAIN, content=CSV)).status_code == 201
        postgres_server.pause()
        try:
            refused = await client.post(AGAIN, content=CSV)
        finally:
            postgres_server.resume()
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        assert (await client.post(AGAIN, content=CSV)).status_code == 201
        assert await everything_written(pool) == 2

    async def test_a_stored_file_waits_for_a_short_restart(
        self, pool: asyncpg.Pool, postgres_server: TestPostgres
    ) -> None:
        event, sha256 = _arrived()
        uploads = Uploads(pool, patience_seconds=30)
        postgres_server.stop()
        recording = asyncio.create_task(
            uploads.record(event, sha256, key=None, now=datetime.now(UTC), context=Context(uuid4()))
        )
        await asyncio.to_thread(postgres_server.start)
        assert await recording == Recorded(event.upload_id)
        assert await everything_written(pool) == 1

    async def test_recording_again_after_a_lost_confirmation_changes_nothing(self, pool: asyncpg.Pool) -> None:
        event, sha256 = _arrived()
        uploads = Uploads(pool, patience_seconds=0)
        for key in (None, None):
            recorded = await uploads.record(event, sha256, key=key, now=datetime.now(UTC), context=Context(uuid4()))
            assert recorded == Recorded(event.upload_id)
        assert await everything_written(pool) == 1

    async def test_a_question_gives_up_at_once(self, pool: asyncpg.Pool, postgres_server: TestPostgres) -> None:
        postgres_server.stop()
        try:
            with pytest.raises(DatabaseUnavailableError):
                await Uploads(pool, patience_seconds=30).get(Principal(SUBJECT), uuid4())
        finally:
            postgres_server.start()


class TestObjectStoreDown:
    async def test_uploads_answer_503_and_go_on_afterwards(
        self, client: httpx.AsyncClient, s3_server: TestS3, pool: asyncpg.Pool
    ) -> None:
        s3_server.kill()
        try:
            refused = await client.post(PATH, content=CSV)
            unready = await client.get("/readyz")
        finally:
            s3_server.start()
        assert (refused.status_code, refused.json()["code"]) == (503, "object_store_unavailable")
        assert refused.headers["retry-after"]
        assert unready.status_code == 503
        assert await everything_written(pool) == 0
        assert (await client.post(PATH, content=CSV)).status_code == 201


class TestSweep:
    @pytest.fixture
    def sweep(self, pool: asyncpg.Pool, store: ObjectStore) -> Sweep:
        return Sweep(pool, store, orphan_age=DAY, key_age=30 * DAY)

    async def test_only_old_originals_without_an_upload_go(
        self, client: httpx.AsyncClient, store: ObjectStore, sweep: Sweep
    ) -> None:
        kept = (await client.post(PATH, content=CSV, headers={"Idempotency-Key": "k"})).json()["upload_id"]
        withdrawn = (await client.post(PATH, content=CSV)).json()["upload_id"]
        await client.delete(f"/v1/uploads/{withdrawn}")
        rejected = (await client.post(PATH, content=b"")).json()["upload_id"]
        for upload_id in (rejected, uuid4()):
            await store.put(f"originals/aq/air-quality/{upload_id}/original", _bytes(CSV))
        await store.put("originals/odd", _bytes(CSV))

        now = datetime.now(UTC)
        assert await sweep.run(now) == Swept(0, 0, 0)
        assert await sweep.run(now + 2 * DAY) == Swept(2, 0, 0)
        assert await sweep.run(now + 31 * DAY) == Swept(0, 0, 1)
        keys = {f"originals/aq/air-quality/{upload_id}/original" for upload_id in (kept, withdrawn)}
        assert set(await stored_keys(store)) == {*keys, "originals/odd"}

    async def test_more_originals_than_fit_a_batch(self, store: ObjectStore, sweep: Sweep, monkeypatch: Any) -> None:
        monkeypatch.setattr("ingest_svc.uploads.sweep.BATCH", 3)
        for _ in range(7):
            await store.put(f"originals/aq/d/{uuid4()}/original", _bytes(CSV))
        assert (await sweep.run(datetime.now(UTC) + 2 * DAY)).originals == 7
        assert await stored_keys(store) == []


async def _bytes(content: bytes) -> Any:
    yield content


def _arrived() -> tuple[Any, str]:
    to = Destination(uuid4(), "aq", "air-quality")
    assert to.dataset_id == dataset_id(institution_id("aq"), "air-quality")
    original = ObjectRef(key=to.object_key, sha256="0" * 64, size_bytes=3)
    arrival = Arrival(to, original, "a.csv", SUBJECT, datetime.now(UTC))
    return announce(arrival, Detection("csv", "utf-8")), original.sha256
