"""Object store: MB/s of put and get of one large object, against `cp` and plain boto3 in the same run.

Run: `python benchmarks/object_store.py [--gib 1]`. Starts its own S3; prints a line per measurement: the rate, the
ratio to its yardstick, the processor time and the peak growth of memory of this process. Every figure is the best of
three, in turns, so that a busy moment of the machine does not decide; the processor time hardly depends on it.
"""

import argparse
import asyncio
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3
import psutil
from botocore.config import Config

from dataplatform.settings import CommonSettings
from dataplatform.storage import ObjectStore, open_store
from dataplatform_stack.testing import TestS3

ROUNDS = 3
MIB = 1 << 20


@dataclass(frozen=True)
class Figure:
    """One measurement: seconds, processor seconds, and how much the resident memory grew at its peak, in bytes."""

    seconds: float
    cpu_seconds: float
    growth: int


def cpu_seconds() -> float:
    """Return the processor time of this process and of the children it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


async def measured(work: Callable[[], Awaitable[object]]) -> Figure:
    """Time `work`, sampling the memory of this process every 5 ms from a thread."""
    process, ended, peak = psutil.Process(), threading.Event(), [0]
    before = process.memory_info().rss

    def sample() -> None:
        while not ended.wait(0.005):
            peak[0] = max(peak[0], process.memory_info().rss - before)

    sampler = threading.Thread(target=sample)
    sampler.start()
    started, cpu_started = time.perf_counter(), cpu_seconds()
    try:
        await work()
    finally:
        seconds, used = time.perf_counter() - started, cpu_seconds() - cpu_started
        ended.set()
        sampler.join()
    return Figure(seconds, used, peak[0])


async def in_turns(works: Mapping[str, Callable[[], Awaitable[object]]]) -> dict[str, Figure]:
    """Measure each of `works` three times, in turns; keep the fastest and the largest growth."""
    figures: dict[str, list[Figure]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            figures[name].append(await measured(work))
    return {
        name: Figure(
            min(one.seconds for one in found), min(one.cpu_seconds for one in found), max(one.growth for one in found)
        )
        for name, found in figures.items()
    }


def show(title: str, figures: dict[str, Figure], size: int, yardstick: str) -> None:
    """Print a table of the figures with their ratio to the yardstick."""
    print(f"{title}, {size / MIB:.0f} MiB")
    for name, figure in figures.items():
        ratio = figure.seconds / figures[yardstick].seconds
        rate = size / 1e6 / figure.seconds
        print(
            f"  {name:24} {rate:6.0f} MB/s, {ratio:5.2f} x the time of {yardstick}, "
            f"{figure.cpu_seconds:.2f} s processor, +{figure.growth / MIB:.0f} MiB"
        )


def settings_for(url: str, server: TestS3) -> CommonSettings:
    """Return settings for a store at `url`."""
    s3 = {name.lower(): value for name, value in server.settings("unused").items()}
    return CommonSettings.model_validate(
        {**s3, "database_url": "unused", "kafka_bootstrap_servers": "unused", "object_store_url": url}
    )


async def folder(scratch: Path, source: Path, size: int, store: ObjectStore) -> None:
    """Measure the folder store. Its put hashes and fsyncs, so the yardstick for it is `cp` and `sync`."""

    def copy(*more: str) -> Callable[[], Awaitable[object]]:
        target = str(scratch / "copied")
        script = 'rm -f "$2"; cp "$1" "$2"' + "".join(more)
        return lambda: asyncio.to_thread(subprocess.run, ["sh", "-c", script, "sh", str(source), target], check=True)

    puts = {"cp": copy(), "cp and sync": copy(' && sync "$2"'), "put_file": lambda: store.put_file("a", source)}
    show("folder put (hash and fsync)", await in_turns(puts), size, "cp and sync")
    digest = (await store.put_file("a", source)).sha256
    target = scratch / "got"
    gets = {
        "cp": copy(),
        "get_file": lambda: store.get_file("a", target),
        "get_file, hash verified": lambda: store.get_file("a", target, sha256=digest),
    }
    show("folder get", await in_turns(gets), size, "cp")


async def s3(scratch: Path, source: Path, size: int, store: ObjectStore, *, server: TestS3, bucket: str) -> None:
    """Measure the S3 store against boto3's managed transfer, which neither hashes the whole nor verifies."""
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        region_name=server.region,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    target = scratch / "got"
    puts = {
        "boto3 upload_file": lambda: asyncio.to_thread(client.upload_file, str(source), bucket, "boto"),
        "put_file": lambda: store.put_file("a", source),
    }
    show("S3 put", await in_turns(puts), size, "boto3 upload_file")
    digest = (await store.put_file("a", source)).sha256
    gets = {
        "boto3 download_file": lambda: asyncio.to_thread(client.download_file, bucket, "boto", str(target)),
        "get_file": lambda: store.get_file("a", target),
        "get_file, hash verified": lambda: store.get_file("a", target, sha256=digest),
    }
    show("S3 get", await in_turns(gets), size, "boto3 download_file")


async def main() -> None:
    """Measure both stores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=1.0)
    wanted = int(parser.parse_args().gib * 1024) * MIB
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        source = scratch / "source"
        block = os.urandom(16 * MIB)
        with source.open("wb") as file:
            for start in range(0, wanted, len(block)):
                file.write(block[: wanted - start])
        server = TestS3(scratch / "s3")
        server.start()
        try:
            async with open_store(settings_for((scratch / "objects").as_uri(), server)) as store:
                await folder(scratch, source, wanted, store)
            bucket = server.create_bucket()
            async with open_store(settings_for(f"s3://{bucket}", server)) as store:
                await s3(scratch, source, wanted, store, server=server, bucket=bucket)
        finally:
            server.kill()


if __name__ == "__main__":
    asyncio.run(main())
