from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from dataplatform.telemetry.tracing import configure_traces, current_traceparent, span, span_from

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_traceparent_carries_a_trace_from_one_process_to_the_next() -> None:
    exporter = InMemorySpanExporter()
    configure_traces("some-svc", "api").add_span_processor(SimpleSpanProcessor(exporter))
    with span_from(f"00-{TRACE}-b7ad6b7169203331-01", "receive", SpanKind.CONSUMER, queue="q"):
        with span("inner"):
            pass
        carried = current_traceparent()
    with span_from(carried, "work"):
        pass
    inner, receive, work = exporter.get_finished_spans()
    assert {item.context.trace_id for item in (inner, receive, work) if item.context} == {int(TRACE, 16)}
    assert receive.attributes is not None
    assert receive.attributes["queue"] == "q"
    assert inner.parent is not None
    assert work.parent is not None
    assert receive.context is not None
    assert inner.parent.span_id == work.parent.span_id == receive.context.span_id


def test_outside_of_a_span_there_is_no_traceparent() -> None:
    assert current_traceparent() is None


def test_a_malformed_traceparent_starts_a_new_trace() -> None:
    configure_traces("some-svc", "api")
    with span_from("nonsense", "work") as opened:
        assert opened.get_span_context().is_valid
        assert opened.get_span_context().trace_id != int(TRACE, 16)


def test_configuring_twice_keeps_the_provider() -> None:
    assert configure_traces("a", "b") is configure_traces("c", "d")
