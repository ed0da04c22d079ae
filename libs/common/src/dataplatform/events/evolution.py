"""JSON Schemas of the event types, and which of their changes old events and old readers survive.

The rule: only optional fields are added. An event written years ago must load into today's model, and a reader of
years ago must still find what it read.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dataplatform.events.base import Event

_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_EXACT: Final = ("pattern", "format", "const", "type")

Schema = Mapping[str, Any]


def schema_of(event: type[Event]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the body of an event type."""
    schema = event.model_json_schema(mode="validation")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:dataplatform:event:{event.type}",
        "title": event.__name__,
        "description": _first_line(event),
    }
    return head | {key: value for key, value in schema.items() if key not in head}


def _first_line(event: type[Event]) -> str:
    return (event.__doc__ or "").strip().partition("\n")[0]


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Return what in `new` breaks events or readers of `old`, a sentence each; none if only optionals came."""
    return list(_compare(_Node(old, old), _Node(new, new), ""))


class _Node:
    """A place in a schema; references are followed."""

    def __init__(self, schema: Schema, root: Schema) -> None:
        while "$ref" in schema:
            name = str(schema["$ref"]).removeprefix("#/$defs/")
            schema = root["$defs"][name]
        self.schema = schema
        self.root = root

    def at(self, schema: Schema) -> "_Node":
        return _Node(schema, self.root)

    @property
    def properties(self) -> dict[str, "_Node"]:
        return {name: self.at(schema) for name, schema in self.schema.get("properties", {}).items()}

    @property
    def alternatives(self) -> list["_Node"]:
        """The branches of a union; a schema that is none is its only branch."""
        branches = self.schema.get("anyOf") or self.schema.get("oneOf")
        return [self.at(branch) for branch in branches] if branches else [self]


def _compare(old: _Node, new: _Node, where: str) -> Iterator[str]:
    if len(old.alternatives) > 1 or len(new.alternatives) > 1:
        yield from _compare_unions(old, new, where)
        return
    yield from _compare_scalars(old.schema, new.schema, where)
    yield from _compare_objects(old, new, where)
    for keyword in ("items", "additionalProperties"):
        before, after = old.schema.get(keyword), new.schema.get(keyword)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _compare(old.at(before), new.at(after), f"{where}[]")


def _compare_unions(old: _Node, new: _Node, where: str) -> Iterator[str]:
    for branch in old.alternatives:
        if all(list(_compare(branch, candidate, where)) for candidate in new.alternatives):
            yield f"{where or 'the body'} no longer takes {_shape(branch.schema)}"
    for candidate in new.alternatives:
        if all(_shape(candidate.schema) != _shape(branch.schema) for branch in old.alternatives):
            yield f"{where or 'the body'} may now be {_shape(candidate.schema)}, which old readers do not expect"


def _shape(schema: Schema) -> str:
    return str(schema.get("title") if schema.get("type") == "object" else schema.get("format", schema.get("type")))


def _compare_scalars(old: Schema, new: Schema, where: str) -> Iterator[str]:
    for keyword in _EXACT:
        before, after = old.get(keyword), new.get(keyword)
        if before != after and (after is not None or keyword in {"type", "format"}):
            yield f"{where or 'the body'}: {keyword} is now {after!r}, was {before!r}"
    for keyword in _LOWER_BOUNDS:
        if keyword in new and (keyword not in old or new[keyword] > old[keyword]):
            yield f"{where}: {keyword} rose to {new[keyword]}"
    for keyword in _UPPER_BOUNDS:
        if keyword in new and (keyword not in old or new[keyword] < old[keyword]):
            yield f"{where}: {keyword} fell to {new[keyword]}"
    if "enum" in new:
        gone = sorted(str(value) for value in old.get("enum", ["anything else"]) if value not in new["enum"])
        if gone:
            yield f"{where}: no longer allowed: {', '.join(gone)}"


def _compare_objects(old: _Node, new: _Node, where: str) -> Iterator[str]:
    before, after = old.properties, new.properties
    for name in sorted(before.keys() - after.keys()):
        yield f"{where}/{name} was removed"
    required = set(new.schema.get("required", ())) - set(old.schema.get("required", ()))
    for name in sorted(required):
        yield f"{where}/{name} is now required" if name in before else f"{where}/{name} was added as required"
    for name in sorted(set(old.schema.get("required", ())) - set(new.schema.get("required", ()))):
        if name in after:
            yield f"{where}/{name} is no longer always there"
    for name in sorted(before.keys() & after.keys()):
        yield from _compare(before[name], after[name], f"{where}/{name}")
