"""Resumable uploads: MB/s of one large file by tus through the service, against boto3's multipart put in the same run.

Run: `python benchmarks/tus.py [--gib 1] [--rounds 3]`. Starts its own PostgreSQL and S3 and the role `api` as a
process; the client is a plain request in a process of its own, as boto3's transfer is. Both send the same file in
turns; the ratio is that of the best rounds. boto3 neither hashes the whole nor looks at the format. Prints rates, their
ratio, processor time of the service, and its peak memory (resident, and proportional: shared pages count in part).
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from dataplatform.identity.testing import LocalIssuer
from dataplatform.log.postgres import migrate
from dataplatform.telemetry import serve
from dataplatform_stack.ports import free_ports
from dataplatform_stack.testing import TestPostgres, TestS3
from ingest_svc.migrating import MIGRATIONS

MIB = 1 << 20
LIFETIME = timedelta(hours=3)
BOTO = """
import sys, boto3
from botocore.config import Config
url, region, key, secret, bucket, path = sys.argv[1:]
config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
client = boto3.client("s3", endpoint_url=url, region_name=region, aws_access_key_id=key, aws_secret_access_key=secret,
                      config=config)
client.upload_file(path, bucket, "boto")
"""
SEND = """
import http.client, sys
host, port, location, token, path, size = sys.argv[1:]
connection = http.client.HTTPConnection(host, int(port), timeout=600, blocksize=1 << 20)
headers = {"Authorization": "Bearer " + token, "Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Length": size,
           "Content-Type": "application/offset+octet-stream"}
with open(path, "rb") as file:
    connection.request("PATCH", location, file, headers)
answer = connection.getresponse()
answer.read()
assert answer.status == 204, answer.status
assert answer.headers["Upload-Outcome"] == "received", answer.headers.items()
"""


@dataclass
class Peak:
    """The most memory that was seen, in bytes."""

    resident: int = 0
    proportional: int = 0


@contextmanager
def sampled(pid: int) -> Iterator[Peak]:
    """Watch the memory of a process: resident every 20 ms, proportional (dearer) every second."""
    peak, ended, process = Peak(), threading.Event(), psutil.Process(pid)

    def sample() -> None:
        for tick in range(1 << 30):
            with suppress(psutil.Error):
                peak.resident = max(peak.resident, process.memory_info().rss)
                if tick % 50 == 0:
                    peak.proportional = max(peak.proportional, process.memory_full_info().pss)
            if ended.wait(0.02):
                return

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def make_file(path: Path, size: int) -> None:
    """Write a CSV that is like others of its kind, and that no two blocks of which are the same."""
    chance = random.Random(1)
    block = "".join(f"{n},{chance.random():.6f},{chance.randrange(10**6)},Zürich\n" for n in range(300_000)).encode()
    with path.open("wb") as file:
        for number in range(-(-size // len(block))):
            piece = f"{number},header\n".encode() + block
            file.write(piece[: size - file.tell()])


def environment(database_url: str, s3: TestS3, bucket: str, issuer: str, port: int) -> dict[str, str]:
    """Return what the role is started with."""
    values = {
        **s3.settings(bucket),
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "ISSUER": issuer,
        "HTTP_PORT": str(port),
    }
    return {**os.environ, **{f"DATAPLATFORM_{name}": str(value) for name, value in values.items()}}


@contextmanager
def role(env: dict[str, str], log: Path, port: int) -> Iterator[int]:
    """Run the role `api` and give its process id once it is ready."""
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "-m", "ingest_svc", "api"], env=env, stdout=sink)
        try:
            while True:
                with suppress(httpx.HTTPError):
                    if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == httpx.codes.OK:
                        break
                time.sleep(0.05)
            yield process.pid
        finally:
            process.kill()
            process.wait()


def by_tus(url: str, token: str, path: Path, number: int) -> float:
    """Send the file, and return the seconds from creation to the answer that tells its outcome."""
    size, target = path.stat().st_size, urlsplit(url)
    began = time.perf_counter()
    headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0", "Upload-Length": str(size)}
    created = httpx.post(f"{url}/v1/institutions/aq/datasets/large-{number}/tus", headers=headers, timeout=60)
    location = created.raise_for_status().headers["location"]
    arguments = [str(target.hostname), str(target.port), location, token, str(path), str(size)]
    subprocess.run([sys.executable, "-c", SEND, *arguments], check=True)
    return time.perf_counter() - began


def by_boto(s3: TestS3, bucket: str, path: Path) -> float:
    """Put the file with boto3's managed transfer, in a process of its own, and return the seconds."""
    began = time.perf_counter()
    keys = [s3.endpoint_url, s3.region, s3.access_key_id, s3.secret_access_key]
    subprocess.run([sys.executable, "-c", BOTO, *keys, bucket, str(path)], check=True)
    return time.perf_counter() - began


def compare(url: str, token: str, path: Path, s3: TestS3, *, buckets: tuple[str, str], rounds: int, pid: int) -> None:
    """Send in turns, and print what came of it."""
    size, process = path.stat().st_size, psutil.Process(pid)
    tus, boto, used = list[float](), list[float](), list[float]()
    with sampled(pid) as peak:
        for number in range(rounds):
            boto.append(by_boto(s3, buckets[1], path))
            s3.client.delete_object(Bucket=buckets[1], Key="boto")
            before = process.cpu_times()
            tus.append(by_tus(url, token, path, number))
            after = process.cpu_times()
            used.append(after.user + after.system - before.user - before.system)
            clear(s3, buckets[0])
    rates = {"boto3 upload_file": size / 1e6 / min(boto), "tus": size / 1e6 / min(tus)}
    print(f"{size / MIB:.0f} MiB, best of {rounds}")
    for name, rate in rates.items():
        print(f"  {name:20} {rate:6.0f} MB/s")
    print(f"  ratio {rates['tus'] / rates['boto3 upload_file']:.2f} of boto3's rate; "
          f"rounds {' '.join(f'{b / t:.2f}' for b, t in zip(boto, tus, strict=True))}")  # fmt: skip
    print(f"  service: {min(used):.1f} s processor, peak {peak.resident / MIB:.0f} MiB resident, "
          f"{peak.proportional / MIB:.0f} MiB proportional")  # fmt: skip


def clear(s3: TestS3, bucket: str) -> None:
    """Delete every object, so that the disk holds one file at a time."""
    for stored in s3.client.list_objects_v2(Bucket=bucket).get("Contents", []):
        s3.client.delete_object(Bucket=bucket, Key=stored["Key"])


async def main() -> None:
    """Start what is needed and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    issuer, listening, stop = LocalIssuer(), asyncio.get_running_loop().create_future(), asyncio.Event()
    serving = asyncio.create_task(serve(issuer.app, "127.0.0.1", 0, stop, on_listening=listening.set_result))
    issuer.issuer = f"http://127.0.0.1:{await listening}"
    with tempfile.TemporaryDirectory() as name:
        scratch, (port,) = Path(name), free_ports(1)
        make_file(scratch / "file.csv", int(chosen.gib * 1024) * MIB)
        s3, postgres = TestS3(scratch / "s3"), TestPostgres(scratch / "postgres")
        s3.start()
        postgres.start()
        try:
            database_url = postgres.create_database()
            await asyncio.to_thread(migrate, database_url, MIGRATIONS)
            buckets = s3.create_bucket(), s3.create_bucket()
            env = environment(database_url, s3, buckets[0], issuer.issuer, port)
            token = issuer.token({"aq": ["uploader"]}, lifetime=LIFETIME)

            def run() -> None:
                with role(env, scratch / "log", port) as pid:
                    url = f"http://127.0.0.1:{port}"
                    compare(url, token, scratch / "file.csv", s3, buckets=buckets, rounds=chosen.rounds, pid=pid)

            await asyncio.to_thread(run)
        finally:
            postgres.kill()
            s3.kill()
    stop.set()
    await serving


if __name__ == "__main__":
    asyncio.run(main())
