"""What stewards do with webhooks: make, change and delete endpoints, change secrets, have events sent again."""

import json
import secrets as randomness
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection, transaction

from catalog_svc.audit import services as audit
from catalog_svc.datasets.models import Dataset
from catalog_svc.institutions.models import Institution
from catalog_svc.settings import SERVICE, settings
from catalog_svc.webhooks import enqueueing, selectors, signing
from catalog_svc.webhooks.addresses import UrlRefusedError, check_url
from catalog_svc.webhooks.dispatching import rules_of
from catalog_svc.webhooks.enqueueing import Asked
from catalog_svc.webhooks.messages import PING, SUBSCRIBABLE
from catalog_svc.webhooks.models import Delivery, Endpoint, Message
from dataplatform.events.base import Event
from dataplatform.log.envelope import CONTENT_TYPE, SPEC_VERSION, Envelope
from dataplatform.problems import Problem

MAX_REDELIVERED: Final = 1000
"""Of one request."""
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('webhooks', 0) # hashtextextended(%s, 0))"
_CLEAR: Final = (
    """DELETE FROM webhook_attempts a USING webhook_deliveries d
       WHERE d.delivery_id = a.delivery_id AND d.endpoint_id = %s""",
    "DELETE FROM webhook_deliveries WHERE endpoint_id = %s",
    f"DELETE FROM jobs WHERE queue = '{enqueueing.FAMILY}/' || %s::uuid",
)
_CANCEL_JOBS: Final = f"""
UPDATE jobs SET state = 'cancelled', lease_until = NULL, finished_at = clock_timestamp(),
                error_code = 'endpoint_disabled'
WHERE queue = '{enqueueing.FAMILY}/' || %s::uuid AND state = 'ready'
"""


@transaction.atomic
def create(
    institution: Institution, asked: Mapping[str, Any], *, by: UUID, now: datetime, correlation_id: UUID
) -> tuple[Endpoint, str]:
    """Make an endpoint; return it and its secret, which is not kept in the clear. Raises 409 and 422 problems."""
    _check(institution.institution_id, asked)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [str(institution.institution_id)])
    most = settings().webhook_endpoints
    if Endpoint.objects.filter(institution_id=institution.institution_id).count() >= most:
        raise Problem("too_many_webhooks", "Too many webhooks", 409, f"an institution has at most {most} webhooks")
    endpoint_id, raw = uuid4(), randomness.token_bytes(signing.SECRET_BYTES)
    made = Endpoint.objects.create(
        endpoint_id=endpoint_id,
        institution_id=institution.institution_id,
        institution_slug=institution.slug,
        secret=_sealed(endpoint_id, raw),
        created_by=by,
        created_at=now,
        **asked,
    )
    _audit("webhook.created", made, by=by, now=now, correlation_id=correlation_id, fields=sorted(asked))
    return made, signing.shown(raw)


@transaction.atomic
def revise(
    endpoint: Endpoint, changes: Mapping[str, Any], *, by: UUID, now: datetime, correlation_id: UUID
) -> Endpoint:
    """Change an endpoint; enabled again it begins anew, with what happens from then on. Raises 422 problems."""
    found = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    plain = {name: value for name, value in changes.items() if name != "active"}
    _check(found.institution_id, plain)
    for name, value in plain.items():
        setattr(found, name, value)
    if "url" in plain:
        found.failing_since = found.paused_until = None
    if changes.get("active") is True and found.disabled_at is not None:
        found.disabled_at = found.disabled_reason = found.failing_since = found.paused_until = None
    elif changes.get("active") is False and found.disabled_at is None:
        found.disabled_at, found.disabled_reason = now, "by_request"
        _cancel(found.endpoint_id, now)
    found.revised_at = now
    found.save()
    _audit("webhook.revised", found, by=by, now=now, correlation_id=correlation_id, fields=sorted(changes))
    return found


@transaction.atomic
def delete(endpoint: Endpoint, *, by: UUID, now: datetime, correlation_id: UUID) -> None:
    """Delete an endpoint with its deliveries; an attempt in hand may still arrive."""
    _audit("webhook.deleted", endpoint, by=by, now=now, correlation_id=correlation_id)
    with connection.cursor() as cursor:
        for statement in _CLEAR:
            cursor.execute(statement, [endpoint.endpoint_id])
    endpoint.delete()


@transaction.atomic
def rotate(
    endpoint: Endpoint, overlap: timedelta, *, by: UUID, now: datetime, correlation_id: UUID
) -> tuple[Endpoint, str]:
    """Give an endpoint a new secret; the old one signs too for `overlap`. An older one ends at once."""
    found = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    raw = randomness.token_bytes(signing.SECRET_BYTES)
    kept = overlap > timedelta(0)
    found.previous_secret = found.secret if kept else None
    found.previous_until = now + overlap if kept else None
    found.secret = _sealed(found.endpoint_id, raw)
    found.save(update_fields=["secret", "previous_secret", "previous_until"])
    _audit("webhook.secret_rotated", found, by=by, now=now, correlation_id=correlation_id)
    return found, signing.shown(raw)


@transaction.atomic
def ping(endpoint: Endpoint, *, by: UUID, now: datetime, correlation_id: UUID) -> Delivery:
    """Send a test message, before all else that waits. Raises a 409 problem for a disabled endpoint."""
    _require_active(endpoint)
    event_id = uuid4()
    stream = f"webhook:{endpoint.endpoint_id}"
    body = {
        "specversion": SPEC_VERSION, "id": str(event_id), "source": f"/{SERVICE}/{stream}", "type": PING,
        "subject": stream, "time": now.isoformat(), "timestamp": now.isoformat(), "datacontenttype": CONTENT_TYPE,
        "data": {"endpoint_id": str(endpoint.endpoint_id)},
    }  # fmt: skip
    asked = Asked(endpoint.endpoint_id, event_id, PING, None, json.dumps(body), now.isoformat(), correlation_id)
    with connection.cursor() as cursor:
        enqueueing.deliver(cursor, [asked], priority=1)
    _audit("webhook.pinged", endpoint, by=by, now=now, correlation_id=correlation_id)
    return Delivery.objects.get(pk=enqueueing.delivery_id(endpoint.endpoint_id, event_id))


@transaction.atomic
def redeliver(
    endpoint: Endpoint, envelopes: Sequence[Envelope], *, by: UUID, now: datetime, correlation_id: UUID
) -> int:
    """Send events of the log, those of them that the endpoint may have and asks for; return how many were enqueued.

    One that still waits is left as it is. Raises a 409 problem for a disabled endpoint.
    """
    _require_active(endpoint)
    with connection.cursor() as cursor:
        asked, _ = enqueueing.match(cursor, envelopes, endpoint.endpoint_id)
        count = enqueueing.deliver(cursor, asked, again=True)
    _audit("webhook.redelivered", endpoint, by=by, now=now, correlation_id=correlation_id, count=count)
    return count


@transaction.atomic
def resend(endpoint: Endpoint, found: Sequence[Delivery], *, by: UUID, now: datetime, correlation_id: UUID) -> int:
    """Make deliveries that ended once more, with the body that was kept; return how many. Raises a 409 problem."""
    _require_active(endpoint)
    bodies = {message.event_id: message for message in Message.objects.filter(pk__in={one.event_id for one in found})}
    allowed = _allowed(endpoint, found)
    asked = [
        Asked(endpoint.endpoint_id, one.event_id, one.type, one.dataset_id, kept.body, kept.occurred_at.isoformat(),
              correlation_id)
        for one in found
        if (kept := bodies.get(one.event_id)) is not None and one.dataset_id in allowed
    ]  # fmt: skip
    with connection.cursor() as cursor:
        count = enqueueing.deliver(cursor, asked, again=True)
    _audit("webhook.redelivered", endpoint, by=by, now=now, correlation_id=correlation_id, count=count)
    return count


def dead(endpoint: Endpoint) -> list[Delivery]:
    """Return the oldest dead letters of an endpoint, as many as are sent again at once."""
    found = Delivery.objects.filter(endpoint=endpoint, state="dead").order_by("created_at", "delivery_id")
    return list(found[: MAX_REDELIVERED + 1])


def _allowed(endpoint: Endpoint, found: Sequence[Delivery]) -> set[UUID | None]:
    """Return the datasets of deliveries that the endpoint may still hear of; the worker looks again."""
    datasets = {one.dataset_id for one in found if one.dataset_id is not None}
    foreign = Dataset.objects.filter(pk__in=datasets).exclude(institution_id=endpoint.institution_id)
    closed = foreign.exclude(visibility="public").values_list("pk", flat=True)
    return {None, *datasets} - set(closed)


def _check(institution_id: UUID, asked: Mapping[str, Any]) -> None:
    if (url := asked.get("url")) is not None:
        try:
            check_url(url, rules_of(settings()))
        except UrlRefusedError as error:
            raise Problem("webhook_url_refused", "URL refused", 422, str(error)) from error
    if unknown := sorted(set(asked.get("event_types") or ()) - set(SUBSCRIBABLE)):
        raise Problem("unknown_event_type", "Unknown event type", 422, f"there is no event type {unknown[0]!r}")
    if unknown_datasets := selectors.unknown_datasets(institution_id, asked.get("datasets") or ()):
        raise Problem("unknown_dataset", "Unknown dataset", 422, f"there is no dataset {unknown_datasets[0]}")


def _require_active(endpoint: Endpoint) -> None:
    if endpoint.disabled_at is not None:
        raise Problem("webhook_disabled", "Webhook disabled", 409, 'enable the webhook first: PATCH {"active": true}')


def _cancel(endpoint_id: UUID, now: datetime) -> None:
    Delivery.objects.filter(endpoint_id=endpoint_id, state="pending").update(
        state="cancelled", ended_at=now, next_attempt_at=None, last_error="endpoint_disabled"
    )
    with connection.cursor() as cursor:
        cursor.execute(_CANCEL_JOBS, [endpoint_id])


def _sealed(endpoint_id: UUID, raw: bytes) -> bytes:
    return signing.sealed(settings().secret_key.get_secret_value(), endpoint_id, raw)


def _audit(action: str, endpoint: Endpoint, *, by: UUID, now: datetime, correlation_id: UUID, **details: Any) -> None:
    audit.record(
        by=by, action=action, subject="webhook", subject_id=endpoint.endpoint_id, institution=endpoint.institution_slug,
        now=now, correlation_id=correlation_id, details=details,
    )  # fmt: skip


def description_of(event: type[Event]) -> str:
    """Return the first sentence that an event type is described with."""
    return (event.__doc__ or "").strip().partition("\n")[0]
