"""The committed JSON Schemas, one file per event type, for consumers in any language. Generated: `make schemas`."""

import json
from importlib.resources import files
from typing import Any

from dataplatform.events.registry import event_class


def committed_schema(event_type: str) -> dict[str, Any]:
    """Return the committed JSON Schema (2020-12) of an event's body; raises `UnknownEventTypeError`."""
    event_class(event_type)
    text = files(__name__).joinpath(f"{event_type}.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
