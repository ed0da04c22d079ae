"""Upload to `version.published`, as a subscriber outside sees it, for small CSV files at a steady rate.

    make bench BENCH=latency [ARGS="--rates 1 20 --seconds 30"]

Prints the median and the 99th percentile in seconds for each rate, and the peak memory of the platform.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer
from harness import files
from harness.memory import PeakMemory
from harness.person import Person
from harness.platform import Platform

TOPIC = "catalog.datasets.v1"


class Arrivals:
    """When the subscriber heard of each upload, in the clock of this process."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._servers = bootstrap_servers
        self.at: dict[str, float] = {}
        self.ready = asyncio.Event()

    async def listen(self) -> None:
        """Listen until cancelled."""
        consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=self._servers, auto_offset_reset="latest")
        await consumer.start()
        try:
            await consumer.seek_to_end()
            self.ready.set()
            async for record in consumer:
                if dict(record.headers).get("ce_type") == b"version.published.v1":
                    upload = record.value.split(b'"upload_id":"', 1)[1][:36].decode()
                    self.at.setdefault(upload, time.monotonic())
        finally:
            await consumer.stop()


async def upload(client: httpx.AsyncClient, number: int, began: dict[str, float]) -> None:
    """Upload one small file to one of 50 datasets and note when it began."""
    content = files.csv_file(files.hospitals(30, seed=number))
    started = time.monotonic()
    answer = await client.post(
        f"/v1/institutions/demo/datasets/bench-{number % 50}/uploads",
        content=content,
        headers={"Content-Disposition": f'attachment; filename="{number}.csv"'},
    )
    answer.raise_for_status()
    began[answer.json()["upload_id"]] = started


async def at_rate(platform: Platform, person: Person, rate: float, seconds: float, first: int) -> list[float]:
    """Upload at `rate` files a second for `seconds`; return each upload's latency in seconds."""
    arrivals, began = Arrivals(platform.bootstrap_servers), dict[str, float]()
    listening = asyncio.create_task(arrivals.listen())
    await arrivals.ready.wait()
    headers = {"Authorization": person.http.headers["Authorization"]}
    async with (
        httpx.AsyncClient(base_url=platform.url, headers=headers, timeout=60) as client,
        asyncio.TaskGroup() as group,
    ):
        start = time.monotonic()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
            group.create_task(upload(client, first + number, began))
    async with asyncio.timeout(300):
        while set(began) - set(arrivals.at):
            await asyncio.sleep(0.05)
    listening.cancel()
    return [arrivals.at[name] - began[name] for name in began]


def report(rate: float, latencies: list[float]) -> None:
    """Print one line of figures."""
    cuts = statistics.quantiles(latencies, n=100)
    shown = f"p50 {cuts[49]:.3f} s, p99 {cuts[98]:.3f} s, max {max(latencies):.3f} s"
    print(f"{rate:g} files/s, {len(latencies)} files: {shown}")


def main(arguments: Any = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[1, 20])
    parser.add_argument("--seconds", type=float, default=30)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        platform = Platform(Path(folder) / "platform", {})
        try:
            person = Person(platform.url, "admin", platform.password)
            asyncio.run(at_rate(platform, person, 2, 5, 1_000_000))  # warm
            with PeakMemory(platform) as memory:
                for index, rate in enumerate(chosen.rates):
                    report(rate, asyncio.run(at_rate(platform, person, rate, chosen.seconds, index * 100_000)))
            print(f"peak memory of the platform {memory.total:.0f} MiB")
        finally:
            platform.stop()


if __name__ == "__main__":
    main()
