"""A service's roles started as processes, for tests: their environment, their address, what they say on Kafka."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from dataplatform.events.base import Event
from dataplatform.log.envelope import Context, Envelope, enclose, from_kafka, to_kafka
from dataplatform.settings import CommonSettings

_WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Role:
    """A role as a process; its address is what its log says."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def address(self) -> str | None:
        """Return its URL, or None before it listens."""
        entries = [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]
        found = [entry for entry in entries if entry["event"] == "http.listening"]
        return f"http://{found[0]['host']}:{found[0]['port']}" if found else None

    async def listening(self) -> bool:
        """Whether it has an address; raises `AssertionError` with its log if it ended."""
        assert self.process.poll() is None, self.log.read_text("utf-8")  # noqa: S101 (tests only)
        return self.address() is not None

    async def ready(self) -> bool:
        """Whether `/readyz` says so; raises `AssertionError` with its log if it ended."""
        if not await self.listening():
            return False
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"{self.address()}/readyz")).is_success


@contextmanager
def running(package: str, role: str, environment: dict[str, str], log: Path) -> Iterator[Role]:
    """Start `python -m package role`, and kill it at the end."""
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "-m", package, role], env=environment, stdout=sink)  # noqa: S603
        try:
            yield Role(process, log)
        finally:
            process.kill()
            process.wait()


def environment_of(settings: CommonSettings, **changes: str) -> dict[str, str]:
    """Return this process's environment with what `settings` says, and `changes` by their names without the prefix."""
    secret = settings.s3_secret_access_key
    values = {
        "DATABASE_URL": settings.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "OBJECT_STORE_URL": settings.object_store_url,
        "S3_ENDPOINT_URL": settings.s3_endpoint_url or "",
        "S3_ACCESS_KEY_ID": settings.s3_access_key_id or "",
        "S3_SECRET_ACCESS_KEY": secret.get_secret_value() if secret else "",
        "ISSUER": settings.issuer,
        "SCRATCH_DIR": str(settings.scratch_dir),
        **changes,
    }
    return {**os.environ, **{f"DATAPLATFORM_{name}": value for name, value in values.items()}}


async def migrated_twice_at_once(package: str, environment: dict[str, str]) -> list[int]:
    """Run `migrate` twice at the same time; return both exit codes."""
    commands = [
        await asyncio.create_subprocess_exec(sys.executable, "-m", package, "migrate", env=environment)
        for _ in range(2)
    ]
    return [await command.wait() for command in commands]


def started_without_settings(package: str, role: str) -> subprocess.CompletedProcess[bytes]:
    """Start a role with none of the platform's variables, and return how it ended."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("DATAPLATFORM_")}
    command = [sys.executable, "-m", package, role]
    return subprocess.run(command, env=bare, capture_output=True, check=False)  # noqa: S603


async def publish(producer: AIOKafkaProducer, event: Event, *, service: str, times: int = 1) -> None:
    """Send an event as the first of its stream, as `service` would."""
    (envelope,) = enclose([event], 0, service=service, now=_WHEN, context=Context(UUID(int=1)))
    key, value, headers = to_kafka(envelope)
    for _ in range(times):
        await producer.send_and_wait(envelope.topic, value, key=key, headers=headers)


async def heard(
    bootstrap_servers: str, topic: str, stream: str, enough: Callable[[Sequence[Envelope]], bool], seconds: float = 60
) -> list[Envelope]:
    """Read a topic from its beginning until there is `enough` of a stream; return that. Raises `TimeoutError`."""
    found: list[Envelope] = []
    async with (
        asyncio.timeout(seconds),
        AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest") as consumer,
    ):
        while not enough(found):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                envelopes = (from_kafka(r.topic, r.key, r.value, r.headers) for r in records)
                found += [envelope for envelope in envelopes if envelope.stream == stream]
    return found
