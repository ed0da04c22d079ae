"""REST: findings and scores of a version, profiles of its tables and columns."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from catalog_svc.access import principals
from catalog_svc.findings import selectors
from catalog_svc.findings.gathering import gather
from catalog_svc.listing import Listing, code, integer, text
from catalog_svc.objects import documents
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.picking import pick
from catalog_svc.refusals import refusals
from dataplatform.events.base import Measure, ObjectRef
from dataplatform.problems import Problem

router: Final = Router(tags=["quality"])


class FindingOut(Schema):
    """Something that was found of a version."""

    finding_id: str
    source: Literal["report", "contract", "anomalies", "drift"]
    kind: Literal["repair", "finding", "misfit", "unextracted", "rule", "anomaly", "drift"]
    code: str = Field(description="What exactly: stable, as the document has it")
    severity: Literal["info", "warning", "critical"]
    table: str | None = Field(description="Name of the table, where it is about one")
    column: str | None
    count: int | None = Field(description="How often, where it is counted")
    detail: str | None = Field(description="Where or what, in words")
    evidence: str = Field(description="The document that tells more")


class TableScores(Schema):
    """The measures of one table."""

    table_id: UUID
    row_count: int
    measures: list[Measure]


class DimensionOut(Schema):
    """The measures of one dimension of quality."""

    dimension: str
    measures: list[Measure]


class AssessmentOut(Schema):
    """How good a version is, by dimension and measure, each with the version of its definition."""

    assessment_id: UUID
    version_id: UUID
    overall: float | None
    dimensions: list[DimensionOut]
    tables: list[TableScores]
    rules: dict[str, Any] | None = Field(description="What became of the contract's rules, as counts")
    assessed_at: datetime
    links: dict[str, str]


class ProfiledTable(Schema):
    """The profile of one table: its measures, and a page of its columns."""

    table_id: UUID
    name: str
    row_count: int
    measures: list[dict[str, Any]]
    items: list[dict[str, Any]] = Field(description="Columns, as the profile document has them")
    next: str | None


FINDINGS: Final = Listing(
    "findings",
    FindingOut,
    (
        code("source"),
        code("kind"),
        code("code"),
        code("severity"),
        text("table", optional=True),
        text("column", optional=True),
        integer("count", optional=True),
        code("finding_id"),
    ),
    order=["source", "table", "column", "code"],
    key="finding_id",
)
MOST_PROFILES: Final = 200
_MEASURES: Final = "tables.item.measures"
_TABLE: Final = "tables.item.table_id"
_COLUMN: Final = "tables.item.columns.item"


@router.get(
    "/versions/{uuid:version_id}/findings",
    response=Page[FindingOut],
    summary="List what was found of a version",
    openapi_extra=FINDINGS.described("not_found", "version_withdrawn", "object_gone", "document_too_large"),
)
async def list_findings(
    request: HttpRequest, version_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> object:
    """Return repairs, findings, broken rules, kinds of suspicious cells and drift of a version in one list.

    What quality-svc finds at its closer look comes some time after the version is served.
    """
    asked = FINDINGS.asked(request)
    about = await sync_to_async(lambda: selectors.documents_of(principals.principal_of(request), version_id))()
    found = asked.page_of(await gather(about), cursor, limit, scope=str(version_id))
    return asked.answer(found.rows, found.next)


@router.get(
    "/versions/{uuid:version_id}/assessment",
    response=AssessmentOut,
    summary="Show the scores of a version",
    openapi_extra=refusals("not_found", "version_withdrawn"),
)
def show_assessment(request: HttpRequest, version_id: UUID) -> dict[str, Any]:
    """Return the quality of a version by dimension and measure, over all tables and for each."""
    found = selectors.assessment_of(principals.principal_of(request), version_id)
    by_dimension: dict[str, list[Any]] = {}
    for measure in found.measures:
        by_dimension.setdefault(measure["dimension"], []).append(measure)
    counts = ("passed", "failed", "not_evaluated", "critical_failed")
    base = f"/api/v1/versions/{version_id}"
    links = {"version": base, "findings": f"{base}/findings", "quality": f"{base}/quality"}
    return {
        "assessment_id": found.assessment_id,
        "version_id": version_id,
        "overall": found.overall,
        "dimensions": [{"dimension": name, "measures": by_dimension[name]} for name in sorted(by_dimension)],
        "tables": [table | {"measures": table.get("measures", [])} for table in found.tables],
        "rules": {name: found.rules[name] for name in counts} if found.rules else None,
        "assessed_at": found.ended_at,
        "links": links | ({"contract-result": f"{base}/contract-result"} if found.rules else {}),
    }


@router.get(
    "/versions/{uuid:version_id}/contract-result",
    summary="Show what became of a version's contract",
    response={200: dict[str, Any]},
    openapi_extra=refusals(
        "not_found", "version_withdrawn", "object_gone", "document_too_large", "object_store_unavailable"
    ),
)
async def show_contract_result(request: HttpRequest, version_id: UUID) -> StreamingHttpResponse:
    """Return the result of every clause of the contract that held, as quality-svc wrote it."""
    found = await sync_to_async(lambda: selectors.contract_result(principals.principal_of(request), version_id))()
    return StreamingHttpResponse(
        await documents.pieces(found),
        content_type="application/json",
        headers={"Content-Length": str(found.size_bytes), "ETag": f'"{found.sha256}"'},
    )


@router.get(
    "/tables/{uuid:table_id}/profile",
    response=ProfiledTable,
    summary="Show the profile of a table",
    openapi_extra=refusals(
        "not_found", "version_withdrawn", "object_gone", "document_too_large", "object_store_unavailable"
    ),
)
async def show_table_profile(
    request: HttpRequest,
    table_id: UUID,
    limit: Annotated[int, Query(ge=1, le=MOST_PROFILES)] = DEFAULT_LIMIT,
    after: Annotated[int | None, Query(ge=0, le=2**31, description="`next` of the page before")] = None,
) -> dict[str, Any]:
    """Return the measures of a table and what its columns hold, a page of columns after another."""
    table, profile = await sync_to_async(lambda: selectors.profile_of(principals.principal_of(request), table_id))()
    columns: list[dict[str, Any]] = []
    measures: list[dict[str, Any]] = []
    first = after or 0
    async for place, part in _of_table(profile, table_id):
        if place == _MEASURES:
            measures = part
        elif first <= part["position"] <= first + limit:
            columns.append(part)
    more = len(columns) > limit
    return {
        "table_id": table_id,
        "name": table.name,
        "row_count": table.row_count,
        "measures": measures,
        "items": columns[:limit],
        "next": str(first + limit) if more else None,
    }


@router.get(
    "/tables/{uuid:table_id}/columns/{int:position}/profile",
    response={200: dict[str, Any]},
    summary="Show the profile of a column",
    openapi_extra=refusals(
        "not_found", "version_withdrawn", "object_gone", "document_too_large", "object_store_unavailable"
    ),
)
async def show_column_profile(request: HttpRequest, table_id: UUID, position: int) -> dict[str, Any]:
    """Return what one column holds, by its position from 0."""
    _, profile = await sync_to_async(lambda: selectors.profile_of(principals.principal_of(request), table_id))()
    async for place, part in _of_table(profile, table_id):
        if place == _COLUMN and part["position"] == position:
            return dict(part)
    raise Problem("not_found", "Not found", 404, "there is no such column")


async def _of_table(profile: ObjectRef, table_id: UUID) -> AsyncIterator[tuple[str, Any]]:
    """Yield the columns and the measures of one table of a profile; a table's id stands before them."""
    here = False
    async for place, part in pick(profile, (_TABLE, _COLUMN, _MEASURES)):
        if place == _TABLE:
            if here:
                return
            here = part == str(table_id)
        elif here:
            yield place, part
