"""How many documents there are of a kind, and what their marks are: counted where they are few, else from a sample.

Samples are nested: a dataset is on level n with probability 2**-n, by its id. An inverted index finds what a query and
a level have in common without reading all that the query finds, so a count of a million costs what one of thousands
does. What is counted exactly: everything up to `EXACT` documents, always.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from math import sqrt
from typing import Any, Final

from catalog_svc.projections.search import SAMPLE_LEVELS
from catalog_svc.search.database import Condition, all_of
from catalog_svc.search.facets import freshness_sql

EXACT: Final = 1_000
"""Counts up to this are exact: with all but one in ten thousand of the samples that may be drawn, see `_next_level`."""
_EXACT_BELOW: Final = 1_500
_ENOUGH: Final = 500
_SAMPLE: Final = 1_000
_CERTAIN: Final = 32
_FEW: Final = 4
_SEPARATOR: Final = "\x1f"


@dataclass(frozen=True)
class Set:
    """What is known of the documents that meet a condition: those of its level, which stand for 2**level each."""

    level: int
    seen: int
    marks: Counter[str] = field(default_factory=Counter)

    @property
    def is_exact(self) -> bool:
        """Whether every document was looked at."""
        return self.level == 0

    @property
    def count(self) -> int:
        """How many documents there are, or about."""
        return self.seen << self.level

    @property
    def error(self) -> float:
        """Standard error of `count`, as a share of it."""
        return 0.0 if self.is_exact or not self.seen else sqrt((1 - 2.0**-self.level) / self.seen)


def sample(level: int) -> list[str]:
    """Return the marks that all documents of a level have."""
    return [f"~{level}"] if level else []


def on(level: int) -> Condition:
    """Return the condition that a document is on a level."""
    return ("marks @> %s::text[]", [sample(level)]) if level else ("true", [])


def first_level(cursor: Any) -> int:
    """Return the level on which a thousand or two documents of the whole catalog are; 0 where there are no more."""
    cursor.execute("SELECT count(*) FROM search_documents WHERE marks @> %s::text[]", [sample(SAMPLE_LEVELS)])
    (highest,) = cursor.fetchone()
    return min(int(highest).bit_length() + 1, SAMPLE_LEVELS) if highest else 0


def measure(cursor: Any, condition: Condition, level: int, *, marks: datetime | None = None) -> Set:
    """Return the documents that meet a condition, beginning on a level; `marks`: theirs too, as of that moment."""
    while True:
        found = _look(cursor, condition, level, marks)
        following = _next_level(found)
        if following == level:
            return found
        level = following


def _next_level(found: Set) -> int:
    """Return the level to look at: the one that was, where it is good enough.

    Of `EXACT` documents a sample that would hold 32 or more of `_EXACT_BELOW` never says more than that but by chance:
    4 standard errors. Where it holds fewer, but not next to none, a sample of eight times as many decides.
    """
    if found.level == 0:
        return 0
    if found.seen <= _FEW and found.count <= _EXACT_BELOW:
        return 0
    if found.seen < _CERTAIN:
        return max(0, found.level - 3)
    if found.count <= _EXACT_BELOW:
        return 0
    if found.seen >= _ENOUGH:
        return found.level
    # a power of two that brings the sample near to its size, without passing it much
    return max(1, found.level - max(1, round(_SAMPLE / found.seen).bit_length() - 1))


def _look(cursor: Any, condition: Condition, level: int, marks: datetime | None) -> Set:
    sql, values = all_of(condition, on(level))
    if marks is None:
        cursor.execute(f"SELECT count(*) FROM search_documents WHERE {sql}", values)
        return Set(level, cursor.fetchone()[0])
    fresh, moments = freshness_sql(marks)
    cursor.execute(
        f"SELECT count(*), string_agg(array_to_string(marks, %s) || %s || {fresh}, %s)"
        f" FROM search_documents WHERE {sql}",
        [_SEPARATOR, _SEPARATOR, *moments, _SEPARATOR, *values],
    )
    count, text = cursor.fetchone()
    return Set(level, count, Counter(text.split(_SEPARATOR)) if text else Counter())
