"""What ingest counts. The depth of its outbox is measured by `dataplatform.log.metrics`."""

from prometheus_client import Counter, Histogram

from dataplatform.telemetry.metrics import LATENCY_BUCKETS_SECONDS

UPLOADS = Counter("dataplatform_ingest_uploads_total", "Uploads that ended, by how", ("outcome", "format"))
"""`outcome` is received, rejected, replayed or the code of the problem that ended it."""
BYTES = Counter("dataplatform_ingest_bytes_total", "Bytes of request bodies taken in, whatever became of them")
SECONDS = Histogram(
    "dataplatform_ingest_upload_seconds",
    "Time from the first byte of an upload to its answer",
    ("outcome",),
    buckets=LATENCY_BUCKETS_SECONDS,
)
SWEPT = Counter("dataplatform_ingest_swept_total", "What the sweep removed, by kind", ("kind",))
