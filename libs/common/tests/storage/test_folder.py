"""What only a folder can do wrong: links, kills in the middle, full disks."""

import asyncio
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataplatform.storage import (
    FolderStore,
    InvalidKeyError,
    ObjectNotFoundError,
    ObjectStoreRefusedError,
    ObjectStoreUnavailableError,
)
from dataplatform.storage.folder import INCOMING

from .sources import MIB, chunks_of

SOON = datetime.now(UTC) + timedelta(days=1)


async def read(store: FolderStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.stream(key)])


async def test_no_link_below_the_root_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    store = FolderStore(tmp_path / "objects")
    (tmp_path / "objects" / "folder").symlink_to(outside)
    (tmp_path / "objects" / "file").symlink_to(outside / "secret")

    for key in ("folder/secret", "file"):
        with pytest.raises(ObjectNotFoundError):
            await read(store, key)
        with pytest.raises(ObjectNotFoundError):
            await store.stat(key)
    with pytest.raises(InvalidKeyError):
        await store.put("folder/new", chunks_of(b"x"))
    assert [found.key async for found in store.list()] == []
    await store.put("file", chunks_of(b"mine"))  # replaces the link, not what it points at
    assert await read(store, "file") == b"mine"
    await store.delete("folder/secret")
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_bytes() == b"secret"


async def test_a_pipe_in_the_folder_hangs_nobody(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ObjectNotFoundError):
        await read(store, "pipe")


async def test_a_key_cannot_lead_through_an_object(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await store.put("a", chunks_of(b"x"))
    await store.put("b/c", chunks_of(b"x"))
    with pytest.raises(InvalidKeyError):
        await store.put("a/b", chunks_of(b"x"))
    with pytest.raises(InvalidKeyError):
        await store.put("b", chunks_of(b"x"))
    assert [found.key async for found in store.list()] == ["a", "b/c"]
    assert list((tmp_path / INCOMING).iterdir()) == []


_ENDLESS_PUT = """
import asyncio, sys
from pathlib import Path
from dataplatform.storage import FolderStore

async def endless():
    while True:
        yield bytes(1 << 20)
        print("more", flush=True)

asyncio.run(FolderStore(Path(sys.argv[1])).put("a/b", endless()))
"""


async def test_a_killed_writer_leaves_a_draft_that_is_swept(tmp_path: Path) -> None:
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ENDLESS_PUT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    for _ in range(20):
        assert await writer.stdout.readline() == b"more\n"
    writer.kill()
    await writer.communicate()
    store = FolderStore(tmp_path)
    assert [found.key async for found in store.list()] == []
    assert await store.abort_stale_uploads(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await store.abort_stale_uploads(SOON) == 1
    assert list((tmp_path / INCOMING).iterdir()) == []


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_disk_that_takes_no_more_is_unavailable_and_keeps_no_half(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with files_limited_to(5 * MIB), pytest.raises(ObjectStoreUnavailableError):
        await store.put("a", chunks_of(bytes(12 * MIB)))
    assert [found.key async for found in store.list()] == []
    assert list((tmp_path / INCOMING).iterdir()) == []


async def test_a_folder_that_is_gone_is_not_ready(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "objects")
    (tmp_path / "objects").rename(tmp_path / "elsewhere")
    with pytest.raises(ObjectStoreRefusedError):
        await store.check()
    with pytest.raises(ObjectStoreUnavailableError):
        await store.put("a", chunks_of(b"x"))


async def test_uris_name_the_file(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "with space")
    await store.put("a/b", chunks_of(b"x"))
    assert store.uri("a/b") == (tmp_path / "with space" / "a" / "b").as_uri()
