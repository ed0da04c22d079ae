"""REST: SQL over the tables that the caller may see; one SELECT, read-only, limited in time, memory and rows."""

import json
from functools import cache
from typing import Annotated, Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Field, Router, Schema

from catalog_svc.access import principals
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Table
from catalog_svc.objects import documents
from catalog_svc.rows.api import JSON, accepted
from catalog_svc.rows.language import invalid
from catalog_svc.rows.reading import begun
from catalog_svc.rows.sqlrun import SqlRunner, Statement, View
from catalog_svc.rows.statements import Name, statement
from catalog_svc.settings import settings
from catalog_svc.versions import asof
from catalog_svc.versions.asof import Moment
from dataplatform.identity import Principal

router = Router(tags=["data"])

FORMATS: Final = {
    JSON: "ndjson",
    "application/x-ndjson": "ndjson",
    "text/csv": "csv",
    "application/vnd.apache.arrow.stream": "arrow",
}
PAGE_ROWS: Final = 10_000
MAX_TABLES: Final = 50


class SqlIn(Schema):
    """A statement, and the tables that it calls by a name of their own."""

    sql: str = Field(
        description='One SELECT of DuckDB\'s dialect; a table is `"institution"."dataset"` or a name below'
    )
    tables: dict[str, UUID] = Field(
        default={}, max_length=MAX_TABLES, description="Table ids by the name used in `sql`"
    )
    limit: Annotated[int, Field(ge=1, le=PAGE_ROWS)] = Field(default=1000, description="Most rows of an answer in JSON")


class SqlOut(Schema):
    """The rows of a result; `truncated` says that there were more."""

    items: list[dict[str, Any]]
    truncated: bool


@cache
def runner() -> SqlRunner:
    """Return the runner of this process."""
    return SqlRunner(settings())


@router.post("/sql", response=SqlOut, summary="Query in SQL")
async def query(request: HttpRequest, body: SqlIn) -> object:
    """Run one SELECT over tables: an id in `tables`, or the first table of a dataset's newest version by its two names.

    JSON has up to `limit` rows; JSON lines, CSV and Arrow, as `Accept` says, have up to a million.
    """
    media_type = accepted(request)
    asked = await sync_to_async(statement)(body.sql)
    if len(asked.tables) > MAX_TABLES:
        raise invalid("sql_not_allowed", f"a statement reads at most {MAX_TABLES} tables")
    views = await _views(request, list(asked.tables), body.tables)
    most = body.limit + 1 if media_type == JSON else settings().sql_max_rows
    pieces = await begun(runner().pieces(Statement(asked.sql, views, FORMATS[media_type], most)))
    if media_type != JSON:
        return StreamingHttpResponse(pieces, content_type=media_type)
    lines = b"".join([piece async for piece in pieces]).splitlines()
    return {"items": [json.loads(line) for line in lines[: body.limit]], "truncated": len(lines) > body.limit}


async def _views(request: HttpRequest, names: list[Name], given: dict[str, UUID]) -> list[View]:
    principal = await sync_to_async(principals.principal_of)(request)
    at = await sync_to_async(asof.moment_of)(request, principal)
    tables = [(name, await sync_to_async(_table)(principal, name, given, at)) for name in names]
    store = await documents.store()
    return [View(name.schema, name.table, [store.uri(part["key"]) for part in table.parts]) for name, table in tables]


def _table(principal: Principal | None, name: Name, given: dict[str, UUID], at: Moment | None) -> Table:
    """Return the table of a name; raises 404 for what the caller does not see, 422 for a name that means nothing."""
    if not name.schema:
        if name.table not in given:
            raise invalid("invalid_sql", f"`{name}` is neither in `tables` nor institution.dataset")
        return selectors.table(principal, given[name.table], at)
    dataset = selectors.dataset_named(principal, name.schema, name.table)
    return selectors.first_table(principal, dataset.dataset_id, at)
