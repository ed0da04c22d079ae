"""REST: collections, ordered sets of datasets that an institution curates."""

from typing import Annotated, Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Path, Router, Status

from catalog_svc.access import principals
from catalog_svc.access.scope import member_of
from catalog_svc.datasets import selectors as datasets
from catalog_svc.institutions import selectors as institutions
from catalog_svc.listing import Listing, code, integer, moment, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.refusals import refusals
from catalog_svc.stewardship import services
from catalog_svc.stewardship.acting import act_of
from catalog_svc.stewardship.models import Collection
from catalog_svc.stewardship.schemas import CollectionIn, CollectionOut, MemberOut
from dataplatform.events.catalog import CollectionCurated
from dataplatform.events.identity import Slug
from dataplatform.identity import Principal
from dataplatform.problems import Problem

router: Final = Router(tags=["collections"])

COLLECTIONS: Final = Listing(
    "collections",
    CollectionOut,
    (
        text("title"),
        code("institution", "institution_slug"),
        code("slug"),
        code("visibility"),
        moment("curated_at"),
        unique("collection_id"),
    ),
    order=["title"],
    key="collection_id",
)
MEMBERS: Final = Listing(
    "members of collections",
    MemberOut,
    (integer("position"), unique("dataset_id"), code("institution"), code("slug"), text("title")),
    order=["position"],
    key="position",
)
_PATH: Final = "/institutions/{institution}/collections/{slug}"
Name = Annotated[Slug, Path()]


@router.get(
    "/collections", response=Page[CollectionOut], summary="List collections", openapi_extra=COLLECTIONS.described()
)
def list_collections(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return the collections that the caller sees, by title unless asked; `institution[eq]=` for one institution's."""
    asked = COLLECTIONS.asked(request)
    principal = principals.principal_of(request)
    found = asked.page(_visible(principal), cursor, limit)
    return asked.answer([_out(principal, row) for row in found.rows], found.next)


@router.get(
    "/collections/{uuid:collection_id}",
    response=CollectionOut,
    summary="Show a collection",
    openapi_extra=refusals("not_found"),
)
def show_collection(request: HttpRequest, collection_id: UUID) -> object:
    """Return one collection."""
    principal = principals.principal_of(request)
    return _out(principal, _collection(principal, collection_id))


@router.get(
    "/collections/{uuid:collection_id}/datasets",
    response=Page[MemberOut],
    summary="List the datasets of a collection",
    openapi_extra=MEMBERS.described("not_found"),
)
def list_members(
    request: HttpRequest, collection_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> object:
    """Return the datasets of a collection, in its order unless asked; those that the caller does not see are absent."""
    asked = MEMBERS.asked(request)
    principal = principals.principal_of(request)
    collection = _collection(principal, collection_id)
    seen = datasets.by_id(principal, collection.members)
    items = [
        {
            "position": position,
            "dataset_id": member,
            "institution": seen[member].institution_slug,
            "slug": seen[member].slug,
            "title": seen[member].title,
            "links": {"dataset": f"/api/v1/datasets/{member}"},
        }
        for position, member in enumerate(collection.members)
        if member in seen
    ]
    found = asked.page_of(items, cursor, limit, scope=str(collection_id))
    return asked.answer(found.rows, found.next)


@router.put(
    _PATH,
    response={200: CollectionOut, 201: CollectionOut},
    summary="Make or change a collection",
    openapi_extra=refusals("token_missing", "forbidden", "not_found", "invalid_request", "unknown_dataset"),
)
def curate_collection(request: HttpRequest, institution: Name, slug: Name, body: CollectionIn) -> object:
    """Make an institution's collection of this name, or replace what it is; for stewards, who see its datasets.

    Members that somebody else put in and the caller does not see cannot be kept by naming them: ask who sees them.
    """
    principal = principals.required(request)
    owner = institutions.institution(institution)
    _require(principal, institution)
    unknown = set(body.members) - set(datasets.by_id(principal, body.members))
    if unknown:
        raise Problem("unknown_dataset", "Unknown dataset", 422, f"there is no such dataset: {min(unknown)}")
    if len(set(body.members)) < len(body.members):
        raise Problem("unknown_dataset", "Unknown dataset", 422, "a dataset is in a collection once")
    identity = services.collection_id(owner.institution_id, slug)
    existed = Collection.objects.filter(pk=identity).exists()
    act = act_of(request, principal)
    event = CollectionCurated(
        collection_id=identity,
        institution_id=owner.institution_id,
        institution=institution,
        slug=slug,
        curated_at=act.now,
        **(body.model_dump() | {"members": tuple(body.members)}),
    )
    services.curate(event, act)
    return Status(200 if existed else 201, _out(principal, _collection(principal, identity)))


@router.delete(
    _PATH,
    response={204: None},
    summary="Dissolve a collection",
    openapi_extra=refusals("token_missing", "forbidden", "not_found"),
)
def dissolve_collection(request: HttpRequest, institution: Name, slug: Name) -> object:
    """Take a collection away, for stewards of its institution; its datasets stay."""
    principal = principals.required(request)
    found = _visible(principal).filter(institution_slug=institution, slug=slug).first()
    if found is None:
        raise _not_found()
    _require(principal, institution)
    services.dissolve(found, act_of(request, principal))
    return Status(204, None)


def _visible(principal: Principal | None) -> QuerySet[Collection]:
    public = Collection.objects.filter(visibility="public")
    return public | Collection.objects.filter(member_of(principal))


def _collection(principal: Principal | None, collection_id: UUID) -> Collection:
    found = _visible(principal).filter(pk=collection_id).first()
    if found is None:
        raise _not_found()
    return found


def _not_found() -> Problem:
    return Problem("not_found", "Not found", 404, "there is no such collection")


def _require(principal: Principal, institution: str) -> None:
    if not principal.may("steward", institution):
        raise Problem("forbidden", "Forbidden", 403, "this takes the role steward at the institution")


def _out(principal: Principal | None, row: Collection) -> dict[str, Any]:
    base = f"/api/v1/collections/{row.collection_id}"
    return {
        **{name: getattr(row, name) for name in ("collection_id", "slug", "title", "description", "visibility")},
        "institution": row.institution_slug,
        "member_count": len(datasets.by_id(principal, row.members)),
        "curated_at": row.curated_at,
        "links": {"self": base, "datasets": f"{base}/datasets"},
    }
