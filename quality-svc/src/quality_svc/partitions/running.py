"""A table's items on whatever runs functions: processes of this machine, or anything with `submit`."""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from dataplatform.engine import EngineLimits
from quality_svc.partitions.items import ITEM_BYTES, WorkItem, cut
from quality_svc.partitions.merging import MergedProfiler
from quality_svc.partitions.scanning import scan


@contextmanager
def partitioned(
    parts: Sequence[Path], limits: EngineLimits, executor: Executor, item_bytes: int = ITEM_BYTES
) -> Iterator[MergedProfiler]:
    """Measure a table's items with `executor`, each within `limits`; give the profiler of all.

    The partial profiles are in a folder of their own in `limits.scratch` as long as the context lasts. Raises what
    `scan` raises; what has not begun is then called off.
    """
    items = cut([pq.read_metadata(part) for part in parts], item_bytes)
    with tempfile.TemporaryDirectory(dir=limits.scratch) as folder:
        out = {item.number: Path(folder) / f"{item.number}.parquet" for item in items}
        running = [executor.submit(scan_apart, tuple(parts), item, limits, out[item.number]) for item in items]
        try:
            for future in running:
                future.result()
        finally:
            for future in running:
                future.cancel()
        yield MergedProfiler(parts, items, out)


def scan_apart(parts: tuple[Path, ...], item: WorkItem, limits: EngineLimits, out: Path) -> int:
    """Measure an item with a folder of its own to spill to: several run at once on one machine."""
    with tempfile.TemporaryDirectory(dir=limits.scratch) as folder:
        return scan(parts, item, EngineLimits(limits.memory_bytes, limits.threads, Path(folder)), out)
