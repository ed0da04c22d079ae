"""Resumable uploads when clients misbehave, replicas die, servers go away, and nobody comes back."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from dataplatform.identity import Principal
from dataplatform.identity.testing import SUBJECT, LocalIssuer
from dataplatform.problems import Problem
from dataplatform.storage import ObjectStore, StoredPart
from dataplatform_stack.testing import TestPostgres, TestS3
from ingest_svc.app import attendant, resumable_uploads
from ingest_svc.settings import IngestSettings
from ingest_svc.tus import sha256
from ingest_svc.tus.holding import holding
from ingest_svc.tus.ledger import LostError
from ingest_svc.tus.service import Incoming, Resumables
from ingest_svc.tus.testing import CONTENT_TYPE, MIB, Kept, TusClient
from ingest_svc.tus.writer import Writer
from ingest_svc.uploads.body import Body
from ingest_svc.uploads.sweep import Swept

pytestmark = pytest.mark.integration

CSV = b"station,no2\nnorth,12\nsouth,7\n"
DAY = timedelta(days=1)
Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


def id_of(location: str) -> UUID:
    return UUID(location.rpartition("/")[2])


def rows(size: int) -> bytes:
    return (b"0123456,abcdef\n" * (size // 15 + 1))[:size]


@pytest.fixture
def resumables(settings: IngestSettings, pool: asyncpg.Pool, store: ObjectStore) -> Resumables:
    """Another replica's, in this process."""
    return resumable_uploads(settings, pool, store)


async def open_patch(address: str, location: str, token: str, offset: int, length: int, content: bytes) -> Any:
    """Begin a PATCH and keep its connection open."""
    target = urlsplit(address)
    reader, writer = await asyncio.open_connection(target.hostname, target.port)
    head = (
        f"PATCH {location} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\nTus-Resumable: 1.0.0\r\n"
        f"Content-Type: {CONTENT_TYPE}\r\nUpload-Offset: {offset}\r\nContent-Length: {length}\r\n\r\n"
    )
    writer.write(head.encode() + content)
    await writer.drain()
    return reader, writer


def begin_and_fall_silent(
    resumables: Resumables, location: str, content: bytes
) -> tuple[asyncio.Event, "asyncio.Task[Any]"]:
    """Send the first bytes through another replica and then nothing more; the event tells that they were read."""
    begun = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if begun.is_set():
            await asyncio.Event().wait()
        begun.set()
        return {"type": "http.request", "body": content, "more_body": True}

    principal = Principal(SUBJECT, {"aq": frozenset({"uploader"})})
    incoming = Incoming(Body(receive, idle_seconds=60), None, (), lambda: None)
    return begun, asyncio.create_task(resumables.append(principal, id_of(location), 0, None, incoming))


@pytest.fixture
def token(issuer: LocalIssuer) -> str:
    return issuer.token({"aq": ["uploader"]}, subject=SUBJECT)


class TestTwoClients:
    async def test_while_one_sends_the_other_is_told_so(
        self, tus: TusClient, address: str, token: str, pool: asyncpg.Pool, eventually: Eventually
    ) -> None:
        location = await tus.begun(20 * MIB)
        reader, writer = await open_patch(address, location, token, 0, 20 * MIB, rows(100))
        ended = asyncio.Event()

        async def go_on() -> None:
            while not ended.is_set():
                writer.write(rows(100))
                await writer.drain()
                await asyncio.sleep(0.2)  # the pace of a client, not a synchronization

        sending = asyncio.create_task(go_on())
        await eventually(lambda: pool.fetchval("SELECT lease_until IS NOT NULL FROM tus_uploads"))
        second = await tus.patch(location, 0, rows(5))
        ended.set()
        await sending
        assert (second.status_code, second.json()["code"]) == (423, "upload_locked")
        assert int(second.headers["retry-after"]) > 0
        writer.close()
        await writer.wait_closed()
        assert reader is not None

    async def test_the_place_of_a_silent_one_is_taken_and_it_is_told_so(
        self, tus: TusClient, resumables: Resumables, kept: Kept
    ) -> None:
        content = rows(100)
        location = await tus.begun(len(content))
        begun, sending = begin_and_fall_silent(resumables, location, content[:10])
        await begun.wait()
        answer = await tus.patch(location, 0, content)
        assert answer.status_code == 204, "once the lease of the silent one has ended"
        with pytest.raises(Problem) as caught:
            await sending
        assert caught.value.code == "upload_taken_over"
        assert await kept.original() == content

    async def test_two_that_send_the_same_at_once_make_one_upload(self, tus: TusClient, kept: Kept) -> None:
        content = rows(9 * MIB)
        location = await tus.begun(len(content))
        answers = await asyncio.gather(*(tus.patch(location, 0, content) for _ in range(3)))
        assert min(answer.status_code for answer in answers) == 204
        assert {answer.status_code for answer in answers} <= {204, 409, 423}
        assert await kept.original() == content
        assert len(await kept.events()) == 1

    async def test_a_writer_that_wakes_up_late_changes_nothing(
        self, tus: TusClient, resumables: Resumables, kept: Kept, pool: asyncpg.Pool
    ) -> None:
        good, bad = rows(12 * MIB), bytes(12 * MIB)
        location = await tus.begun(len(good))
        async with holding(resumables.workshop, id_of(location)) as hold:
            assert hold is not None
            late = Writer(resumables.workshop, hold, len(good))
            await pool.execute("UPDATE tus_uploads SET lease_until = NULL")
            assert (await tus.patch(location, 0, good[: 9 * MIB])).status_code == 204
            with pytest.raises(LostError):
                await late.take(_generated(bad), lambda: None)
        assert (await tus.patch(location, 9 * MIB, good[9 * MIB :])).status_code == 204
        assert await kept.original() == good

    async def test_one_that_is_ended_in_mid_upload_gets_no_further(
        self, tus: TusClient, address: str, token: str, kept: Kept, store: ObjectStore
    ) -> None:
        location = await tus.begun(20 * MIB)
        reader, writer = await open_patch(address, location, token, 0, 20 * MIB, rows(9 * MIB))
        assert (await tus.delete(location)).status_code == 204
        writer.write(rows(11 * MIB))
        told = await asyncio.wait_for(reader.read(4096), 30)
        assert told.startswith(b"HTTP/1.1 410")
        writer.close()
        assert await kept.events() == []
        assert await store.abort_stale_uploads(datetime.now(UTC) + DAY) == 0


async def _generated(content: bytes) -> Any:
    for start in range(0, len(content), MIB):
        yield content[start : start + MIB]


class TestSlowClients:
    async def test_one_that_drips_is_told_so_and_what_came_is_kept(
        self, tus: TusClient, address: str, token: str, settings: IngestSettings
    ) -> None:
        location = await tus.begun(1000)
        reader, writer = await open_patch(address, location, token, 0, 1000, b"a,b\n")
        answered = asyncio.create_task(reader.read(4096))
        drops = 0
        while not answered.done():
            writer.write(b"1")
            drops += 1
            await asyncio.sleep(0.5)  # its pace
            assert drops < 4 * settings.body_idle_seconds
        assert answered.result().startswith(b"HTTP/1.1 408")
        assert b"stalled_body" in answered.result()
        writer.close()
        assert 4 < await tus.offset(location) <= 4 + drops

    async def test_a_token_that_expires_in_mid_upload_stops_only_the_next_request(
        self, tus: TusClient, issuer: LocalIssuer, kept: Kept
    ) -> None:
        location = await tus.begun(len(CSV))
        own = tus.http.headers["Authorization"]

        async def slow() -> Any:
            yield CSV[:5]
            await asyncio.sleep(1.2)  # until the token has expired
            yield CSV[5:10]

        leeway_gone = issuer.token({"aq": ["uploader"]}, lifetime=timedelta(seconds=1), subject=SUBJECT)
        tus.http.headers["Authorization"] = f"Bearer {leeway_gone}"
        first = await tus.patch(location, 0, slow())
        expired = issuer.token({"aq": ["uploader"]}, lifetime=timedelta(minutes=-5), subject=SUBJECT)
        tus.http.headers["Authorization"] = f"Bearer {expired}"
        second = await tus.patch(location, 10, CSV[10:])
        assert (first.status_code, second.status_code, second.json()["code"]) == (204, 401, "token_expired")
        tus.http.headers["Authorization"] = own
        assert (await tus.patch(location, 10, CSV[10:])).status_code == 204
        assert await kept.original() == CSV


class TestSmallSteps:
    async def test_many_small_chunks_become_one_file(self, tus: TusClient, kept: Kept, pool: asyncpg.Pool) -> None:
        content = rows(150 * 41)
        location = await tus.begun(len(content))
        for start in range(0, len(content), 41):
            assert (await tus.patch(location, start, content[start : start + 41])).status_code == 204
        assert await kept.original() == content
        assert await kept.keys("incoming/") == []
        assert await pool.fetchval("SELECT count(*) FROM tus_tails") == 0

    async def test_no_part_number_is_wasted_by_requests_that_end_well(self, tus: TusClient, pool: asyncpg.Pool) -> None:
        location = await tus.begun(40 * MIB)
        for number in range(4):
            await tus.patch(location, number * 6 * MIB, rows(6 * MIB))
        assert await pool.fetchval("SELECT numbers_used FROM tus_uploads") == 4

    async def test_what_is_put_away_under_pressure_is_the_same_file(
        self, tus: TusClient, resumables: Resumables, kept: Kept
    ) -> None:
        content = rows(7 * MIB)
        location = await tus.begun(len(content) + 1)
        resumables.workshop.buffers.limit_bytes = MIB
        async with holding(resumables.workshop, id_of(location)) as hold:
            assert hold is not None
            writer = Writer(resumables.workshop, hold, len(content) + 1)
            await writer.take(_generated(content), lambda: None)
        assert resumables.workshop.buffers.held_bytes == 0
        assert (await tus.patch(location, len(content), b"x")).status_code == 204
        assert await kept.original() == content + b"x"


class TestLostProcesses:
    async def _left_whole(self, tus: TusClient, resumables: Resumables, content: bytes) -> str:
        """Return an upload whose last process died when all bytes were safe, before anything was made of them."""
        location = await tus.begun(len(content))
        async with holding(resumables.workshop, id_of(location)) as hold:
            assert hold is not None
            writer = Writer(resumables.workshop, hold, len(content))
            await writer.take(_generated(content), lambda: None)
            assert writer.is_whole
        return location

    @pytest.mark.parametrize("size", [30, 9 * MIB])
    async def test_whoever_asks_ends_it(self, tus: TusClient, resumables: Resumables, kept: Kept, size: int) -> None:
        content = rows(size)
        location = await self._left_whole(tus, resumables, content)
        assert await kept.events() == []
        head = await tus.head(location)
        assert (head.headers["upload-offset"], head.headers["upload-outcome"]) == (str(size), "received")
        assert await kept.original() == content

    @pytest.mark.parametrize("size", [30, 9 * MIB])
    async def test_the_role_ends_it_by_itself(
        self,
        tus: TusClient,
        resumables: Resumables,
        kept: Kept,
        settings: IngestSettings,
        pool: asyncpg.Pool,
        size: int,
    ) -> None:
        content = rows(size)
        await self._left_whole(tus, resumables, content)
        await pool.execute("UPDATE tus_uploads SET updated_at = updated_at - interval '1 minute'")
        attending = attendant(settings, pool, resumables)
        await asyncio.gather(*(attending.attend() for _ in range(3)))
        assert await kept.original() == content
        assert len(await kept.events()) == 1

    async def test_it_ended_between_the_object_and_the_log(
        self, tus: TusClient, resumables: Resumables, kept: Kept, pool: asyncpg.Pool, store: ObjectStore
    ) -> None:
        content = rows(9 * MIB)
        location = await self._left_whole(tus, resumables, content)
        (row,) = await pool.fetch("SELECT object_key, multipart_id FROM tus_uploads")
        found = await pool.fetch("SELECT number, size_bytes, etag, checksum FROM tus_parts ORDER BY number")
        parts = [StoredPart(**part) for part in found]
        await store.multipart.complete(row["object_key"], row["multipart_id"], parts)
        assert (await tus.head(location)).headers["upload-outcome"] == "received"
        assert await kept.original() == content

    async def test_without_a_hash_state_the_stored_bytes_are_read_again(
        self, tus: TusClient, resumables: Resumables, kept: Kept, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sha256, "_library", lambda: None)
        content = rows(19 * MIB)
        location = await tus.begun(len(content))
        for start in range(0, len(content), 10 * MIB):
            assert (await tus.patch(location, start, content[start : start + 10 * MIB])).status_code == 204
        (event,) = await kept.events()
        assert event["data"]["original"]["sha256"] == hashlib.sha256(content).hexdigest()
        del resumables

    async def test_a_final_upload_half_joined_is_joined_by_the_role(
        self, tus: TusClient, resumables: Resumables, kept: Kept, settings: IngestSettings, pool: asyncpg.Pool
    ) -> None:
        parts = [await tus.begun(6 * MIB, rows(6 * MIB), Upload_Concat="partial") for _ in range(2)]
        final = uuid4()
        await pool.execute(
            """INSERT INTO tus_uploads (upload_id, principal, institution, dataset, file_name, concat, forced,
                                        correlation_id, length_bytes, created_at, updated_at, expires_at)
               VALUES ($1, $2, 'aq', 'air-quality', 'a.csv', $3, false, $1, $4, now(), now() - interval '1 hour',
                       now() + interval '1 day')""",
            final,
            SUBJECT,
            f"final;{' '.join(parts)}",
            12 * MIB,
        )
        await attendant(settings, pool, resumables).attend()
        assert (await tus.head(f"/v1/tus/{final}")).headers["upload-outcome"] == "received"
        assert await kept.original() == rows(6 * MIB) * 2


class TestServersDown:
    async def test_without_the_store_it_is_503_and_the_upload_goes_on_afterwards(
        self, tus: TusClient, s3_server: TestS3, kept: Kept, eventually: Eventually
    ) -> None:
        content = rows(9 * MIB)
        location = await tus.begun(len(content), content[: 6 * MIB])
        s3_server.kill()
        try:
            refused = await tus.patch(location, 6 * MIB, content[6 * MIB :])
        finally:
            s3_server.start()
        assert (refused.status_code, refused.json()["code"]) == (503, "object_store_unavailable")
        offset = await tus.offset(location)
        assert offset == 6 * MIB

        async def accepted() -> bool:  # connections from before the restart fail once each
            return (await tus.patch(location, offset, content[offset:])).status_code == 204

        await eventually(accepted)
        assert await kept.original() == content

    async def test_without_postgresql_it_is_503_and_the_upload_goes_on_afterwards(
        self, tus: TusClient, postgres_server: TestPostgres, kept: Kept
    ) -> None:
        location = await tus.begun(len(CSV), CSV[:5])
        postgres_server.stop()
        try:
            refused = await tus.patch(location, 5, CSV[5:])
        finally:
            postgres_server.start()
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        assert (await tus.patch(location, 5, CSV[5:])).status_code == 204
        assert await kept.original() == CSV

    async def test_parts_that_the_store_has_dropped_end_the_upload(self, tus: TusClient, store: ObjectStore) -> None:
        location = await tus.begun(20 * MIB, rows(9 * MIB))
        assert await store.abort_stale_uploads(datetime.now(UTC) + DAY) == 1
        answer = await tus.patch(location, 9 * MIB, rows(11 * MIB))
        assert (answer.status_code, answer.json()["code"]) == (410, "upload_expired")
        assert (await tus.head(location)).status_code == 410

    async def test_a_role_that_stops_keeps_what_came_and_says_so(
        self, tus: TusClient, settings: IngestSettings, pool: asyncpg.Pool, resumables: Resumables
    ) -> None:
        location = await tus.begun(1000)
        stop = asyncio.Event()
        begun, sending = begin_and_fall_silent(resumables, location, b"a,b\n")
        attending = asyncio.create_task(attendant(settings, pool, resumables).run(stop))
        await begun.wait()
        stop.set()
        with pytest.raises(Problem) as caught:
            await sending
        assert caught.value.code == "replica_stopping"
        await attending
        assert await tus.offset(location) == 4
        with pytest.raises(Problem):
            await begin_and_fall_silent(resumables, location, b"a,b\n")[1]


class TestSweeping:
    async def test_an_expired_upload_is_410_and_goes_with_everything(
        self,
        tus: TusClient,
        settings: IngestSettings,
        pool: asyncpg.Pool,
        resumables: Resumables,
        kept: Kept,
        store: ObjectStore,
    ) -> None:
        with_parts = await tus.begun(20 * MIB, rows(9 * MIB + 5))
        with_tail = await tus.begun(100, b"abc", Upload_Concat="partial")
        whole = await tus.begun(3, b"abc", Upload_Concat="partial")
        alive = await tus.begun(20 * MIB, rows(6 * MIB))
        await pool.execute(
            "UPDATE tus_uploads SET expires_at = now() - interval '1 s' WHERE upload_id <> $1", id_of(alive)
        )
        swept = await attendant(settings, pool, resumables).attend()
        assert swept == Swept(expired_uploads=3)
        for location in (with_parts, with_tail, whole):
            assert (await tus.head(location)).status_code == 410
            answer = await tus.patch(location, 0, b"x")
            assert (answer.status_code, answer.json()["code"]) == (410, "upload_expired")
        assert await kept.keys() == []
        assert (await tus.patch(alive, 6 * MIB, rows(3))).status_code == 204
        (row,) = await pool.fetch("SELECT removed FROM sweeps")
        assert row["removed"]["expired_uploads"] == 3
        assert await attendant(settings, pool, resumables).attend() is None, "not due again"
        assert await store.abort_stale_uploads(datetime.now(UTC) + DAY) == 1, "only that of the one that is alive"

    async def test_orphans_go_and_what_is_gone_on_with_stays_however_old(
        self,
        tus: TusClient,
        settings: IngestSettings,
        pool: asyncpg.Pool,
        resumables: Resumables,
        store: ObjectStore,
        kept: Kept,
    ) -> None:
        content = rows(9 * MIB)
        location = await tus.begun(len(content), content[: 6 * MIB + 7])
        tail = await tus.begun(100, b"abc")
        for key in (f"incoming/{uuid4()}/000-1", f"incoming/{uuid4()}/whole", "incoming/odd"):
            await store.put(key, _generated(CSV))
        await store.multipart.create(f"originals/aq/air-quality/{uuid4()}/original")
        later = datetime.now(UTC) + 2 * DAY
        swept = await attendant(settings, pool, resumables)._sweep.run(later)
        assert swept == Swept(unfinished=1, incoming=3)
        assert (await tus.patch(location, 6 * MIB + 7, content[6 * MIB + 7 :])).status_code == 204
        assert await kept.original() == content
        assert (await tus.patch(tail, 3, rows(97))).status_code == 204

    async def test_ended_uploads_are_forgotten_in_the_end(
        self, tus: TusClient, settings: IngestSettings, pool: asyncpg.Pool, resumables: Resumables
    ) -> None:
        location = await tus.begun(len(CSV), CSV)
        await pool.execute("UPDATE tus_uploads SET updated_at = now() - interval '31 days'")
        swept = await attendant(settings, pool, resumables).attend()
        assert swept == Swept(ended_uploads=1)
        assert (await tus.head(location)).status_code == 404
        assert (await tus.http.get(f"/v1/uploads/{id_of(location)}")).status_code == 200

    async def test_one_replica_sweeps_at_a_time(
        self, settings: IngestSettings, pool: asyncpg.Pool, resumables: Resumables
    ) -> None:
        attending = [attendant(settings, pool, resumables) for _ in range(4)]
        swept = await asyncio.gather(*(one.attend() for one in attending))
        assert len([one for one in swept if one is not None]) == 1
