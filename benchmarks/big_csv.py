"""One large CSV through the whole path (upload, parse, profile, publish) against DuckDB `COPY` of the same file alone.

    make bench BENCH=big_csv [ARGS="--mib 1024"]

Prints both times, the ratio, the ratio of each stage, and the peak memory of every role.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from harness.memory import PeakMemory
from harness.person import Person
from harness.platform import Platform
from harness.subscriber import Subscriber

CHUNK = 1 << 20
MAKE = """
import duckdb, sys
rows = int(sys.argv[2])
duckdb.sql("SELECT setseed(0.5)")
duckdb.sql(f'''COPY (SELECT i AS id, 'H' || lpad((i % 5000)::text, 5, '0') AS hospital, (random() * 900)::int AS beds,
  round(random() * 100, 3) AS occupancy, DATE '2015-01-01' + (i % 4000)::int AS day,
  TIMESTAMP '2020-01-01' + to_seconds(i % 90000000) AS admitted, random() < 0.2 AS urgent,
  md5((i % 100000)::text) AS ward, CASE WHEN i % 17 = 0 THEN NULL ELSE round(random() * 10000, 2) END AS cost
  FROM range({rows}) t(i)) TO '{sys.argv[1]}' (HEADER)''')
"""
COPY = """
import duckdb, sys
duckdb.sql(f"SET threads = {sys.argv[3]}")
duckdb.sql(f"COPY (FROM read_csv('{sys.argv[1]}')) TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION zstd)")
"""
BYTES_PER_ROW = 111


def timed(*command: str) -> float:
    """Run Python code in a process of its own; return its seconds."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", *command], check=True)
    return time.monotonic() - began


def chunks(path: Path) -> Iterator[bytes]:
    """Yield a file in pieces."""
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def through(platform: Platform, person: Person, path: Path) -> tuple[float, float]:
    """Upload a file and wait for its version; return the seconds of the upload and of all."""
    subscriber = Subscriber(platform.bootstrap_servers)
    began = time.monotonic()
    answer = httpx.post(
        f"{platform.url}/v1/institutions/demo/datasets/big/uploads",
        content=chunks(path),
        headers={
            "Content-Disposition": 'attachment; filename="big.csv"',
            "Content-Length": str(path.stat().st_size),
            "Authorization": person.http.headers["Authorization"],
        },
        timeout=600,
    )
    answer.raise_for_status()
    uploaded = time.monotonic()
    upload = answer.json()["upload_id"]
    subscriber.wait_for(lambda received: received.body["upload_id"] == upload, 900)
    done = time.monotonic()
    subscriber.close()
    return uploaded - began, done - began


def main(arguments: Any = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.csv"
        timed(MAKE, str(path), str(chosen.mib * CHUNK // BYTES_PER_ROW))
        size = path.stat().st_size / CHUNK
        one = timed(COPY, str(path), f"{folder}/one.parquet", "1")
        two = timed(COPY, str(path), f"{folder}/two.parquet", "2")
        platform = Platform(Path(folder) / "platform", {})
        try:
            person = Person(platform.url, "admin", platform.password)
            with PeakMemory(platform) as memory:
                upload, whole = through(platform, person, path)
        finally:
            platform.stop()
        print(f"{size:.0f} MiB: DuckDB COPY {one:.1f} s on one thread, {two:.1f} s on two")
        print(f"ours {whole:.1f} s, of which upload {upload:.1f} s")
        print(f"ratio to COPY on one thread: whole {whole / one:.2f}, without the upload {(whole - upload) / one:.2f}")
        roles = {name: round(peak) for name, peak in memory.peaks.items() if name.endswith(("api-1", "worker-1"))}
        print(f"peak memory MiB: {roles}; platform {memory.total:.0f}")


if __name__ == "__main__":
    main()
