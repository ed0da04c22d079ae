"""REST: a dataset as a data contract, and how a version came to be as OpenLineage."""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from ninja import Router

from catalog_svc.access import principals
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Dataset
from catalog_svc.objects import documents
from catalog_svc.refusals import refusals
from catalog_svc.settings import settings
from catalog_svc.standards.description import Description, Release, describe, describe_version
from catalog_svc.standards.findings import Findings, findings_of
from catalog_svc.standards.odcs import odcs
from catalog_svc.standards.openlineage import openlineage
from dataplatform.contracts import contract_of, read_contract
from dataplatform.events.base import ObjectRef

router: Final = Router(tags=["standards"])


def _answer(media_type: str, schema: Mapping[str, str], what: str) -> dict[str, Any]:
    problems = refusals("not_found", "object_gone", "version_withdrawn", "object_store_unavailable")["responses"]
    return {"responses": {200: {"description": what, "content": {media_type: {"schema": schema}}}, **problems}}


@router.get(
    "/datasets/{uuid:dataset_id}/odcs.yaml",
    summary="A data contract",
    openapi_extra=_answer("application/yaml", {"type": "string"}, "The contract"),
)
async def dataset_contract(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """Return the contract (ODCS) that holds for the dataset; where none does, a draft made of its newest version."""
    dataset, found = await sync_to_async(_described)(request, dataset_id)
    if dataset.contract is not None:
        pieces = await documents.pieces(ObjectRef.model_validate(dataset.contract))
        contract = read_contract(b"".join([piece async for piece in pieces]))
    else:
        findings = await findings_of(found.release.version_id) if found.release else Findings()
        contract = contract_of(odcs(found, findings))
    return HttpResponse(contract.to_yaml(), content_type="application/yaml; charset=utf-8")


@router.get(
    "/versions/{uuid:version_id}/openlineage.json",
    summary="How a version came to be",
    openapi_extra=_answer("application/json", {"type": "array"}, "Run events, in the order of time"),
)
async def version_lineage(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """Return the OpenLineage events of the runs that made the version: parse, assess, publish."""
    found, release = await sync_to_async(_version)(request, version_id)
    events = openlineage(found, release, await findings_of(version_id), settings().public_url)
    return HttpResponse(json.dumps(events, ensure_ascii=False, indent=2), content_type="application/json")


def _described(request: HttpRequest, dataset_id: UUID) -> tuple[Dataset, Description]:
    principal = principals.principal_of(request)
    dataset = selectors.dataset(principal, dataset_id)
    return dataset, describe(principal, dataset, settings().public_url)


def _version(request: HttpRequest, version_id: UUID) -> tuple[Description, Release]:
    principal = principals.principal_of(request)
    version = selectors.served_version(principal, version_id)
    return describe_version(principal, selectors.dataset(principal, version.dataset_id), version, settings().public_url)
