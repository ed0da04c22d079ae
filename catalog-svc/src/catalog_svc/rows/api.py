"""REST: rows of a table, downloads of originals and tables. The load balancer sends these paths to the `data` role."""

from collections.abc import AsyncIterator
from functools import cache
from typing import Annotated, Any, Literal
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from ninja import Query, Router, Schema

from catalog_svc.access import principals
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Table, Version
from catalog_svc.objects import documents
from catalog_svc.paging import Cursor, decode, encode
from catalog_svc.rows import exports, ranges, workbook
from catalog_svc.rows.engine import Engine, paths
from catalog_svc.rows.naming import file_stem
from catalog_svc.rows.values import to_json
from catalog_svc.settings import settings
from dataplatform.events.base import ObjectRef

router = Router(tags=["data"])

MAX_CELLS = 200_000
"""Most cells of a page: a wide table gets fewer rows a page, and `next` for the others."""

BINARY = {"type": "string", "contentMediaType": "application/octet-stream"}


class RowsOut(Schema):
    """Rows of a table, each an object by column name, in the order of the file."""

    columns: list[str]
    items: list[dict[str, Any]]
    row_count: int
    next: str | None = None


@cache
def engine() -> Engine:
    """Return the engine of this process."""
    return Engine(settings())


@router.get("/tables/{uuid:table_id}/rows", response=RowsOut, summary="Read rows")
async def read_rows(
    request: HttpRequest,
    table_id: UUID,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
    cursor: Cursor = None,
) -> object:
    """Return the rows from `offset` (or after the page that gave `cursor`), as they stand in the table."""
    key = decode(cursor, int)
    first = max(0, key[0]) if key else offset
    table = await sync_to_async(_table)(request, table_id)
    size = min(limit, max(1, MAX_CELLS // max(1, table.column_count)))
    names, rows = await engine().run(
        "SELECT * FROM read_parquet(?) LIMIT ? OFFSET ?", [paths(await _uris(table)), size, first]
    )
    more = first + len(rows) < table.row_count and rows
    return {
        "columns": names,
        "items": [dict(zip(names, map(to_json, row), strict=True)) for row in rows],
        "row_count": table.row_count,
        "next": encode([first + len(rows)]) if more else None,
    }


@router.get(
    "/versions/{uuid:version_id}/download",
    summary="Download the original",
    openapi_extra={
        "responses": {200: {"description": "The file", "content": {"application/octet-stream": {"schema": BINARY}}}}
    },
)
async def download_original(request: HttpRequest, version_id: UUID) -> HttpResponseBase:
    """Return the file that the version was made from, byte for byte. Takes a Range."""
    version, name = await sync_to_async(_version)(request, version_id)
    return await _object(request, ObjectRef.model_validate(version.original), name, "application/octet-stream")


@router.get(
    "/tables/{uuid:table_id}/download",
    summary="Download a table",
    openapi_extra={
        "responses": {
            200: {
                "description": "The file",
                "content": {
                    "application/vnd.apache.parquet": {"schema": BINARY},
                    "text/csv": {"schema": {"type": "string"}},
                    workbook.MEDIA_TYPE: {"schema": BINARY},
                },
            }
        }
    },
)
async def download_table(
    request: HttpRequest,
    table_id: UUID,
    format: Literal["parquet", "csv", "xlsx"] = "parquet",  # noqa: A002 - the name of the query parameter
    escape_formulas: Annotated[
        bool, Query(description="In CSV: put a quote before text that a spreadsheet would run as a formula")
    ] = True,
) -> HttpResponseBase:
    """Return a whole table as Parquet, CSV or an Excel workbook."""
    table = await sync_to_async(_table)(request, table_id)
    name = f"{file_stem(table.name) or f'table-{table.index}'}.{format}"
    uris = await _uris(table)
    if format == "csv":
        return await _streamed(
            exports.csv(engine(), uris, escape_formulas=escape_formulas), name, "text/csv; charset=utf-8"
        )
    if format == "xlsx":
        made = workbook.xlsx(
            engine(), uris, table.name, row_count=table.row_count, column_count=table.column_count,
            scratch=settings().scratch_dir / "catalog-workbooks",
        )  # fmt: skip
        return await _streamed(made, name, workbook.MEDIA_TYPE)
    if len(table.parts) == 1:
        return await _object(request, ObjectRef.model_validate(table.parts[0]), name, "application/vnd.apache.parquet")
    return await _streamed(exports.parquet(engine(), uris, table.column_count), name, "application/vnd.apache.parquet")


def _table(request: HttpRequest, table_id: UUID) -> Table:
    return selectors.table(principals.principal_of(request), table_id)


def _version(request: HttpRequest, version_id: UUID) -> tuple[Version, str]:
    version = selectors.served_version(principals.principal_of(request), version_id)
    return version, selectors.file_name(version)


async def _uris(table: Table) -> list[str]:
    store = await documents.store()
    return [store.uri(part["key"]) for part in table.parts]


async def _object(request: HttpRequest, reference: ObjectRef, name: str, content_type: str) -> HttpResponseBase:
    etag = f'"{reference.sha256}"'
    if request.headers.get("If-Range", etag) == etag:
        part = ranges.parse(request.headers.get("Range"), reference.size_bytes)
    else:
        part = None
    start, end = part or (0, reference.size_bytes)
    headers = {"Content-Length": str(end - start), "Accept-Ranges": "bytes", "ETag": etag}
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{reference.size_bytes}"
    return _attachment(
        await documents.pieces(reference, start, end), name, content_type, status=206 if part else 200, headers=headers
    )


async def _streamed(pieces: AsyncIterator[bytes], name: str, content_type: str) -> HttpResponseBase:
    # so that what fails before the first byte is a problem document, not a broken file
    first = await anext(pieces, b"")

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return _attachment(whole(), name, content_type, status=200, headers={})


def _attachment(
    pieces: AsyncIterator[bytes], name: str, content_type: str, *, status: int, headers: dict[str, str]
) -> StreamingHttpResponse:
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return StreamingHttpResponse(
        pieces, status=status, content_type=content_type, headers={**headers, "Content-Disposition": disposition}
    )
