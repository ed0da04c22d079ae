"""What is read of webhooks: by stewards and administrators of the institution that an endpoint is of."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from catalog_svc.datasets.models import Dataset
from catalog_svc.institutions.models import Institution
from catalog_svc.webhooks.models import Attempt, Delivery, Endpoint
from dataplatform.identity import Principal
from dataplatform.problems import Problem

MAX_LOG = 100


def stewarded(principal: Principal, institution: Institution) -> Institution:
    """Return the institution if the principal may look after its webhooks; raises a 403 problem."""
    if not principal.may("steward", institution.slug):
        raise Problem("forbidden", "Forbidden", 403, "only stewards of the institution look after its webhooks")
    return institution


def endpoint(principal: Principal, endpoint_id: UUID) -> Endpoint:
    """Return an endpoint; 404 for those who are not of its institution, 403 for members who are no stewards."""
    found = Endpoint.objects.filter(pk=endpoint_id).first()
    if found is None or not principal.may("reader", found.institution_slug):
        raise Problem("not_found", "Not found", 404, "there is no such webhook")
    if not principal.may("steward", found.institution_slug):
        raise Problem("forbidden", "Forbidden", 403, "only stewards of the institution look after its webhooks")
    return found


def endpoints(institution_id: UUID) -> QuerySet[Endpoint]:
    """Return the endpoints of an institution; `switched_on` tells which are active."""
    found = Endpoint.objects.filter(institution_id=institution_id)
    return found.annotate(switched_on=Q(disabled_at=None))


def dead_letters(endpoint_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many dead letters endpoints have."""
    rows = Delivery.objects.filter(endpoint_id__in=endpoint_ids, state="dead")
    return dict(rows.values_list("endpoint_id").annotate(Count("delivery_id")))


def deliveries(endpoint_id: UUID, state: str | None) -> QuerySet[Delivery]:
    """Return the deliveries of an endpoint, in one state or all."""
    found = Delivery.objects.filter(endpoint_id=endpoint_id)
    return found if state is None else found.filter(state=state)


def delivery(endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """Return a delivery of an endpoint; raises a 404 problem."""
    found = Delivery.objects.filter(pk=delivery_id, endpoint_id=endpoint_id).first()
    if found is None:
        raise Problem("not_found", "Not found", 404, "there is no such delivery")
    return found


def log_of(delivery_id: UUID) -> list[Attempt]:
    """Return the last attempts of a delivery, the newest first."""
    return list(Attempt.objects.filter(delivery_id=delivery_id).order_by("-id")[:MAX_LOG])


def unknown_datasets(institution_id: UUID, datasets: Sequence[UUID]) -> list[UUID]:
    """Return those datasets that an endpoint of the institution may not name: neither its own nor public."""
    own = Q(institution_id=institution_id) | Q(visibility="public")
    known = set(Dataset.objects.filter(own, pk__in=datasets).values_list("pk", flat=True))
    return [name for name in datasets if name not in known]
