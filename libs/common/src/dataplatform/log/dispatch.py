"""Which function a consumer runs for which event type: a registry of our own, keyed by `ce_type`."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

from opentelemetry.trace import Span, SpanKind

from dataplatform.events.base import Event
from dataplatform.log.envelope import Envelope
from dataplatform.telemetry.tracing import span_from

E = TypeVar("E", bound=Event)
Handler = Callable[[Any, E, Envelope], Awaitable[None]]
"""Takes the connection whose transaction it runs in, the typed event and its envelope."""


class Dispatcher:
    """Applies events one by one by the handlers registered; a known type without a handler is of no interest here.

    A type that this release does not know raises `UnknownEventTypeError`: its stream is parked until an upgrade.
    """

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._handlers: dict[str, Handler[Any]] = {}

    def on(self, event_type: type[E]) -> Callable[[Handler[E]], Handler[E]]:
        """Register the decorated function for an event type."""

        def register(handler: Handler[E]) -> Handler[E]:
            self._handlers[event_type.type] = cast("Handler[Any]", handler)
            return handler

        return register

    async def apply(self, connection: Any, envelopes: Sequence[Envelope]) -> None:
        """Apply events in the transaction of `connection`, each inside a span of the trace it belongs to."""
        for envelope in envelopes:
            event = envelope.event()
            handler = self._handlers.get(envelope.type)
            if handler is None:
                continue
            with consumer_span(self._consumer, envelope):
                await handler(connection, event, envelope)


def consumer_span(consumer: str, envelope: Envelope) -> AbstractContextManager[Span]:
    """Return a context manager: the span of one consumed event, in the trace of its cause."""
    attributes = {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": envelope.topic,
        "messaging.consumer.group.name": consumer,
        "messaging.message.id": str(envelope.id),
    }
    return span_from(envelope.traceparent, f"process {envelope.type}", SpanKind.CONSUMER, **attributes)
