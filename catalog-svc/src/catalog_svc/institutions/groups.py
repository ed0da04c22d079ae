"""What is done to groups: made, given a role, filled, dissolved. Who is in one is people's data, and in no event."""

from collections.abc import Mapping
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from pydantic import JsonValue

from catalog_svc.access.models import Grant
from catalog_svc.accounts.models import Account
from catalog_svc.audit.acting import Act
from catalog_svc.institutions.models import Group, GroupMember
from dataplatform.events.identity import institution_id
from dataplatform.identity import Principal
from dataplatform.problems import Problem

MAX_GROUPS = 1_000
"""Most groups of an institution."""
MAX_MEMBERS = 10_000
"""Most accounts in a group."""


def of_institution(slug: str) -> QuerySet[Group]:
    """Return the groups of an institution, each with the number of its members as `member_count`."""
    return Group.objects.filter(institution_slug=slug).annotate(member_count=Count("members"))


def group(principal: Principal, group_id: UUID) -> Group:
    """Return a group, for who is a member of its institution; raises a 404 problem."""
    found = Group.objects.filter(pk=group_id).annotate(member_count=Count("members")).first()
    if found is None or not principal.may("reader", found.institution_slug):
        raise Problem("not_found", "Not found", 404, "there is no such group")
    return found


def create(slug: str, name: str, title: str, role: str | None, act: Act) -> UUID:
    """Make a group; raises 409 problems for a taken name, and where there are `MAX_GROUPS`."""
    if Group.objects.filter(institution_slug=slug).count() >= MAX_GROUPS:
        raise _full(f"an institution has at most {MAX_GROUPS:,} groups")
    try:
        with transaction.atomic():
            made = Group.objects.create(
                group_id=uuid4(),
                institution_id=institution_id(slug),
                institution_slug=slug,
                slug=name,
                name=title,
                role=role or "",
                created_at=act.now,
            )
            act.record("group.created", "group", made.pk, slug, {"role": role})
    except IntegrityError as error:
        raise Problem("group_exists", "Group exists", 409, f"there is a group {name!r} already") from error
    return made.pk


@transaction.atomic
def revise(found: Group, changes: Mapping[str, str | None], act: Act) -> None:
    """Change name or role (None: no role at the institution); the rest stays."""
    said = {name: value or "" for name, value in changes.items()}
    Group.objects.filter(pk=found.pk).update(**said)
    details: dict[str, JsonValue] = {"fields": [*sorted(said)]}
    if "role" in said:
        details |= {"role": said["role"], "role_before": found.role}
    act.record("group.revised", "group", found.pk, found.institution_slug, details)


@transaction.atomic
def dissolve(found: Group, act: Act) -> None:
    """Delete a group and with it what its members had through it; raises a 409 problem while it has datasets."""
    if Grant.objects.filter(group_id=found.pk).exists():
        raise Problem("group_in_use", "Group in use", 409, "revoke the group's grants on datasets first")
    Group.objects.filter(pk=found.pk).delete()
    act.record("group.dissolved", "group", found.pk, found.institution_slug)


@transaction.atomic
def add(found: Group, account: Account, act: Act) -> None:
    """Put an account into a group; twice is once."""
    Group.objects.select_for_update().get(pk=found.pk)
    if GroupMember.objects.filter(group=found).count() >= MAX_MEMBERS:
        raise _full(f"a group has at most {MAX_MEMBERS:,} members")
    _, added = GroupMember.objects.get_or_create(group=found, account=account, defaults={"added_at": act.now})
    if added:
        act.record("group.member_added", "group", found.pk, found.institution_slug, {"account_id": str(account.pk)})


@transaction.atomic
def remove(found: Group, account_id: UUID, act: Act) -> None:
    """Take an account out of a group, at once; raises a 404 problem."""
    count, _ = GroupMember.objects.filter(group=found, account_id=account_id).delete()
    if not count:
        raise Problem("not_found", "Not found", 404, "there is no such member of the group")
    act.record("group.member_removed", "group", found.pk, found.institution_slug, {"account_id": str(account_id)})


def _full(detail: str) -> Problem:
    return Problem("too_many_groups", "Too many", 409, detail)
