"""Memory stays flat however large the object: measured as the growth of this process while 300 MB pass through."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from dataplatform.storage import ObjectStore

from .sources import MIB, Generated

SIZE = 300 * MIB
GROWTH_LIMIT = 120 * MIB  # five parts of 8 MiB, and what the allocator keeps of those that went before


@asynccontextmanager
async def growth() -> AsyncIterator[list[int]]:
    """Give a list whose last item is the largest growth of the resident memory so far."""
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    peaks = [0]

    async def sample() -> None:
        while True:
            peaks.append(max(peaks[-1], process.memory_info().rss - before))
            await asyncio.sleep(0.005)

    sampler = asyncio.create_task(sample())
    try:
        yield peaks
    finally:
        sampler.cancel()


async def test_memory_stays_flat(store: ObjectStore, tmp_path: Path) -> None:
    await store.put("warm-up", Generated(30 * MIB).chunks())
    source = Generated(SIZE)
    async with growth() as peaks:
        stored = await store.put("a", source.chunks())
        await store.get_file("a", tmp_path / "target", sha256=stored.sha256)
        await store.put_file("b", tmp_path / "target")
    assert stored.size_bytes == (tmp_path / "target").stat().st_size == SIZE
    assert stored.sha256 == source.digest.hexdigest()
    assert len(peaks) > 10
    assert peaks[-1] < GROWTH_LIMIT
