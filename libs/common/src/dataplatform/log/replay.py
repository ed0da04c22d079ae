"""Reading topics from the start, outside of any consumer group: for rebuilds, audits and people."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

FETCH_BYTES: Final = 8 * 1024 * 1024
MAX_RECORDS: Final = 5000

Ends = Mapping[TopicPartition, int]
"""Offset after the last record, by partition."""


class Replay:
    """Reads every partition of some topics in offset order; `ends` is where they end now."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def ends(self) -> Ends:
        """Return the present end of every partition."""
        ends: Ends = await self._consumer.end_offsets(list(self._consumer.assignment()))
        return ends

    async def start_before_ends(self, records: int) -> None:
        """Go to the last few records of each partition."""
        for partition, end in (await self.ends()).items():
            self._consumer.seek(partition, max(0, end - records))

    async def until(self, ends: Ends) -> AsyncIterator[Sequence[Any]]:
        """Yield batches of records up to `ends` (a few after them may come too)."""
        while not await self._reached(ends):
            if batch := await self._next():
                yield batch

    async def forever(self) -> AsyncIterator[Sequence[Any]]:
        """Yield batches of records until cancelled."""
        while True:
            if batch := await self._next():
                yield batch

    async def _next(self) -> list[Any]:
        found = await self._consumer.getmany(timeout_ms=200, max_records=MAX_RECORDS)
        return [record for records in found.values() for record in records]

    async def _reached(self, ends: Ends) -> bool:
        return all([await self._consumer.position(partition) >= end for partition, end in ends.items()])


@asynccontextmanager
async def replaying(bootstrap_servers: str, topics: Sequence[str]) -> AsyncIterator[Replay]:
    """Open topics at their start."""
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await consumer.start()
    try:
        yield Replay(consumer)
    finally:
        # the client cancels a task of its own and then waits for it, which raises in who closes it
        with suppress(asyncio.CancelledError):
            await consumer.stop()
