"""Past events, from the index of the log, as what they were when they were new."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from catalog_svc.datasets.models import Dataset
from catalog_svc.versions.eventlog.selectors import stream_of
from catalog_svc.versions.models import IndexedEvent
from catalog_svc.webhooks.models import Endpoint
from dataplatform.events.registry import event_class
from dataplatform.log.envelope import Envelope


def events(event_ids: Sequence[UUID]) -> list[Envelope]:
    """Return those of these events that the log has; whether an endpoint may have them is for the caller to look at."""
    return [envelope(found) for found in IndexedEvent.objects.filter(pk__in=event_ids)]


def between(
    endpoint: Endpoint, since: datetime | None, until: datetime | None, limit: int
) -> tuple[list[Envelope], datetime | None]:
    """Return the first `limit` events of a time that the endpoint asks for, of its institution's own datasets.

    The second is the time to go on from, where there are more; events of that very moment are among the first too, and
    sending them again changes nothing that still waits.
    """
    own: Iterable[UUID] = Dataset.objects.filter(institution_id=endpoint.institution_id).values_list("pk", flat=True)
    keys = {*own, endpoint.institution_id}
    if endpoint.datasets:
        keys &= set(endpoint.datasets)
    found = IndexedEvent.objects.filter(key__in=keys, type__in=endpoint.event_types, time__gte=since)
    if until is not None:
        found = found.filter(time__lt=until)
    rows = list(found.order_by("time", "event_id")[: limit + 1])
    later = rows[limit].time if len(rows) > limit else None
    return [envelope(row) for row in rows[:limit]], later


def envelope(found: IndexedEvent) -> Envelope:
    """Return an event of the index as it stood in the log."""
    return Envelope(
        id=found.event_id,
        source=found.source,
        type=found.type,
        stream=stream_of(found),
        version=found.version,
        time=found.time,
        topic=event_class(found.type).topic,
        key=str(found.key),
        data=found.data,
        correlation_id=found.correlation_id,
        causation_id=found.causation_id,
        traceparent=found.traceparent,
    )
