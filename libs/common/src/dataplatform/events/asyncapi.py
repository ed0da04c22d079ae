"""The AsyncAPI 3 document, made from the registry: topics, messages in CloudEvents binary mode, who sends and receives.

It is for people and tools outside; nothing here runs at run time.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from dataplatform.events.base import Event
from dataplatform.events.evolution import schema_of
from dataplatform.events.registry import EVENT_TYPES, TOPICS, Topic

VERSION: Final = "1.0.0"
KAFKA_BINDING: Final = "0.5.0"
TRACEPARENT: Final = r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"

_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "ce_specversion": {"type": "string", "const": "1.0"},
    "ce_id": {
        "type": "string",
        "format": "uuid",
        "description": "UUID version 5 of stream and version: a copy keeps it",
    },
    "ce_source": {"type": "string", "pattern": "^/", "description": "`/<service>/<stream>`"},
    "ce_subject": {"type": "string", "description": "The stream, `<noun>:<id>`"},
    "ce_time": {"type": "string", "format": "date-time"},
    "ce_sequence": {
        "type": "string",
        "pattern": "^[0-9]{12}$",
        "description": "The event's version in its stream, from 1, gapless: drop what is not larger than the last seen",
    },
    "ce_correlationid": {"type": "string", "format": "uuid", "description": "The same for all that one cause led to"},
    "ce_causationid": {"type": "string", "format": "uuid", "description": "The event that led to this one, if any"},
    "ce_traceparent": {"type": "string", "pattern": TRACEPARENT, "description": "W3C trace context"},
    "traceparent": {"type": "string", "pattern": TRACEPARENT, "description": "The same as `ce_traceparent`"},
    "content-type": {"type": "string", "const": "application/json"},
}
_OPTIONAL_HEADERS: Final = frozenset({"ce_causationid", "ce_traceparent", "traceparent"})


def asyncapi_document(examples: Mapping[str, Iterable[dict[str, Any]]]) -> dict[str, Any]:
    """Return the document; `examples` are bodies by event type."""
    schemas: dict[str, Any] = {}
    messages = {name: _message(event, schemas, examples.get(name, ())) for name, event in EVENT_TYPES.items()}
    operations: dict[str, Any] = {}
    for topic in TOPICS:
        operations |= _operations(topic)
    return {
        "asyncapi": "3.1.0",
        "id": "urn:dataplatform:events",
        "info": _info(),
        "defaultContentType": "application/json",
        "channels": {_channel_id(topic): _channel(topic) for topic in TOPICS},
        "operations": operations,
        "components": {"messages": messages, "schemas": dict(sorted(schemas.items()))},
    }


def _info() -> dict[str, Any]:
    return {
        "title": "Data Platform: events",
        "version": VERSION,
        "description": "Every fact of the platform, on Kafka, kept for ever. Records are CloudEvents 1.0 in Kafka "
        "binary mode: attributes in headers, a JSON body. Delivery is at least once and in order per stream; keep the "
        "last `ce_sequence` of each `ce_subject` and drop what is not larger.",
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        "contact": {"name": "The maintainers, through the project's issues"},
        "tags": [{"name": owner} for owner in sorted({topic.owner for topic in TOPICS})],
    }


def _channel_id(topic: Topic) -> str:
    return topic.name.replace(".", "_")


def _channel(topic: Topic) -> dict[str, Any]:
    settings = dict(topic.config)
    return {
        "address": topic.name,
        "title": topic.name,
        "summary": f"Written by {topic.owner}; read by {', '.join(topic.readers)}.",
        "messages": {event.type: {"$ref": f"#/components/messages/{event.type}"} for event in topic.types},
        "tags": [{"name": topic.owner}],
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {name: int(settings[name]) for name in ("retention.ms", "max.message.bytes")},
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _operations(topic: Topic) -> dict[str, Any]:
    channel = _channel_id(topic)
    messages = [{"$ref": f"#/channels/{channel}/messages/{event.type}"} for event in topic.types]
    common = {"channel": {"$ref": f"#/channels/{channel}"}, "messages": messages}
    sends = {
        f"{topic.owner}_sends_{channel}": {
            "action": "send",
            "title": f"{topic.owner} sends",
            "summary": f"{topic.owner} relays what it committed to {topic.name}.",
            **common,
        }
    }
    receives = {
        f"{_word(reader)}_receives_{channel}": {
            "action": "receive",
            "title": f"{reader} receives",
            "summary": f"{reader} reads {topic.name}, from its beginning if it likes.",
            **common,
        }
        for reader in topic.readers
    }
    return sends | receives


def _word(name: str) -> str:
    return name.lower().replace(" ", "-")


def _message(event: type[Event], schemas: dict[str, Any], examples: Iterable[dict[str, Any]]) -> dict[str, Any]:
    schema = schema_of(event)
    for name, definition in schema.pop("$defs", {}).items():
        schemas[name] = _pointed(definition)
    schemas[event.__name__] = _pointed({key: value for key, value in schema.items() if not key.startswith("$")})
    return {
        "name": event.type,
        "title": event.__name__,
        "summary": schema["description"],
        "contentType": "application/json",
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "headers": _headers(event),
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}, "bindingVersion": KAFKA_BINDING}},
        "examples": [{"name": f"example-{number}", "payload": body} for number, body in enumerate(examples, start=1)],
    }


def _headers(event: type[Event]) -> dict[str, Any]:
    properties = {**_HEADERS, "ce_type": {"type": "string", "const": event.type}}
    required = [name for name in properties if name not in _OPTIONAL_HEADERS]
    return {"type": "object", "required": required, "properties": properties}


def _pointed(schema: Any) -> Any:
    """Return the schema with its references pointing into the document's components."""
    if isinstance(schema, dict):
        return {key: _reference(value) if key == "$ref" else _pointed(value) for key, value in schema.items()}
    return [_pointed(item) for item in schema] if isinstance(schema, list) else schema


def _reference(reference: str) -> str:
    return reference.replace("#/$defs/", "#/components/schemas/")
