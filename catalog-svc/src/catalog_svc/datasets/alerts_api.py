"""REST: the alerts of a dataset. They are quality-svc's; stewards say here that they have seen one."""

from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Status

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.access.scope import require
from catalog_svc.correlation import correlation_id_of
from catalog_svc.datasets import selectors, services
from catalog_svc.datasets.listings import ALERTS
from catalog_svc.datasets.schemas import AlertOut, alert_out
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from dataplatform.problems import Problem

router = Router()

State = Annotated[
    Literal["raised", "acknowledged", "resolved"] | None, Query(description="Only these; without it, all that are open")
]
_OPEN = ("raised", "acknowledged")
_ALL = (*_OPEN, "resolved")


@router.get(
    "/datasets/{uuid:dataset_id}/alerts",
    response=Page[AlertOut],
    tags=["alerts"],
    summary="List alerts",
    openapi_extra=ALERTS.described("not_found"),
)
def list_alerts(
    request: HttpRequest, dataset_id: UUID, state: State = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> object:
    """Return the alerts of a dataset, the last raised first unless asked; those that were resolved only on demand."""
    asked = ALERTS.asked(request)
    states = [state] if state else _ALL if any(found.field.name == "state" for found in asked.conditions) else _OPEN
    rows = selectors.alerts(principals.principal_of(request), dataset_id, states)
    found = asked.page(rows, cursor, limit, scope=f"{dataset_id}/{state}")
    return asked.answer([alert_out(alert) for alert in found.rows], found.next)


@router.get("/alerts/{uuid:alert_id}", response=AlertOut, tags=["alerts"], summary="Show an alert")
def show_alert(request: HttpRequest, alert_id: UUID) -> object:
    """Return one alert."""
    return alert_out(selectors.alert(principals.principal_of(request), alert_id)[0])


@router.post(
    "/alerts/{uuid:alert_id}/acknowledge", response={202: AlertOut}, tags=["alerts"], summary="Say an alert was seen"
)
def acknowledge_alert(request: HttpRequest, alert_id: UUID) -> object:
    """Have quality-svc record that a steward takes care of an alert; it shows shortly after. Twice is once."""
    principal = principals.required(request)
    alert, dataset = selectors.alert(principal, alert_id)
    require(principal, "steward", dataset)
    if alert.state == "resolved":
        raise Problem("alert_resolved", "Alert resolved", 409, "what raised the alert is gone")
    if alert.state == "raised":
        services.acknowledge(
            dataset.dataset_id,
            alert_id,
            by=principal.subject,
            now=clock.now(),
            correlation_id=correlation_id_of(request),
        )
    return Status(202, alert_out(alert))
