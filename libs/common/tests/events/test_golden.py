"""Past events load for ever: every example of every version, into the model and against the schema of today."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from dataplatform.events.documents import Places, numbered
from dataplatform.events.registry import EVENT_TYPES, event_class
from dataplatform.events.schemas import committed_schema
from dataplatform.log.envelope import Context, enclose, from_kafka, to_kafka

PLACES = Places.of_this_checkout()
EXAMPLES = [path for folder in sorted(PLACES.golden.iterdir()) for path in numbered(folder)]


def body_of(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text("utf-8"))
    assert isinstance(content, dict)
    return content


def holds(whole: Any, part: Any) -> bool:
    """Whether `whole` says all that `part` says; it may say more, as defaults do."""
    if isinstance(part, dict):
        return all(name in whole and holds(whole[name], value) for name, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return bool(whole == part)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_past_event_loads_and_is_told_again_unchanged(path: Path) -> None:
    body = body_of(path)
    event = event_class(path.parent.name).from_data(body)
    assert holds(event.to_data(), body)
    Draft202012Validator(committed_schema(event.type), format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
        body
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_past_event_survives_the_wire(path: Path) -> None:
    event = event_class(path.parent.name).from_data(body_of(path))
    context = Context(UUID(int=1), UUID(int=2))
    (envelope,) = enclose([event], 0, service="test", now=datetime(2026, 3, 1, tzinfo=UTC), context=context)
    key, value, headers = to_kafka(envelope)
    received = from_kafka(envelope.topic, key, value, headers)
    assert received == envelope
    assert received.event() == event


def test_every_type_has_an_example_and_every_example_a_type() -> None:
    assert {path.parent.name for path in EXAMPLES} == set(EVENT_TYPES)


def test_the_examples_show_every_field_there_is() -> None:
    for name in EVENT_TYPES:
        shown = {field for path in EXAMPLES if path.parent.name == name for field in body_of(path)}
        fields = set(EVENT_TYPES[name].model_fields)
        # what is about no single dataset names none
        fields -= set() if EVENT_TYPES[name].model_fields["dataset_id"].is_required() else {"dataset_id"}
        assert shown == fields, name


def test_a_field_of_the_future_is_ignored() -> None:
    for path in EXAMPLES:
        body = body_of(path)
        event = event_class(path.parent.name)
        assert event.from_data({**body, "field_of_2035": {"a": 1}}) == event.from_data(body)
