import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dataplatform import telemetry
from dataplatform.events.ingest import UPLOADS, UploadWithdrawn
from dataplatform.log import redrive, topics
from dataplatform.log.consumer import ConsumerRole
from dataplatform.log.dispatch import Dispatcher
from dataplatform.log.envelope import Envelope, to_kafka
from dataplatform.log.inbox import Inbox
from dataplatform.telemetry import current_traceparent, span_from
from dataplatform_stack.services import Kafka

Streams = Callable[..., list[Envelope]]
Until = Callable[..., Awaitable[None]]


@pytest.fixture
async def broker(kafka_server: Kafka) -> Kafka:
    kafka_server.start()
    await topics.apply(kafka_server.bootstrap_servers)
    return kafka_server


@pytest.fixture
async def producer(broker: Kafka) -> AsyncIterator[AIOKafkaProducer]:
    opened = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await opened.start()
    yield opened
    await opened.stop()


async def send(producer: AIOKafkaProducer, envelopes: Sequence[Envelope]) -> None:
    for envelope in envelopes:
        key, value, headers = to_kafka(envelope)
        await producer.send_and_wait(UPLOADS, value, key=key, headers=headers)


class Recorder:
    """Remembers what was applied; fails as told."""

    def __init__(self, *streams: str) -> None:
        self.streams = set(streams)
        self.applied: list[tuple[str, int]] = []
        self.failures: list[Exception] = []

    async def apply(self, _connection: Any, envelopes: Sequence[Envelope]) -> None:
        mine = [envelope for envelope in envelopes if envelope.stream in self.streams]
        if mine and self.failures:
            raise self.failures.pop(0)
        self.applied += [(envelope.stream, envelope.version) for envelope in mine]


@asynccontextmanager
async def consuming(broker: Kafka, group: str, receiver: Any) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    role = ConsumerRole(broker.bootstrap_servers, group, [UPLOADS], receiver)
    task = asyncio.create_task(role.run(stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 20)


async def test_a_new_group_reads_from_the_start_and_a_reread_from_offset_0_changes_nothing(
    pool: asyncpg.Pool, broker: Kafka, producer: AIOKafkaProducer, stream_of: Streams, until: Until
) -> None:
    stream = stream_of(5)
    await send(producer, stream)
    recorder = Recorder(stream[0].stream)
    inbox = Inbox(pool, "reader", recorder.apply)
    for group in (str(uuid4()), str(uuid4())):  # the second has lost its offsets
        last = stream_of(1)
        recorder.streams.add(last[0].stream)
        async with consuming(broker, group, inbox):
            await send(producer, last)
            await until(lambda: _async((last[0].stream, 1) in recorder.applied), "the last event sent is applied")  # noqa: B023
    assert [one for one in recorder.applied if one[0] == stream[0].stream] == [
        (stream[0].stream, n) for n in range(1, 6)
    ]


async def _async(value: bool) -> bool:
    return value


async def test_a_fault_that_passes_is_waited_out_and_nothing_is_parked(
    pool: asyncpg.Pool, broker: Kafka, producer: AIOKafkaProducer, stream_of: Streams, until: Until
) -> None:
    stream = stream_of(3)
    recorder = Recorder(stream[0].stream)
    recorder.failures = [ConnectionResetError("first"), ConnectionResetError("second")]
    async with consuming(broker, str(uuid4()), Inbox(pool, "reader", recorder.apply)):
        await send(producer, stream)
        await until(lambda: _async(len(recorder.applied) == 3), "all events are applied")
    assert recorder.applied == [(stream[0].stream, n) for n in (1, 2, 3)]
    assert await pool.fetchval("SELECT count(*) FROM parked_events") == 0


@pytest.mark.parametrize(
    ("value", "headers", "code"),
    [
        (b"\xff\xfe not json", [], "not_a_cloudevent"),
        (b"{}", [("ce_specversion", b"1.0"), ("odd", b"\xff\xfe\0")], "attributes_invalid"),
        (b'{"a": "\\u0000"}', [("ce_specversion", b"1.0")], "body_not_storable"),
        (b"{", [("ce_specversion", b"1.0"), ("content-type", b"application/json")], "body_not_json"),
        (None, [("ce_specversion", b"1.0")], "body_not_json"),
    ],
)
async def test_a_record_that_is_no_event_is_kept_as_a_dead_letter_and_the_next_is_applied(
    pool: asyncpg.Pool, broker: Kafka, producer: AIOKafkaProducer, stream_of: Streams, until: Until,
    value: bytes | None, headers: list[tuple[str, bytes]], code: str,
) -> None:  # fmt: skip
    sent = await producer.send_and_wait(UPLOADS, value, key=b"k", headers=headers)
    stream = stream_of(1)
    await send(producer, stream)
    recorder = Recorder(stream[0].stream)
    async with consuming(broker, str(uuid4()), Inbox(pool, "reader", recorder.apply)):
        await until(lambda: _async(bool(recorder.applied)), "the good event is applied")
        row = await pool.fetchrow(
            "SELECT error_code, value FROM dead_letters WHERE partition = $1 AND record_offset = $2",
            sent.partition, sent.offset,
        )  # fmt: skip
    assert row is not None
    assert (row["error_code"], row["value"]) == (code, value)


async def test_a_defect_that_fails_everything_ends_the_role_with_that_error(
    pool: asyncpg.Pool, broker: Kafka, producer: AIOKafkaProducer, stream_of: Streams
) -> None:
    async def broken(_connection: Any, _envelopes: Sequence[Envelope]) -> None:
        raise TypeError("a defect")

    for _ in range(4):
        await send(producer, stream_of(1))
    inbox = Inbox(pool, "reader", broken, max_failures_in_a_row=3)
    async with consuming(broker, str(uuid4()), inbox) as task:
        with pytest.raises(Exception, match="failed in a row"):
            await asyncio.wait_for(task, 30)


async def test_an_operators_request_has_the_consumer_redrive(
    pool: asyncpg.Pool, stream_of: Streams, until: Until
) -> None:
    stream = stream_of(2)
    recorder = Recorder(stream[0].stream)
    recorder.failures = [ValueError("whole"), ValueError("one by one")]
    inbox = Inbox(pool, "reader", recorder.apply)
    await inbox.receive(stream)
    assert recorder.applied == []
    stop = asyncio.Event()
    attending = asyncio.create_task(redrive.attend(pool, "reader", inbox.redrive, stop))
    assert await redrive.request(pool, "reader") == 1
    await until(lambda: _async(len(recorder.applied) == 2), "both events are applied")
    stop.set()
    await attending
    assert await pool.fetchval("SELECT count(*) FROM parked_events") == 0


async def test_a_handler_runs_in_the_trace_of_what_caused_the_event(pool: asyncpg.Pool, stream_of: Streams) -> None:
    exporter = InMemorySpanExporter()
    telemetry.configure("test", "test").add_span_processor(SimpleSpanProcessor(exporter))
    dispatcher = Dispatcher("reader")
    seen: list[str | None] = []

    @dispatcher.on(UploadWithdrawn)
    async def _handle(_connection: Any, _event: UploadWithdrawn, _envelope: Envelope) -> None:
        seen.append(current_traceparent())

    with span_from(None, "request"):
        record = {**stream_of(1)[0].to_record(), "traceparent": current_traceparent()}
    await Inbox(pool, "reader", dispatcher.apply).receive([Envelope.from_record(record)])
    spans = {span.name: span for span in exporter.get_finished_spans()}
    request, process = spans["request"], spans["process upload.withdrawn.v1"]
    assert process.context is not None
    assert request.context is not None
    assert process.context.trace_id == request.context.trace_id
    assert process.parent is not None
    assert process.parent.span_id == request.context.span_id
    assert seen[0] is not None
    assert f"{request.context.trace_id:032x}" in seen[0]


async def test_a_consumer_of_topics_that_are_not_there_stops_when_told(broker: Kafka, pool: asyncpg.Pool) -> None:
    stop = asyncio.Event()
    role = ConsumerRole(broker.bootstrap_servers, str(uuid4()), ["not-there"], Inbox(pool, "reader", Recorder().apply))
    running = asyncio.create_task(role.run(stop))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(running), 1)
    stop.set()
    await asyncio.wait_for(running, 10)
