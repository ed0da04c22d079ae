"""What a comparison is made of: two versions that the caller may read, their tables, profiles and candidate keys."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest

from catalog_svc.access import principals
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Assessment, Examination, Table, Version
from catalog_svc.objects import documents
from catalog_svc.versions.comparing import schema
from dataplatform.events.base import ObjectRef
from dataplatform.problems import Problem

MOST_TABLES: Final = 1000
"""Most tables of a version that are compared."""


async def versions_of(request: HttpRequest, version_id: UUID, other: UUID) -> tuple[Version, Version]:
    """Return the earlier (`other`) and the later version.

    Raises 404 and 410 as reading them does, and 422 `not_comparable` where they are not of one dataset.
    """
    before, after = await sync_to_async(_versions)(request, version_id, other)
    if before.dataset_id != after.dataset_id:
        raise Problem("not_comparable", "Not comparable", 422, "the versions are of different datasets")
    return before, after


def _versions(request: HttpRequest, version_id: UUID, other: UUID) -> tuple[Version, Version]:
    principal = principals.principal_of(request)
    return selectors.served_version(principal, other), selectors.served_version(principal, version_id)


async def tables_of(version: Version) -> dict[str, Table]:
    """Return the tables of a version by id, with all their columns, however many."""
    if version.table_count > MOST_TABLES:
        raise Problem("not_comparable", "Not comparable", 422, f"a version has more than {MOST_TABLES:,} tables")
    found = await sync_to_async(selectors.tables)(version.version_id, None, MOST_TABLES)
    for table in found:
        if not table.columns and table.schema_object:
            listed = await documents.read(ObjectRef.model_validate(table.schema_object))
            table.columns = listed.get("columns", []) if isinstance(listed, dict) else listed
    return {str(table.table_id): table for table in found}


def as_compared(tables: Mapping[str, Table]) -> list[schema.Table]:
    """Return tables as `schema` takes them."""
    return [
        schema.Table(
            name,
            table.name,
            # a hidden sheet that is shown now is the same place
            repr(sorted((key, said) for key, said in table.origin.items() if key not in {"hidden", "confidence"})),
            table.row_count,
            tuple(
                schema.Column(column["name"], column["position"], column["type"], column.get("source_name"))
                for column in table.columns
            ),
        )
        for name, table in tables.items()
    ]


async def profile_of(version: Version) -> Mapping[str, Any]:
    """Return the profile document of a version; empty where it is none, or too large to be compared."""
    found: Assessment | None = await sync_to_async(
        Assessment.objects.filter(run_id=version.version_id, status="completed").first
    )()
    return await _read(found.profile if found else None)


async def keys_of(version: Version, table: Table) -> Sequence[tuple[str, ...]]:
    """Return the exact candidate keys of a table, best first, that the closer look at its version found."""
    found: Examination | None = await sync_to_async(
        Examination.objects.filter(pk=version.version_id, document__isnull=False).first
    )()
    document = await _read(found.document if found else None)
    for told in document.get("tables", ()):
        if told.get("index") == table.index:
            keys = ((told.get("relations") or {}).get("keys") or {}).get("candidates", ())
            return [tuple(key["columns"]) for key in keys if key.get("exact")]
    return ()


async def _read(reference: Any) -> Mapping[str, Any]:
    if reference is None:
        return {}
    try:
        found = await documents.read(ObjectRef.model_validate(reference))
    except Problem as problem:
        if problem.code in {"object_gone", "document_too_large"}:
            return {}
        raise
    return found if isinstance(found, dict) else {}
