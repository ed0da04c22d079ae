"""Where a page of rows goes on: after a row, by its place in the files and, where rows are sorted, by its sort values.

So a page costs the same wherever it is, and rows that tie keep the order of the table. A cursor belongs to one query
over one table; tables never change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from catalog_svc.rows.language import SortKey
from catalog_svc.rows.predicates import Predicate
from dataplatform.paging import decode, encode
from dataplatform.problems import Problem

PLACE: Final = ("t.file_index", "t.file_row_number")
"""Where a row is: DuckDB's virtual columns of a list of Parquet files."""
_KEY_CHARACTERS: Final = 400
"""Longest sort value that travels in a cursor; beyond, the page goes on by counting rows."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The last row of the page before: how many rows came up to it, its place, its sort values as text.

    Without a place the page goes on after `passed` rows.
    """

    passed: int
    place: tuple[int, int] | None = None
    keys: tuple[str | None, ...] = ()


def write(fingerprint: str, mark: Mark) -> str:
    """Return the cursor of a mark."""
    if any(key is not None and len(key) > _KEY_CHARACTERS for key in mark.keys):
        mark = Mark(mark.passed)
    return encode([fingerprint, mark.passed, mark.place, mark.keys])


def read(fingerprint: str, cursor: str, key_count: int) -> Mark:
    """Return the mark in a cursor; raises a 422 problem for one of another query."""
    found = decode(cursor, str, int, _same, _same)
    match found:
        case [of, passed, place, list(keys)] if of == fingerprint and passed >= 0:
            if place is None:
                return Mark(passed)
            if _is_place(place) and len(keys) == key_count and all(key is None or isinstance(key, str) for key in keys):
                return Mark(passed, (place[0], place[1]), tuple(keys))
    raise Problem("invalid_cursor", "Invalid cursor", 422, "it is of another query: send `next` of the page before")


def after(mark: Mark, sort: Sequence[SortKey], predicate: Predicate, *, files: int) -> str:
    """Return the condition of the rows that come after the mark's: by the first sort key, or tied and by the next...

    `files`: how many the table has. What is before the mark in the last one is left out unread, by groups of rows.
    """
    ties: list[str] = []
    steps: list[str] = []
    for key, text in zip(sort, mark.keys, strict=True):
        name = predicate.columns.reference(key.column)
        if text is None:  # nulls are last: nothing comes after them by this key
            ties.append(f"{name} IS NULL")
            continue
        value = f"CAST({predicate.bind(text)} AS {predicate.columns.named(key.column).type})"
        steps.append(_all([*ties, f"({name} {'<' if key.descending else '>'} {value} OR {name} IS NULL)"]))
        ties.append(f"{name} = {value}")
    assert mark.place is not None  # noqa: S101 - `read` gives no mark with keys and without a place
    index, number = map(predicate.bind, mark.place)
    later = f"({PLACE[0]} > {index} OR ({PLACE[0]} = {index} AND {PLACE[1]} > {number}))"
    if not sort:
        # said twice, as files before it are then left out unread; DuckDB looks into no alternative for that
        later = f"{PLACE[1]} > {number}" if mark.place[0] == files - 1 else later
        later = f"{PLACE[0]} >= {index} AND {later}"
    return "(" + " OR ".join([*steps, _all([*ties, later])]) + ")"


def _all(conditions: Sequence[str]) -> str:
    return "(" + " AND ".join(conditions) + ")"


def _same(part: Any) -> Any:
    return part


def _is_place(place: Any) -> bool:
    return isinstance(place, list) and len(place) == len(PLACE) and all(type(part) is int for part in place)
