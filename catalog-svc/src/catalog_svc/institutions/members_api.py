"""REST: who is a member of an institution, and as what. For its administrators."""

from typing import Final, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import ConfigDict, JsonValue

from catalog_svc.accounts.models import Account
from catalog_svc.audit.acting import act_of
from catalog_svc.institutions import memberships
from catalog_svc.institutions.people import AccountName, account_of, holding
from catalog_svc.listing import Listing, boolean, code, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.refusals import refusals

router: Final = Router(tags=["members"])

Role = Literal["reader", "uploader", "steward", "administrator"]
_ID: Final = "5b0c9f1e-4c1d-4f7b-8a54-0d8f6e2b9a10"
_SHOWN: Final[dict[str, JsonValue]] = {
    "account_id": _ID,
    "username": "ada",
    "name": "Ada",
    "role": "steward",
    "active": True,
}


class MemberOut(Schema):
    """A member."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SHOWN]})

    account_id: UUID
    username: str
    name: str
    role: Role
    active: bool


class NewMember(Schema):
    """An account to make a member."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"account": "ada", "role": "steward"}]})

    account: AccountName
    role: Role


class MemberChanges(Schema):
    """The role that a member has from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "reader"}]})

    role: Role


MEMBERS: Final = Listing(
    "members",
    MemberOut,
    (text("username"), unique("account_id"), text("name"), code("role"), boolean("active", "is_active")),
    order=["username"],
    key="account_id",
)


@router.get(
    "/{slug}/members",
    response=Page[MemberOut],
    summary="List members",
    openapi_extra=MEMBERS.described("forbidden", "not_found"),
)
def list_members(request: HttpRequest, slug: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return the members by user name; roles that they hold through groups are the groups'."""
    holding(request, "administrator", slug)
    asked = MEMBERS.asked(request)
    found = asked.page(memberships.members(slug), cursor, limit, scope=slug)
    return asked.answer([_out(member) for member in found.rows], found.next)


@router.post(
    "/{slug}/members",
    response={201: MemberOut},
    summary="Add a member",
    openapi_extra=refusals("forbidden", "not_found", "already_member", "unknown_account"),
)
def add_member(request: HttpRequest, slug: str, body: NewMember) -> object:
    """Make an account a member; its tokens know after they were got anew."""
    principal = holding(request, "administrator", slug)
    account = account_of(body.account)
    memberships.add(slug, account, body.role, act_of(request, principal))
    return Status(201, _out(memberships.member(slug, account.pk)))


@router.get(
    "/{slug}/members/{uuid:account_id}",
    response=MemberOut,
    summary="Show a member",
    openapi_extra=refusals("forbidden", "not_found"),
)
def show_member(request: HttpRequest, slug: str, account_id: UUID) -> object:
    """Return one member."""
    holding(request, "administrator", slug)
    return _out(memberships.member(slug, account_id))


@router.patch(
    "/{slug}/members/{uuid:account_id}",
    response=MemberOut,
    summary="Change a member's role",
    openapi_extra=refusals("forbidden", "not_found", "last_administrator"),
)
def change_member(request: HttpRequest, slug: str, account_id: UUID, body: MemberChanges) -> object:
    """Give a member another role: a weaker one counts at once, also for tokens that are out."""
    principal = holding(request, "administrator", slug)
    memberships.change(slug, account_id, body.role, act_of(request, principal))
    return _out(memberships.member(slug, account_id))


@router.delete(
    "/{slug}/members/{uuid:account_id}",
    response={204: None},
    summary="Remove a member",
    openapi_extra=refusals("forbidden", "not_found", "last_administrator"),
)
def remove_member(request: HttpRequest, slug: str, account_id: UUID) -> object:
    """Let a member go, at once, also for tokens that are out."""
    principal = holding(request, "administrator", slug)
    memberships.remove(slug, account_id, act_of(request, principal))
    return Status(204, None)


def _out(member: Account) -> dict[str, object]:
    return {
        "account_id": member.pk,
        "username": member.username,
        "name": member.name,
        "role": getattr(member, "role"),  # noqa: B009 - an annotation
        "active": member.is_active,
    }
