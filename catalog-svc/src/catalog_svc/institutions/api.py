"""REST: institutions."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.access.scope import forbidden
from catalog_svc.correlation import correlation_id_of
from catalog_svc.institutions import selectors, services
from catalog_svc.institutions.models import Institution
from catalog_svc.listing import Listing, moment, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from dataplatform.events.identity import Slug

router = Router(tags=["institutions"])

Role = Literal["reader", "uploader", "steward", "administrator"]


class InstitutionOut(Schema):
    """An institution."""

    institution_id: UUID
    slug: str
    name: str
    homepage: str
    registered_at: datetime


class InstitutionIn(Schema):
    """An institution to register. Whoever registers it administers it."""

    slug: Slug
    name: Annotated[str, Field(min_length=1, max_length=255)]
    members: dict[str, list[Role]] = Field(default_factory=dict, description="Roles by user name")


INSTITUTIONS: Final = Listing(
    "institutions",
    InstitutionOut,
    (
        text("slug"),
        unique("institution_id"),
        text("name"),
        text("homepage"),
        moment("registered_at"),
    ),
    order=["slug"],
    key="slug",
)


@router.get("", response=Page[InstitutionOut], summary="List institutions", openapi_extra=INSTITUTIONS.described())
def list_institutions(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return institutions in the order of their slugs unless asked."""
    asked = INSTITUTIONS.asked(request)
    principals.principal_of(request)
    found = asked.page(Institution.objects.all(), cursor, limit)
    return asked.answer([_out(institution) for institution in found.rows], found.next)


@router.get("/{slug}", response=InstitutionOut, summary="Show an institution")
def show_institution(request: HttpRequest, slug: str) -> object:
    """Return one institution."""
    principals.principal_of(request)
    return _out(selectors.institution(slug))


@router.post("", response={201: InstitutionOut}, summary="Register an institution")
def register_institution(request: HttpRequest, body: InstitutionIn) -> object:
    """Register an institution; for administrators of the platform."""
    principal = principals.required(request)
    if not principal.admin:
        raise forbidden("only administrators of the platform register institutions")
    members = {name: list(roles) for name, roles in body.members.items()}
    institution = services.register(
        body.slug,
        body.name,
        members=members,
        founder=principal.subject,
        now=clock.now(),
        correlation_id=correlation_id_of(request),
    )
    return Status(201, _out(institution))


def _out(institution: Institution) -> dict[str, object]:
    return {name: getattr(institution, name) for name in InstitutionOut.model_fields}
