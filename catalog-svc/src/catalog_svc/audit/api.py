"""REST: the audit log, listed and exported."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Router, Schema
from pydantic import ConfigDict, Field, JsonValue

from catalog_svc.access import principals
from catalog_svc.audit import selectors
from catalog_svc.audit.models import AuditEntry
from catalog_svc.listing import Listing, code, integer, moment, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.rows.exports import FORMULA
from dataplatform.problems import Problem

router: Final = Router(tags=["audit"])

_ID: Final = "cff8b7ec-92e8-5a87-9361-00b217309134"
_SHOWN: Final[dict[str, JsonValue]] = {
    "id": 42, "occurred_at": "2026-03-01T12:00:00Z", "by": _ID, "action": "access.granted", "subject": "dataset",
    "subject_id": _ID, "institution": "demo", "outcome": "done", "correlation_id": _ID, "details": {"role": "reader"},
}  # fmt: skip
_EXPORTS: Final = ("application/x-ndjson", "text/csv")


class AuditEntryOut(Schema):
    """Somebody did something to something, or was refused it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SHOWN]})

    id: int
    occurred_at: datetime
    by: UUID | None = Field(description="The account; absent where the platform itself did it")
    action: str
    subject: str
    subject_id: str
    institution: str | None
    outcome: Literal["done", "refused"]
    correlation_id: UUID
    details: dict[str, Any]


ENTRIES: Final = Listing(
    "audit entries",
    AuditEntryOut,
    (
        integer("id"),
        moment("occurred_at"),
        unique("by", optional=True),
        text("action"),
        code("subject"),
        text("subject_id"),
        text("institution", optional=True),
        code("outcome"),
        unique("correlation_id"),
    ),
    order=["-id"],
    key="id",
)


@router.get(
    "/audit-entries",
    response=Page[AuditEntryOut],
    summary="List the audit log",
    openapi_extra=ENTRIES.described("token_missing", "forbidden"),
)
def list_audit_entries(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return who did what, newest first: of the institutions that the caller administers; the platform's, of all."""
    principal = principals.required(request)
    rows = selectors.entries(principal)
    asked = ENTRIES.asked(request)
    found = asked.page(rows, cursor, limit, scope=str(principal.subject))
    return asked.answer([_out(entry) for entry in found.rows], found.next)


@router.get(
    "/audit-entries/export",
    summary="Export the audit log",
    response={200: dict[str, Any]},
    openapi_extra=ENTRIES.described("token_missing", "forbidden", "not_acceptable"),
)
async def export_audit_entries(request: HttpRequest) -> StreamingHttpResponse:
    """Return all entries that the conditions choose, oldest first, streamed as JSON lines or CSV, as `Accept` says."""
    rows = await sync_to_async(_chosen)(request)
    accepted = request.headers.get("Accept", "*/*")
    kind = next((name for name in _EXPORTS if request.accepts(name)), None)
    if kind is None:
        raise Problem("not_acceptable", "Not acceptable", 406, f"there is: {', '.join(_EXPORTS)}; not {accepted[:100]}")
    write = _lines if kind == _EXPORTS[0] else _table
    head = b"" if kind == _EXPORTS[0] else _csv([list(AuditEntryOut.model_fields)])
    return StreamingHttpResponse(
        _streamed(head, selectors.in_batches(rows), write),
        content_type=kind,
        headers={"Content-Disposition": f'attachment; filename="audit.{"ndjson" if write is _lines else "csv"}"'},
    )


def _chosen(request: HttpRequest) -> QuerySet[AuditEntry]:
    rows = selectors.entries(principals.required(request))
    return ENTRIES.asked(request).filtered(rows)


async def _streamed(
    head: bytes, batches: Iterator[list[AuditEntry]], write: Callable[[list[AuditEntry]], bytes]
) -> AsyncIterator[bytes]:
    if head:
        yield head
    while (batch := await sync_to_async(lambda: next(batches, None))()) is not None:
        yield write(batch)


def _lines(batch: list[AuditEntry]) -> bytes:
    return b"".join(AuditEntryOut.model_validate(_out(entry)).model_dump_json().encode() + b"\n" for entry in batch)


def _table(batch: list[AuditEntry]) -> bytes:
    shown = (AuditEntryOut.model_validate(_out(entry)).model_dump(mode="json") for entry in batch)
    return _csv([[_cell(value) for value in entry.values()] for entry in shown])


def _cell(value: Any) -> str:
    said = "" if value is None else json.dumps(value) if isinstance(value, dict) else str(value)
    return f"'{said}" if said.startswith(tuple(FORMULA)) else said


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text_ = io.StringIO()
    csv.writer(text_).writerows(rows)
    return text_.getvalue().encode()


def _out(entry: AuditEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in AuditEntryOut.model_fields}
