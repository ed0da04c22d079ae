"""REST: webhooks of an institution, their delivery log, redelivery."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Status

from catalog_svc import clock
from catalog_svc.access import principals
from catalog_svc.correlation import correlation_id_of
from catalog_svc.institutions import selectors as institutions
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.refusals import refusals
from catalog_svc.webhooks import past, selectors, services, signing
from catalog_svc.webhooks.listings import DELIVERIES, ENDPOINTS, TYPES
from catalog_svc.webhooks.messages import PUBLIC, SUBSCRIBABLE
from catalog_svc.webhooks.models import Delivery, Endpoint
from catalog_svc.webhooks.schemas import (
    DeliveryDetailOut,
    DeliveryOut,
    EndpointChanges,
    EndpointIn,
    EndpointOut,
    EventTypeOut,
    NewEndpointOut,
    RedeliveryIn,
    RedeliveryOut,
    RotationIn,
    attempt_out,
    delivery_out,
    endpoint_out,
)
from dataplatform.identity import Principal
from dataplatform.problems import Problem

router = Router(tags=["webhooks"])

State = Annotated[
    Literal["pending", "delivered", "dead", "cancelled"] | None, Query(description="Only deliveries in this state")
]
_REFUSED = ("token_missing", "token_invalid", "forbidden", "not_found")


@router.get(
    "/webhooks/event-types",
    response=Page[EventTypeOut],
    summary="List event types to subscribe to",
    openapi_extra=TYPES.described("invalid_request"),
)
def list_event_types(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return event types in the order of their names unless asked; docs/events.md describes each."""
    asked = TYPES.asked(request)
    found = asked.page_of(
        (
            {"type": name, "description": services.description_of(event), "public": name in PUBLIC}
            for name, event in SUBSCRIBABLE.items()
        ),
        cursor,
        limit,
    )
    return asked.answer(found.rows, found.next)


@router.post(
    "/institutions/{slug}/webhooks",
    response={201: NewEndpointOut},
    summary="Make a webhook",
    openapi_extra=refusals(
        *_REFUSED,
        "too_many_webhooks",
        "webhook_url_refused",
        "unknown_event_type",
        "unknown_dataset",
        "invalid_request",
    ),
)
def make_webhook(request: HttpRequest, response: HttpResponse, slug: str, body: EndpointIn) -> object:
    """Make an endpoint; for stewards. The answer has its secret, which is never shown again."""
    principal = principals.required(request)
    institution = selectors.stewarded(principal, institutions.institution(slug))
    made, secret = services.create(institution, body.dict(), **_who(request, principal))
    response["Location"] = f"/api/v1/webhooks/{made.endpoint_id}"
    return Status(201, {**_out(made), "secret": secret})


@router.get(
    "/institutions/{slug}/webhooks",
    response=Page[EndpointOut],
    summary="List webhooks",
    openapi_extra=ENDPOINTS.described(*_REFUSED, "invalid_request"),
)
def list_webhooks(request: HttpRequest, slug: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> object:
    """Return the endpoints of an institution, the oldest first unless asked; for stewards."""
    institution = selectors.stewarded(principals.required(request), institutions.institution(slug))
    asked = ENDPOINTS.asked(request)
    found = asked.page(selectors.endpoints(institution.institution_id), cursor, limit, scope=slug)
    dead = selectors.dead_letters([one.endpoint_id for one in found.rows])
    now = clock.now()
    return asked.answer([endpoint_out(one, dead.get(one.endpoint_id, 0), now) for one in found.rows], found.next)


@router.get(
    "/webhooks/{uuid:endpoint_id}", response=EndpointOut, summary="Show a webhook", openapi_extra=refusals(*_REFUSED)
)
def show_webhook(request: HttpRequest, endpoint_id: UUID) -> object:
    """Return an endpoint and how delivering to it goes."""
    return _out(selectors.endpoint(principals.required(request), endpoint_id))


@router.patch(
    "/webhooks/{uuid:endpoint_id}",
    response=EndpointOut,
    summary="Change a webhook",
    openapi_extra=refusals(
        *_REFUSED, "webhook_url_refused", "unknown_event_type", "unknown_dataset", "invalid_request"
    ),
)
def change_webhook(request: HttpRequest, endpoint_id: UUID, body: EndpointChanges) -> object:
    """Change, disable or enable an endpoint. Disabling cancels what waits; enabling does not make up for it."""
    principal = principals.required(request)
    endpoint = selectors.endpoint(principal, endpoint_id)
    changes = {name: value for name, value in body.dict(exclude_unset=True).items() if value is not None}
    return _out(services.revise(endpoint, changes, **_who(request, principal)))


@router.delete(
    "/webhooks/{uuid:endpoint_id}",
    response={204: None},
    summary="Delete a webhook",
    openapi_extra=refusals(*_REFUSED),
)
def delete_webhook(request: HttpRequest, endpoint_id: UUID) -> object:
    """Delete an endpoint with its delivery log."""
    principal = principals.required(request)
    services.delete(selectors.endpoint(principal, endpoint_id), **_who(request, principal))
    return Status(204, None)


@router.post(
    "/webhooks/{uuid:endpoint_id}/secret",
    response=NewEndpointOut,
    summary="Change a webhook's secret",
    openapi_extra=refusals(*_REFUSED, "invalid_request"),
)
def rotate_secret(request: HttpRequest, endpoint_id: UUID, body: RotationIn) -> object:
    """Make a new secret, shown once; for a while messages are signed with both, so that no receiver misses one."""
    principal = principals.required(request)
    endpoint = selectors.endpoint(principal, endpoint_id)
    overlap = timedelta(seconds=body.overlap_seconds)
    changed, secret = services.rotate(endpoint, overlap, **_who(request, principal))
    return {**_out(changed), "secret": secret}


@router.post(
    "/webhooks/{uuid:endpoint_id}/ping",
    response={202: DeliveryOut},
    summary="Send a test message",
    openapi_extra=refusals(*_REFUSED, "webhook_disabled"),
)
def ping(request: HttpRequest, endpoint_id: UUID) -> object:
    """Send a message of the type `webhook.pinged.v1`, signed as every other; the delivery tells what came of it."""
    principal = principals.required(request)
    endpoint = selectors.endpoint(principal, endpoint_id)
    return Status(202, _delivery(services.ping(endpoint, **_who(request, principal))))


@router.get(
    "/webhooks/{uuid:endpoint_id}/deliveries",
    response=Page[DeliveryOut],
    summary="List deliveries",
    openapi_extra=DELIVERIES.described(*_REFUSED, "invalid_request"),
)
def list_deliveries(
    request: HttpRequest, endpoint_id: UUID, state: State = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> object:
    """Return deliveries of the last 30 days, the newest first unless asked; `state=dead` for dead letters."""
    endpoint = selectors.endpoint(principals.required(request), endpoint_id)
    asked = DELIVERIES.asked(request)
    rows = selectors.deliveries(endpoint.endpoint_id, state)
    found = asked.page(rows, cursor, limit, scope=f"{endpoint_id} {state}")
    return asked.answer([_delivery(one) for one in found.rows], found.next)


@router.get(
    "/webhooks/{uuid:endpoint_id}/deliveries/{uuid:delivery_id}",
    response=DeliveryDetailOut,
    summary="Show a delivery with its log",
    openapi_extra=refusals(*_REFUSED),
)
def show_delivery(request: HttpRequest, endpoint_id: UUID, delivery_id: UUID) -> object:
    """Return a delivery and its attempts: when, status or error, latency, size and hash of the answer."""
    endpoint = selectors.endpoint(principals.required(request), endpoint_id)
    found = selectors.delivery(endpoint.endpoint_id, delivery_id)
    return {**_delivery(found), "log": [attempt_out(line) for line in selectors.log_of(delivery_id)]}


@router.post(
    "/webhooks/{uuid:endpoint_id}/deliveries/{uuid:delivery_id}/redeliver",
    response={202: DeliveryOut},
    summary="Deliver once more",
    openapi_extra=refusals(*_REFUSED, "webhook_disabled"),
)
def redeliver_one(request: HttpRequest, endpoint_id: UUID, delivery_id: UUID) -> object:
    """Send a delivery again, with the same `webhook-id` and for another three days; one that waits is left as it is."""
    principal = principals.required(request)
    endpoint = selectors.endpoint(principal, endpoint_id)
    found = selectors.delivery(endpoint.endpoint_id, delivery_id)
    services.resend(endpoint, [found], **_who(request, principal))
    return Status(202, _delivery(selectors.delivery(endpoint.endpoint_id, delivery_id)))


@router.post(
    "/webhooks/{uuid:endpoint_id}/redeliver",
    response={202: RedeliveryOut},
    summary="Send past events (again)",
    openapi_extra=refusals(*_REFUSED, "webhook_disabled", "invalid_redelivery", "invalid_request"),
)
def redeliver(request: HttpRequest, endpoint_id: UUID, body: RedeliveryIn) -> object:
    """Send events of the log: those named, all dead letters, or those of a time (of the institution's own datasets).

    At most 1,000 at once; `more` says whether there are others. Types and datasets are those the endpoint asks for.
    """
    principal = principals.required(request)
    endpoint = selectors.endpoint(principal, endpoint_id)
    who = _who(request, principal)
    chosen = [body.event_ids is not None, body.dead, body.since is not None]
    if sum(chosen) != 1 or (body.until is not None and body.since is None):
        raise Problem(
            "invalid_redelivery", "Invalid redelivery", 422, "say `event_ids`, `dead` or `since`, one of them"
        )
    if body.dead:
        letters = services.dead(endpoint)
        count = services.resend(endpoint, letters[: services.MAX_REDELIVERED], **who)
        return Status(202, {"enqueued": count, "more": len(letters) > services.MAX_REDELIVERED})
    if body.event_ids is not None:
        return Status(
            202, {"enqueued": services.redeliver(endpoint, past.events(body.event_ids), **who), "more": False}
        )
    found, later = past.between(endpoint, _aware(body.since), _aware(body.until), services.MAX_REDELIVERED)
    count = services.redeliver(endpoint, found, **who)
    return Status(202, {"enqueued": count, "more": later is not None, "next_since": later})


def _aware(time: datetime | None) -> datetime | None:
    if time is not None and time.tzinfo is None:
        raise Problem("invalid_redelivery", "Invalid redelivery", 422, "a time needs a zone: 2026-01-31T12:00:00Z")
    return time


def _who(request: HttpRequest, principal: Principal) -> dict[str, Any]:
    return {"by": principal.subject, "now": clock.now(), "correlation_id": correlation_id_of(request)}


def _out(endpoint: Endpoint) -> dict[str, Any]:
    dead = selectors.dead_letters([endpoint.endpoint_id])
    return endpoint_out(endpoint, dead.get(endpoint.endpoint_id, 0), clock.now())


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return delivery_out(delivery, signing.message_id(delivery.delivery_id))
