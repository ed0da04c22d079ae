"""Accounts of programs: an institution's administrators make them; they have tokens, no password, roles there only."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from catalog_svc.accounts import services
from catalog_svc.accounts.models import Account, ServiceAccount
from catalog_svc.audit.acting import Act
from catalog_svc.institutions.models import Membership
from catalog_svc.institutions.services import enrol
from dataplatform.problems import Problem


def create(slug: str, name: str, description: str, roles: Sequence[str], act: Act) -> ServiceAccount:
    """Make a service account of an institution; its owner is who makes it. Raises a 409 problem for a taken name."""
    with transaction.atomic():
        account = services.open_account(f"{slug}:{name}", name, now=act.now)
        service = ServiceAccount.objects.create(
            account=account, institution_slug=slug, description=description, owner_id=act.by
        )
        enrol(account, slug, roles)
        _record("service_account.created", service, act, roles=sorted(roles))
    return service


def of_institution(slug: str) -> QuerySet[ServiceAccount]:
    """Return the service accounts of an institution."""
    return ServiceAccount.objects.filter(institution_slug=slug).select_related("account")


def one(slug: str, account_id: UUID) -> ServiceAccount:
    """Return a service account of that institution; raises a 404 problem."""
    found = ServiceAccount.objects.select_related("account").filter(pk=account_id, institution_slug=slug).first()
    if found is None:
        raise Problem("not_found", "Not found", 404, "the institution has no such service account")
    return found


def revise(service: ServiceAccount, changes: Mapping[str, Any], act: Act) -> ServiceAccount:
    """Change `description`, `owner` (an administrator's id), `roles` or `active`; switched off, its tokens end at once.

    Raises a 422 problem for an owner who is no member of the institution.
    """
    with transaction.atomic():
        if "description" in changes:
            service.description = changes["description"]
        if "owner" in changes:
            service.owner = _owner(service.institution_slug, changes["owner"])
        service.save()
        if "roles" in changes:
            Membership.objects.filter(account=service.account).exclude(role__in=changes["roles"]).delete()
            enrol(service.account, service.institution_slug, changes["roles"])
        if "active" in changes:
            service.account.is_active = changes["active"]
            service.account.tokens_valid_from = act.now
            service.account.save(update_fields=["is_active", "tokens_valid_from"])
        _record("service_account.revised", service, act, fields=sorted(changes))
    return service


def _owner(slug: str, account_id: UUID) -> Account:
    found = Account.objects.filter(pk=account_id, is_active=True, service=None, memberships__institution_slug=slug)
    owner = found.first()
    if owner is None:
        raise Problem("unknown_account", "Unknown account", 422, "the owner is not a member of the institution")
    return owner


def _record(action: str, service: ServiceAccount, act: Act, **details: Any) -> None:
    act.record(action, "service_account", service.pk, service.institution_slug, details)
