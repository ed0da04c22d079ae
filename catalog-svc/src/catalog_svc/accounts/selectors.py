"""What is read about accounts."""

from uuid import UUID

from django.db.models import QuerySet

from catalog_svc.accounts.models import Account
from dataplatform.problems import Problem


def accounts(after: str | None, limit: int) -> QuerySet[Account]:
    """Return up to `limit` accounts by user name, those after `after`."""
    found = Account.objects.select_related("service").order_by("username")
    return (found.filter(username__gt=after) if after is not None else found)[:limit]


def account(account_id: UUID) -> Account:
    """Return one account; raises a 404 problem."""
    found = Account.objects.select_related("service").filter(pk=account_id).first()
    if found is None:
        raise Problem("not_found", "Not found", 404, "there is no such account")
    return found
