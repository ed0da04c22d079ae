"""What is read about accounts."""

from uuid import UUID

from django.db.models import Q, QuerySet

from catalog_svc.accounts.models import Account
from dataplatform.problems import Problem


def accounts() -> QuerySet[Account]:
    """Return all accounts; `is_service` tells those of programs."""
    return Account.objects.select_related("service").annotate(is_service=Q(service__isnull=False))


def account(account_id: UUID) -> Account:
    """Return one account; raises a 404 problem."""
    found = Account.objects.select_related("service").filter(pk=account_id).first()
    if found is None:
        raise Problem("not_found", "Not found", 404, "there is no such account")
    return found
