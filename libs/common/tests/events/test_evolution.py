"""Which changes of an event type are let through, and which are caught."""

from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field, ValidationError

from dataplatform.events.base import Event, ObjectRef, Timestamp, Value
from dataplatform.events.evolution import breaking_changes, schema_of


class Part(Value):
    """A part."""

    size: int = Field(ge=0)
    kind: Literal["a", "b"] = "a"


class Base(Event):
    """What all releases below share."""

    type: ClassVar[str] = "thing.happened.v1"
    topic: ClassVar[str] = "test"
    identity: ClassVar[str] = "dataset_id"


class Released(Base):
    """The first release."""

    name: str = Field(max_length=10)
    count: int = Field(ge=0)
    note: str | None = None
    kind: Literal["a", "b"]
    parts: tuple[Part, ...] = ()
    at: Timestamp


PAST = {
    "dataset_id": "00000000-0000-0000-0000-000000000001",
    "name": "river-0001",
    "count": 0,
    "kind": "b",
    "parts": [{"size": 0, "kind": "b"}],
    "at": "2026-03-01T12:00:00Z",
}


class Additive(Released):
    """Optional fields, also deep down, and wider limits."""

    class WiderPart(Part):
        """A part."""

        colour: str | None = None

    name: str = Field(max_length=20)
    parts: tuple[WiderPart, ...] = ()
    more: ObjectRef | None = None
    tags: tuple[str, ...] = ()


def test_optional_fields_and_wider_limits_break_nothing() -> None:
    assert breaking_changes(schema_of(Released), schema_of(Additive)) == []
    assert Additive.from_data(PAST).more is None


class AddedRequired(Released):
    """A new field that past events do not have."""

    owner: str


class NarrowedType(Released):
    """A number where there was any."""

    count: int = Field(ge=1)


class ChangedType(Released):
    """A text is a number now."""

    name: int  # type: ignore[assignment]


class FewerValues(Released):
    """An allowed value is gone."""

    kind: Literal["a"]


class ShorterText(Released):
    """Less text is taken."""

    name: str = Field(max_length=9)


class OptionalBecameRequired(Released):
    """Past events may lack it."""

    note: str


class NarrowedPart(Released):
    """The change is deep down."""

    class SmallPart(Part):
        """A part."""

        size: int = Field(ge=1)

    parts: tuple[SmallPart, ...] = ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (AddedRequired, "/owner was added as required"),
        (NarrowedType, "minimum rose to 1"),
        (ChangedType, "type is now 'integer', was 'string'"),
        (FewerValues, "/kind"),
        (ShorterText, "maxLength fell to 9"),
        (OptionalBecameRequired, "/note is now required"),
        (NarrowedPart, "/parts[]/size: minimum rose to 1"),
    ],
)
def test_a_change_that_past_events_do_not_survive_is_caught_twice(changed: type[Event], words: str) -> None:
    assert any(words in change for change in breaking_changes(schema_of(Released), schema_of(changed)))
    with pytest.raises(ValidationError):
        changed.from_data(PAST)


class Removed(Base):
    """Most fields are gone: past events still load, readers of them are lost."""

    name: str = Field(max_length=10)


class BecameOptional(Released):
    """A field that readers relied on may be absent."""

    count: int | None = None  # type: ignore[assignment]


class MoreValues(Released):
    """A new alternative of another shape, which old readers do not expect."""

    note: str | int | None = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (Removed, "/count was removed"),
        (BecameOptional, "/count is no longer always there"),
        (MoreValues, "may now be integer"),
    ],
)
def test_a_change_that_old_readers_do_not_survive_is_caught(changed: type[Event], words: str) -> None:
    assert any(words in change for change in breaking_changes(schema_of(Released), schema_of(changed)))
    changed.from_data(PAST)


def test_a_schema_is_compatible_with_itself() -> None:
    schema: dict[str, Any] = schema_of(Released)
    assert breaking_changes(schema, schema) == []
