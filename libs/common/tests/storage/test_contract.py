"""What every object store does, proven on a folder and on a real S3 alike."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataplatform.log.postgres import is_infrastructure_error
from dataplatform.storage import (
    InvalidKeyError,
    ObjectCorruptError,
    ObjectExistsError,
    ObjectNotFoundError,
    ObjectStore,
    SizeLimitExceededError,
)

from .sources import MIB, broken_after, chunks_of

SIZES = [0, 1, 100_000, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 27 * MIB + 5]


async def read(store: ObjectStore, key: str, start: int = 0, end: int | None = None, chunk_size: int = MIB) -> bytes:
    return b"".join([chunk async for chunk in store.stream(key, start, end, chunk_size)])


async def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [found.key async for found in store.list(prefix)]


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def some_bytes(size: int) -> bytes:
    return hashlib.shake_128(b"seed").digest(min(size, MIB)) * (size // MIB + 1)


@pytest.mark.parametrize("size", SIZES)
async def test_bytes_come_back_as_they_went_in(store: ObjectStore, size: int) -> None:
    data = some_bytes(size)[:size]
    stored = await store.put("a/b", chunks_of(data))
    assert (stored.key, stored.size_bytes) == ("a/b", size)
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert await read(store, "a/b") == data
    found = await store.stat("a/b")
    assert (found.key, found.size_bytes) == ("a/b", size)
    assert abs(found.modified_at - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize("size", [0, 5 * MIB, 20 * MIB])
async def test_files_come_back_as_they_went_in(store: ObjectStore, tmp_path: Path, size: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(some_bytes(size)[:size])
    target.write_bytes(b"older")
    stored = await store.put_file("a/b", source)
    await store.get_file("a/b", target, sha256=stored.sha256)
    assert target.read_bytes() == source.read_bytes()
    assert stored.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert files_in(tmp_path) == ["source", "target"]


async def test_a_file_with_another_hash_is_not_delivered(store: ObjectStore, tmp_path: Path) -> None:
    await store.put("a/b", chunks_of(b"something else"))
    with pytest.raises(ObjectCorruptError):
        await store.get_file("a/b", tmp_path / "target", sha256="0" * 64)
    assert files_in(tmp_path) == []


async def test_ranges_are_cut_exactly(store: ObjectStore) -> None:
    data = some_bytes(MIB)[: 3 * 65_536 + 17]
    await store.put("a", chunks_of(data))
    for start, end in [(0, None), (0, 1), (5, 70_000), (65_536, None), (len(data) - 1, None), (10, 10), (20, 10)]:
        assert await read(store, "a", start, end) == data[start:end], (start, end)
    for start, end in [(len(data), None), (len(data) + 5, None), (len(data) + 5, len(data) + 9)]:
        assert await read(store, "a", start, end) == b"", (start, end)
    assert await read(store, "a", len(data) - 3, len(data) + 100) == data[-3:]
    assert max([len(chunk) async for chunk in store.stream("a", chunk_size=1000)]) <= 1000


async def test_a_reader_may_leave_early(store: ObjectStore) -> None:
    data = some_bytes(10 * MIB)
    await store.put("a", chunks_of(data))
    for _ in range(40):  # more often than there are connections
        async with aclosing(store.stream("a")) as chunks:
            assert data.startswith(await anext(chunks))


async def test_the_last_writer_wins_and_absent_means_absent(store: ObjectStore) -> None:
    for size in (3, 9 * MIB):
        key = f"key-{size}"
        await store.put(key, chunks_of(b"first"), if_absent=True)
        with pytest.raises(ObjectExistsError):
            await store.put(key, chunks_of(some_bytes(size)[:size]), if_absent=True)
        assert await read(store, key) == b"first"
        await store.put(key, chunks_of(b"second"))
        assert await read(store, key) == b"second"


async def test_one_of_many_that_want_a_new_key_gets_it(store: ObjectStore) -> None:
    attempts = [store.put("a", chunks_of(str(n).encode()), if_absent=True) for n in range(8)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    winners = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, BaseException)]
    assert len(winners) == 1
    assert await read(store, "a") == str(winners[0]).encode()
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)} == {ObjectExistsError}


async def test_what_is_not_there_is_named(store: ObjectStore, tmp_path: Path) -> None:
    await store.put("a/b", chunks_of(b"x"))
    for key in ("nothing", "a", "a/b/c"):
        with pytest.raises(ObjectNotFoundError, match=key):
            await store.stat(key)
        with pytest.raises(ObjectNotFoundError, match=key):
            await read(store, key)
        with pytest.raises(ObjectNotFoundError, match=key):
            await read(store, key, 5, 5)
        with pytest.raises(ObjectNotFoundError, match=key) as caught:
            await store.get_file(key, tmp_path / "target")
        assert not is_infrastructure_error(caught.value), "no worker may wait for it to come"
    assert not (tmp_path / "target").exists()


async def test_deleting_twice_is_no_error(store: ObjectStore) -> None:
    await store.put("a/b", chunks_of(b"x"))
    await store.delete("a/b")
    await store.delete("a/b")
    await store.delete("never/was")
    assert await keys(store) == []


async def test_listing_is_by_prefix_and_in_order(store: ObjectStore) -> None:
    names = ["a", "a-b/c", "ab/c/d", "ab/c/e", "ab/d", "abc", "b", "ä/ö"]
    for name in reversed(names):
        await store.put(name, chunks_of(name.encode()))
    assert await keys(store) == sorted(names, key=str.encode)
    assert await keys(store, "ab") == ["ab/c/d", "ab/c/e", "ab/d", "abc"]
    assert await keys(store, "ab/") == ["ab/c/d", "ab/c/e", "ab/d"]
    assert await keys(store, "ab/c/d") == ["ab/c/d"]
    assert await keys(store, "zzz") == []
    assert [found.size_bytes async for found in store.list("ab/c/d")] == [6]


async def test_a_listing_is_longer_than_a_page(store: ObjectStore) -> None:
    names = [f"many/{n:04d}" for n in range(1100)]
    for start in range(0, len(names), 20):
        await asyncio.gather(*(store.put(name, chunks_of(b"x")) for name in names[start : start + 20]))
    assert await keys(store, "many/") == names


@pytest.mark.parametrize("size", [1000, 20 * MIB])
async def test_above_the_size_limit_nothing_is_stored(store: ObjectStore, size: int) -> None:
    data = some_bytes(size)[:size]
    with pytest.raises(SizeLimitExceededError) as caught:
        await store.put("a", chunks_of(data), size_limit=size - 1)
    assert caught.value.limit_bytes == size - 1
    assert await keys(store) == []
    await store.put("a", chunks_of(data), size_limit=size)
    assert await keys(store) == ["a"]


@pytest.mark.parametrize("size", [1000, 20 * MIB])
async def test_a_source_that_breaks_leaves_nothing_and_its_error_comes_through(store: ObjectStore, size: int) -> None:
    await store.put("a", chunks_of(b"older"))
    error = ConnectionResetError("the client went away")
    error.__cause__ = ValueError("its reason")
    with pytest.raises(ConnectionResetError) as caught:
        await store.put("a", broken_after(some_bytes(size)[:size], error))
    assert caught.value is error
    assert isinstance(error.__cause__, ValueError)
    assert await read(store, "a") == b"older"
    assert await store.abort_stale_uploads(datetime.now(UTC) + timedelta(hours=1)) == 0


async def test_a_cancelled_put_leaves_nothing(store: ObjectStore) -> None:
    waiting = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield some_bytes(20 * MIB)
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(store.put("a", stuck()))
    await asyncio.wait_for(waiting.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await keys(store) == []
    assert await store.abort_stale_uploads(datetime.now(UTC) + timedelta(hours=1)) == 0


async def test_puts_cancelled_at_any_moment_block_no_later_one(store: ObjectStore) -> None:
    for step in range(30):
        task = asyncio.create_task(store.put("cancelled", chunks_of(some_bytes(20 * MIB))))
        await asyncio.wait([task], timeout=step / 1000)
        task.cancel()
        await asyncio.wait([task])
    stored = await asyncio.wait_for(store.put("later", chunks_of(some_bytes(20 * MIB))), 30)
    assert (await store.stat("later")).size_bytes == stored.size_bytes


async def test_many_large_puts_at_once_do_not_mix(store: ObjectStore) -> None:
    bodies = {f"key-{n}": bytes([n]) * (17 * MIB + n) for n in range(6)}
    stored = await asyncio.gather(*(store.put(key, chunks_of(body, MIB)) for key, body in bodies.items()))
    for found in stored:
        assert found.sha256 == hashlib.sha256(bodies[found.key]).hexdigest()
        assert await read(store, found.key) == bodies[found.key]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "..",
        "a/../b",
        "a/./b",
        ".incoming/x",
        "a\\b",
        "a\x00b",
        "a\nb",
        "x" * 256,
        "a/" * 600 + "b",
        "\ud800",
    ],
)
async def test_keys_that_could_harm_are_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(InvalidKeyError):
        await store.put(key, chunks_of(b"x"))
    with pytest.raises(InvalidKeyError):
        await read(store, key)
    with pytest.raises(InvalidKeyError):
        await store.stat(key)
    with pytest.raises(InvalidKeyError):
        await store.delete(key)
    with pytest.raises(InvalidKeyError):
        store.uri(key)


async def test_keys_may_be_long_and_in_any_script(store: ObjectStore) -> None:
    for key in ("x" * 255, "/".join(["y" * 90] * 10), "データ/файл 1 + 2 & 3%.csv", "a?b=c#d"):
        await store.put(key, chunks_of(key.encode()))
        assert await read(store, key) == key.encode()
        assert await keys(store, key) == [key]


async def test_a_working_store_says_so(store: ObjectStore) -> None:
    await store.check()


async def test_the_loop_is_never_blocked_for_long(store: ObjectStore, tmp_path: Path) -> None:
    data = some_bytes(64 * MIB)
    steps: list[float] = []
    ended = asyncio.Event()

    async def watch() -> None:
        while not ended.is_set():
            # The loop's own processor time, not the clock's: a busy machine must not decide over this test.
            before = time.thread_time()
            await asyncio.sleep(0)
            steps.append(time.thread_time() - before)
            await asyncio.sleep(0.001)

    watcher = asyncio.create_task(watch())
    await store.put("a", chunks_of(data, MIB))
    await store.get_file("a", tmp_path / "target", sha256=hashlib.sha256(data).hexdigest())
    ended.set()
    await watcher
    steps.sort()
    assert len(steps) > 20
    assert steps[int(len(steps) * 0.99)] < 0.01
