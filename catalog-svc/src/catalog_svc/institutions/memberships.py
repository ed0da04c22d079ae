"""What is done to memberships: people come, change their role, and go. An institution keeps an administrator."""

from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, F, IntegerField, Max, QuerySet, Value, When

from catalog_svc.access.scope import forbidden
from catalog_svc.accounts.models import Account
from catalog_svc.audit.acting import Act
from catalog_svc.institutions.models import Membership
from dataplatform.events.identity import institution_id
from dataplatform.identity import ROLES
from dataplatform.problems import Problem

_RANK: Final = Max(
    Case(*(When(memberships__role=role, then=Value(rank)) for rank, role in enumerate(ROLES))),
    output_field=IntegerField(),
)
_LOCK: Final = 0x6D656D62


def members(slug: str) -> QuerySet[Account]:
    """Return the accounts that are members, each with its strongest role there as `role`."""
    mine = Account.objects.filter(memberships__institution_id=institution_id(slug))
    ranked = mine.annotate(rank=_RANK, account_id=F("id"))
    return ranked.annotate(role=Case(*(When(rank=rank, then=Value(role)) for rank, role in enumerate(ROLES))))


def member(slug: str, account_id: UUID) -> Account:
    """Return one member; raises a 404 problem."""
    found = members(slug).filter(pk=account_id).first()
    if found is None:
        raise Problem("not_found", "Not found", 404, "there is no such member")
    return found


@transaction.atomic
def add(slug: str, account: Account, role: str, act: Act) -> None:
    """Make an account a member; raises 409 for who is one already, 403 for oneself."""
    _lock(slug)
    if Membership.objects.filter(account=account, institution_id=institution_id(slug)).exists():
        raise Problem("already_member", "Already a member", 409, "the account is a member; change its role instead")
    _refuse_raising(slug, account.pk, None, role, act)
    _set(slug, account.pk, role)
    act.record("member.added", "account", account.pk, slug, {"role": role})


@transaction.atomic
def change(slug: str, account_id: UUID, role: str, act: Act) -> None:
    """Give a member another role, the only one then; raises 404, 403 for raising oneself, 409 for the last one."""
    _lock(slug)
    before = _role(slug, account_id)
    if before == role:
        return
    _refuse_raising(slug, account_id, before, role, act)
    _set(slug, account_id, role)
    _keep_an_administrator(slug, before)
    act.record("member.changed", "account", account_id, slug, {"role": role, "role_before": before})


@transaction.atomic
def remove(slug: str, account_id: UUID, act: Act) -> None:
    """Let a member go, whose tokens lose the institution at once; raises 404, and 409 for the last administrator."""
    _lock(slug)
    before = _role(slug, account_id)
    Membership.objects.filter(account_id=account_id, institution_id=institution_id(slug)).delete()
    _keep_an_administrator(slug, before)
    act.record("member.removed", "account", account_id, slug, {"role_before": before})


def _lock(slug: str) -> None:
    # two administrators who remove each other at once: the second waits, and finds itself the last one
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, slug])


def _role(slug: str, account_id: UUID) -> str:
    return str(getattr(member(slug, account_id), "role"))  # noqa: B009 - an annotation


def _set(slug: str, account_id: UUID, role: str) -> None:
    place = {"account_id": account_id, "institution_id": institution_id(slug)}
    Membership.objects.filter(**place).exclude(role=role).delete()
    Membership.objects.get_or_create(**place, role=role, defaults={"institution_slug": slug})


def _refuse_raising(slug: str, account_id: UUID, before: str | None, role: str, act: Act) -> None:
    if account_id == act.by and (before is None or ROLES.index(role) > ROLES.index(before)):
        raise forbidden("nobody gives themselves a role; ask another administrator", slug)


def _keep_an_administrator(slug: str, before: str) -> None:
    administrators = Membership.objects.filter(
        institution_id=institution_id(slug), role=ROLES[-1], account__is_active=True
    )
    if before == ROLES[-1] and not administrators.exists():
        raise Problem("last_administrator", "Last administrator", 409, "an institution keeps an administrator")
