"""What an account is today, whatever the tokens say that it got before: roles that were taken away are gone at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from catalog_svc.accounts.models import Account
from catalog_svc.institutions import selectors
from dataplatform.identity import ROLES, Principal
from dataplatform.identity.principal import capped

_ROUNDING: Final = timedelta(milliseconds=1)
"""Of the time in a token, which is a floating-point number."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Roles by institution slug, those of groups included, and whether the account runs the platform."""

    institutions: Mapping[str, frozenset[str]]
    admin: bool


def standing_of(account_id: UUID, issued_at: datetime) -> Standing | None:
    """Return what an account is, None where tokens that it got at `issued_at` are accepted no more."""
    valid = Account.objects.filter(pk=account_id, is_active=True, tokens_valid_from__lte=issued_at + _ROUNDING)
    admin = valid.values_list("is_admin", flat=True).first()
    return None if admin is None else Standing(selectors.roles_of(account_id), admin)


def reduced(principal: Principal, standing: Standing) -> Principal:
    """Return the bearer with what both its token and its account's standing allow; what is new takes a new token."""
    if standing.admin:
        return principal
    # a token that ran the platform named what its account is besides, too
    return replace(
        principal,
        admin=False,
        institutions={
            slug: capped(roles, max(standing.institutions[slug], key=ROLES.index))
            for slug, roles in principal.institutions.items()
            if standing.institutions.get(slug)
        },
    )
