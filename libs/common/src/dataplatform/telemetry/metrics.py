"""The Prometheus registry of a process. Metrics are declared where they are counted, named `dataplatform_*`."""

from prometheus_client import REGISTRY, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

__all__ = ["CONTENT_TYPE", "LATENCY_BUCKETS_SECONDS", "REGISTRY", "exposition"]

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
LATENCY_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)


def exposition() -> bytes:
    """Return every metric in the text format."""
    return generate_latest(REGISTRY)
