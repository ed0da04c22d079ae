"""Every event type and topic there is: the one list that schemas, AsyncAPI, topics and consumers are made from."""

from dataclasses import dataclass
from typing import Final

from dataplatform.events import catalog, heartbeats, ingest, processing, quality
from dataplatform.events.base import Event

_MODULES: Final = (ingest, processing, quality, catalog)


def _event_types() -> dict[str, type[Event]]:
    found: dict[str, type[Event]] = {}
    for module in _MODULES:
        for member in vars(module).values():
            if isinstance(member, type) and issubclass(member, Event) and "type" in vars(member):
                found[member.type] = member
    return found


EVENT_TYPES: Final[dict[str, type[Event]]] = _event_types()
"""Event class by its `ce_type`."""


class UnknownEventTypeError(Exception):
    """The type (or the version of a type) is not in this release's catalogue."""

    code = "unknown_event_type"


@dataclass(frozen=True)
class Topic:
    """A Kafka topic: who writes it, who reads it."""

    name: str
    owner: str
    readers: tuple[str, ...]
    partitions: int = 6
    config: tuple[tuple[str, str], ...] = (("retention.ms", "-1"), ("max.message.bytes", "8388608"))

    @property
    def types(self) -> tuple[type[Event], ...]:
        """The event types on this topic, in the order of their definition."""
        return tuple(event for event in EVENT_TYPES.values() if event.topic == self.name)


TOPICS: Final[tuple[Topic, ...]] = (
    Topic(ingest.UPLOADS, "ingest-svc", ("processing-svc", "catalog-svc")),
    Topic(ingest.SOURCES, "ingest-svc", ("catalog-svc",)),
    Topic(processing.RUNS, "processing-svc", ("quality-svc", "catalog-svc", "ingest-svc")),
    Topic(processing.PREPARATIONS, "processing-svc", ("catalog-svc", "ML jobs")),
    Topic(quality.ASSESSMENTS, "quality-svc", ("catalog-svc", "ML jobs", "ingest-svc")),
    Topic(catalog.DATASETS, "catalog-svc", ("ML jobs", "ingest-svc", "processing-svc", "quality-svc")),
)

"""The log: kept for ever."""

_PASSING: Final = (("retention.ms", "3600000"), ("max.message.bytes", "1048576"))

HEARTBEATS: Final[tuple[Topic, ...]] = (
    Topic(heartbeats.PROCESSING, "processing-svc", ("ingest-svc",), config=_PASSING),
    Topic(heartbeats.QUALITY, "quality-svc", ("ingest-svc",), config=_PASSING),
)
"""How far jobs are: for an hour, no part of the log, and nothing is made from them that an event would not correct."""

BROKER_TOPICS: Final = (*TOPICS, *HEARTBEATS)
"""Every topic that the broker has to have."""


def event_class(event_type: str) -> type[Event]:
    """Return the class for a `ce_type`; raises `UnknownEventTypeError`."""
    try:
        return EVENT_TYPES[event_type]
    except KeyError:
        raise UnknownEventTypeError(f"this release knows no event type {event_type!r}") from None
