"""Reads the catalog's topics from offset 0 and applies them in the shadow schema, a batch ahead of PostgreSQL."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from catalog_svc.projections.apply import TOPICS
from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.rebuild.shadow import SCHEMA
from dataplatform.log.cursor import Cursor
from dataplatform.log.envelope import Envelope, UndecodableRecordError, from_kafka

BATCH_EVENTS: Final = 4000
NEVER: Final = 1_000_000_000
_FETCH_BYTES: Final = 8 * 1024 * 1024

Keep = Callable[[Sequence[Envelope]], Sequence[Envelope]]
_log = structlog.get_logger(__name__)


@dataclass
class Tally:
    """What a replay has read."""

    events: int = 0
    undecodable: int = 0


class Replay:
    """Reads on from where it stopped, each time to the end as it is then."""

    def __init__(self, database_url: str, bootstrap_servers: str) -> None:
        self._inbox = ProjectionInbox(database_url, _nothing_follows, schema=SCHEMA, max_failures_in_a_row=NEVER)
        self._bootstrap_servers = bootstrap_servers
        self._consumer: AIOKafkaConsumer | None = None
        self.tally = Tally()

    async def open(self) -> None:
        """Connect, at offset 0 of every partition of every topic; raises `KafkaError`."""
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            check_crcs=False,  # TCP's and Kafka's own checks have passed; this one costs a tenth of the time
        )
        await self._consumer.start()
        partitions = await self._partitions()
        self._consumer.assign(partitions)
        await self._consumer.seek_to_beginning(*partitions)

    async def close(self) -> None:
        """Close the connections."""
        if self._consumer is not None:
            await self._consumer.stop()
        self._inbox.close()

    async def to_the_end(self, keep: Keep | None = None) -> None:
        """Apply everything up to the end that the topics have now; `keep` may leave events of a batch out."""
        consumer = self._opened()
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(list(consumer.assignment()))
        applying: asyncio.Future[None] | None = None
        while not await self._is_at(ends):
            fetched = await consumer.getmany(timeout_ms=200, max_records=BATCH_EVENTS)
            batch = self._decode([record for records in fetched.values() for record in records])
            if applying is not None:
                await applying
            if batch:
                applying = asyncio.ensure_future(asyncio.to_thread(self._apply, batch, keep))
        if applying is not None:
            await applying

    def _apply(self, batch: Sequence[Envelope], keep: Keep | None) -> None:
        kept = keep(batch) if keep else batch
        if kept:
            self._inbox.receive(kept)

    def _decode(self, records: Sequence[Any]) -> list[Envelope]:
        found = []
        for record in records:
            try:
                found.append(from_kafka(record.topic, record.key, record.value, record.headers))
            except UndecodableRecordError:
                self.tally.undecodable += 1  # it is among the dead letters since the projector met it
        self.tally.events += len(found)
        return found

    async def _is_at(self, ends: Mapping[TopicPartition, int]) -> bool:
        consumer = self._opened()
        for partition, end in ends.items():
            if await consumer.position(partition) < end:
                return False
        return True

    async def _partitions(self) -> list[TopicPartition]:
        consumer = self._opened()
        await consumer._client.force_metadata_update()  # noqa: SLF001 - without it the topics are not known yet
        found = []
        for topic in TOPICS:
            numbers = consumer.partitions_for_topic(topic)
            if not numbers:
                raise MissingTopicError(f"the topic {topic} does not exist: run `dataplatform topics apply` first")
            found += [TopicPartition(topic, number) for number in sorted(numbers)]
        return found

    def _opened(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("open the replay first")
        return self._consumer


class MissingTopicError(Exception):
    """A source topic is not there."""

    code = "missing_topic"


def _nothing_follows(_cursor: Cursor, _envelopes: Sequence[Envelope]) -> None:
    """Policies never run in a rebuild, and search documents are made once, at its end."""
