"""A downstream ML job: a plain aiokafka consumer that knows nothing of the project but the topic and CloudEvents."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer

TOPIC = "catalog.datasets.v1"


@dataclass(frozen=True)
class Received:
    """One record: its CloudEvents type and id, its body, where it stood."""

    type: str
    id: str
    subject: str
    body: dict[str, Any]
    partition: int
    offset: int


class Subscriber:
    """Collects `version.published` from offset 0 in a thread of its own until closed."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._servers = bootstrap_servers
        self._received: list[Received] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._consume()), daemon=True)
        self._thread.start()

    async def _consume(self) -> None:
        consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=self._servers, auto_offset_reset="earliest")
        await consumer.start()
        try:
            while not self._stop.is_set():
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    self._received += [_received(record) for record in records]
        finally:
            await consumer.stop()

    @property
    def published(self) -> list[Received]:
        """Every `version.published` so far, duplicates included."""
        return [received for received in self._received if received.type == "version.published.v1"]

    def wait_for(self, wanted: Callable[[Received], bool], seconds: float = 60) -> Received:
        """Return the first event that is wanted; fails after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for received in self.published:
                if wanted(received):
                    return received
            time.sleep(0.02)
        raise AssertionError(f"no such version.published within {seconds} s; {len(self.published)} others came")

    def close(self) -> None:
        """Stop consuming."""
        self._stop.set()
        self._thread.join(30)


def _received(record: Any) -> Received:
    headers = {name: value.decode() for name, value in record.headers}
    body = json.loads(record.value)
    return Received(headers["ce_type"], headers["ce_id"], headers["ce_subject"], body, record.partition, record.offset)
