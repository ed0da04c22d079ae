"""What a foreign document says of a dataset, in our words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from catalog_svc.stewardship.schemas import DescriptionChanges

MOST_DATASETS: Final = 200
MOST_FILES: Final = 100
"""Most distributions of a dataset that a report lists."""
MOST_COLUMNS: Final = 1000
_UNLIKE: Final = frozenset({"visibility", "publication"})


class UnreadableDescriptionError(ValueError):
    """The document cannot be read, or breaks a limit; the text says which, and never quotes the document at length."""


@dataclass(frozen=True, slots=True)
class Left:
    """Something that is not taken over, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """Where the data are said to be: a suggestion for a collector."""

    url: str
    title: str | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """A dataset of the document. `names` are what its slug may be made of, the best first; `ids` may be one of ours."""

    source: str
    names: tuple[str, ...]
    ids: tuple[str, ...]
    fields: Mapping[str, Any]
    columns: tuple[tuple[str, str, str], ...] = ()
    distributions: tuple[Distribution, ...] = ()
    public: bool = True
    left: tuple[Left, ...] = field(default=())


def taken(said: Mapping[str, Any]) -> tuple[dict[str, Any], list[Left]]:
    """Return those of the fields that a description may have, in the shape it has them, and why others are left out."""
    fields: dict[str, Any] = {}
    left: list[Left] = []
    for name, value in said.items():
        if value is None or name in _UNLIKE or name not in DescriptionChanges.model_fields:
            continue
        try:
            made = DescriptionChanges.model_validate({name: value})
        except ValidationError as error:
            left.append(
                Left(name, f"not valid: {error.errors(include_url=False, include_input=False)[0]['msg']}"[:200])
            )
        else:
            fields[name] = made.model_dump(mode="json", exclude_none=True)[name]
    return fields, left


def tags_of(words: Iterable[str]) -> tuple[list[str], list[Left]]:
    """Return keywords as tags, each once, and those that are too long or too many."""
    found = dict.fromkeys(" ".join(word.split()) for word in words)
    good = [word for word in found if 0 < len(word) <= 64 and word.isprintable()]  # noqa: PLR2004 - as `Tag` has it
    left = len([word for word in found if word]) - len(good[:100])
    return good[:100], [Left("tags", f"{left} keywords are longer than 64 characters or beyond the first 100")] * bool(
        left
    )
