"""FastStream wiring: records of the topics of one consumer group go, batch by batch, to a receiver.

FastStream's defaults would lose messages; what is set against them stands beside each setting. Kafka's offsets are
hints only: the receiver keeps the truth in the database.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from dataplatform.log import metrics
from dataplatform.log.envelope import Envelope, UndecodableRecordError, from_kafka
from dataplatform.log.postgres import is_infrastructure_error

MAX_RECORDS: Final = 500
MAX_BACKOFF_SECONDS: Final = 10.0
FETCH_BYTES: Final = 8 * 1024 * 1024

_log = structlog.get_logger(__name__)


class KafkaUnavailableError(Exception):
    """No broker answers; it is waited for."""

    code = "kafka_unavailable"
    is_transient = True


class Record(Protocol):
    """The part of a Kafka record that is used here."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Receiver(Protocol):
    """Where records end up. Both methods are durable before they return."""

    async def receive(self, envelopes: Sequence[Envelope]) -> None:
        """Apply, park or drop events."""

    async def bury(self, record: Record, error: UndecodableRecordError) -> None:
        """Keep a record that is no event."""


class ConsumerRole:
    """One member of a consumer group.

    `instance` makes it a static member, so that a restart of the same process gets its partitions back at once.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        group: str,
        topics: Sequence[str],
        receiver: Receiver,
        *,
        instance: str | None = None,
        max_records: int = MAX_RECORDS,
    ) -> None:
        self.group = group
        self._receiver = receiver
        self._failures = 0
        self._stop = asyncio.Event()
        self._fatal: BaseException | None = None
        self._broker = KafkaBroker(
            bootstrap_servers, client_id=group, graceful_timeout=15.0, consumer_only=True, logger=None
        )
        self._subscriber = self._broker.subscriber(
            *topics,
            batch=True,
            group_id=group,
            group_instance_id=instance,
            auto_offset_reset="earliest",  # the default, latest, skips what came before the first start
            ack_policy=AckPolicy.NACK_ON_ERROR,  # the default acknowledges first and loses the batch in a crash
            max_records=max_records,
            batch_timeout_ms=1000,  # how long to wait for a first record: the broker answers at once when there is one
            max_partition_fetch_bytes=FETCH_BYTES,
            parser=_parse,
            decoder=_leave_undecoded,
        )
        self._subscriber(self._handle)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; raises what the receiver could not recover from."""
        self._stop = stop
        await self._start()
        try:
            await stop.wait()
        finally:
            await self._broker.stop()
        if self._fatal:
            raise self._fatal

    async def _start(self) -> None:
        while not self._stop.is_set():
            try:
                await self._start_once()
            except Exception as error:
                if not _is_transient(error):
                    raise
                await self._back_off(error)
            else:
                self._failures = 0
                return

    async def _start_once(self) -> None:
        """Start, unless the stop comes first: a consumer of topics that are not there yet waits for them."""
        starting, stopping = (asyncio.ensure_future(one) for one in (self._broker.start(), self._stop.wait()))
        try:
            await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
        finally:
            starting.cancel()
            stopping.cancel()
            await asyncio.gather(starting, stopping, return_exceptions=True)

    async def _handle(self, message: KafkaMessage) -> None:
        records: Sequence[Record] = message.raw_message
        try:
            await self._deliver(records)
        except Exception as error:
            if _is_transient(error):
                # without a pause, a negative acknowledgement re-delivers thousands of times a second
                await self._back_off(error)
            else:
                self._fatal = error
                self._stop.set()
            raise
        self._failures = 0

    async def _deliver(self, records: Sequence[Record]) -> None:
        envelopes: list[Envelope] = []
        for record in records:
            try:
                envelopes.append(from_kafka(record.topic, record.key, record.value, record.headers))
            except UndecodableRecordError as error:
                await self._receiver.bury(record, error)
                metrics.DEAD_LETTERS.labels(self.group, error.code).inc()
                _log.error("record_buried", topic=record.topic, partition=record.partition, offset=record.offset,
                           code=error.code)  # fmt: skip
        if envelopes:
            await self._receiver.receive(envelopes)

    async def _back_off(self, error: BaseException) -> None:
        self._failures += 1
        seconds = min(0.1 * 2 ** min(self._failures, 10), MAX_BACKOFF_SECONDS)
        _log.warning("consumer_waits", group=self.group, seconds=seconds, error=f"{type(error).__name__}: {error}")
        await metrics.wait(self._stop, seconds)

    async def observe_lag(self) -> None:
        """Set the lag gauge of every partition that this member holds; a role calls it before each scrape."""
        consumer: AIOKafkaConsumer | None = self._subscriber.consumer
        for partition in consumer.assignment() if consumer else ():
            await self._observe_partition(consumer, partition)

    async def _observe_partition(self, consumer: Any, partition: TopicPartition) -> None:
        end = consumer.highwater(partition)
        if end is not None:
            lag = max(0, end - await consumer.position(partition))
            metrics.CONSUMER_LAG.labels(self.group, partition.topic, str(partition.partition)).set(lag)

    async def check(self) -> None:
        """Raise `KafkaUnavailableError` unless the broker answers; for readiness."""
        consumer: AIOKafkaConsumer | None = self._subscriber.consumer
        if consumer is None:
            raise KafkaUnavailableError("the consumer has not started yet")
        try:
            await consumer.topics()
        except KafkaError as error:
            raise KafkaUnavailableError(f"Kafka does not answer: {error}") from error


async def _parse(records: tuple[Any, ...], parse: Callable[[Any], Awaitable[Any]]) -> Any:
    # FastStream decodes headers as UTF-8 and bodies by content type before any handler sees them; a record that
    # is neither would be re-delivered in a hot loop outside our hands, so it gets blanks and the handler the originals
    blank = tuple(dataclasses.replace(record, headers=(), value=b"") for record in records)
    message = await parse(blank)
    message.raw_message = records
    return message


async def _leave_undecoded(message: KafkaMessage) -> list[bytes]:
    return [b""] * len(message.raw_message)


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, KafkaError) or is_infrastructure_error(error)
