"""OpenTelemetry traces and the W3C `traceparent` that carries them through events and jobs."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

_PROPAGATOR = TraceContextTextMapPropagator()
_TRACER = trace.get_tracer("dataplatform")


def configure_traces(service: str, role: str, *, otlp_endpoint: str | None = None) -> TracerProvider:
    """Install this process's tracer provider once and return it; spans are exported only if an endpoint is given.

    Tests add a processor with an in-memory exporter to the provider that is returned.
    """
    installed = trace.get_tracer_provider()
    if isinstance(installed, TracerProvider):
        return installed
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.role": role}))
    if otlp_endpoint:
        # Imported late: the exporter costs every role without one start-up time and memory.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider


def current_traceparent() -> str | None:
    """Return the current span's `traceparent`, or None outside of any span."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


def context_from(traceparent: str | None) -> Context:
    """Return the OpenTelemetry context a `traceparent` describes; an empty one if it is absent or malformed."""
    return _PROPAGATOR.extract({"traceparent": traceparent} if traceparent else {}, context=Context())


@contextmanager
def span_from(
    traceparent: str | None,
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    **attributes: AttributeValue,
) -> Iterator[Span]:
    """Open a span as a child of `traceparent` (a root if None); an exception is recorded on it and goes on."""
    with _TRACER.start_as_current_span(name, context_from(traceparent), kind, attributes) as span:
        yield span


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: AttributeValue) -> Iterator[Span]:
    """Open a span as a child of the current one."""
    with _TRACER.start_as_current_span(name, None, kind, attributes) as opened:
        yield opened
