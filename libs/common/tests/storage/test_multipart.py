"""What every object store does with objects made of parts, proven on a folder and on a real S3 alike."""

from datetime import UTC, datetime, timedelta

import pytest

from dataplatform.storage import (
    InvalidKeyError,
    InvalidPartError,
    MultipartNotFoundError,
    ObjectNotFoundError,
    ObjectStore,
    ObjectStoreError,
    StoredPart,
)

from .sources import MIB, chunks_of

A, B, C = (bytes([value]) * (size + value) for value, size in ((1, 5 * MIB), (2, 6 * MIB), (3, 10)))
LATER = timedelta(hours=1)


async def read(store: ObjectStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.stream(key)])


async def test_parts_become_one_object_in_the_order_of_their_numbers_with_gaps(store: ObjectStore) -> None:
    parts = store.multipart
    upload_id = await parts.create("in/a")
    stored = {
        number: await parts.put_part("in/a", upload_id, number, data) for number, data in ((7, C), (5, B), (2, A))
    }
    assert (stored[7].number, stored[7].size_bytes) == (7, len(C))
    listed = [(part.number, part.size_bytes, part.etag) for part in await parts.list_parts("in/a", upload_id)]
    assert listed == [(n, stored[n].size_bytes, stored[n].etag) for n in (2, 5, 7)]
    with pytest.raises(ObjectNotFoundError):
        await store.stat("in/a")
    await parts.complete("in/a", upload_id, [stored[2], stored[5], stored[7]])
    assert await read(store, "in/a") == A + B + C
    assert [stat.key async for stat in store.list()] == ["in/a"]
    assert await store.abort_stale_uploads(datetime.now(UTC) + LATER) == 0


async def test_only_the_parts_that_are_named_belong_to_the_object(store: ObjectStore) -> None:
    upload_id = await store.multipart.create("a")
    first, stray, last = [
        await store.multipart.put_part("a", upload_id, n, data) for n, data in ((1, A), (2, B), (3, C))
    ]
    assert stray.number == 2
    await store.multipart.complete("a", upload_id, [first, last])
    assert await read(store, "a") == A + C


async def test_what_makes_no_object_is_refused_and_the_upload_goes_on(store: ObjectStore) -> None:
    upload_id = await store.multipart.create("a")
    small = await store.multipart.put_part("a", upload_id, 1, C)
    last = await store.multipart.put_part("a", upload_id, 2, A)
    never = StoredPart(3, 10, '"0123456789abcdef0123456789abcdef"')
    for parts in ([small, last], [small, never], [last, small]):
        with pytest.raises(InvalidPartError):
            await store.multipart.complete("a", upload_id, parts)
    await store.multipart.complete("a", upload_id, [last])
    assert await read(store, "a") == A


async def test_a_part_may_be_a_range_of_another_object(store: ObjectStore) -> None:
    await store.put("source", chunks_of(A + B))
    upload_id = await store.multipart.create("a")
    copied = await store.multipart.copy_part("a", upload_id, 1, "source", start=3, end=len(A) + 7)
    assert copied.size_bytes == len(A) + 4
    last = await store.multipart.put_part("a", upload_id, 2, C)
    with pytest.raises(InvalidPartError):
        await store.multipart.copy_part("a", upload_id, 3, "source", start=0, end=len(A + B) + 1)
    with pytest.raises(ObjectNotFoundError):
        await store.multipart.copy_part("a", upload_id, 3, "nowhere", start=0, end=1)
    await store.multipart.complete("a", upload_id, [copied, last])
    assert await read(store, "a") == (A + B)[3 : len(A) + 7] + C


async def test_what_is_not_under_way_is_named(store: ObjectStore) -> None:
    parts = store.multipart
    done, aborted = await parts.create("a"), await parts.create("b")
    part = await parts.put_part("a", done, 1, C)
    await parts.complete("a", done, [part])
    await parts.abort("b", aborted)
    await parts.abort("b", aborted)
    await parts.abort("a", done)
    await store.put("source", chunks_of(C))
    for key, upload_id in (("a", done), ("b", aborted), ("a", "0" * 32)):
        with pytest.raises(MultipartNotFoundError):
            await parts.put_part(key, upload_id, 2, C)
        with pytest.raises(MultipartNotFoundError):
            await parts.list_parts(key, upload_id)
        with pytest.raises(MultipartNotFoundError):
            await parts.copy_part(key, upload_id, 2, "source", start=0, end=3)
    with pytest.raises(MultipartNotFoundError):
        await parts.complete("b", aborted, [part])
    assert await read(store, "a") == C
    assert await store.abort_stale_uploads(datetime.now(UTC) + LATER) == 0


async def test_old_uploads_are_swept_but_for_those_that_are_spared(store: ObjectStore) -> None:
    kept, swept = await store.multipart.create("a"), await store.multipart.create("b")
    part = await store.multipart.put_part("a", kept, 1, C)
    assert await store.abort_stale_uploads(datetime.now(UTC) - LATER) == 0
    assert await store.abort_stale_uploads(datetime.now(UTC) + LATER, spare={kept}) == 1
    with pytest.raises(MultipartNotFoundError):
        await store.multipart.put_part("b", swept, 1, C)
    await store.multipart.complete("a", kept, [part])
    assert await read(store, "a") == C


@pytest.mark.parametrize("key", ["", "/a", "a/../b", ".incoming/x", "a\\b"])
async def test_keys_that_could_harm_are_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(InvalidKeyError):
        await store.multipart.create(key)
    upload_id = await store.multipart.create("good")
    with pytest.raises(InvalidKeyError):
        await store.multipart.put_part(key, upload_id, 1, C)
    with pytest.raises(InvalidKeyError):
        await store.multipart.copy_part("good", upload_id, 1, key, start=0, end=1)


async def test_an_upload_id_is_never_a_path(store: ObjectStore) -> None:
    for upload_id in ("../../x", "..", "a/b"):
        with pytest.raises(ObjectStoreError):
            await store.multipart.put_part("a", upload_id, 1, C)
