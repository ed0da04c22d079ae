"""What only a server can do wrong: vanish, break connections, refuse. On a real SeaweedFS, killed for real."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from dataplatform.log.postgres import is_infrastructure_error
from dataplatform.storage import (
    ObjectCorruptError,
    ObjectNotFoundError,
    ObjectStore,
    ObjectStoreRefusedError,
    ObjectStoreUnavailableError,
    open_store,
)
from dataplatform_stack.testing import TestS3

from .conftest import settings_for
from .sources import MIB, chunks_of

pytestmark = pytest.mark.integration


@pytest.fixture
def running_again(s3_server: TestS3) -> Iterator[TestS3]:
    s3_server.start()
    yield s3_server
    s3_server.start()


@asynccontextmanager
async def opened(server: TestS3, bucket: str, **changes: object) -> AsyncIterator[ObjectStore]:
    settings = settings_for(f"s3://{bucket}", server).model_copy(update=changes)
    async with open_store(settings, max_attempts=2, read_timeout_seconds=5) as store:
        yield store


async def test_a_server_killed_in_mid_put_is_a_clear_failure_and_no_object(running_again: TestS3) -> None:
    server = running_again
    async with opened(server, server.create_bucket()) as store:

        async def interrupted() -> AsyncIterator[bytes]:
            yield bytes(20 * MIB)
            await asyncio.to_thread(server.kill)
            yield bytes(20 * MIB)

        with pytest.raises(ObjectStoreUnavailableError) as caught:
            await store.put("a/b", interrupted())
        assert caught.value.code == "object_store_unavailable"
        assert is_infrastructure_error(caught.value), "a worker waits for it to come back"
        with pytest.raises(ObjectStoreUnavailableError):
            await store.check()

        await asyncio.to_thread(server.start)
        await store.check()
        with pytest.raises(ObjectNotFoundError):
            await store.stat("a/b")
        assert [found.key async for found in store.list()] == []
        # What could not be aborted while the server was away is swept later.
        assert await store.abort_stale_uploads(datetime.now(UTC) - timedelta(hours=1)) == 0
        assert await store.abort_stale_uploads(datetime.now(UTC) + timedelta(hours=1)) == 1
        assert await store.abort_stale_uploads(datetime.now(UTC) + timedelta(hours=1)) == 0


async def test_wrong_keys_and_missing_buckets_are_refused(s3_server: TestS3) -> None:
    s3_server.start()
    async with opened(s3_server, "no-such-bucket") as store:
        with pytest.raises(ObjectStoreRefusedError):
            await store.check()
        for size in (1, 9 * MIB):
            with pytest.raises(ObjectStoreRefusedError):
                await store.put("a", chunks_of(bytes(size)))
    async with opened(s3_server, s3_server.create_bucket(), s3_secret_access_key=SecretStr("wrong")) as store:
        with pytest.raises(ObjectStoreRefusedError):
            await store.check()
        with pytest.raises(ObjectStoreRefusedError):
            await store.put("a", chunks_of(b"x"))
        with pytest.raises(ObjectStoreRefusedError):
            await store.stat("a")


@pytest.mark.parametrize("url", ["", "/tmp", "file://host/x", "file:x", "s3:///x", "s3://b/../x", "http://x"])  # noqa: S108
async def test_a_url_that_names_no_store_is_refused_by_name(url: str) -> None:
    with pytest.raises(ObjectStoreRefusedError, match="DATAPLATFORM_OBJECT_STORE_URL"):
        async with open_store(settings_for(url)):
            pass


async def test_a_prefix_is_a_wall(s3_server: TestS3) -> None:
    s3_server.start()
    bucket = s3_server.create_bucket()
    async with opened(s3_server, f"{bucket}/one") as one, opened(s3_server, f"{bucket}/one-more") as more:
        await one.put("a", chunks_of(b"1"))
        assert one.uri("a") == f"s3://{bucket}/one/a"
        assert [found.key async for found in more.list()] == []
        with pytest.raises(ObjectNotFoundError):
            await more.stat("a")


@dataclass
class CuttingProxy:
    """A TCP proxy in front of a server that cuts answers after `cut_after` bytes, `cuts` times."""

    target_port: int
    cut_after: int
    cuts: int
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        async with await asyncio.start_server(self._accept, "127.0.0.1", 0) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        sending = asyncio.create_task(_copy(reader, up_writer))
        try:
            with suppress(asyncio.CancelledError):
                await self._answer(up_reader, writer)
        finally:
            sending.cancel()
            up_writer.transport.abort()
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = 0
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
            passed += len(chunk)
            if passed > self.cut_after and self.cuts:
                self.cuts -= 1
                return


async def exhaust(chunks: AsyncIterator[bytes], seen: list[bytes]) -> None:
    async for chunk in chunks:
        seen.append(chunk)  # noqa: PERF401 (what came before an error counts)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()


@pytest.mark.parametrize("cuts", [1, 3])
async def test_a_download_goes_on_where_the_connection_broke(s3_server: TestS3, tmp_path: Path, cuts: int) -> None:
    s3_server.start()
    bucket = s3_server.create_bucket()
    data = hashlib.shake_128(b"x").digest(9 * MIB)
    proxy = CuttingProxy(s3_server.port, cut_after=2 * MIB, cuts=cuts)
    async with opened(s3_server, bucket) as store:
        stored = await store.put("a", chunks_of(data))
    async with proxy.serving() as address, opened(s3_server, bucket, s3_endpoint_url=address) as store:
        await store.get_file("a", tmp_path / "target", sha256=stored.sha256)
    assert proxy.cuts == 0
    assert hashlib.sha256((tmp_path / "target").read_bytes()).hexdigest() == stored.sha256


async def test_a_server_killed_in_mid_download_is_a_clear_failure(running_again: TestS3, tmp_path: Path) -> None:
    server = running_again
    async with opened(server, server.create_bucket()) as store:
        await store.put("a", chunks_of(bytes(60 * MIB)))
        download = asyncio.create_task(store.get_file("a", tmp_path / "target"))
        while not any(size > MIB for size in sizes_in(tmp_path)):
            assert not download.done()
            await asyncio.sleep(0.001)
        await asyncio.to_thread(server.kill)
        with pytest.raises(ObjectStoreUnavailableError):
            await download
    assert sizes_in(tmp_path) == []


def sizes_in(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.iterdir()]


async def test_uploads_survive_broken_connections(s3_server: TestS3) -> None:
    s3_server.start()
    bucket = s3_server.create_bucket()
    data = hashlib.shake_128(b"y").digest(20 * MIB)
    proxy = CuttingProxy(s3_server.port, cut_after=0, cuts=0)
    async with proxy.serving() as address, opened(s3_server, bucket, s3_endpoint_url=address) as store:

        async def chunks() -> AsyncIterator[bytes]:
            yield data[: 9 * MIB]
            for task in list(proxy.tasks):
                task.cancel()
            yield data[9 * MIB :]

        stored = await store.put("a", chunks())
        assert stored.sha256 == hashlib.sha256(data).hexdigest()
        assert b"".join([chunk async for chunk in store.stream("a")]) == data


async def test_an_object_replaced_while_it_is_read_is_never_mixed(s3_server: TestS3) -> None:
    s3_server.start()
    bucket = s3_server.create_bucket()
    proxy = CuttingProxy(s3_server.port, cut_after=2 * MIB, cuts=1)
    async with opened(s3_server, bucket) as direct:
        await direct.put("a", chunks_of(b"1" * 30 * MIB))
        async with (
            proxy.serving() as address,
            opened(s3_server, bucket, s3_endpoint_url=address) as store,
            aclosing(store.stream("a")) as chunks,
        ):
            seen = [await anext(chunks)]
            await direct.put("a", chunks_of(b"2" * 30 * MIB))
            with pytest.raises(ObjectCorruptError):
                await exhaust(chunks, seen)
    assert set(b"".join(seen)) == {ord("1")}


async def test_an_altered_body_is_refused_by_the_server(s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataplatform.storage.s3.base64_of", lambda _: "A" * 43 + "=")
    monkeypatch.setattr("dataplatform.storage.s3_upload.base64_of", lambda _: "A" * 43 + "=")
    for size in (10, 9 * MIB):
        with pytest.raises(ObjectStoreUnavailableError):
            await s3_store.put("a", chunks_of(bytes(size)))
    assert [found.key async for found in s3_store.list()] == []
