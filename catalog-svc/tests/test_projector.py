"""What the projector tells the world: addresses of objects, traces that join causes and effects."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from catalog_svc.manifests import uri
from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.settings import SERVICE, settings
from dataplatform import telemetry
from dataplatform.storage import open_store


@pytest.mark.integration
@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/a/prefix", "s3://bucket/prefix/", "file:{}"])
async def test_an_address_is_the_one_that_the_store_gives(catalog_url: str, tmp_path: Path, url: str) -> None:
    url = url.format(f"//{tmp_path}")
    found = settings().model_copy(update={"object_store_url": url})
    key = "tables/8f14e45f/part-00000.parquet"
    async with open_store(found) as store:
        assert uri(url, key) == store.uri(key)


@pytest.mark.integration
def test_what_follows_from_an_event_is_in_the_trace_of_its_cause(
    catalog: psycopg.Connection[Any], inbox: ProjectionInbox, story: Any, clock: Callable[[], datetime]
) -> None:
    exporter = InMemorySpanExporter()
    telemetry.configure(SERVICE, "projector").add_span_processor(SimpleSpanProcessor(exporter))
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    story.traceparent = f"00-{trace}-00f067aa0ba902b7-01"
    inbox.receive(story.published())
    told = catalog.execute("SELECT type, traceparent FROM events ORDER BY position").fetchall()
    assert [row[0] for row in told] == ["dataset.registered.v1", "version.published.v1"]
    assert {row[1].split("-")[1] for row in told} == {trace}
    spans = [span for span in exporter.get_finished_spans() if span.context and span.context.trace_id == int(trace, 16)]
    assert {span.context.span_id for span in spans if span.context} >= {int(row[1].split("-")[2], 16) for row in told}
