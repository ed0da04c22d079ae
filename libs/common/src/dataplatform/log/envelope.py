"""The envelope of an event, in the store and on Kafka (CloudEvents 1.0, Kafka binary mode)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self
from uuid import UUID

from pydantic_core import from_json

from dataplatform.events.base import Event
from dataplatform.events.identity import event_id
from dataplatform.events.registry import event_class
from dataplatform.telemetry.tracing import current_traceparent

SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
SEQUENCE_WIDTH: Final = 12
"""The sequence extension compares as text, so versions are padded with zeros to this width."""

EVENT_BYTES_LIMIT: Final = 4 * 1024 * 1024
"""Largest body of an event: half of what a topic takes, so the relay never meets a record it cannot send."""

MAX_VERSION: Final = 2**62

Headers = Iterable[tuple[str, bytes]]


class UndecodableRecordError(Exception):
    """A Kafka record is not a CloudEvent of ours; `code` says what is wrong with it."""

    def __init__(self, code: str, detail: str) -> None:
        """Keep the stable `code` and a sentence for people."""
        super().__init__(detail)
        self.code = code
        self.detail = detail


class EventTooLargeError(Exception):
    """The body is over `EVENT_BYTES_LIMIT`: put the bulk in object storage and point at it."""

    code = "event_too_large"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an event could not be applied, and how often it was tried."""

    code: str
    detail: str
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Envelope:
    """One stored or received event. `stream` and `version` (from 1) identify it; `source` names service and stream."""

    id: UUID
    source: str
    type: str
    stream: str
    version: int
    time: datetime
    topic: str
    key: str
    data: dict[str, Any]
    correlation_id: UUID
    causation_id: UUID | None = None
    traceparent: str | None = None

    def event(self) -> Event:
        """Return the typed event; raises `pydantic.ValidationError` and `UnknownEventTypeError`."""
        return event_class(self.type).from_data(self.data)

    def to_record(self) -> dict[str, Any]:
        """Return the envelope as plain JSON types, as parked events are kept."""
        return {
            "id": str(self.id),
            "source": self.source,
            "type": self.type,
            "stream": self.stream,
            "version": self.version,
            "time": self.time.isoformat(),
            "topic": self.topic,
            "key": self.key,
            "data": self.data,
            "correlation_id": str(self.correlation_id),
            "causation_id": str(self.causation_id) if self.causation_id else None,
            "traceparent": self.traceparent,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Undo `to_record`."""
        causation = record["causation_id"]
        return cls(
            **{
                **record,
                "id": UUID(record["id"]),
                "time": datetime.fromisoformat(record["time"]),
                "correlation_id": UUID(record["correlation_id"]),
                "causation_id": UUID(causation) if causation else None,
            }
        )


@dataclass(frozen=True, slots=True)
class Context:
    """What travels along from cause to effect."""

    correlation_id: UUID
    causation_id: UUID | None = None
    traceparent: str | None = None

    @classmethod
    def begin(cls, correlation_id: UUID) -> Self:
        """Return the context of something that a person or a clock began."""
        return cls(correlation_id, None, current_traceparent())

    @classmethod
    def caused_by(cls, envelope: Envelope) -> Self:
        """Return the context of what follows from an event."""
        return cls(envelope.correlation_id, envelope.id, current_traceparent() or envelope.traceparent)


def enclose(events: Iterable[Event], after: int, *, service: str, now: datetime, context: Context) -> list[Envelope]:
    """Return the envelopes of `events`, all of one stream that is at version `after`; raises `EventTooLargeError`."""
    envelopes = [
        Envelope(
            id=event_id(event.stream, version),
            source=f"/{service}/{event.stream}",
            type=event.type,
            stream=event.stream,
            version=version,
            time=now.astimezone(UTC),
            topic=event.topic,
            key=event.key,
            data=storable(event.to_data()),
            correlation_id=context.correlation_id,
            causation_id=context.causation_id,
            traceparent=context.traceparent,
        )
        for version, event in enumerate(events, start=after + 1)
    ]
    for envelope in envelopes:
        if (size := len(_body(envelope))) > EVENT_BYTES_LIMIT:
            raise EventTooLargeError(f"{envelope.type} on {envelope.stream} has {size} bytes")
    return envelopes


_SUSPICIOUS: Final = (b"\\u", b"\xed", b"\0")
"""Without these bytes no JSON text has a NUL or a lone surrogate: not escaped, not in UTF-8, not in wider encodings."""


_TOO_DEEP: Final = "recursion limit exceeded"
"""Of what is nested more than 200 deep: what Python would still read, neither it nor PostgreSQL might write again."""


def storable(value: Any) -> Any:
    """Return JSON data without what PostgreSQL cannot keep: NUL as U+FFFD, lone surrogates as question marks."""
    if isinstance(value, str):
        return value if value.isprintable() else value.replace("\0", "\ufffd").encode(errors="replace").decode()
    if isinstance(value, dict):
        return {storable(name): storable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [storable(member) for member in value]
    return value


def _body(envelope: Envelope) -> bytes:
    return json.dumps(envelope.data, ensure_ascii=False, separators=(",", ":")).encode()


def to_kafka(envelope: Envelope) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """Return key, value and headers of the Kafka record."""
    attributes = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": str(envelope.id),
        "ce_source": envelope.source,
        "ce_type": envelope.type,
        "ce_subject": envelope.stream,
        "ce_time": envelope.time.isoformat(),
        "ce_sequence": f"{envelope.version:0{SEQUENCE_WIDTH}d}",
        "ce_correlationid": str(envelope.correlation_id),
        "ce_causationid": str(envelope.causation_id) if envelope.causation_id else None,
        "ce_traceparent": envelope.traceparent,
        "traceparent": envelope.traceparent,
        "content-type": CONTENT_TYPE,
    }
    headers = [(name, text.encode()) for name, text in attributes.items() if text is not None]
    return envelope.key.encode(), _body(envelope), headers


def from_kafka(topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> Envelope:
    """Return the envelope of a Kafka record; raises `UndecodableRecordError`. The type is not looked up."""
    found = dict(headers)
    if found.get("ce_specversion") != SPEC_VERSION.encode():
        raise UndecodableRecordError("not_a_cloudevent", "the header ce_specversion is missing or not 1.0")
    try:
        data = _parsed(value or b"")
    except (ValueError, RecursionError) as error:
        raise UndecodableRecordError("body_not_json", f"the value is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise UndecodableRecordError("body_not_object", "the value is not a JSON object")
    if any(mark in (value or b"") for mark in _SUSPICIOUS) and storable(data) != data:
        raise UndecodableRecordError("body_not_storable", "the value has characters that no database of ours can keep")
    try:
        return _decode(topic, key, data, found)
    except (KeyError, ValueError) as error:
        raise UndecodableRecordError(
            "attributes_invalid", f"a CloudEvents attribute is missing or wrong: {error}"
        ) from error


def _parsed(value: bytes) -> Any:
    try:
        return from_json(value)  # in half the time, but it knows UTF-8 only, and no lone surrogates
    except ValueError as error:
        if _TOO_DEEP in str(error):
            raise
        return json.loads(value)


def _decode(topic: str, key: bytes | None, data: dict[str, Any], found: Mapping[str, bytes]) -> Envelope:
    version = int(found["ce_sequence"])
    if not 0 < version < MAX_VERSION:
        raise ValueError("ce_sequence counts from 1")
    if b"\0" in b"".join((key or b"", *found.values())):
        raise ValueError("an attribute has a NUL in it")
    causation = found.get("ce_causationid")
    traceparent = found.get("traceparent") or found.get("ce_traceparent")
    return Envelope(
        id=UUID(found["ce_id"].decode()),
        source=found["ce_source"].decode(),
        type=found["ce_type"].decode(),
        stream=found["ce_subject"].decode(),
        version=version,
        time=datetime.fromisoformat(found["ce_time"].decode()),
        topic=topic,
        key=(key or b"").decode(),
        data=data,
        correlation_id=UUID(found["ce_correlationid"].decode()),
        causation_id=UUID(causation.decode()) if causation else None,
        traceparent=traceparent.decode() if traceparent else None,
    )
