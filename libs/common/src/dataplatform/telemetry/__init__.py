"""What a role tells about itself: logs, traces, metrics, health. Call `configure` first thing in a role.

Re-exported here is what most modules need; `http` has the middleware, `serving` the HTTP server inside a role's loop.
"""

from opentelemetry.sdk.trace import TracerProvider

from dataplatform.telemetry.health import Health, health_app
from dataplatform.telemetry.logs import configure_logs
from dataplatform.telemetry.serving import serve, stop_on_signals
from dataplatform.telemetry.tracing import configure_traces, current_traceparent, span_from

__all__ = ["Health", "configure", "current_traceparent", "health_app", "serve", "span_from", "stop_on_signals"]


def configure(service: str, role: str, *, log_level: str = "INFO", otlp_endpoint: str | None = None) -> TracerProvider:
    """Set up JSON logs on stdout and the tracer provider of this process; safe to call again."""
    configure_logs(service, role, level=log_level)
    return configure_traces(service, role, otlp_endpoint=otlp_endpoint)
