"""REST: groups of an institution. Its administrators keep them; its stewards see them, to grant them datasets."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from catalog_svc.access import principals
from catalog_svc.access.scope import forbidden
from catalog_svc.audit.acting import act_of
from catalog_svc.institutions import groups
from catalog_svc.institutions.members_api import Role
from catalog_svc.institutions.models import Group, GroupMember
from catalog_svc.institutions.people import AccountName, account_of, holding
from catalog_svc.listing import Listing, code, integer, moment, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.refusals import refusals
from dataplatform.events.identity import Slug
from dataplatform.identity import Principal

router: Final = Router(tags=["groups"])

Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
_ID: Final = "0d0c9f1e-4c1d-4f7b-8a54-0d8f6e2b9a10"


class GroupOut(Schema):
    """A group."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "group_id": _ID, "institution": "demo", "slug": "air-lab", "name": "Air laboratory", "role": None,
                    "member_count": 4, "created_at": "2026-03-01T12:00:00Z",
                    "links": {"self": f"/api/v1/groups/{_ID}", "members": f"/api/v1/groups/{_ID}/members"},
                }
            ]
        }
    )  # fmt: skip

    group_id: UUID
    institution: str
    slug: str
    name: str
    role: Role | None = Field(description="What its members are at the institution through it")
    member_count: int
    created_at: datetime
    links: dict[str, str]


class NewGroup(Schema):
    """A group to make."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"slug": "air-lab", "name": "Air laboratory"}]})

    slug: Slug
    name: Name
    role: Role | None = None


class GroupChanges(Schema):
    """What to change about a group; absent fields stay, `"role": null` takes the role away."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "reader"}]})

    name: Name | None = None
    role: Role | None = None


class GroupMemberOut(Schema):
    """Who is in a group."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"account_id": _ID, "username": "ada", "name": "Ada", "added_at": "2026-03-01T12:00:00Z"}]
        }
    )

    account_id: UUID
    username: str
    name: str
    added_at: datetime


class NewGroupMember(Schema):
    """An account to put into a group; it need not be a member of the institution."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"account": "ada"}]})

    account: AccountName


GROUPS: Final = Listing(
    "groups",
    GroupOut,
    (
        text("slug"),
        unique("group_id"),
        text("name"),
        code("role"),
        integer("member_count"),
        moment("created_at"),
    ),
    order=["slug"],
    key="group_id",
)
GROUP_MEMBERS: Final = Listing(
    "group members",
    GroupMemberOut,
    (text("username", "account__username"), unique("account_id"), moment("added_at")),
    order=["username"],
    key="account_id",
)


@router.get(
    "/institutions/{slug}/groups",
    response=Page[GroupOut],
    summary="List groups",
    openapi_extra=GROUPS.described("forbidden", "not_found"),
)
def list_groups(request: HttpRequest, slug: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return the groups of an institution by name; for its stewards."""
    holding(request, "steward", slug)
    asked = GROUPS.asked(request)
    found = asked.page(groups.of_institution(slug), cursor, limit, scope=slug)
    return asked.answer([_out(group) for group in found.rows], found.next)


@router.post(
    "/institutions/{slug}/groups",
    response={201: GroupOut},
    summary="Make a group",
    openapi_extra=refusals("forbidden", "not_found", "group_exists", "too_many_groups"),
)
def create_group(request: HttpRequest, slug: str, body: NewGroup) -> object:
    """Make a group, empty at first; for administrators."""
    principal = holding(request, "administrator", slug)
    made = groups.create(slug, body.slug, body.name, body.role, act_of(request, principal))
    return Status(201, _out(groups.group(principal, made)))


@router.get(
    "/groups/{uuid:group_id}",
    response=GroupOut,
    summary="Show a group",
    openapi_extra=refusals("forbidden", "not_found"),
)
def show_group(request: HttpRequest, group_id: UUID) -> object:
    """Return one group; for stewards of its institution."""
    return _out(_group(request, "steward", group_id)[1])


@router.patch(
    "/groups/{uuid:group_id}",
    response=GroupOut,
    summary="Change a group",
    openapi_extra=refusals("forbidden", "not_found"),
)
def revise_group(request: HttpRequest, group_id: UUID, body: GroupChanges) -> object:
    """Change its name, or what its members are at the institution through it; for administrators."""
    principal, found = _group(request, "administrator", group_id)
    changes = {
        name: value
        for name, value in body.model_dump(exclude_unset=True).items()
        if name == "role" or value is not None
    }
    if changes:
        groups.revise(found, changes, act_of(request, principal))
    return _out(groups.group(principal, group_id))


@router.delete(
    "/groups/{uuid:group_id}",
    response={204: None},
    summary="Dissolve a group",
    openapi_extra=refusals("forbidden", "not_found", "group_in_use"),
)
def dissolve_group(request: HttpRequest, group_id: UUID) -> object:
    """Delete a group that holds no dataset any more; for administrators."""
    principal, found = _group(request, "administrator", group_id)
    groups.dissolve(found, act_of(request, principal))
    return Status(204, None)


@router.get(
    "/groups/{uuid:group_id}/members",
    response=Page[GroupMemberOut],
    summary="List who is in a group",
    openapi_extra=GROUP_MEMBERS.described("forbidden", "not_found"),
)
def list_group_members(
    request: HttpRequest, group_id: UUID, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> object:
    """Return the accounts in a group by user name; for stewards of its institution."""
    _, group = _group(request, "steward", group_id)
    asked = GROUP_MEMBERS.asked(request)
    rows = GroupMember.objects.filter(group=group).select_related("account")
    found = asked.page(rows, cursor, limit, scope=str(group_id))
    return asked.answer([_member_out(row) for row in found.rows], found.next)


@router.post(
    "/groups/{uuid:group_id}/members",
    response={201: GroupMemberOut},
    summary="Put an account into a group",
    openapi_extra=refusals("forbidden", "not_found", "unknown_account", "too_many_groups"),
)
def add_group_member(request: HttpRequest, group_id: UUID, body: NewGroupMember) -> object:
    """Let an account have what the group has, datasets at once; for administrators. Twice is once."""
    principal, found = _group(request, "administrator", group_id)
    account = account_of(body.account)
    groups.add(found, account, act_of(request, principal))
    return Status(201, _member_out(GroupMember.objects.select_related("account").get(group=found, account=account)))


@router.delete(
    "/groups/{uuid:group_id}/members/{uuid:account_id}",
    response={204: None},
    summary="Take an account out of a group",
    openapi_extra=refusals("forbidden", "not_found"),
)
def remove_group_member(request: HttpRequest, group_id: UUID, account_id: UUID) -> object:
    """Take from an account what it had through the group, at once; for administrators."""
    principal, found = _group(request, "administrator", group_id)
    groups.remove(found, account_id, act_of(request, principal))
    return Status(204, None)


def _group(request: HttpRequest, role: str, group_id: UUID) -> tuple[Principal, Group]:
    principal = principals.required(request)
    found = groups.group(principal, group_id)
    if not principal.may(role, found.institution_slug):
        raise forbidden(f"this takes the role {role} at the institution", found.institution_slug)
    return principal, found


def _out(group: Group) -> dict[str, object]:
    itself = f"/api/v1/groups/{group.pk}"
    return {
        "group_id": group.pk,
        "institution": group.institution_slug,
        "slug": group.slug,
        "name": group.name,
        "role": group.role or None,
        "member_count": getattr(group, "member_count"),  # noqa: B009 - an annotation
        "created_at": group.created_at,
        "links": {"self": itself, "members": f"{itself}/members"},
    }


def _member_out(row: GroupMember) -> dict[str, object]:
    account = row.account
    return {
        "account_id": account.pk,
        "username": account.username,
        "name": account.name,
        "added_at": row.added_at,
    }
