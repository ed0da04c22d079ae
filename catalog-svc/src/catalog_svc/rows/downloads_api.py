"""REST: files to take away - the original of a version, and tables as they are or transformed."""

from collections.abc import AsyncIterator
from typing import Annotated, Final, Literal
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from ninja import Query, Router

from catalog_svc.access import principals
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Version
from catalog_svc.objects import documents
from catalog_svc.rows import exports, ranges, selection, workbook
from catalog_svc.rows.api import ASKED, BINARY, FILTERS
from catalog_svc.rows.compression import SUFFIX, Compression, compressed
from catalog_svc.rows.language import Selection, invalid
from catalog_svc.rows.naming import file_stem
from catalog_svc.rows.reading import Source, asked_by, attachment, begun, engine, opened, table_of
from catalog_svc.settings import settings
from catalog_svc.versions import asof
from dataplatform.events.base import ObjectRef

router = Router(tags=["data"])

Format = Literal["parquet", "csv", "xlsx", "json", "ndjson", "arrow"]
MEDIA_TYPES: Final = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "xlsx": workbook.MEDIA_TYPE,
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "arrow": "application/vnd.apache.arrow.stream",
}
PACKED: Final = {"gzip": "application/gzip", "zstd": "application/zstd"}
PACKED_ALREADY: Final = frozenset({"parquet", "xlsx"})


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
    return await stored(request, ObjectRef.model_validate(version.original), name, "application/octet-stream")


@router.get(
    "/tables/{uuid:table_id}/download",
    summary="Download a table",
    description=FILTERS,
    openapi_extra={
        "parameters": ASKED,
        "responses": {
            200: {
                "description": "The file",
                "content": {
                    kind.partition(";")[0]: {"schema": BINARY} for kind in (*MEDIA_TYPES.values(), *PACKED.values())
                },
            }
        }
    },
)  # fmt: skip
async def download_table(
    request: HttpRequest,
    table_id: UUID,
    format: Format = "parquet",  # noqa: A002 - the name of the query parameter
    compression: Annotated[
        Compression, Query(description="Not for parquet and xlsx, which are packed already")
    ] = "none",
    escape_formulas: Annotated[
        bool, Query(description="In CSV: put a quote before text that a spreadsheet would run as a formula")
    ] = True,
) -> HttpResponseBase:
    """Return a table, or the part of it that is asked for, as a file that is made while it is sent."""
    if compression != "none" and format in PACKED_ALREADY:
        raise invalid("invalid_query", f"{format} is packed already: leave `compression` out")
    asked = asked_by(request, {"format", "compression", "escape_formulas"})
    table = await table_of(request, table_id)
    name = f"{file_stem(table.name) or f'table-{table.index}'}.{format}"
    if format == "parquet" and asked == Selection() and len(table.parts) == 1:
        return await stored(request, ObjectRef.model_validate(table.parts[0]), name, MEDIA_TYPES[format])
    made = await begun(await _made(await opened(table), asked, format, escape_formulas=escape_formulas))
    if compression == "none":
        return attachment(made, name, MEDIA_TYPES[format])
    return attachment(compressed(made, compression), name + SUFFIX[compression], PACKED[compression])


async def _made(source: Source, asked: Selection, kind: Format, *, escape_formulas: bool) -> AsyncIterator[bytes]:
    chosen = source.choose(asked)
    query = selection.whole(chosen, source.paths)
    result = source.result(chosen, query)
    if kind == "csv":
        return exports.csv(engine(), result, escape_formulas=escape_formulas)
    if kind == "xlsx":
        counted = selection.count(chosen, source.paths)
        _, ((rows,),) = await engine().run(counted.sql, counted.parameters)
        scratch = settings().scratch_dir / "catalog-workbooks"
        return workbook.xlsx(engine(), query, source.table.name, row_count=rows, scratch=scratch)
    streams = {"json": exports.array, "ndjson": exports.ndjson, "parquet": exports.parquet, "arrow": exports.arrow}
    return streams[kind](engine(), result)


def _version(request: HttpRequest, version_id: UUID) -> tuple[Version, str]:
    principal = principals.principal_of(request)
    version = selectors.served_version(principal, version_id, asof.moment_of(request, principal))
    return version, selectors.file_name(version)


async def stored(request: HttpRequest, reference: ObjectRef, name: str, content_type: str) -> HttpResponseBase:
    """Return an object as a download, or the part of it that `Range` asks for."""
    etag = f'"{reference.sha256}"'
    if request.headers.get("If-Range", etag) == etag:
        part = ranges.parse(request.headers.get("Range"), reference.size_bytes)
    else:
        part = None
    start, end = part or (0, reference.size_bytes)
    headers = {"Content-Length": str(end - start), "Accept-Ranges": "bytes", "ETag": etag}
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{reference.size_bytes}"
    pieces = await documents.pieces(reference, start, end)
    return attachment(pieces, name, content_type, status=206 if part else 200, headers=headers)
