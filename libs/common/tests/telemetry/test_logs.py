import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from dataplatform.telemetry.logs import configure_logs
from dataplatform.telemetry.tracing import configure_traces, span_from


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs("some-svc", "api", stream=stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_structlog_and_the_standard_library_write_the_same_json(stream: io.StringIO) -> None:
    structlog.get_logger("a").info("something.happened", count=3)
    logging.getLogger("b").warning("old %s", "style")
    first, second = _lines(stream)
    assert (first["event"], first["count"], first["level"], first["logger"]) == ("something.happened", 3, "info", "a")
    assert (second["event"], second["level"], second["service"], second["role"]) == (
        "old style",
        "warning",
        "some-svc",
        "api",
    )
    assert first["time"].endswith("Z")


def test_an_exception_stays_one_line(stream: io.StringIO) -> None:
    try:
        int("odd\nvalue")
    except ValueError:
        structlog.get_logger().exception("it.failed")
    (line,) = _lines(stream)
    assert "ValueError: invalid literal" in line["exception"]


def test_a_line_names_the_trace_it_belongs_to(stream: io.StringIO) -> None:
    configure_traces("some-svc", "api")
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    with span_from(f"00-{trace_id}-b7ad6b7169203331-01", "work"):
        structlog.get_logger().info("inside")
    assert _lines(stream)[0]["trace_id"] == trace_id


def test_noise_below_the_level_is_dropped(stream: io.StringIO) -> None:
    structlog.get_logger().debug("quiet")
    logging.getLogger("httpx").info("GET /")
    assert stream.getvalue() == ""
