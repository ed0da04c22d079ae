"""Whose account somebody gets whom a provider vouches for: issuer and subject decide, no mail address and no name."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from catalog_svc.accounts import invitations, services
from catalog_svc.accounts.models import Account, ExternalIdentity
from catalog_svc.accounts.oidc.conversation import Answer
from catalog_svc.accounts.oidc.providers import OidcProvider
from catalog_svc.institutions.models import Membership
from catalog_svc.institutions.services import enrol
from dataplatform.problems import Problem

_MAX_NAME: Final = 255


@transaction.atomic
def account_for(
    provider: OidcProvider, answer: Answer, *, current: Account | None, now: datetime, correlation_id: UUID
) -> Account:
    """Return the account to sign in, linked or made where the flow's purpose and the provider's policy allow it.

    `current` is who is signed in already, for linking. Raises 403, 409 and 410 problems.
    """
    known = (
        ExternalIdentity.objects.select_for_update(of=("self",))
        .select_related("account")
        .filter(issuer=provider.issuer, subject=answer.subject)
        .first()
    )
    if answer.purpose.get("purpose") == "link":
        account = _linked(answer, known, current)
        if known is None:
            _link(provider, answer, account, now, correlation_id)
        return account
    if known is not None:
        account = known.account
    elif answer.purpose.get("purpose") == "invitation" and provider.provisioning != "closed":
        account = invitations.take_digest(answer.purpose["invitation"], now)
        _link(provider, answer, account, now, correlation_id)
    elif provider.provisioning == "claims" and _mapped(provider, answer.claims):
        account = _made(provider, answer, now, correlation_id)
    else:
        raise _unknown()
    if not account.is_active:
        raise _unknown()
    if provider.provisioning == "claims":
        _synchronize(provider, answer.claims, account, now, correlation_id)
    return account


def _linked(answer: Answer, known: ExternalIdentity | None, current: Account | None) -> Account:
    """Return who is signed in and wants to be linked; raises 403 and 409 problems."""
    if current is None or str(current.pk) != answer.purpose.get("account"):
        raise _unknown()
    if known is not None and known.account_id != current.pk:
        raise Problem("identity_linked", "Identity linked", 409, "this identity signs another account in already")
    return current


def _link(provider: OidcProvider, answer: Answer, account: Account, now: datetime, correlation_id: UUID) -> None:
    ExternalIdentity.objects.create(account=account, issuer=provider.issuer, subject=answer.subject, linked_at=now)
    services.audited(
        "account.linked", account, by=account.pk, now=now, correlation_id=correlation_id, provider=provider.name
    )


def _made(provider: OidcProvider, answer: Answer, now: datetime, correlation_id: UUID) -> Account:
    # unique by what identifies the person; a colon is in no name that people choose
    username = f"{provider.name}:{sha256(f'{provider.issuer} {answer.subject}'.encode()).hexdigest()[:24]}"
    name = answer.claims.get("name")
    shown = name.replace("\x00", "")[:_MAX_NAME] if isinstance(name, str) else ""
    account = services.open_account(username, shown, now=now)
    services.audited(
        "account.provisioned", account, by=None, now=now, correlation_id=correlation_id, provider=provider.name
    )
    _link(provider, answer, account, now, correlation_id)
    return account


def _mapped(provider: OidcProvider, claims: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the roles (institution, role) that the claims give."""
    values = claims.get(provider.roles_claim, [])
    named = [values] if isinstance(values, str) else values if isinstance(values, list) else []
    return {
        (mapped.institution, mapped.role)
        for value in named
        if isinstance(value, str)
        for mapped in provider.roles.get(value, [])
    }


def _synchronize(
    provider: OidcProvider, claims: Mapping[str, Any], account: Account, now: datetime, correlation_id: UUID
) -> None:
    """Give the account the mapped roles it has now, and take those that the mapping names and it has no more."""
    given = _mapped(provider, claims)
    managed: set[tuple[str, str]] = {
        (mapped.institution, mapped.role) for roles in provider.roles.values() for mapped in roles
    }
    held = set(Membership.objects.filter(account=account).values_list("institution_slug", "role"))
    taken, new = sorted((managed - given) & held), sorted(given - held)
    for institution, former in taken:
        Membership.objects.filter(account=account, institution_slug=institution, role=former).delete()
    for institution, role in new:
        enrol(account, institution, [role])
    if taken or new:
        services.audited(
            "account.roles_mapped",
            account,
            by=None,
            now=now,
            correlation_id=correlation_id,
            given=[":".join(one) for one in new],
            taken=[":".join(one) for one in taken],
        )


def _unknown() -> Problem:
    detail = "no account belongs to this identity: ask an administrator for an invitation"
    return Problem("identity_unknown", "Identity unknown", 403, detail)
