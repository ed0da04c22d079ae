"""What the lists of this app may be filtered and sorted by."""

from typing import Final

from catalog_svc.datasets.schemas import AlertOut, ColumnOut, TableOut, UploadOut, VersionOut
from catalog_svc.listing import Listing, boolean, code, integer, moment, number, text, unique

VERSIONS: Final = Listing(
    "versions",
    VersionOut,
    (
        integer("number"),
        unique("version_id"),
        unique("upload_id"),
        code("format"),
        text("handler"),
        integer("table_count"),
        number("quality", optional=True),
        text("licence", optional=True),
        moment("published_at"),
        moment("withdrawn_at", optional=True),
        code("withdrawn_reason", optional=True),
    ),
    order=["-number"],
    key="number",
)

TABLES: Final = Listing(
    "tables",
    TableOut,
    (integer("index"), unique("table_id"), text("name"), integer("row_count"), integer("column_count")),
    order=["index"],
    key="table_id",
)

COLUMNS: Final = Listing(
    "columns",
    ColumnOut,
    (
        integer("position"),
        text("name"),
        text("type"),
        text("source_name", optional=True),
        boolean("nullable"),
        text("description", optional=True),
    ),
    order=["position"],
    key="position",
)

UPLOADS: Final = Listing(
    "uploads",
    UploadOut,
    (
        moment("received_at"),
        unique("upload_id"),
        text("file_name"),
        code("format", optional=True),
        integer("size_bytes"),
        code("state"),
        code("reason_code", optional=True),
        integer("version_number", optional=True),
        moment("ended_at", optional=True),
    ),
    order=["-received_at"],
    key="upload_id",
)

ALERTS: Final = Listing(
    "alerts",
    AlertOut,
    (
        moment("raised_at"),
        unique("alert_id"),
        code("kind"),
        code("severity"),
        text("subject"),
        code("state"),
        unique("version_id", "run_id", optional=True),
        moment("acknowledged_at", optional=True),
        moment("resolved_at", optional=True),
    ),
    order=["-raised_at"],
    key="alert_id",
    parameters=["state"],
)
