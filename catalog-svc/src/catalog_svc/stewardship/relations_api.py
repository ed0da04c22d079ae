"""REST: what datasets have to do with each other, and publishing by hand."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from catalog_svc.access import principals
from catalog_svc.access.scope import require
from catalog_svc.datasets import selectors as datasets
from catalog_svc.datasets.models import Dataset
from catalog_svc.datasets.schemas import UploadOut, upload_out
from catalog_svc.listing import Listing, code, integer, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.refusals import refusals
from catalog_svc.stewardship import services
from catalog_svc.stewardship.acting import act_of, stewarded
from catalog_svc.stewardship.models import DatasetRelation
from catalog_svc.stewardship.schemas import RelationIn, RelationOut, RelationsIn
from dataplatform.events.catalog import Relation
from dataplatform.identity import Principal
from dataplatform.problems import Problem

router: Final = Router()

RELATIONS: Final = Listing(
    "relations",
    RelationOut,
    (
        code("direction"),
        integer("position"),
        code("kind"),
        unique("dataset_id", optional=True),
        text("title", optional=True),
        text("url"),
    ),
    order=["-direction", "position"],
    key="url",
)
MOST_INCOMING: Final = 1000
"""Most links of other datasets that are listed."""

INVERSE: Final = {
    "is_derived_from": "is_source_of",
    "is_source_of": "is_derived_from",
    "is_part_of": "has_part",
    "has_part": "is_part_of",
    "is_supplement_to": "is_supplemented_by",
    "is_supplemented_by": "is_supplement_to",
    "references": "is_referenced_by",
    "is_referenced_by": "references",
    "is_new_version_of": "is_previous_version_of",
    "is_previous_version_of": "is_new_version_of",
    "replaces": "is_replaced_by",
    "is_replaced_by": "replaces",
    "is_variant_form_of": "is_variant_form_of",
}
"""What a relation is from the other end; what documents a dataset is no dataset."""


@router.get(
    "/datasets/{uuid:dataset_id}/relations",
    response=Page[RelationOut],
    tags=["stewardship"],
    summary="List related datasets",
    openapi_extra=RELATIONS.described("not_found"),
)
def list_relations(
    request: HttpRequest, dataset_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> object:
    """Return what stewards of the dataset said, and what stewards of others said of it, seen from here.

    Datasets that the caller does not see are left out.
    """
    asked = RELATIONS.asked(request)
    principal = principals.principal_of(request)
    dataset = datasets.dataset(principal, dataset_id)
    found = asked.page_of(_relations(principal, dataset), cursor, limit, scope=str(dataset_id))
    return asked.answer(found.rows, found.next)


@router.put(
    "/datasets/{uuid:dataset_id}/relations",
    response=Page[RelationOut],
    tags=["stewardship"],
    summary="Say what a dataset has to do with others",
    openapi_extra=refusals("token_missing", "forbidden", "not_found", "invalid_request", "unknown_dataset"),
)
def relate_dataset(request: HttpRequest, dataset_id: UUID, body: RelationsIn) -> object:
    """Replace what a dataset has to do with others; for stewards, who see the other datasets."""
    principal = principals.required(request)
    dataset, act = stewarded(request, dataset_id)
    _check(principal, dataset, body.relations)
    relations = [Relation(kind=said.kind, related_id=said.dataset_id, url=said.url) for said in body.relations]
    services.relate(dataset, relations, act)
    outgoing = [found for found in _relations(principal, dataset) if found["direction"] == "outgoing"]
    return {"items": outgoing, "next": None}


def _check(principal: Principal, dataset: Dataset, relations: Iterable[RelationIn]) -> None:
    wanted = {said.dataset_id for said in relations if said.dataset_id is not None}
    unknown = wanted - set(datasets.by_id(principal, sorted(wanted)))
    if unknown:
        raise Problem("unknown_dataset", "Unknown dataset", 422, f"there is no such dataset: {min(unknown)}")
    if dataset.dataset_id in wanted:
        raise Problem("unknown_dataset", "Unknown dataset", 422, "a dataset is not related to itself")


def _relations(principal: Principal | None, dataset: Dataset) -> list[dict[str, Any]]:
    own = list(DatasetRelation.objects.filter(dataset_id=dataset.dataset_id).order_by("position"))
    others = DatasetRelation.objects.filter(related_id=dataset.dataset_id, kind__in=INVERSE)
    incoming = list(others.order_by("dataset_id", "position")[:MOST_INCOMING])
    ids = [*(row.related_id for row in own if row.related_id), *(row.dataset_id for row in incoming)]
    visible = datasets.by_id(principal, ids)
    found = [
        _out(row, "outgoing", row.kind, visible.get(row.related_id) if row.related_id else None)
        for row in own
        if row.related_id is None or row.related_id in visible
    ]
    return found + [
        _out(row, "incoming", INVERSE[row.kind], visible[row.dataset_id])
        for row in incoming
        if row.dataset_id in visible
    ]


def _out(row: DatasetRelation, direction: str, kind: str, other: Dataset | None) -> dict[str, Any]:
    return {
        "position": row.position,
        "direction": direction,
        "kind": kind,
        "dataset_id": other.dataset_id if other else None,
        "title": other.title if other else None,
        "url": f"/api/v1/datasets/{other.dataset_id}" if other else row.url,
    }


@router.post(
    "/uploads/{uuid:upload_id}/publish",
    response=UploadOut,
    tags=["uploads"],
    summary="Publish what is held",
    openapi_extra=refusals("token_missing", "forbidden", "not_found", "not_held"),
)
def publish_upload(request: HttpRequest, upload_id: UUID) -> object:
    """Publish what an upload became and is held, by hand or since a critical rule failed; for stewards.

    409 `not_held` where nothing of it waits.
    """
    principal = principals.required(request)
    upload = datasets.upload(principal, upload_id)
    dataset = datasets.datasets(principal).filter(pk=upload.dataset_id).first()
    if dataset is None:
        raise Problem("not_found", "Not found", 404, "there is no such upload")
    require(principal, "steward", dataset)
    services.publish(dataset, upload_id, act_of(request, principal))
    now = datasets.upload(principal, upload_id)
    return upload_out(now, in_words=principal.may("reader", now.institution_slug))
