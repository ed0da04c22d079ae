import asyncio
import io
import os
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplatform.storage import FolderStore, ObjectNotFoundError, ObjectStore
from dataplatform_formats.detection import Observation, UnacceptableError, detect
from ingest_svc.uploads.ranges import open_ranges

KEY = "originals/aq/d/upload/original"
CONTENT = bytes(range(256)) * 1200


async def _stored(folder: Path, content: bytes) -> ObjectStore:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    store = FolderStore(folder)
    await store.put(KEY, chunks())
    return store


def _follow(reader: BinaryIO, steps: list[tuple[int, int]]) -> list[bytes]:
    found = []
    for position, length in steps:
        reader.seek(position)
        found.append(reader.read(length))
    return found


@given(st.lists(st.tuples(st.integers(0, len(CONTENT) + 10), st.integers(0, 5000)), max_size=8))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_reads_like_a_local_file(tmp_path: Path, steps: list[tuple[int, int]]) -> None:
    async def remotely() -> list[bytes]:
        reader = open_ranges(await _stored(tmp_path, CONTENT), KEY, len(CONTENT))
        return await asyncio.to_thread(_follow, reader, steps)

    assert asyncio.run(remotely()) == _follow(io.BytesIO(CONTENT), steps)


async def test_it_seeks_from_the_end_and_not_before_the_beginning(tmp_path: Path) -> None:
    reader = open_ranges(await _stored(tmp_path, CONTENT), KEY, len(CONTENT))
    assert await asyncio.to_thread(reader.seek, -3, os.SEEK_END) == len(CONTENT) - 3
    assert await asyncio.to_thread(reader.read) == CONTENT[-3:]
    with pytest.raises(ValueError, match="before the beginning"):
        reader.seek(-1)


async def test_the_stores_errors_come_through(tmp_path: Path) -> None:
    reader = open_ranges(FolderStore(tmp_path), KEY, 10)
    with pytest.raises(ObjectNotFoundError):
        await asyncio.to_thread(reader.read, 5)


async def test_a_directory_of_a_hundred_thousand_members_is_not_read(tmp_path: Path) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for number in range(70_000):
            archive.writestr(zipfile.ZipInfo(f"xl/{'x' * 100}{number}"), b"")
    content = sink.getvalue()
    observation = Observation()
    observation.feed(content)
    observation.finish()
    reader = open_ranges(await _stored(tmp_path, content), KEY, len(content))
    with pytest.raises(UnacceptableError) as caught:
        await asyncio.to_thread(detect, observation, reader)
    assert caught.value.code == "oversized_archive"
