"""REST: datasets, versions, tables, columns, quality, uploads."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from catalog_svc.access import principals
from catalog_svc.access.scope import require
from catalog_svc.datasets import listings, selectors
from catalog_svc.datasets.models import Assessment, Dataset, Table, Version
from catalog_svc.datasets.schemas import (
    ColumnOut,
    DatasetOut,
    TableOut,
    UploadOut,
    VersionOut,
    described_out,
    table_out,
    upload_out,
    version_out,
)
from catalog_svc.harvesting.signposts import described_by
from catalog_svc.objects import documents
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.stewardship import services as stewardship
from catalog_svc.stewardship.acting import act_of
from catalog_svc.stewardship.schemas import DescriptionChanges
from catalog_svc.stewardship.selectors import meanings_of
from catalog_svc.versions import asof, history, tombstones
from catalog_svc.versions.asof import Moment
from catalog_svc.versions.representing import representation
from dataplatform.events.base import ObjectRef
from dataplatform.identity import Principal

router = Router()


def _dataset_out(dataset: Dataset, at: Moment | None = None) -> dict[str, Any]:
    if at is not None:
        return representation(dataset, at)
    return described_out(dataset, selectors.documents([dataset.dataset_id]).get(dataset.dataset_id))


@router.get("/datasets/{uuid:dataset_id}", response=DatasetOut, tags=["datasets"], summary="Show a dataset")
def show_dataset(request: HttpRequest, response: HttpResponse, dataset_id: UUID) -> object:
    """Return one dataset; the `Link` header leads to its descriptions in the words of the standards."""
    principal = principals.principal_of(request)
    at = asof.moment_of(request, principal)
    dataset = selectors.dataset(principal, dataset_id)
    response["Link"] = described_by(dataset_id)
    return _dataset_out(dataset, at)


@router.get(
    "/institutions/{institution}/datasets/{dataset}",
    response=DatasetOut,
    tags=["datasets"],
    summary="Show a dataset by its names",
)
def show_dataset_named(request: HttpRequest, response: HttpResponse, institution: str, dataset: str) -> object:
    """Return one dataset, found by the names that an upload uses."""
    principal = principals.principal_of(request)
    at = asof.moment_of(request, principal)
    found = selectors.dataset_named(principal, institution, dataset)
    response["Link"] = described_by(found.dataset_id)
    return _dataset_out(found, at)


@router.patch("/datasets/{uuid:dataset_id}", response=DatasetOut, tags=["datasets"], summary="Describe a dataset")
def revise_dataset(request: HttpRequest, dataset_id: UUID, body: DescriptionChanges) -> object:
    """Change what is said of a dataset, its visibility or its publication policy; for its stewards.

    Absent fields stay; null takes away what a dataset need not have.
    """
    principal = principals.required(request)
    dataset = selectors.dataset(principal, dataset_id)
    require(principal, "steward", dataset)
    stewardship.describe(dataset, body.model_dump(exclude_unset=True), act_of(request, principal))
    return _dataset_out(selectors.dataset(principal, dataset_id))


@router.get(
    "/datasets/{uuid:dataset_id}/versions",
    response=Page[VersionOut],
    tags=["versions"],
    summary="List versions",
    openapi_extra=listings.VERSIONS.described("not_found"),
)
def list_versions(
    request: HttpRequest, dataset_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> object:
    """Return the published versions of a dataset, newest first unless asked; withdrawn ones say so."""
    asked = listings.VERSIONS.asked(request)
    principal = principals.principal_of(request)
    at = asof.moment_of(request, principal)
    rows = selectors.versions(principal, dataset_id)
    if at is not None:
        past = asked.page_of(_versions_out(history.versions_at(rows, at), at), cursor, limit, scope=f"{dataset_id}@")
        return asked.answer(past.rows, past.next)
    found = asked.page(rows, cursor, limit, scope=str(dataset_id))
    return asked.answer(_versions_out(found.rows), found.next)


@router.get("/versions/{uuid:version_id}", response=VersionOut, tags=["versions"], summary="Show a version")
def show_version(request: HttpRequest, version_id: UUID) -> object:
    """Return one version; a withdrawn one says why. Of an erased one there is only the problem `version_erased`."""
    principal = principals.principal_of(request)
    at = asof.moment_of(request, principal)
    found = selectors.version(principal, version_id, at)
    if found.erased_at is not None:
        raise tombstones.tombstone(found)
    return _versions_out([found], at)[0]


def _versions_out(versions: Sequence[Version], at: Moment | None = None) -> list[dict[str, Any]]:
    examined = selectors.examinations([version.version_id for version in versions])
    if at is not None:
        examined = {name: found for name, found in examined.items() if found.ended_at <= at.time}
    return [version_out(version, examined.get(version.version_id)) for version in versions]


@router.get(
    "/versions/{uuid:version_id}/tables",
    response=Page[TableOut],
    tags=["tables"],
    summary="List tables",
    openapi_extra=listings.TABLES.described("not_found", "version_withdrawn"),
)
def list_tables(request: HttpRequest, version_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return the tables of a version, in the order of the original unless asked."""
    asked = listings.TABLES.asked(request)
    _served(request, version_id)
    found = asked.page(Table.objects.filter(run_id=version_id), cursor, limit, scope=str(version_id))
    return asked.answer([table_out(table) for table in found.rows], found.next)


@router.get("/tables/{uuid:table_id}", response=TableOut, tags=["tables"], summary="Show a table")
def show_table(request: HttpRequest, table_id: UUID) -> object:
    """Return one table."""
    return table_out(_table(request, table_id))


@router.get(
    "/tables/{uuid:table_id}/columns",
    response=Page[ColumnOut],
    tags=["tables"],
    summary="List columns",
    openapi_extra=listings.COLUMNS.described("not_found", "version_withdrawn"),
)
async def list_columns(
    request: HttpRequest,
    table_id: UUID,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    cursor: Cursor = None,
) -> object:
    """Return the columns of a table in their order, however many there are, and what each means."""
    asked = listings.COLUMNS.asked(request)
    table = await sync_to_async(_table)(request, table_id)
    columns = table.columns
    if not columns and table.schema_object:
        columns = _columns_in(await documents.read(ObjectRef.model_validate(table.schema_object)))
    meanings = await sync_to_async(meanings_of)(table.dataset_id, table.name)
    described = ({**column, "description": meanings.get(column["name"])} for column in columns)
    found = asked.page_of(described, cursor, limit, scope=str(table_id))
    return asked.answer(found.rows, found.next)


def _table(request: HttpRequest, table_id: UUID) -> Table:
    principal = principals.principal_of(request)
    return selectors.table(principal, table_id, asof.moment_of(request, principal))


def _served(request: HttpRequest, version_id: UUID) -> Version:
    principal = principals.principal_of(request)
    return selectors.served_version(principal, version_id, asof.moment_of(request, principal))


def _columns_in(document: Any) -> list[Any]:
    columns = document.get("columns", []) if isinstance(document, dict) else document
    return list(columns)


@router.get("/versions/{uuid:version_id}/quality", tags=["quality"], summary="Show the profile of a version",
            response={200: dict[str, Any]})  # fmt: skip
async def show_quality(request: HttpRequest, version_id: UUID) -> StreamingHttpResponse:
    """Return the profile document: every column of every table, as quality-svc wrote it."""
    return await _document(await sync_to_async(_profile)(request, version_id))


@router.get("/versions/{uuid:version_id}/examination", tags=["quality"], summary="Show the closer look at a version",
            response={200: dict[str, Any]})  # fmt: skip
async def show_examination(request: HttpRequest, version_id: UUID) -> StreamingHttpResponse:
    """Return relations, suitability, anomalies and drift of a version, as quality-svc wrote them.

    404 until they are there: they come some time after the version is served.
    """
    return await _document(await sync_to_async(_examination)(request, version_id))


@router.get("/versions/{uuid:version_id}/report", tags=["versions"], summary="Show how a version was made",
            response={200: dict[str, Any]})  # fmt: skip
async def show_report(request: HttpRequest, version_id: UUID) -> StreamingHttpResponse:
    """Return what was found and repaired in the original, table by table, as processing-svc wrote it."""
    return await _document(await sync_to_async(_report)(request, version_id))


async def _document(found: Any) -> StreamingHttpResponse:
    reference = ObjectRef.model_validate(found)
    return StreamingHttpResponse(
        await documents.pieces(reference),
        content_type="application/json",
        headers={"Content-Length": str(reference.size_bytes), "ETag": f'"{reference.sha256}"'},
    )


def _profile(request: HttpRequest, version_id: UUID) -> Any:
    version = _served(request, version_id)
    found: Assessment = selectors.assessment(version.version_id)
    return found.profile


def _examination(request: HttpRequest, version_id: UUID) -> Any:
    version = _served(request, version_id)
    return selectors.examination(version.version_id).document


def _report(request: HttpRequest, version_id: UUID) -> Any:
    version = _served(request, version_id)
    return selectors.report(version.version_id)


@router.get(
    "/datasets/{uuid:dataset_id}/uploads",
    response=Page[UploadOut],
    tags=["uploads"],
    summary="List uploads",
    openapi_extra=listings.UPLOADS.described("not_found"),
)
def list_uploads(request: HttpRequest, dataset_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return the uploads of a dataset, newest first unless asked, and how far each came: failures with their reason."""
    asked = listings.UPLOADS.asked(request)
    principal = principals.principal_of(request)
    found = asked.page(selectors.uploads(principal, dataset_id), cursor, limit, scope=str(dataset_id))
    items = [upload_out(upload, in_words=_in_words(principal, upload.institution_slug)) for upload in found.rows]
    return asked.answer(items, found.next)


@router.get("/uploads/{uuid:upload_id}", response=UploadOut, tags=["uploads"], summary="Show where an upload is")
def show_upload(request: HttpRequest, upload_id: UUID) -> object:
    """Return the state of one upload in the pipeline."""
    principal = principals.principal_of(request)
    upload = selectors.upload(principal, upload_id)
    return upload_out(upload, in_words=_in_words(principal, upload.institution_slug))


def _in_words(principal: Principal | None, institution: str) -> bool:
    return principal is not None and principal.may("reader", institution)
