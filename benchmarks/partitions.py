"""A large table's profile in items: one process against two, and against the single pass, on the same file.

Each contender runs in processes of its own, so its peak memory is its own; for the items it is the largest process and
the sum of all. Printed: seconds, processor seconds, ratio to the single pass, and the largest difference of any number.
Where the package `datasketches` is installed, also what REQ sketches (k = 50) say of a heavy-tailed column: of two runs
over the same values.

    python benchmarks/partitions.py --rows 10000000
"""

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from table_profile import MEBIBYTE, MEMORY_BYTES, make_tall

ITEM_BYTES = 32 * MEBIBYTE
NOTHING = 1e-3
"""Numbers below it are compared with it: the skewness of what is symmetric is noise."""


def single(path: Path, processes: int) -> list[dict[str, Any]]:
    """Profile the table in one pass."""
    from dataplatform.engine import EngineLimits  # noqa: PLC0415 - every contender loads only what it uses
    from quality_svc.profile.table import TableProfiler  # noqa: PLC0415

    limits = EngineLimits(MEMORY_BYTES, processes, path.parent)
    return [column.model_dump(mode="json") for column in TableProfiler([path], limits).columns()]


def in_items(path: Path, processes: int) -> list[dict[str, Any]]:
    """Profile it in items over so many processes, of one thread each, and merge."""
    from dataplatform.engine import EngineLimits  # noqa: PLC0415
    from quality_svc.partitions.running import partitioned  # noqa: PLC0415

    limits = EngineLimits(MEMORY_BYTES, 1, path.parent)
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
    with pool, partitioned([path], limits, pool, ITEM_BYTES) as profiler:
        return [column.model_dump(mode="json") for column in profiler.columns()]


def measured(work: Callable[[Path, int], Any], path: Path, processes: int) -> dict[str, Any]:
    """Run `work` in a fresh process; return its time, its peak memory and that of the largest process below it."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(work, path, processes, sender))
    process.start()
    sender.close()
    result: dict[str, Any] = receiver.recv()
    process.join()
    return result


def _measure(work: Callable[[Path, int], Any], path: Path, processes: int, sender: Any) -> None:
    started = time.perf_counter()
    found = work(path, processes)
    seconds = time.perf_counter() - started
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    sender.send(
        {
            "seconds": seconds,
            "cpu_seconds": sum(usage.ru_utime + usage.ru_stime for usage in used),
            "peak_mebibytes": used[0].ru_maxrss / 1024,
            "peak_below_mebibytes": used[1].ru_maxrss / 1024,
            "found": found,
        }
    )


def differences(one: Any, other: Any, at: str = "") -> list[tuple[str, float]]:
    """Return where two documents differ, and by how much of the number; 1 for what is no number."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [found for key in one | other for found in differences(one.get(key), other.get(key), f"{at}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [found for pair in zip(one, other, strict=True) for found in differences(*pair, at)]
    if one == other:
        return []
    numbers = isinstance(one, float) and isinstance(other, float)
    return [(at, abs(one - other) / max(abs(one), abs(other), NOTHING) if numbers else 1.0)]


def sketched(path: Path) -> list[float]:
    """Return the relative error of the 99th percentile of the column `heavy` by REQ (k = 50), of two runs."""
    import datasketches  # type: ignore[import-not-found]  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    values = pq.read_table(path, columns=["heavy"]).column(0).to_numpy()
    true = float(np.quantile(values, 0.99, method="inverted_cdf"))
    errors = []
    for _ in range(2):
        sketch = datasketches.req_floats_sketch(50)
        sketch.update(values.astype(np.float32))
        errors.append(abs(sketch.get_quantile(0.99) / true - 1))
    return errors


def main() -> None:
    """Print the comparison, and the same as JSON on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        tall = Path(folder) / "tall.parquet"
        make_tall(tall, options.rows)
        size = tall.stat().st_size / MEBIBYTE
        print(f"{options.rows:,} rows x 20 columns, {size:.0f} MiB, {os.cpu_count()} CPUs")
        contenders = (("single pass", single, 1), ("1 process", in_items, 1), ("2 processes", in_items, 2))
        for name, work, processes in contenders:
            results[name] = measured(work, tall, processes)
            results[name]["differences"] = differences(results["single pass"]["found"], results[name]["found"])
            show(name, results[name], results["single pass"])
        try:
            results["req"] = sketched(tall)
            print(f"REQ k=50, p99 of `heavy`: off by {' and '.join(f'{error:.2%}' for error in results['req'])}")
        except ImportError:
            print("REQ: datasketches is not installed")
    for result in results.values():
        if isinstance(result, dict):
            del result["found"]
    print(json.dumps(results))


def show(name: str, result: dict[str, Any], first: dict[str, Any]) -> None:
    """Print one line."""
    worst = max((error for _, error in result["differences"]), default=0.0)
    print(
        f"{name:12} {result['seconds']:7.2f} s ({result['seconds'] / first['seconds']:.2f} x)  "
        f"cpu {result['cpu_seconds']:7.2f} s ({result['cpu_seconds'] / first['cpu_seconds']:.2f} x)  "
        f"peak {result['peak_mebibytes']:4.0f} MiB, largest below {result['peak_below_mebibytes']:4.0f} MiB  "
        f"numbers differ by {worst:.1e} at most",
        flush=True,
    )


if __name__ == "__main__":
    main()
