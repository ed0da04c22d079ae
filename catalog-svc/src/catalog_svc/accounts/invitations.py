"""Invitations: a link with which a person sets a password (or comes by an identity provider), once and in time.

There is no mail server: the link is returned to the administrator, who passes it on.
"""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from catalog_svc.accounts import opaque, services
from catalog_svc.accounts.models import Account, Invitation
from dataplatform.problems import Problem


def invite(account: Account, *, by: UUID, now: datetime, lifetime: timedelta, correlation_id: UUID) -> str:
    """Return the secret of a new invitation; those that the account had before end. It is never shown again."""
    text = opaque.mint(opaque.INVITATION_PREFIX, secrets.choice)
    with transaction.atomic():
        Invitation.objects.filter(account=account).delete()
        Invitation.objects.create(
            digest=opaque.digest(text), account=account, invited_by=by, created_at=now, expires_at=now + lifetime
        )
        services.audited("account.invited", account, by=by, now=now, correlation_id=correlation_id)
    return text


def invited(text: str, now: datetime) -> Account:
    """Return whom an invitation is for, without using it up; raises a 410 problem."""
    return _found(_digest(text), now, for_update=False).account


def accept(text: str, password: str, *, now: datetime, correlation_id: UUID) -> Account:
    """Set the password of the invited account and use the invitation up; raises 410 and 422 problems."""
    with transaction.atomic():
        account = take(text, now)
        services.set_password(account, password, now=now)
        services.audited("account.opened", account, by=account.pk, now=now, correlation_id=correlation_id)
    return account


def take(text: str, now: datetime) -> Account:
    """Use an invitation up in the caller's transaction and return whom it is for; raises a 410 problem."""
    return take_digest(_digest(text), now)


def take_digest(digest: str, now: datetime) -> Account:
    """Do the same for an invitation of which only the hash is at hand."""
    invitation = _found(digest, now, for_update=True)
    account = invitation.account
    invitation.delete()
    return account


def _digest(text: str) -> str:
    return opaque.digest(text) if opaque.is_well_formed(text, opaque.INVITATION_PREFIX) else ""


def _found(digest: str, now: datetime, *, for_update: bool) -> Invitation:
    rows = Invitation.objects.select_for_update(of=("self",)) if for_update else Invitation.objects.all()
    found = rows.select_related("account").filter(digest=digest, expires_at__gt=now).first()
    if found is None or not found.account.is_active:
        raise Problem(
            "invitation_ended", "Invitation ended", 410, "there is no such invitation: it was used, or it has expired"
        )
    return found
