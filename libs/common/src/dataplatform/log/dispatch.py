"""Which function a consumer runs for which event type: a registry of our own, keyed by `ce_type`."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

from opentelemetry import propagate, trace

from dataplatform.events.base import Event
from dataplatform.log.envelope import Envelope

E = TypeVar("E", bound=Event)
Handler = Callable[[Any, E, Envelope], Awaitable[None]]
"""Takes the connection whose transaction it runs in, the typed event and its envelope."""

_tracer = trace.get_tracer(__name__)


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


def consumer_span(consumer: str, envelope: Envelope) -> Any:
    """Return a context manager: the span of one consumed event, in the trace of its cause."""
    return _tracer.start_as_current_span(
        f"process {envelope.type}",
        context=propagate.extract({"traceparent": envelope.traceparent} if envelope.traceparent else {}),
        kind=trace.SpanKind.CONSUMER,
        attributes={
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.destination.name": envelope.topic,
            "messaging.consumer.group.name": consumer,
            "messaging.message.id": str(envelope.id),
        },
    )
