"""Small files a second that the ingest API takes, against the number of its replicas behind the load balancer.

    make bench BENCH=small_files [ARGS="--replicas 1 2 4 --seconds 10 --clients 16"]

Every client sends the next file when the last one is acknowledged. The other services are stopped
meanwhile, so that only the API, its servers and the clients share the machine. Prints files a second, the processor
time of the API for a file, the median and 99th percentile of an acknowledgement, and the peak memory of a replica;
draws files a second and that processor time.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path

import httpx
import psutil
from harness import files
from harness.memory import PeakMemory
from harness.person import Person
from harness.platform import Platform, wait_until
from harness.plot import Line, plot

ROLE = "ingest-api"


@dataclass(frozen=True, slots=True)
class Found:
    """What one number of replicas did."""

    replicas: int
    files_per_second: float
    cpu_ms_per_file: float
    acknowledged: Sequence[float]
    peak_mebibytes: float


def send(url: str, authorization: str, until: float, number: int, results: "Queue[list[float]]") -> None:
    """Be one client until `until`, in the machine's clock; gives the seconds of each acknowledgement."""
    taken = list[float]()
    with httpx.Client(base_url=url, headers={"Authorization": authorization}, timeout=60) as client:
        while time.monotonic() < until:
            content = files.csv_file(files.hospitals(30, seed=number * 1_000_000 + len(taken)))
            began = time.monotonic()
            answer = client.post(
                f"/v1/institutions/demo/datasets/small-{number}/uploads",
                content=content,
                headers={"Content-Disposition": 'attachment; filename="small.csv"'},
            )
            answer.raise_for_status()
            taken.append(time.monotonic() - began)
    results.put(taken)


def measured(platform: Platform, authorization: str, replicas: int, *, seconds: float, clients: int) -> Found:
    """Let `clients` send to so many replicas for `seconds`."""
    context = multiprocessing.get_context("fork")
    results: Queue[list[float]] = context.Queue()
    processes = [psutil.Process(platform.pid(f"{ROLE}-{number + 1}")) for number in range(replicas)]
    used = sum(sum(process.cpu_times()[:2]) for process in processes)
    until = time.monotonic() + seconds
    with PeakMemory(platform) as memory:
        people = [
            context.Process(target=send, args=(platform.url, authorization, until, replicas * 1000 + number, results))
            for number in range(clients)
        ]
        for person in people:
            person.start()
        taken = [one for _ in people for one in results.get(timeout=seconds + 120)]
        for person in people:
            person.join()
    used = sum(sum(process.cpu_times()[:2]) for process in processes) - used
    peak = max(memory.peaks.get(f"{ROLE}-{number + 1}", 0.0) for number in range(replicas))
    return Found(replicas, len(taken) / seconds, used / len(taken) * 1000, taken, peak)


def serve_with(platform: Platform, replicas: int, most: int) -> None:
    """Leave so many replicas running, and return when the load balancer has noticed."""
    for number in range(1, most + 1):
        name = f"{ROLE}-{number}"
        if number <= replicas and not platform.pid(name):
            platform.start_process(name)
        elif number > replicas and platform.pid(name):
            platform.stop_process(name)
    urls = [program.health_url for program in platform.plan.programs() if program.name.startswith(f"{ROLE}-")]

    def as_wanted() -> bool:
        ready = 0
        for url in urls:
            try:
                ready += httpx.get(str(url), timeout=5).status_code == httpx.codes.OK
            except httpx.HTTPError:
                continue
        return ready == replicas

    wait_until(as_wanted, f"{replicas} replicas serve")


def report(found: Found) -> None:
    """Print one line of figures."""
    cuts = statistics.quantiles(found.acknowledged, n=100)
    print(f"{found.replicas} replicas: {found.files_per_second:6.1f} files/s, {found.cpu_ms_per_file:5.1f} ms of the "
          f"API's processor time a file, acknowledged p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, "
          f"peak {found.peak_mebibytes:.0f} MiB a replica", flush=True)  # fmt: skip


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--out", type=Path, default=Path("docs") / "growth")
    chosen = parser.parse_args()
    most = max(chosen.replicas)
    with tempfile.TemporaryDirectory() as folder:
        platform = Platform(Path(folder) / "platform", {ROLE: most})
        try:
            authorization = Person(platform.url, "admin", platform.password).http.headers["Authorization"]
            for name in platform.roles:
                if not name.startswith((f"{ROLE}-", "catalog-web-")):  # it has the keys of the tokens
                    platform.stop_process(name)
            every = []
            for replicas in chosen.replicas:
                serve_with(platform, replicas, most)
                measured(platform, authorization, replicas, seconds=2, clients=chosen.clients)  # warm
                every.append(
                    measured(platform, authorization, replicas, seconds=chosen.seconds, clients=chosen.clients)
                )
                report(every[-1])
        finally:
            platform.stop()
    rates = Line([one.files_per_second for one in every], "{:.0f} files/s")
    costs = Line([one.cpu_ms_per_file for one in every], "{:.1f} ms of processor time a file")
    drawing = plot(f"replicas of the API, {os.cpu_count()} cores", chosen.replicas, rates, costs)
    (chosen.out / "replicas.svg").write_text(drawing, "utf-8")


if __name__ == "__main__":
    main()
