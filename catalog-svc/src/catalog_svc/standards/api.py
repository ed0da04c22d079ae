"""REST: datasets in the words of the standards, and the whole catalog as DCAT-AP, a page after the other."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from ninja import Router

from catalog_svc.access import principals
from catalog_svc.datasets import selectors
from catalog_svc.paging import Cursor, decode, encode
from catalog_svc.settings import settings
from catalog_svc.standards import dcat
from catalog_svc.standards.croissant import croissant
from catalog_svc.standards.csvw import csvw
from catalog_svc.standards.description import Description, describe
from catalog_svc.standards.findings import findings_of
from catalog_svc.standards.frictionless import datapackage
from catalog_svc.standards.schema_org import schema_org
from catalog_svc.versions import asof, history

router = Router(tags=["standards"])

CATALOG_PAGE: Final = 100
Suffix = Literal["jsonld", "ttl", "rdf"]
Standard = Literal["croissant", "schema-org", "datapackage", "csvw"]
_DOCUMENTS: Final[dict[str, tuple[Callable[[Description], dict[str, Any]], str]]] = {
    "croissant": (croissant, "application/ld+json"),
    "schema-org": (schema_org, "application/ld+json"),
    "datapackage": (datapackage, "application/json"),
    "csvw": (csvw, "application/csvm+json"),
}
_JSON: Final = {
    "responses": {
        200: {
            "description": "The document",
            "content": {media_type: {"schema": {"type": "object"}} for _, media_type in _DOCUMENTS.values()},
        }
    }
}
_RDF: Final = {
    "responses": {
        200: {
            "description": "The graph",
            "content": {
                media_type: {"schema": {"type": "object" if media_type.endswith("json") else "string"}}
                for _, media_type in dcat.SERIALIZATIONS.values()
            },
        }
    }
}


@router.get("/datasets/{uuid:dataset_id}/dcat.{suffix}", summary="DCAT-AP 3", openapi_extra=_RDF)
def dataset_dcat(request: HttpRequest, dataset_id: UUID, suffix: Suffix) -> HttpResponse:
    """Return the dataset as JSON-LD, Turtle or RDF/XML."""
    return _graph(dcat.serialized(dcat.dataset_graph(_described(request, dataset_id)), suffix), suffix)


@router.get("/catalog.{suffix}", summary="The catalog as DCAT-AP 3", openapi_extra=_RDF)
def catalog_dcat(request: HttpRequest, suffix: Suffix, cursor: Cursor = None) -> HttpResponse:
    """Return a page of the datasets that the caller sees, what changed last first; `hydra:next` and `Link` lead on."""
    principal = principals.principal_of(request)
    key = decode(cursor, datetime.fromisoformat, UUID)
    after = (key[0] if key[0].tzinfo else key[0].replace(tzinfo=UTC), key[1]) if key else None
    found = selectors.recent(principal, None, after, CATALOG_PAGE + 1)
    page = found[:CATALOG_PAGE]
    datasets = selectors.by_id(principal, [document.dataset_id for document in page])
    base = settings().public_url
    url = f"{base}/api/v1/catalog.{suffix}"
    following = None
    if len(found) > CATALOG_PAGE:
        last = page[-1]
        following = f"{url}?{urlencode({'cursor': encode([last.updated_at.isoformat(), str(last.dataset_id)])})}"
    shown = [datasets[document.dataset_id] for document in page if document.dataset_id in datasets]
    graph = dcat.catalog_graph(
        [describe(principal, dataset, base) for dataset in shown],
        url=f"{base}/api/v1/catalog",
        title="Data Platform",
        publisher=base,
        following=following,
    )
    answer = _graph(dcat.serialized(graph, suffix), suffix)
    if following:
        answer["Link"] = f'<{following}>; rel="next"'
    return answer


@router.get("/datasets/{uuid:dataset_id}/{standard}.json", summary="Croissant, schema.org, …", openapi_extra=_JSON)
async def dataset_document(request: HttpRequest, dataset_id: UUID, standard: Standard) -> HttpResponse:
    """Return the dataset as Croissant 1.1, schema.org `Dataset`, Frictionless data package or CSVW table group."""
    make, media_type = _DOCUMENTS[standard]
    found = await sync_to_async(_described)(request, dataset_id)
    if standard == "croissant" and found.release is not None:
        document = croissant(found, await findings_of(found.release.version_id))
    else:
        document = make(found)
    return HttpResponse(json.dumps(document, ensure_ascii=False, indent=2), content_type=media_type)


def _described(request: HttpRequest, dataset_id: UUID) -> Description:
    principal = principals.principal_of(request)
    at = asof.moment_of(request, principal)
    dataset = selectors.dataset(principal, dataset_id)
    past = dataset if at is None else history.dataset_at(dataset, at)
    return describe(principal, past, settings().public_url, at)


def _graph(body: bytes, suffix: Suffix) -> HttpResponse:
    return HttpResponse(body, content_type=dcat.SERIALIZATIONS[suffix][1])
