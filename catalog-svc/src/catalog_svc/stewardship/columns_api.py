"""REST: what columns mean, and what holds for a dataset's schema."""

import json
import re
from typing import Annotated, Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from ninja import Router
from pydantic import AfterValidator, ConfigDict, Field

from catalog_svc.datasets.models import Dataset
from catalog_svc.listing import Listing, moment, text, unique
from catalog_svc.objects import documents
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.refusals import refusals
from catalog_svc.stewardship import selectors, services
from catalog_svc.stewardship.acting import seen, stewarded
from catalog_svc.stewardship.documents import stored
from catalog_svc.stewardship.models import ColumnMeaning
from catalog_svc.stewardship.schemas import MeaningOut, MeaningsIn, OverridesOut
from dataplatform.events.base import ObjectRef, ParseOptions
from dataplatform.events.catalog import ColumnDescription

router: Final = Router(tags=["stewardship"])

MEANINGS: Final = Listing(
    "column descriptions",
    MeaningOut,
    (
        text("table", "table_name"),
        text("column", "column_name"),
        text("description"),
        moment("described_at"),
        unique("meaning_id"),
    ),
    order=["table", "column"],
    key="meaning_id",
)
_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*( ?\(\d{1,3}, ?-?\d{1,3}\)|\[[A-Za-z0-9, =/_+-]{1,60}\])?")
_MOST_COLUMNS: Final = 10_000
_MOST_LETTERS: Final = 1024


@router.get(
    "/datasets/{uuid:dataset_id}/column-descriptions",
    response=Page[MeaningOut],
    summary="List what columns mean",
    openapi_extra=MEANINGS.described("not_found"),
)
def list_meanings(
    request: HttpRequest, dataset_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> object:
    """Return what stewards said of the columns of a dataset, by the names of table and column."""
    asked = MEANINGS.asked(request)
    dataset = seen(request, dataset_id)
    rows = ColumnMeaning.objects.filter(dataset_id=dataset.dataset_id)
    found = asked.page(rows, cursor, limit, scope=str(dataset_id))
    return asked.answer([_meaning(meaning) for meaning in found.rows], found.next)


@router.patch(
    "/datasets/{uuid:dataset_id}/column-descriptions",
    response=Page[MeaningOut],
    summary="Say what columns mean",
    openapi_extra=refusals("token_missing", "forbidden", "not_found", "invalid_request"),
)
def describe_columns(request: HttpRequest, dataset_id: UUID, body: MeaningsIn) -> object:
    """Describe columns, for stewards; it holds in every version that has a table and a column of these names.

    What is not named stays; an empty description takes one away. Returns those that were named, as they are now.
    """
    dataset, act = stewarded(request, dataset_id)
    services.describe_columns(
        dataset, [ColumnDescription.model_validate(said.model_dump()) for said in body.columns], act
    )
    tables = {said.table for said in body.columns}
    named = {(said.table, said.column) for said in body.columns}
    rows = ColumnMeaning.objects.filter(dataset_id=dataset_id, table_name__in=tables)
    kept = [_meaning(row) for row in rows if (row.table_name, row.column_name) in named]
    return {"items": sorted(kept, key=lambda found: (found["table"], found["column"])), "next": None}


def _meaning(row: ColumnMeaning) -> dict[str, Any]:
    return {
        "table": row.table_name,
        "column": row.column_name,
        "description": row.description,
        "described_at": row.described_at,
    }


def _types(said: dict[str, str]) -> dict[str, str]:
    for column, name in said.items():
        if not _TYPE.fullmatch(name):
            raise ValueError(f"{name[:60]!r}, for {column[:60]!r}, is not the name of an Arrow type")
    return _names(said)


def _names(said: dict[str, str]) -> dict[str, str]:
    for column, name in said.items():
        if not name or not column or max(len(name), len(column)) > _MOST_LETTERS or "\0" in name + column:
            raise ValueError(f"names of columns have 1 to {_MOST_LETTERS} letters, and no NUL")
    return said


class Overrides(ParseOptions):
    """What a person decides about the reading of a dataset's files; what is absent is found in each file itself."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"example": {"types": {"zip": "string"}, "header_row": 3}}
    )

    types: Annotated[dict[str, str], AfterValidator(_types)] = Field(default_factory=dict, max_length=_MOST_COLUMNS)
    names: Annotated[dict[str, str], AfterValidator(_names)] = Field(default_factory=dict, max_length=_MOST_COLUMNS)


@router.get(
    "/datasets/{uuid:dataset_id}/schema-overrides",
    response=OverridesOut,
    summary="Show a dataset's schema overrides",
    openapi_extra=refusals("not_found", "object_gone", "object_store_unavailable"),
)
async def show_overrides(request: HttpRequest, dataset_id: UUID) -> dict[str, Any]:
    """Return what holds for every upload of a dataset, whatever its file says; `{}` where nothing does."""
    dataset = await sync_to_async(seen)(request, dataset_id)
    return await _overrides(dataset)


@router.put(
    "/datasets/{uuid:dataset_id}/schema-overrides",
    response=OverridesOut,
    summary="Override a dataset's schema",
    openapi_extra=refusals("token_missing", "forbidden", "not_found", "invalid_request", "object_store_unavailable"),
)
async def override_schema(request: HttpRequest, dataset_id: UUID, body: Overrides) -> dict[str, Any]:
    """Let types, names, header row, delimiter and the like hold for every later upload of a dataset; for stewards.

    Versions that are there stay as they are: `reprocess` says where to have them made again. Where overrides no longer
    fit a file, its report says so, and the column keeps what was found in the file.
    """
    dataset, act = await sync_to_async(stewarded)(request, dataset_id)
    said = body.model_dump(mode="json", exclude_defaults=True)
    reference = await stored(f"overrides/{dataset_id}", json.dumps(said, sort_keys=True).encode())
    before = (await sync_to_async(selectors.details)(dataset_id)).overrides
    if before != reference.model_dump(mode="json"):
        await sync_to_async(services.override)(dataset, reference, act)
    return await _overrides(dataset)


async def _overrides(dataset: Dataset) -> dict[str, Any]:
    details = await sync_to_async(selectors.details)(dataset.dataset_id)
    document = ObjectRef.model_validate(details.overrides) if details.overrides else None
    base = f"/api/v1/datasets/{dataset.dataset_id}"
    return {
        "dataset_id": dataset.dataset_id,
        "overrides": await documents.read(document) if document else {},
        "document": document,
        "overridden_at": details.overridden_at,
        "reprocess": "/v1/processing-requests" if document else None,
        "links": {"self": f"{base}/schema-overrides", "dataset": base, "uploads": f"{base}/uploads"},
    }
