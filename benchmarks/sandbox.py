"""Sandbox: what it costs to run a function in a process of its own, against importing the same modules afresh.

Run: `python benchmarks/sandbox.py [--runs 200]`. Prints the median and 99th percentile of a whole run (request, fork,
confinement, call, answer, reaping), runs per second, and the memory that the preloaded modules take once.
"""

import argparse
import asyncio
import logging
import statistics
import subprocess
import sys
import time

import psutil
import structlog

from dataplatform.jobs.sandbox import Limits, Sandbox

MODULES = ["pyarrow.parquet", "pyarrow.compute", "duckdb", "pandas"]
LIMITS = Limits(memory_bytes=1 << 30, cpu_seconds=10, wall_seconds=10, output_bytes=1 << 20)


def fresh_seconds() -> float:
    """Return the median time of a new interpreter that imports the same modules."""
    code = "import " + ", ".join(MODULES)
    found = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        found.append(time.perf_counter() - started)
    return statistics.median(found)


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    fresh = await asyncio.to_thread(fresh_seconds)
    started = time.perf_counter()
    async with Sandbox(MODULES) as sandbox:
        ready = time.perf_counter() - started
        found = []
        for _ in range(runs):
            before = time.perf_counter()
            await sandbox.run("copy:copy", {"a": 1}, LIMITS)
            found.append(time.perf_counter() - before)
        (warden,) = psutil.Process().children()
        private = warden.memory_full_info().uss
    found.sort()
    median = statistics.median(found)
    print(f"start of the warden with {', '.join(MODULES)}: {ready:.2f} s once, {private / 2**20:.0f} MiB of its own")
    print(f"one run: median {median * 1e3:.1f} ms, 99th percentile {found[int(runs * 0.99)] * 1e3:.1f} ms")
    print(f"{1 / median:.0f} runs/s one after the other; a fresh interpreter takes {fresh / median:.0f} x as long")


if __name__ == "__main__":
    asyncio.run(main())
