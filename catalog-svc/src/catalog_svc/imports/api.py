"""REST: descriptions of datasets in DCAT or as a data package become datasets of an institution, or revise them."""

from hashlib import sha256
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.correlation import correlation_id_of
from catalog_svc.datasets.schemas import Visibility
from catalog_svc.imports import dcat, packages, rdf, services
from catalog_svc.imports.described import Described, UnreadableDescriptionError
from catalog_svc.institutions import selectors
from catalog_svc.refusals import refusals
from catalog_svc.settings import settings
from catalog_svc.stewardship.services import Act
from dataplatform.problems import Problem

router: Final = Router(tags=["imports"])
MOST_BYTES: Final = 1 << 20
_TYPES: Final = (*rdf.FORMATS, "application/json")
_BODY: Final = {
    "required": True,
    "content": {
        "text/turtle": {"schema": {"type": "string"}},
        "application/rdf+xml": {"schema": {"type": "string"}},
        "application/ld+json": {
            "schema": {"type": "object"},
            "example": {
                "@context": {"dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/"},
                "@id": "https://data.example.org/air",
                "@type": "dcat:Dataset",
                "dct:title": "Air quality",
            },
        },
        "application/json": {
            "schema": {"type": "object"},
            "example": {"name": "air", "title": "Air quality", "resources": []},
        },
    },
}


class LeftOut(Schema):
    """Something that was not taken over."""

    what: str
    why: str


class DistributionOut(Schema):
    """Where the document says that the data are: a suggestion for a collector. It was not fetched."""

    url: str
    title: str | None = None
    media_type: str | None = None


class ImportedOut(Schema):
    """What became of a dataset of the document."""

    source: str = Field(description="What the document calls it")
    slug: str | None
    dataset_id: UUID | None
    outcome: Literal["created", "revised", "unchanged", "skipped"]
    visibility: Visibility | None = Field(description="Of one that was created")
    changed: list[str] = Field(description="Fields of the description that the document says otherwise")
    left: list[LeftOut] = Field(description="What was not taken, and why")
    distributions: list[DistributionOut]
    links: dict[str, str]


class ImportOut(Schema):
    """What became of a document."""

    institution: str
    dry_run: bool = Field(description="True: nothing was changed, this is what would be")
    created: int
    revised: int
    unchanged: int
    skipped: int
    items: list[ImportedOut]


@router.post(
    "/institutions/{slug}/imports",
    response=ImportOut,
    summary="Import descriptions of datasets",
    openapi_extra=refusals(
        "token_missing",
        "forbidden",
        "not_found",
        "document_too_large",
        "unsupported_media_type",
        "invalid_description",
        requestBody=_BODY,
    ),
)
def import_descriptions(
    request: HttpRequest,
    slug: str,
    dry_run: Annotated[bool, Query(description="Only report what would be done")] = False,
    visibility: Annotated[
        Visibility, Query(description="Of new datasets; never wider than the document says")
    ] = "public",
    existing: Annotated[Literal["revise", "skip"], Query(description="What becomes of datasets that exist")] = "revise",
) -> dict[str, Any]:
    """Register the datasets that a DCAT document or a data package describes, or revise their descriptions.

    For stewards. A document has at most 1 MiB, 20,000 triples and 200 datasets. Nothing that it points at is fetched:
    distributions are listed as suggestions. What it does not say stays; the same document again changes nothing.
    Refused with `unsupported_media_type`, `document_too_large` or `invalid_description`.
    """
    principal = principals.required(request)
    institution = selectors.institution(slug)
    if not principal.may("steward", institution.slug):
        raise Problem("forbidden", "Forbidden", 403, "only stewards of the institution import descriptions")
    body, media_type = _body(request)
    wishes = services.Wishes(visibility, existing, dry_run)
    found = services.take(
        institution,
        _read(body, media_type),
        wishes,
        Act(principal.subject, clock.now(), correlation_id_of(request)),
        sha256(body).hexdigest(),
    )
    return {
        "institution": institution.slug,
        "dry_run": dry_run,
        **{name: sum(one.outcome == name for one in found) for name in ("created", "revised", "unchanged", "skipped")},
        "items": [_out(one, dry_run=dry_run) for one in found],
    }


def _body(request: HttpRequest) -> tuple[bytes, str]:
    media_type = (request.content_type or "").lower()
    if media_type not in _TYPES:
        raise Problem("unsupported_media_type", "Unsupported media type", 415, "send one of " + ", ".join(_TYPES))
    body = request.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise Problem("document_too_large", "Document too large", 413, "a description has at most 1 MiB")
    return body, media_type


def _read(body: bytes, media_type: str) -> list[Described]:
    base = settings().public_url
    try:
        if media_type != "application/json":
            return dcat.datasets(rdf.graph_of(body, media_type), base)
        document = rdf.json_of(body)
        if isinstance(document, dict) and "@context" not in document:
            if not ({"resources", "name"} & document.keys()):
                raise _invalid("a data package has `resources` and, here, a `name`")
            return [packages.package(document, base)]
        return dcat.datasets(rdf.graph_of(body, "application/ld+json"), base)
    except UnreadableDescriptionError as error:
        raise _invalid(str(error)) from error


def _invalid(detail: str) -> Problem:
    return Problem("invalid_description", "Invalid description", 422, detail[:1000])


def _out(found: services.Imported, *, dry_run: bool) -> dict[str, Any]:
    described = found.described
    there = found.dataset_id is not None and not (dry_run and found.outcome == "created")
    return {
        "source": described.source,
        "slug": found.slug,
        "dataset_id": found.dataset_id,
        "outcome": found.outcome,
        "visibility": found.visibility,
        "changed": list(found.changed),
        "left": [{"what": left.what, "why": left.why} for left in (*described.left, *found.left)],
        "distributions": [
            {"url": one.url, "title": one.title, "media_type": one.media_type} for one in described.distributions
        ],
        "links": {"dataset": f"/api/v1/datasets/{found.dataset_id}"} if there else {},
    }
