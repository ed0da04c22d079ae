"""One trace from the HTTP request over the Kafka message to the worker's job and the message that follows from it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from dataplatform import telemetry
from dataplatform.events.base import Event
from dataplatform.events.ingest import UPLOADS, UploadWithdrawn
from dataplatform.jobs.queue import Job, enqueue
from dataplatform.jobs.worker import Conclude, Heart, Worker
from dataplatform.log import store, topics
from dataplatform.log.consumer import ConsumerRole
from dataplatform.log.dispatch import Dispatcher
from dataplatform.log.envelope import Context, Envelope
from dataplatform.log.inbox import Inbox
from dataplatform.log.relay import Relay
from dataplatform.telemetry.http import RequestMiddleware
from dataplatform_stack.services import Kafka

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Make = Callable[[UUID], UploadWithdrawn]
Until = Callable[..., Awaitable[None]]


@pytest.fixture
def spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    telemetry.configure("test", "test").add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture
async def _pipeline(pool: asyncpg.Pool, log_url: str, kafka_server: Kafka) -> AsyncIterator[None]:
    """A service's relay, consumer and worker, whose jobs append an event."""
    kafka_server.start()
    await topics.apply(kafka_server.bootstrap_servers)
    stop, dispatcher = asyncio.Event(), Dispatcher("reader")

    @dispatcher.on(UploadWithdrawn)
    async def request_job(connection: Any, event: UploadWithdrawn, envelope: Envelope) -> None:
        await enqueue(connection, "work", str(event.upload_id), event.to_data(), context=Context.caused_by(envelope))

    async def perform(job: Job, _heart: Heart) -> Conclude:
        async def conclude(connection: Any) -> None:
            event = UploadWithdrawn.from_data({**job.payload, "upload_id": str(uuid4())})
            context = Context(job.correlation_id, job.causation_id, telemetry.current_traceparent())
            await append(connection, event, context)

        return conclude

    async def conclude_failure(*_: Any) -> None:
        raise AssertionError("no job fails here")

    tasks = [
        Relay(log_url, kafka_server.bootstrap_servers).run(stop),
        ConsumerRole(
            kafka_server.bootstrap_servers, str(uuid4()), [UPLOADS], Inbox(pool, "reader", dispatcher.apply)
        ).run(stop),
        Worker(pool, log_url, "work", perform, conclude_failure).run(stop),
    ]
    running = [asyncio.create_task(task) for task in tasks]
    yield
    stop.set()
    await asyncio.wait_for(asyncio.gather(*running), 20)


async def append(connection: Any, event: Event, context: Context) -> None:
    await store.append(connection, 0, [event], service="ingest-svc", now=NOW, context=context)


@pytest.mark.usefixtures("_pipeline")
async def test_request_message_and_job_are_one_trace(
    pool: asyncpg.Pool, spans: InMemorySpanExporter, withdrawal: Make, until: Until
) -> None:
    event = withdrawal(uuid4())

    async def withdraw(_request: Request) -> PlainTextResponse:
        async with pool.acquire() as connection, connection.transaction():
            await append(connection, event, Context.begin(uuid4()))
        return PlainTextResponse("ok")

    app = RequestMiddleware(Starlette(routes=[Route("/withdraw", withdraw, methods=["POST"])]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        await client.post("/withdraw")
    request = next(span for span in spans.get_finished_spans() if span.name.startswith("POST"))

    async def job_has_ended() -> bool:
        # the topic is shared with other tests: what they sent makes jobs too
        return any(span.name == "job work" and is_in(request, span) for span in spans.get_finished_spans())

    await until(job_has_ended, "the job of this request has ended")
    followed = await pool.fetch("SELECT traceparent FROM events WHERE stream_id <> $1", event.stream)
    found = spans.get_finished_spans()
    consumed = next(span for span in found if span.name == "process upload.withdrawn.v1" and is_in(request, span))
    job = next(span for span in found if span.name == "job work" and is_in(request, span))
    assert parent_of(consumed) == id_of(request)
    assert parent_of(job) == id_of(consumed)
    assert any(f"{trace_of(request):032x}" in row["traceparent"] for row in followed)


def trace_of(span: ReadableSpan) -> Any:
    assert span.context is not None
    return span.context.trace_id


def id_of(span: ReadableSpan) -> Any:
    assert span.context is not None
    return span.context.span_id


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def is_in(request: ReadableSpan, span: ReadableSpan) -> bool:
    return bool(trace_of(span) == trace_of(request))
