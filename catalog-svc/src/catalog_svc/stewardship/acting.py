"""How the operations of stewardship begin: who asks, for which dataset, and may they."""

from uuid import UUID

from django.http import HttpRequest

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.access.scope import require
from catalog_svc.correlation import correlation_id_of
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Dataset
from catalog_svc.stewardship.services import Act
from dataplatform.identity import Principal


def act_of(request: HttpRequest, principal: Principal) -> Act:
    """Return who does something, now, in this request."""
    return Act(principal.subject, clock.now(), correlation_id_of(request))


def stewarded(request: HttpRequest, dataset_id: UUID) -> tuple[Dataset, Act]:
    """Return a dataset that the caller is a steward of; raises 401, 404 and 403 problems."""
    principal = principals.required(request)
    dataset = selectors.dataset(principal, dataset_id)
    require(principal, "steward", dataset)
    return dataset, act_of(request, principal)


def seen(request: HttpRequest, dataset_id: UUID) -> Dataset:
    """Return a dataset that the caller may see; raises a 404 problem."""
    return selectors.dataset(principals.principal_of(request), dataset_id)
