"""REST: the events of a dataset, from the log, as CloudEvents."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from catalog_svc.access import principals
from catalog_svc.access.scope import may
from catalog_svc.datasets import selectors as datasets
from catalog_svc.datasets.models import Dataset
from catalog_svc.listing import Listing, code, integer, moment, text, unique
from catalog_svc.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from catalog_svc.versions.eventlog import selectors
from catalog_svc.versions.models import IndexedEvent
from dataplatform.events.catalog import DATASETS
from dataplatform.events.registry import EVENT_TYPES
from dataplatform.identity import Principal
from dataplatform.problems import Problem

router = Router(tags=["events"])

_OF_STEWARDS: Final = frozenset(name for name in EVENT_TYPES if name.split(".")[0].endswith("access"))
_OF_MEMBERS: Final = frozenset(
    name
    for name, event in EVENT_TYPES.items()
    if event.topic != DATASETS or name.split(".")[0] in {"acknowledgement", "reprocess", "schema"}
)
_WITHHELD: Final = frozenset({"detail"})
_MAX_TYPES: Final = 50

Types = Annotated[
    list[str],
    Query(alias="type", max_length=_MAX_TYPES, description="Only of this type, for example version.published.v1"),
]


class CloudEventOut(Schema):
    """An event (CloudEvents 1.0, JSON structured form, where null is unset); `data` is what its type's schema says."""

    specversion: str
    id: UUID
    source: str
    type: str
    subject: str = Field(description="The stream")
    time: datetime
    datacontenttype: str
    sequence: str = Field(description="Version of the stream, padded so that it compares as text")
    correlationid: UUID
    causationid: UUID | None = Field(default=None, description="The event that caused it")
    traceparent: str | None = None
    data: dict[str, Any]


EVENTS: Final = Listing(
    "events",
    CloudEventOut,
    (
        moment("time"),
        integer("sequence", "version"),
        unique("id", "event_id"),
        code("type"),
        text("source"),
        unique("correlationid", "correlation_id"),
        unique("causationid", "causation_id", optional=True),
    ),
    order=["time", "sequence"],
    key="id",
    parameters=["type"],
)


@router.get(
    "/datasets/{uuid:dataset_id}/events",
    response=Page[CloudEventOut],
    summary="List the events of a dataset",
    openapi_extra=EVENTS.described("not_found", "unknown_event_type"),
)
def list_events(
    request: HttpRequest,
    dataset_id: UUID,
    *,
    types: Types = [],  # noqa: B006
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> object:
    """Return the events of a dataset, oldest first unless asked, those of every service.

    Everybody who sees the dataset sees what the catalog says of its description and its versions; members of the
    institution also see uploads, runs and assessments; stewards also see who was given access.
    """
    asked = EVENTS.asked(request)
    principal = principals.principal_of(request)
    dataset = datasets.dataset(principal, dataset_id)
    if unknown := sorted(set(types) - EVENT_TYPES.keys()):
        raise Problem("unknown_event_type", "Unknown event type", 422, f"there is no type {unknown[0][:100]!r}")
    seen = _visible(principal, dataset)
    wanted = sorted(seen & set(types) if types else seen)
    rows = IndexedEvent.objects.filter(key=dataset_id, type__in=wanted)
    found = asked.page(rows, cursor, limit, scope=f"{dataset_id} {sorted(types)}")
    return asked.answer([_shown(event, principal, dataset) for event in found.rows], found.next)


@router.get("/events/{uuid:event_id}", response={200: CloudEventOut}, summary="Show an event")
def show_event(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """Return one event of a dataset that the caller sees. Problems: `not_found`."""
    principal = principals.principal_of(request)
    event = selectors.event(event_id)
    dataset = datasets.datasets(principal).filter(pk=event.key).first() if event else None
    if event is None or dataset is None or event.type not in _visible(principal, dataset):
        raise Problem("not_found", "Not found", 404, "there is no such event")
    return HttpResponse(selectors.as_json(_shown(event, principal, dataset)), content_type=selectors.STRUCTURED)


def _visible(principal: Principal | None, dataset: Dataset) -> AbstractSet[str]:
    if principal is not None and may(principal, "steward", dataset):
        return EVENT_TYPES.keys()
    if principal is not None and may(principal, "reader", dataset):
        return EVENT_TYPES.keys() - _OF_STEWARDS
    return EVENT_TYPES.keys() - _OF_STEWARDS - _OF_MEMBERS


def _shown(event: IndexedEvent, principal: Principal | None, dataset: Dataset) -> dict[str, Any]:
    """Return an event; to others than members without who did it, and without words that may quote a file."""
    shown = selectors.cloudevent(event)
    if principal is None or not may(principal, "reader", dataset):
        shown["data"] = {
            name: value for name, value in shown["data"].items() if not name.endswith("_by") and name not in _WITHHELD
        }
    return shown
