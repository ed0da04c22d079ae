"""How people are named in requests, and who may look after an institution."""

from typing import Annotated
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest
from pydantic import Field

from catalog_svc.access import principals
from catalog_svc.access.scope import forbidden
from catalog_svc.accounts.models import Account
from catalog_svc.institutions import selectors
from dataplatform.identity import Principal
from dataplatform.problems import Problem

AccountName = Annotated[
    str, Field(min_length=1, max_length=150, pattern=r"^[^\x00]*$", description="User name or id of an account")
]


def account_of(said: str) -> Account:
    """Return the account that a user name or an id names; raises a 422 problem."""
    try:
        named = Q(pk=UUID(said))
    except ValueError:
        named = Q(username=said.lower())
    found = Account.objects.filter(named).first()
    if found is None:
        raise Problem("unknown_account", "Unknown account", 422, "there is no account of that name or id")
    return found


def holding(request: HttpRequest, role: str, slug: str) -> Principal:
    """Return the caller, who holds `role` at the institution; raises 401, 404 and 403 problems."""
    principal = principals.required(request)
    selectors.institution(slug)
    if not principal.may(role, slug):
        raise forbidden(f"this takes the role {role} at the institution", slug)
    return principal
