"""REST: citations of datasets and versions."""

import json
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from catalog_svc.access import principals
from catalog_svc.citation import datacite, formats
from catalog_svc.citation.facts import Citation, citation_of
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Dataset, Version
from catalog_svc.refusals import refusals
from catalog_svc.settings import settings
from catalog_svc.stewardship.models import DatasetRelation
from dataplatform.identity import Principal

router: Final = Router(tags=["citation"])

Format = Annotated[
    Literal["text", "bibtex", "ris", "csl-json", "datacite-json", "datacite-xml"],
    Query(description="A line for people, a format of reference managers, or the metadata of a DOI"),
]
_TEXTS: Final[dict[str, tuple[Callable[[Citation], str], str]]] = {
    "text": (formats.text, "text/plain; charset=utf-8"),
    "bibtex": (formats.bibtex, "application/x-bibtex; charset=utf-8"),
    "ris": (formats.ris, "application/x-research-info-systems; charset=utf-8"),
}
_REFUSED: Final = refusals("not_found", "invalid_request")["responses"]
_SHOWN: Final = {
    "responses": {
        **_REFUSED,
        200: {
            "description": "The citation",
            "content": {
                "text/plain": {"schema": {"type": "string"}},
                "application/x-bibtex": {"schema": {"type": "string"}},
                "application/x-research-info-systems": {"schema": {"type": "string"}},
                "application/vnd.citationstyles.csl+json": {"schema": {"type": "array"}},
                "application/vnd.datacite.datacite+json": {"schema": {"type": "object"}},
                "application/vnd.datacite.datacite+xml": {"schema": {"type": "string"}},
            },
        }
    }
}  # fmt: skip


@router.get("/datasets/{uuid:dataset_id}/citation", summary="Cite a dataset", openapi_extra=_SHOWN)
def cite_dataset(request: HttpRequest, dataset_id: UUID, format: Format = "text") -> HttpResponse:  # noqa: A002
    """Return the citation of a dataset, with the version that it serves."""
    principal = principals.principal_of(request)
    dataset = selectors.dataset(principal, dataset_id)
    document = selectors.documents([dataset_id]).get(dataset_id)
    served = document.version_id if document else None
    return _cited(principal, dataset, selectors.version(principal, served) if served else None, format)


@router.get("/versions/{uuid:version_id}/citation", summary="Cite a version", openapi_extra=_SHOWN)
def cite_version(request: HttpRequest, version_id: UUID, format: Format = "text") -> HttpResponse:  # noqa: A002
    """Return the citation of one version; a withdrawn one is cited too, since it was."""
    principal = principals.principal_of(request)
    version = selectors.version(principal, version_id)
    return _cited(principal, selectors.dataset(principal, version.dataset_id), version, format)


def _cited(principal: Principal | None, dataset: Dataset, version: Version | None, kind: str) -> HttpResponse:
    base = settings().public_url.rstrip("/")
    cited = citation_of(dataset, version, base)
    if kind in _TEXTS:
        make, media_type = _TEXTS[kind]
        return HttpResponse(make(cited), content_type=media_type)
    if kind == "csl-json":
        return _json([formats.csl(cited)], "application/vnd.citationstyles.csl+json")
    found = datacite.document(cited, _relations(principal, dataset, base))
    if kind == "datacite-json":
        return _json(found, "application/vnd.datacite.datacite+json")
    return HttpResponse(datacite.xml(found), content_type="application/vnd.datacite.datacite+xml")


def _json(body: Any, media_type: str) -> HttpResponse:
    return HttpResponse(json.dumps(body, ensure_ascii=False), content_type=media_type)


def _relations(principal: Principal | None, dataset: Dataset, base: str) -> list[tuple[DatasetRelation, str]]:
    rows = list(DatasetRelation.objects.filter(dataset_id=dataset.dataset_id).order_by("position"))
    seen = selectors.by_id(principal, [row.related_id for row in rows if row.related_id])
    return [
        (row, row.url or f"{base}/api/v1/datasets/{row.related_id}")
        for row in rows
        if row.related_id is None or row.related_id in seen
    ]
