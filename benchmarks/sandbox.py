"""Sandbox: what a run costs each way: a fork for every run, a warm-up before the fork, and processes used again.

Run: `python benchmarks/sandbox.py [--runs 40] [--rounds 3]`. Prints processor time (worker, warden and process
together) and time on the clock of one run that does nothing, of parsing a CSV of 30 rows, and of assessing its Parquet:
the best round of each, ways taken in turn. The last line is what a new interpreter takes for the imports alone.
"""

import argparse
import asyncio
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import structlog

from dataplatform.jobs.sandbox import Limits, Reuse, Sandbox
from processing_svc import worker as processing
from quality_svc import worker as quality

LIMITS = Limits(memory_bytes=1 << 30, cpu_seconds=60, wall_seconds=60, output_bytes=1 << 30)
NOBODY = str(UUID(int=0))
WAYS: dict[str, tuple[bool, Reuse | None]] = {
    "fork": (False, None),
    "warm-up, fork": (True, None),
    "reuse": (False, Reuse()),
    "warm-up, reuse": (True, Reuse()),
}


def processor_seconds(warden: psutil.Process) -> float:
    """Return what this process, the warden and its children, gone or not, have used."""
    mine, its = time.process_time(), warden.cpu_times()
    below = sum(sum(child.cpu_times()[:2]) for child in warden.children())
    return mine + its.user + its.system + its.children_user + its.children_system + below


async def cost(sandbox: Sandbox, target: str, argument: Mapping[str, Any], folder: Path, runs: int) -> list[float]:
    """Return processor and clock seconds of one run."""
    for _ in range(3):
        await sandbox.run(target, argument, LIMITS, output_folder=folder)
    (warden,) = psutil.Process().children()
    before, started = processor_seconds(warden), time.perf_counter()
    for _ in range(runs):
        await sandbox.run(target, argument, LIMITS, output_folder=folder)
    return [(processor_seconds(warden) - before) / runs, (time.perf_counter() - started) / runs]


def arguments(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what to parse, and what to assess of it."""
    original = folder / "original"
    rows = (f"{number},name {number},{number}.5,2024-01-{number % 28 + 1:02d},Town\n" for number in range(30))
    original.write_text("id,name,price,on,city\n" + "".join(rows), "utf-8")
    parse = {"path": str(original), "format": "csv", "name": "o", "scratch": str(folder), "out": str(folder)}
    table = {"table_id": NOBODY, "index": 0, "name": "o", "parts": [str(folder / "0.parquet")]}
    assess = {
        **dict.fromkeys(("dataset_id", "run_id", "assessment_id"), NOBODY),
        "tables": [table],
        "document": str(folder / "profile.json"),
        "scratch": str(folder),
        "memory_bytes": 384 << 20,
        "threads": 1,
    }
    return parse, assess


async def one_round(way: str, folder: Path, runs: int) -> dict[str, list[float]]:
    """Return the cost of each kind of run, one way."""
    warm, reuse = WAYS[way]
    parse, assess = arguments(folder)
    found = {}
    async with Sandbox(processing.PRELOAD, warm=processing.WARM_UP if warm else None, reuse=reuse) as sandbox:
        found["nothing"] = await cost(sandbox, "copy:copy", {}, folder, runs)
        found["parse"] = await cost(sandbox, processing.PARSE, parse, folder, runs)
    async with Sandbox(quality.PRELOAD, warm=quality.WARM_UP if warm else None, reuse=reuse) as sandbox:
        found["assess"] = await cost(sandbox, quality.TARGET, assess, folder, runs)
    return found


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    best: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for way in WAYS:
                for kind, seconds in (await one_round(way, Path(folder), options.runs)).items():
                    best[way, kind] = min(best.get((way, kind), seconds), seconds)
    print(f"{'processor / clock, ms per run':32}{'nothing':>16}{'parse':>16}{'assess':>16}")
    for way in WAYS:
        cells = ([1e3 * seconds for seconds in best[way, kind]] for kind in ("nothing", "parse", "assess"))
        print(f"{way:32}" + "".join(f"{cpu:8.1f} /{clock:6.1f}" for cpu, clock in cells))
    started = time.perf_counter()
    command = [sys.executable, "-c", f"import {processing.PRELOAD[0]}"]
    await asyncio.to_thread(subprocess.run, command, check=True)
    print(f"a new interpreter imports what a parse needs in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    asyncio.run(main())
