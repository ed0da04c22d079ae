"""The profile of a table against the floor of decoding it, DuckDB's SUMMARIZE, pandas and ydata-profiling; a wide one.

Everything in one run on the same file; each contender in a process of its own, so its peak memory is its own. Printed:
seconds (best of the repetitions), processor seconds, ratio to the floor, peak resident memory.

    python benchmarks/table_profile.py --rows 10000000 --threads 2

ydata-profiling pins older versions of what the platform locks, so it is no part of the lock: `--ydata-python` names an
interpreter that has it. It gets a tenth of the rows.
"""

import argparse
import json
import multiprocessing
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEBIBYTE = 2**20
MEMORY_BYTES = 384 * MEBIBYTE
COLUMNS = """
    i AS id, (random() * 1e9)::BIGINT AS big, (random() * 100)::INT AS small, random() AS uniform,
    exp(random() * 20) AS heavy, (random() * 1000)::DECIMAL(12, 2) AS price, 'user' || (random() * 1e6)::INT AS account,
    ['de', 'en', 'fr', 'es', 'it'][1 + (random() * 4)::INT] AS language,
    CASE WHEN random() >= 0.1 THEN md5(i::VARCHAR) END AS hash, DATE '2000-01-01' + (random() * 8000)::INT AS day,
    TIMESTAMP '2020-01-01' + to_seconds((random() * 1e8)::BIGINT) AS moment, random() < 0.3 AS flag,
    'city ' || (random() * 5000)::INT AS city, (random() * 10)::INT AS rating, round(random() * 10000) / 100 AS percent,
    CASE WHEN random() < 0.5 THEN random() * 5 END AS sparse, repeat('lorem ipsum ', (random() * 5)::INT) AS words,
    (random() * 65000)::USMALLINT AS port, i % 1000 AS thousand,
    'C' || lpad((random() * 99999)::INT::VARCHAR, 8, '0') AS code
"""


def make_tall(path: Path, rows: int) -> None:
    """Write `rows` rows of 20 columns of many kinds."""
    import duckdb  # noqa: PLC0415 - every contender loads only what it uses

    with duckdb.connect(config={"threads": 2, "memory_limit": "2GB"}) as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(
            f"COPY (SELECT {COLUMNS} FROM range({rows}) t(i)) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
        )


def make_wide(path: Path, columns: int) -> None:
    """Write 1,000 rows of `columns` columns, numbers and texts in turn."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    numbers = pa.array([row * 1.5 for row in range(1000)])
    texts = pa.array([f"v{row % 50}" for row in range(1000)])
    pq.write_table(pa.table({f"c{n}": (numbers, texts)[n % 2] for n in range(columns)}), path, compression="zstd")


def decode(path: Path, threads: int) -> None:
    """Read every value and drop it: the floor under any profile."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    pa.set_cpu_count(threads)
    for _ in pq.ParquetFile(path).iter_batches():
        pass


def profile(path: Path, threads: int) -> None:
    """Measure the platform's own profile, to the JSON lines of its columns."""
    from dataplatform.engine import EngineLimits  # noqa: PLC0415
    from quality_svc.profile.table import TableProfiler  # noqa: PLC0415

    limits = EngineLimits(MEMORY_BYTES, threads, path.parent)
    with (path.parent / "profile.jsonl").open("w") as out:
        for column in TableProfiler([path], limits).columns():
            out.write(column.model_dump_json(exclude_none=True))


def summarize(path: Path, threads: int) -> None:
    """Ask DuckDB: fewer facts, and distinct counts with an error of 13 %."""
    import duckdb  # noqa: PLC0415

    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "memory_limit": f"{MEMORY_BYTES}B",
        "temp_directory": str(path.parent / "spill"),
    }
    with duckdb.connect(config=config) as connection:
        connection.execute(f"SUMMARIZE SELECT * FROM '{path}'").fetchall()


def describe(path: Path, threads: int) -> None:  # noqa: ARG001 - pandas has one
    """Ask pandas: the whole table in memory."""
    import pandas as pd  # noqa: PLC0415

    pd.read_parquet(path).describe(include="all")


YDATA = """
import resource, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
from ydata_profiling import ProfileReport
started, processor = time.perf_counter(), time.process_time()
ProfileReport(pd.read_parquet(sys.argv[1]), minimal=True, progress_bar=False).get_description()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(time.perf_counter() - started, time.process_time() - processor, peak)
"""


def ydata(python: str, path: Path) -> dict[str, Any]:
    """Ask ydata-profiling for its minimal report, with an interpreter that has it."""
    done = subprocess.run([python, "-c", YDATA, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1]}
    seconds, cpu, peak = map(float, done.stdout.splitlines()[-1].split())
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_mebibytes": peak}


def measured(work: Callable[[Path, int], None], path: Path, threads: int, repeat: int) -> dict[str, Any]:
    """Run `work` in a fresh process; return its best time and its peak memory."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(work, path, threads, repeat, sender))
    process.start()
    sender.close()
    result: dict[str, Any] = receiver.recv()
    process.join()
    return result


def _measure(work: Callable[[Path, int], None], path: Path, threads: int, repeat: int, sender: Any) -> None:
    best, cpu = float("inf"), float("inf")
    for _ in range(repeat):
        started, processor = time.perf_counter(), time.process_time()
        try:
            work(path, threads)
        except Exception as error:  # noqa: BLE001 - a contender that cannot do it is a result
            sender.send({"failed": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"})
            return
        best, cpu = min(best, time.perf_counter() - started), min(cpu, time.process_time() - processor)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sender.send({"seconds": best, "cpu_seconds": cpu, "peak_mebibytes": peak})


def main() -> None:
    """Print the comparison, and the same as JSON on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--columns", type=int, default=20_000, help="of the wide table; 0 leaves it out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--ydata-python", help="an interpreter that has ydata-profiling and pyarrow")
    options = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        tall = Path(folder) / "tall.parquet"
        make_tall(tall, options.rows)
        print(
            f"{options.rows:,} rows x 20 columns, {tall.stat().st_size / MEBIBYTE:.0f} MiB, {options.threads} threads"
        )
        contenders = [("decode", decode), ("profile", profile), ("summarize", summarize), ("pandas describe", describe)]
        for name, work in contenders:
            repeat = 1 if work is describe else options.repeat
            results[name] = measured(work, tall, options.threads, repeat)
            show(name, results[name], results["decode"])
        if options.ydata_python:
            tenth = Path(folder) / "tenth.parquet"
            make_tall(tenth, options.rows // 10)
            results["ydata, a tenth"] = ydata(options.ydata_python, tenth)
            show("ydata, a tenth", results["ydata, a tenth"], results["decode"])
        if options.columns:
            wide = Path(folder) / "wide.parquet"
            make_wide(wide, options.columns)
            print(f"1,000 rows x {options.columns:,} columns, {wide.stat().st_size / MEBIBYTE:.0f} MiB, 1 thread")
            for name, work in (("wide decode", decode), ("wide profile", profile), ("wide summarize", summarize)):
                results[name] = measured(work, wide, 1, 1)
                show(name, results[name], results["wide decode"])
    print(json.dumps(results))


def show(name: str, result: dict[str, Any], floor: dict[str, Any]) -> None:
    """Print one line."""
    if "failed" in result:
        print(f"{name:15} failed: {result['failed']}", flush=True)
        return
    ratio, cpu_ratio = (result[key] / floor[key] for key in ("seconds", "cpu_seconds"))
    print(
        f"{name:15} {result['seconds']:8.2f} s ({ratio:5.2f} x floor)  "
        f"cpu {result['cpu_seconds']:8.2f} s ({cpu_ratio:5.2f} x)  peak {result['peak_mebibytes']:6.0f} MiB",
        flush=True,
    )


if __name__ == "__main__":
    main()
