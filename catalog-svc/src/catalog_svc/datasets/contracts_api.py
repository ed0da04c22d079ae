"""REST: the contract of a dataset, a document of the Open Data Contract Standard.

Whether a version keeps it is quality-svc's to say.
"""

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Router

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.access.scope import require
from catalog_svc.correlation import correlation_id_of
from catalog_svc.datasets import selectors, services
from catalog_svc.datasets.models import Dataset
from catalog_svc.datasets.schemas import ContractOut
from catalog_svc.objects import documents, unavailable
from dataplatform.contracts import Contract, InvalidContractError, read_contract
from dataplatform.events.base import ObjectRef
from dataplatform.identity import Principal
from dataplatform.problems import Problem
from dataplatform.storage.errors import ObjectStoreUnavailableError

router: Final = Router()

_BODY: Final = {
    "required": True,
    "content": {
        "application/yaml": {"schema": {"type": "string"}},
        "application/json": {"schema": {"type": "object"}},
    },
}


@router.put(
    "/datasets/{uuid:dataset_id}/contract",
    response=ContractOut,
    tags=["contracts"],
    summary="Define the contract of a dataset",
    openapi_extra={"requestBody": _BODY},
)
async def define_contract(request: HttpRequest, dataset_id: UUID) -> dict[str, Any]:
    """Let a contract (ODCS 3.1.0 or 3.0.x, YAML or JSON) hold for the dataset from its next version on; for stewards.

    It is validated by the standard's JSON Schema and kept as it is. The same document again changes nothing.
    """
    principal, dataset = await sync_to_async(_stewarded)(request, dataset_id)
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise Problem("document_too_large", "Document too large", 413, "a contract has at most 2 MiB") from error
    contract = await sync_to_async(_read)(body)
    reference = await _stored(dataset_id, body)
    if dataset.contract != reference.model_dump(mode="json"):
        await sync_to_async(services.define_contract)(
            dataset_id, reference, by=principal.subject, now=clock.now(), correlation_id=correlation_id_of(request)
        )
    return {
        "dataset_id": dataset_id,
        "contract_id": contract.id,
        "version": contract.version,
        "api_version": contract.api_version,
        "contract": reference,
        "links": {"self": f"/api/v1/datasets/{dataset_id}/contract", "dataset": f"/api/v1/datasets/{dataset_id}"},
    }


@router.get("/datasets/{uuid:dataset_id}/contract", tags=["contracts"], summary="Show the contract of a dataset",
            response={200: dict[str, Any]})  # fmt: skip
async def show_contract(request: HttpRequest, dataset_id: UUID) -> StreamingHttpResponse:
    """Return the contract that holds, byte for byte as it was defined."""
    found = await sync_to_async(_reference)(request, dataset_id)
    pieces = await documents.pieces(found)
    first = await anext(pieces, b"")
    kind = "application/json" if first.lstrip()[:1] == b"{" else "application/yaml"
    headers = {"Content-Length": str(found.size_bytes), "ETag": f'"{found.sha256}"'}
    return StreamingHttpResponse(_joined(first, pieces), content_type=kind, headers=headers)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _stewarded(request: HttpRequest, dataset_id: UUID) -> tuple[Principal, Dataset]:
    principal = principals.required(request)
    dataset = selectors.dataset(principal, dataset_id)
    require(principal, "steward", dataset)
    return principal, dataset


def _reference(request: HttpRequest, dataset_id: UUID) -> ObjectRef:
    dataset = selectors.dataset(principals.principal_of(request), dataset_id)
    if dataset.contract is None:
        raise Problem("not_found", "Not found", 404, "the dataset has no contract")
    return ObjectRef.model_validate(dataset.contract)


def _read(body: bytes) -> Contract:
    try:
        return read_contract(body)
    except InvalidContractError as error:
        raise Problem("invalid_contract", "Invalid contract", 422, f"{error.code}: {error.detail[:500]}") from error


async def _stored(dataset_id: UUID, body: bytes) -> ObjectRef:
    """Store the document under its hash, so what an event points at never changes."""

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    digest = sha256(body).hexdigest()
    key = f"contracts/{dataset_id}/{digest}"
    try:
        await (await documents.store()).put(key, chunks())
    except ObjectStoreUnavailableError as error:
        raise unavailable("object_store_unavailable", "the object store does not answer") from error
    return ObjectRef(key=key, sha256=digest, size_bytes=len(body))
