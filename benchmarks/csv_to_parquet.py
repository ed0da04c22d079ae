"""CSV to Parquet: this platform's parse against DuckDB's `COPY` and pyarrow's streaming, each on one thread.

Usage: python benchmarks/csv_to_parquet.py [--megabytes 1000] [--rounds 2]. Prints seconds, processor seconds, the
ratios to the faster of the others, and the peak private memory of each, every one in a process of its own. DuckDB's
`COPY` and pyarrow guess types by a sample and cast with loss, or fail; the platform confirms every value.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread

CITIES = ("Berlin", "Hamburg", "München", "Köln", "Frankfurt am Main", '"Stuttgart, Mitte"')


def make_csv(path: Path, megabytes: int) -> None:
    """Write a table of eleven columns of mixed types, the same for the same size."""
    rng = random.Random(7)
    block = [_row(rng, number) for number in range(50_000)]
    with path.open("w", encoding="utf-8") as file:
        file.write("id,name,city,day,at,price,latitude,quantity,big,ok,note\n")
        number = 0
        while file.tell() < megabytes * 1_000_000:
            file.write("".join(f"{number + index},{row}" for index, row in enumerate(block)))
            number += len(block)


def _row(rng: random.Random, number: int) -> str:
    day = f"20{rng.randint(10, 25)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    clock = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"
    return (
        f"word{rng.randint(0, 5000)},{rng.choice(CITIES)},{day},{day} {clock},{rng.randint(0, 100_000) / 100},"
        f"{rng.uniform(-90, 90)},{rng.randint(0, 99)},{rng.randint(0, 10**12)},{rng.choice(('true', 'false'))},"
        f"remark {number % 977} of {rng.randint(0, 5000)}\n"
    )


def copy(path: Path, folder: Path) -> None:
    """Convert as DuckDB does by itself."""
    import duckdb  # noqa: PLC0415

    with duckdb.connect(config={"threads": "1", "memory_limit": "512MB"}) as connection:
        target = str(folder / "copy.parquet")
        connection.execute(f"COPY (FROM read_csv('{path}')) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def arrow(path: Path, folder: Path) -> None:
    """Convert as pyarrow's streaming reader and writer do."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.csv as pcsv  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    pa.set_cpu_count(1)
    with (
        pcsv.open_csv(path, pcsv.ReadOptions(use_threads=False, block_size=8 << 20)) as reader,
        pq.ParquetWriter(folder / "arrow.parquet", reader.schema, compression="zstd") as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)


def platform(path: Path, folder: Path) -> None:
    """Convert as the platform's worker does."""
    from processing_svc.parse import parse  # noqa: PLC0415

    scratch, out = folder / "scratch", folder / "out"
    scratch.mkdir()
    out.mkdir()
    parse({"path": str(path), "format": "csv", "encoding": "utf-8", "scratch": str(scratch), "out": str(out)})


def _measure(name: str, path: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, __file__, "--one", name, "--file", str(path), "--folder", folder]
        return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


CONVERTERS = {"duckdb copy": copy, "pyarrow": arrow, "platform": platform}


def _run_one(name: str, path: Path, folder: Path) -> None:
    import processing_svc.preload  # noqa: F401, PLC0415 - a parse starts with everything imported

    ended, peaks = Event(), [0]
    watch = Thread(target=_watch, args=(ended, peaks))
    watch.start()
    begun, used = time.perf_counter(), time.process_time()
    CONVERTERS[name](path, folder)
    seconds, processor = time.perf_counter() - begun, time.process_time() - used
    ended.set()
    watch.join()
    print(json.dumps({"seconds": seconds, "cpu_seconds": processor, "peak_bytes": max(peaks)}))


def _watch(ended: Event, peaks: list[int]) -> None:
    """Note the highest private memory: pages of a mapped file are the kernel's to take back."""
    while not ended.wait(0.02):
        found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
        peaks[0] = max(peaks[0], int(found[1]) * 1024 if found else 0)


def measure(path: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Return the best seconds and processor seconds and the highest peak of each, taken in turns."""
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in CONVERTERS}
    for _ in range(rounds):
        for name, found in taken.items():
            found.append(_measure(name, path))
    return {
        name: {
            "seconds": min(one["seconds"] for one in found),
            "cpu_seconds": min(one["cpu_seconds"] for one in found),
            "peak_bytes": max(one["peak_bytes"] for one in found),
        }
        for name, found in taken.items()
    }


def main() -> None:
    """Compare all, the best of some rounds each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--one", choices=CONVERTERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        _run_one(chosen.one, chosen.file, chosen.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input.csv"
        make_csv(path, chosen.megabytes)
        best = measure(path, chosen.rounds)
    for name, one in best.items():
        peak = one["peak_bytes"] / 2**20
        print(f"{name:12} {one['seconds']:6.2f} s  {one['cpu_seconds']:6.2f} cpu s  peak {peak:5.0f} MiB")
    others = [best[name] for name in CONVERTERS if name != "platform"]
    wall, processor = (best["platform"][key] / min(one[key] for one in others) for key in ("seconds", "cpu_seconds"))
    print(f"ratio        {wall:6.2f}    {processor:6.2f} cpu  ({chosen.megabytes} MB, {os.cpu_count()} cores)")


if __name__ == "__main__":
    main()
