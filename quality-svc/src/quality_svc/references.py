"""References to tables of other datasets: how contracts write them, and which table is meant. Pure.

The standard lets a reference begin with another contract's file: `cities.yaml#/schema/places/properties/code`. That
file is the contract of the dataset `cities` of the same institution, whether it has one or not; a folder before it
(`statistics/cities.yaml`) can only be that institution. So a contract reads nothing that its steward may not: stewards
see every dataset of their institution. The table is found by its name, or is the dataset's only one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_REFERENCE: Final = re.compile(
    r"(?P<table>(?:[a-z0-9-]+/)?[a-z0-9-]+\.yaml#/?schema/[A-Za-z0-9_-]+)/properties/(?P<column>[A-Za-z0-9_-]+)"
)
_TABLE: Final = re.compile(
    r"(?:(?P<institution>[a-z0-9-]+)/)?(?P<dataset>[a-z0-9-]+)\.yaml#/?schema/(?P<table>[A-Za-z0-9_-]+)"
)


@dataclass(frozen=True, slots=True)
class ForeignTable:
    """A table of another dataset, by the slugs of its names; no institution: the contract's own."""

    institution: str | None
    dataset: str
    table: str


def split_reference(text: str) -> tuple[str, str] | None:
    """Return the table, as `tables_of` names it, and the column of a reference; None where it is no foreign one."""
    found = _REFERENCE.fullmatch(text)
    return None if found is None else (found["table"], found["column"])


def foreign_table(name: str) -> ForeignTable | None:
    """Return what a name of `tables_of` means."""
    found = _TABLE.fullmatch(name)
    return None if found is None else ForeignTable(found["institution"], found["dataset"], found["table"])


def chosen(name: str, names: Sequence[str]) -> int | None:
    """Return which of a dataset's tables a name means: the one called so, but for case and signs, or the only one."""
    alike = [place for place, table in enumerate(names) if _plain(table) == _plain(name)]
    if len(alike) == 1:
        return alike[0]
    return 0 if len(names) == 1 else None


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
