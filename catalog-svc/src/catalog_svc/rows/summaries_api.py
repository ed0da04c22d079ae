"""REST: rows summed up - groups and measures, the values of a column, histograms - over what a filter leaves."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from catalog_svc.rows import aggregation, language
from catalog_svc.rows.aggregation import Aggregation, Expression, Span
from catalog_svc.rows.api import FILTERS, SelectionIn
from catalog_svc.rows.operands import TEMPORAL, family
from catalog_svc.rows.reading import Source, asked_by, engine, source_of
from catalog_svc.rows.values import to_json
from dataplatform.paging import decode, encode

router = Router(tags=["data"])

Groups = Annotated[int, Query(ge=1, le=10_000)]
Listed = Annotated[list[str], Query()]
Cursor = Annotated[str | None, Query(max_length=512)]


class GroupsOut(Schema):
    """Groups with their measures, each an object by the name that was asked for."""

    columns: list[str]
    items: list[dict[str, Any]]
    next: str | None = None


class AggregationIn(SelectionIn):
    """What to group by, what to measure, in which order."""

    group_by: list[str | list[Any]] = Field(default=[])
    measures: list[str | list[Any]] = Field(default=["count()"])
    order: list[str] = Field(
        default=[], description="Names of groups or measures as written, `-` before one: descending"
    )
    limit: int = Field(default=1000, ge=1, le=10_000)
    cursor: str | None = Field(default=None, max_length=512)


class ValuesOut(Schema):
    """Values of a column and how often each occurs."""

    items: list[dict[str, Any]]
    next: str | None = None


class Bin(Schema):
    """A bin from `low` up to, but without, `high`; the last one has both its ends."""

    low: float | str
    high: float | str
    count: int


class HistogramOut(Schema):
    """Bins of equal width over the finite values of a column."""

    rows: int
    nulls: int
    not_finite: int = Field(description="NaN and infinities, which are in no bin")
    bins: list[Bin]


@router.get(
    "/tables/{uuid:table_id}/rows/aggregate", response=GroupsOut, summary="Group and measure", description=FILTERS
)
async def aggregate(
    request: HttpRequest, table_id: UUID, *, group_by: Listed = [], measure: Listed = [], order: Listed = [],  # noqa: B006
    limit: Groups = 1000, cursor: Cursor = None,
) -> object:  # fmt: skip
    """Return groups: `group_by=city&group_by=month(day)&measure=sum(price)&order=-sum(price)&limit=10`."""
    asked = asked_by(request, {"group_by", "measure", "order"})
    wanted = Aggregation(_expressions(group_by), _expressions(measure or ["count()"]), tuple(order))
    return await _groups(await source_of(request, table_id), asked, wanted, limit, cursor)


@router.post("/tables/{uuid:table_id}/rows/aggregate", response=GroupsOut, summary="Group and measure a query")
async def aggregate_queried(request: HttpRequest, table_id: UUID, body: AggregationIn) -> object:
    """Do what `GET` does, for a question that is too long for a URL."""
    wanted = Aggregation(_expressions(body.group_by), _expressions(body.measures), tuple(body.order))
    return await _groups(await source_of(request, table_id), body.selection(), wanted, body.limit, body.cursor)


@router.get(
    "/tables/{uuid:table_id}/rows/distinct", response=ValuesOut, summary="Values of a column", description=FILTERS
)
async def distinct(
    request: HttpRequest, table_id: UUID, *, column: str, order: Literal["count", "value"] = "count",
    limit: Groups = 100, cursor: Cursor = None,
) -> object:  # fmt: skip
    """Return the different values of a column with their counts, most frequent first or in their order."""
    source = await source_of(request, table_id)
    chosen = source.choose(asked_by(request, {"column", "order"}))
    first = _first(cursor)
    query = aggregation.distinct(chosen, source.paths, column, order, limit=limit, offset=first)
    _, rows = await engine().run(query.sql, query.parameters)
    items = [{"value": to_json(value), "count": count} for value, count in rows[:limit]]
    return {"items": items, "next": encode([first + limit]) if len(rows) > limit else None}


@router.get("/tables/{uuid:table_id}/rows/histogram", response=HistogramOut, summary="Histogram", description=FILTERS)
async def histogram(
    request: HttpRequest, table_id: UUID, column: str, bins: Annotated[int, Query(ge=1, le=aggregation.MAX_BINS)] = 20
) -> object:
    """Return counts of a number, date or time in bins of equal width; times are seconds since 1970 as ISO 8601."""
    source = await source_of(request, table_id)
    chosen = source.choose(asked_by(request, {"column", "bins"}))
    query = aggregation.span(chosen, source.paths, column)
    _, ((rows, nulls, not_finite, low, high),) = await engine().run(query.sql, query.parameters)
    found: list[dict[str, Any]] = []
    if low is not None:
        found = await _bins(source, chosen, column, Span(low, high), bins if high > low else 1)
    return {"rows": rows, "nulls": nulls, "not_finite": not_finite, "bins": found}


async def _bins(source: Source, chosen: Any, column: str, over: Span, bins: int) -> list[dict[str, Any]]:
    query = aggregation.histogram(chosen, source.paths, column, over, bins)
    _, rows = await engine().run(query.sql, query.parameters)
    counts: dict[int, int] = dict(rows)
    temporal = family(chosen.columns.named(column)) in TEMPORAL
    edges = [aggregation.moment(edge) if temporal else edge for edge in aggregation.bin_edges(over, bins)]
    return [{"low": edges[n], "high": edges[n + 1], "count": counts.get(n, 0)} for n in range(bins)]


async def _groups(
    source: Source, asked: language.Selection, wanted: Aggregation, limit: int, cursor: str | None
) -> dict[str, Any]:
    first = _first(cursor)
    query = aggregation.aggregate(source.choose(asked), source.paths, wanted, limit, first)
    _, rows = await engine().run(query.sql, query.parameters)
    items = [dict(zip(query.names, map(to_json, row), strict=True)) for row in rows[:limit]]
    return {"columns": query.names, "items": items, "next": encode([first + limit]) if len(rows) > limit else None}


def _expressions(texts: list[Any]) -> tuple[Expression, ...]:
    return tuple(map(aggregation.expression, texts))


def _first(cursor: str | None) -> int:
    key = decode(cursor, int)
    return max(0, key[0]) if key else 0
