"""REST: rows of a table. The load balancer sends these paths, and those of downloads and SQL, to the role `data`.

What rows are asked for is said as `language` has it; summaries are in `summaries_api`, files in `downloads_api`.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Field, Query, Router, Schema

from catalog_svc.rows import exports, language, selection
from catalog_svc.rows.reading import Source, asked_by, begun, engine, source_of
from catalog_svc.rows.values import to_json
from dataplatform.problems import Problem

router = Router(tags=["data"])

MAX_CELLS: Final = 200_000
"""Most cells of a page: a wide table gets fewer rows a page, and `next` for the others."""
MAX_LIMIT: Final = 10_000
JSON: Final = "application/json"
STREAMS: Final = {
    "application/x-ndjson": exports.ndjson,
    "text/csv": exports.csv,
    "application/vnd.apache.arrow.stream": exports.arrow,
}

FILTERS: Final = (
    "Rows are chosen by `column[operator]=value`, repeated for more conditions ("
    + ", ".join(f"`{name}`: {meaning}" for name, meaning in language.OPERATORS.items())
    + '); by `filter=` with JSON as `{"or": [{"column": "a", "op": "gt", "value": 1}, {"not": {"search": "x"}}]}`; '
    "by `q=` words in any text column; by `sample=1000` or `sample=5%` with `seed=`. `columns=a,b`, `sort=-a,b` and "
    "`rename[a]=b` say what is shown. Repeat a parameter instead of using commas where a name has one."
)

ASKED: Final[list[dict[str, Any]]] = [
    {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "description": told}
    for name, told in (
        ("filter", "Conditions as JSON: `and`, `or`, `not`, `search`; `column` with `op` and `value`"),
        ("q", "Words in any text column"),
        ("columns", "Only these, in this order, by commas"),
        ("sort", "By commas, `-` before what descends; nulls last"),
        ("sample", "A number of rows, or a share as `5%`"),
        ("seed", "Of the sample: a whole number"),
    )
]
"""What is asked of rows beside `column[operator]=value`, in the API document."""

BINARY: Final = {"type": "string", "contentMediaType": "application/octet-stream"}
_STREAMED: Final = {
    "parameters": ASKED,
    "responses": {
        200: {
            "description": "Rows: a page as JSON, all of them in the other formats",
            "content": {
                "application/x-ndjson": {"schema": {"type": "string"}},
                "text/csv": {"schema": {"type": "string"}},
                "application/vnd.apache.arrow.stream": {"schema": BINARY},
            },
        }
    }
}  # fmt: skip

PageSize = Annotated[
    int | None, Query(ge=1, le=2**53, description="Most rows; 100 of JSON unless said, at most 10,000")
]
Offset = Annotated[int, Query(ge=0, le=2**53)]
RowCursor = Annotated[str | None, Query(max_length=8192, description="`next` of the page before")]


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of the rows chosen: `limit` None is a hundred of a page, all of a stream."""

    limit: int | None
    offset: int
    cursor: str | None


class RowsOut(Schema):
    """Rows of a table, each an object by column name, in the order of the file or the one asked for."""

    columns: list[str]
    items: list[dict[str, Any]]
    row_count: int = Field(description="Rows of the whole table; `/rows/count` counts those that a filter leaves")
    next: str | None = None


class CountOut(Schema):
    """How many rows there are."""

    count: int


class SelectionIn(Schema):
    """Which rows: what the query string of `GET` says, with `and`, `or` and `not` of any depth up to 16."""

    filter: dict[str, Any] | None = None
    sort: list[str | dict[str, Any]] = Field(default=[])
    columns: list[str] | None = None
    rename: dict[str, str] = Field(default={})
    sample: str | int | None = Field(default=None, description="A number of rows, or a share as `5%`")
    seed: int = 0

    def selection(self) -> language.Selection:
        """Return it checked; raises 422 problems."""
        return language.from_body(self.model_dump(include=set(SelectionIn.model_fields)))


class RowsIn(SelectionIn):
    """A page of rows, or a stream of them."""

    limit: int | None = Field(default=None, ge=1, le=2**53)
    offset: int = Field(default=0, ge=0, le=2**53)
    cursor: str | None = Field(default=None, max_length=8192)


@router.get(
    "/tables/{uuid:table_id}/rows", response=RowsOut, summary="Read rows", description=FILTERS, openapi_extra=_STREAMED
)
async def read_rows(
    request: HttpRequest, table_id: UUID, limit: PageSize = None, offset: Offset = 0, cursor: RowCursor = None
) -> object:
    """Return a page from `offset`, or after the page that gave `cursor`; or all rows as a stream, as `Accept` says."""
    return await _rows(request, await source_of(request, table_id), asked_by(request), Part(limit, offset, cursor))


@router.post(
    "/tables/{uuid:table_id}/rows",
    response=RowsOut,
    summary="Query rows",
    description=FILTERS,
    openapi_extra={"responses": _STREAMED["responses"]},
)
async def query_rows(request: HttpRequest, table_id: UUID, body: RowsIn) -> object:
    """Do what `GET` does, for a question that is too long for a URL."""
    source = await source_of(request, table_id)
    return await _rows(request, source, body.selection(), Part(body.limit, body.offset, body.cursor))


@router.get(
    "/tables/{uuid:table_id}/rows/count",
    response=CountOut,
    summary="Count rows",
    description=FILTERS,
    openapi_extra={"parameters": ASKED},
)
async def count_rows(request: HttpRequest, table_id: UUID) -> object:
    """Return how many rows a filter leaves."""
    return await _count(await source_of(request, table_id), asked_by(request))


@router.post("/tables/{uuid:table_id}/rows/count", response=CountOut, summary="Count the rows of a query")
async def count_queried(request: HttpRequest, table_id: UUID, body: SelectionIn) -> object:
    """Do what `GET` does, for a question that is too long for a URL."""
    return await _count(await source_of(request, table_id), body.selection())


async def _count(source: Source, asked: language.Selection) -> dict[str, int]:
    query = selection.count(source.choose(asked), source.paths)
    _, rows = await engine().run(query.sql, query.parameters)
    return {"count": rows[0][0]}


async def _rows(request: HttpRequest, source: Source, asked: language.Selection, part: Part) -> object:
    chosen = source.choose(asked)
    media_type = accepted(request)
    if media_type == JSON:
        return await _page(source, chosen, part)
    if part.cursor is not None:
        raise language.invalid("invalid_query", "a stream has no cursor: it holds all rows, from `offset`")
    result = source.result(chosen, selection.whole(chosen, source.paths, part.limit, part.offset))
    pieces = await begun(STREAMS[media_type](engine(), result))
    return StreamingHttpResponse(pieces, content_type=media_type)


async def _page(source: Source, chosen: selection.Chosen, part: Part) -> dict[str, Any]:
    most = min(MAX_LIMIT, max(1, MAX_CELLS // max(1, len(chosen.names))))
    if part.limit is not None and part.limit > MAX_LIMIT:
        raise language.invalid("limit_too_large", f"a page has at most {MAX_LIMIT:,} rows; other formats have no limit")
    page = selection.page(chosen, source.paths, min(part.limit or 100, most), part.offset, part.cursor)
    _, rows = await engine().run(page.query.sql, page.query.parameters)
    return {
        "columns": chosen.names,
        "items": [dict(zip(chosen.names, map(to_json, page.values(row)), strict=True)) for row in rows[: page.limit]],
        "row_count": source.table.row_count,
        "next": page.next(rows),
    }


def accepted(request: HttpRequest) -> str:
    """Return the media type that the client likes best; raises a 406 problem where it takes none of ours."""
    offered = [JSON, *STREAMS]
    best = request.get_preferred_type(offered)
    if best is None:
        raise Problem("not_acceptable", "Not acceptable", 406, f"there is: {', '.join(offered)}")
    return best
