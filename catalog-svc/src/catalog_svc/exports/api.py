"""REST: export jobs of tables, and their files by signed link."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Query, Router, Schema, Status
from pydantic import Field

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.correlation import correlation_id_of
from catalog_svc.exports import asking, links, selectors, services
from catalog_svc.exports.models import Export
from catalog_svc.listing import Listing, code, integer, moment, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.refusals import refusals
from catalog_svc.rows.api import BINARY, FILTERS
from catalog_svc.rows.compression import SUFFIX, Compression
from catalog_svc.rows.downloads_api import MEDIA_TYPES, PACKED, PACKED_ALREADY, Format, stored
from catalog_svc.rows.language import invalid
from catalog_svc.rows.naming import file_stem
from catalog_svc.rows.reading import asked_by, opened, table_of
from catalog_svc.settings import settings
from dataplatform.events.base import ObjectRef
from dataplatform.problems import Problem

router = Router(tags=["exports"])

LINK_HOURS: Final = 1
_SHAPE: Final = frozenset({"format", "compression", "escape_formulas"})
_REFUSED: Final = ("token_missing", "token_invalid", "not_found")


class Shape(Schema):
    """What kind of file is made."""

    format: Format = "parquet"
    compression: Annotated[Compression, Field(description="Not for parquet and xlsx, which are packed already")] = (
        "none"
    )
    escape_formulas: Annotated[
        bool, Field(description="In CSV: put a quote before text that a spreadsheet would run as a formula")
    ] = True


class ExportOut(Schema):
    """An export job. `file` is a link that needs no token, for an hour; every look at it gives a new one."""

    export_id: UUID
    table_id: UUID
    dataset_id: UUID
    state: Literal["queued", "running", "ready", "failed", "cancelled", "expired"]
    format: str = Field(examples=["csv"])
    compression: str = Field(examples=["gzip"])
    file_name: str = Field(examples=["stations.csv.gz"])
    rows_done: int = Field(examples=[120_000])
    rows_estimated: int = Field(description="Rows of the whole table: a filter leaves fewer", examples=[1_000_000])
    size_bytes: int | None
    sha256: str | None
    reason_code: str | None
    detail: str | None
    created_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None = Field(description="The file is deleted then")
    file: str | None
    links: dict[str, str]


EXPORTS: Final = Listing(
    "exports",
    ExportOut,
    (
        moment("created_at"),
        unique("export_id"),
        unique("table_id"),
        unique("dataset_id"),
        code("format"),
        code("compression"),
        text("file_name"),
        integer("rows_estimated", "row_estimate"),
        code("reason_code", optional=True),
        moment("ended_at", optional=True),
        moment("expires_at", optional=True),
    ),
    order=["-created_at"],
    key="export_id",
    parameters=["state"],
)


@router.post(
    "/tables/{uuid:table_id}/exports",
    response={202: ExportOut},
    summary="Ask for an export of a table",
    description=f"The file that `/tables/{{id}}/download` makes, in the background, for whatever takes long. {FILTERS}",
    openapi_extra=refusals(
        *_REFUSED, "version_withdrawn", "object_gone", "unknown_column", "unknown_parameter", "unknown_operator",
        "invalid_filter", "invalid_value", "invalid_query", "invalid_sample", "filter_too_large", "too_many_exports",
        "invalid_request",
    ),
)  # fmt: skip
async def ask_for_export(
    request: HttpRequest,
    response: HttpResponse,
    table_id: UUID,
    shape: Annotated[Shape, Query()],
) -> object:
    """Enqueue the job; `Location` is where it is looked at. What makes no sense for the table is refused at once."""
    principal = await sync_to_async(principals.required)(request)
    if shape.compression != "none" and shape.format in PACKED_ALREADY:
        raise invalid("invalid_query", f"{shape.format} is packed already: leave `compression` out")
    asked = asked_by(request, _SHAPE)
    table = await table_of(request, table_id)
    (await opened(table)).choose(asked)
    parameters = [(name, [str(one) for one in values]) for name, values in request.GET.lists() if name not in _SHAPE]
    stem = file_stem(table.name) or f"table-{table.index}"
    told = {
        **shape.dict(),
        "file_name": f"{stem}.{shape.format}{SUFFIX[shape.compression]}",
        "media_type": MEDIA_TYPES[shape.format] if shape.compression == "none" else PACKED[shape.compression],
    }
    made = await sync_to_async(services.ask)(
        principal, table, parameters, told, now=clock.now(), correlation_id=correlation_id_of(request)
    )
    response["Location"] = f"/api/v1/exports/{made.export_id}"
    return Status(202, _out(made, None))


@router.get(
    "/exports",
    response=Page[ExportOut],
    summary="List exports",
    openapi_extra=EXPORTS.described("token_missing", "token_invalid", "invalid_request"),
)
def list_exports(
    request: HttpRequest,
    state: Annotated[
        Literal["queued", "ready", "failed", "cancelled", "expired"] | None,
        Query(description="Only these; `queued` has those that run, too"),
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> object:
    """Return the exports that the bearer asked for within the last month, the newest first unless asked."""
    principal = principals.required(request)
    asked = EXPORTS.asked(request)
    found = asked.page(selectors.exports(principal, state), cursor, limit, scope=f"{principal.subject} {state}")
    running = selectors.running(found.rows)
    return asked.answer([_out(one, running.get(one.export_id)) for one in found.rows], found.next)


@router.get(
    "/exports/{uuid:export_id}", response=ExportOut, summary="Show an export", openapi_extra=refusals(*_REFUSED)
)
def show_export(request: HttpRequest, export_id: UUID) -> object:
    """Return how far an export is and, once it is ready, a link to its file."""
    return _shown(selectors.export(principals.required(request), export_id))


@router.delete(
    "/exports/{uuid:export_id}",
    response=ExportOut,
    summary="Cancel an export, or revoke its file",
    openapi_extra=refusals(*_REFUSED),
)
def cancel_export(request: HttpRequest, export_id: UUID) -> object:
    """Stop making it, or end all links to it and delete it. Twice is once."""
    principal = principals.required(request)
    found = selectors.export(principal, export_id)
    ended = services.take_back(found, principal, now=clock.now(), correlation_id=correlation_id_of(request))
    return _shown(ended)


_FILE: Final = {
    "responses": {
        200: {"description": "The file", "content": {"application/octet-stream": {"schema": BINARY}}},
        **refusals("link_invalid", "not_found", "link_expired", "export_gone", "version_withdrawn",
                   "range_not_satisfiable")["responses"],
    }
}  # fmt: skip


@router.get("/exports/{uuid:export_id}/file", summary="Fetch the file of an export", openapi_extra=_FILE)
async def fetch_export(
    request: HttpRequest,
    export_id: UUID,
    expires: Annotated[int, Query(ge=0, le=2**40)],
    signature: Annotated[str, Query(max_length=128)],
) -> HttpResponseBase:
    """Return the file, or the part that `Range` asks for. The link is the permission: no token is looked at.

    What whoever asked for the export may not see any more is not served either.
    """
    links.check(settings().secret_key.get_secret_value(), export_id, expires, signature, clock.now())
    export = await sync_to_async(_served)(export_id, clock.now())
    return await stored(request, ObjectRef.model_validate(export.object), export.file_name, export.media_type)


def _served(export_id: UUID, now: datetime) -> Export:
    found = Export.objects.filter(pk=export_id).first()
    over = found is None or found.state != "ready" or found.expires_at is None or found.expires_at <= now
    if found is None or over:
        raise Problem("export_gone", "Export gone", 410, "the export expired, or was taken back")
    asking.table_for(found, now)
    return found


def _shown(found: Export) -> dict[str, Any]:
    return _out(found, selectors.running([found]).get(found.export_id))


def _out(export: Export, running: int | None) -> dict[str, Any]:
    """Return what is shown of an export; `running`: how many rows are done of one that is being made."""
    plain = ("export_id", "table_id", "dataset_id", "format", "compression", "file_name", "reason_code", "detail",
             "created_at", "ended_at", "expires_at")  # fmt: skip
    now, own = clock.now(), f"/api/v1/exports/{export.export_id}"
    over = export.expires_at is not None and export.expires_at <= now
    ready = export.state == "ready" and not over
    kept = export.object if ready else None
    return {
        **{name: getattr(export, name) for name in plain},
        "state": "expired" if export.state == "ready" and over else "running" if running is not None else export.state,
        "rows_done": running or export.row_count or 0,
        "rows_estimated": export.row_estimate,
        "size_bytes": kept["size_bytes"] if kept else None,
        "sha256": kept["sha256"] if kept else None,
        "file": _link(export, now) if ready else None,
        "links": {"self": own, "table": f"/api/v1/tables/{export.table_id}"},
    }


def _link(export: Export, now: datetime) -> str:
    expires = now + timedelta(hours=LINK_HOURS)
    if export.expires_at is not None:
        expires = min(expires, export.expires_at)
    return links.link(settings().secret_key.get_secret_value(), export.export_id, expires)
