"""What is read of the log: one event, the events of a dataset or an institution, and the CloudEvent that each is.

For other parts of the catalog (webhooks redeliver with it):

- `event(event_id)` is any past event of the log, None where there is none. It asks nobody's leave: the caller has
  checked that whoever asks may see the dataset that `IndexedEvent.key` names.
- `events_of(key, types, after, limit)` is a page of the events of a dataset (or an institution itself), oldest first.
- `cloudevent(event)` is its CloudEvent 1.0 in the JSON structured form, as a dict ready for `json.dumps`.

A row is written in the transaction that applies the event, so whoever reacts to an applied event finds it here.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from catalog_svc.versions.models import IndexedEvent
from dataplatform.log.envelope import CONTENT_TYPE, SEQUENCE_WIDTH, SPEC_VERSION

STRUCTURED: Final = "application/cloudevents+json"
"""Media type of one event in the JSON structured form."""

Place = tuple[datetime, int, UUID]
"""Where an event stands among those of its dataset: time, version of its stream, id."""


def event(event_id: UUID) -> IndexedEvent | None:
    """Return an event of the log; the caller checks who may see it."""
    return IndexedEvent.objects.filter(pk=event_id).first()


def events_of(key: UUID, types: Collection[str], after: Place | None, limit: int) -> Sequence[IndexedEvent]:
    """Return events of a dataset or an institution, oldest first; `types`: of these only, where there are any."""
    found = IndexedEvent.objects.filter(key=key)
    if types:
        found = found.filter(type__in=types)
    if after is not None:
        time, version, last = after
        later = Q(time__gt=time) | Q(time=time, version__gt=version) | Q(time=time, version=version, event_id__gt=last)
        found = found.filter(later, time__gte=time)
    return list(found.order_by("time", "version", "event_id")[:limit])


def place_of(found: IndexedEvent) -> Place:
    """Return where an event stands among those of its dataset."""
    return found.time, found.version, found.event_id


def stream_of(found: IndexedEvent) -> str:
    """Return the stream of an event: what its source names after the service."""
    return found.source.split("/", 2)[2]


def cloudevent(found: IndexedEvent) -> dict[str, Any]:
    """Return an event as CloudEvents 1.0 has it in JSON, with the attributes that it has on Kafka."""
    attributes = {
        "specversion": SPEC_VERSION,
        "id": str(found.event_id),
        "source": found.source,
        "type": found.type,
        "subject": stream_of(found),
        "time": found.time.isoformat().replace("+00:00", "Z"),
        "datacontenttype": CONTENT_TYPE,
        "sequence": f"{found.version:0{SEQUENCE_WIDTH}d}",
        "correlationid": str(found.correlation_id),
        "causationid": str(found.causation_id) if found.causation_id else None,
        "traceparent": found.traceparent,
        "data": found.data,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def as_json(document: dict[str, Any]) -> bytes:
    """Return a CloudEvent as it is sent."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
