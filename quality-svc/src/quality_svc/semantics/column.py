"""What a recognizer sees of a column, and what it answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from quality_svc.profile.document import Kind, SemanticType
from quality_svc.semantics.naming import Names

LOOKED_AT: Final = 200
"""Distinct values of a column that recognizers see at most: their cost does not grow with the table."""
LONGEST: Final = 500
"""Characters of a text that they see: their patterns may take the square of it, and nothing they know is longer."""
_FIRST: Final = 12
_HOPELESS: Final = 0.25
Evidence = tuple[Literal["name", "values", "kind"], ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A column: its names, its kind, some distinct values as text with their counts, and facts of all values.

    `count` is of non-null cells, `distinct` of different values among them; `lowest` and `highest` are those of
    numbers, `mean_length` the mean number of characters of texts, `is_whole` whether all numbers are whole.
    """

    names: Names
    kind: Kind
    values: tuple[tuple[str, int], ...]
    count: int
    distinct: int
    lowest: float | None = None
    highest: float | None = None
    mean_length: float = 0.0
    blanks: int = 0

    @property
    def basis(self) -> int:
        """Cells that the values stand for."""
        return sum(count for _, count in self.values)

    @property
    def is_text(self) -> bool:
        """Whether it holds texts."""
        return self.kind == "text"

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers, also where they are stored as floats because some are missing."""
        return self.kind == "integer" or (
            self.kind == "float" and bool(self.values) and all(value.endswith(".0") for value, _ in self.values)
        )

    @property
    def uniqueness(self) -> float:
        """Different values over values."""
        return self.distinct / self.count if self.count else 0.0

    def share(self, accepts: Callable[[str], object]) -> float:
        """Return the share of the cells looked at that are accepted; 0 at once where the first values tell."""
        first = self.values[:_FIRST]
        if not first or sum(bool(accepts(value)) for value, _ in first) < _HOPELESS * len(first):
            return 0.0
        return sum(count for value, count in self.values if accepts(value)) / self.basis

    def share_of_values(self, accepts: Callable[[str], object]) -> float:
        """Return the share of the different values looked at that are accepted."""
        return sum(bool(accepts(value)) for value, _ in self.values) / len(self.values) if self.values else 0.0


@dataclass(frozen=True, slots=True)
class Recognized:
    """What a column seems to be; `share` of the cells looked at match, where there is something to match."""

    type: SemanticType
    confidence: float
    share: float | None = None
    evidence: Evidence = ("values",)
    detail: str | None = None


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern."""
    return re.compile(pattern)


def by_values(
    found: SemanticType, share: float, named: float, *, detail: str | None = None, least: float = 0.8
) -> Recognized | None:
    """Answer for values that speak for themselves; where the name says so too, fewer may match."""
    if share < (least * 0.6 if named else least):
        return None
    return Recognized(
        found, min(1.0, 0.9 * share + 0.1 * named), share, ("name", "values") if named else ("values",), detail
    )


def by_name(
    found: SemanticType, share: float, named: float, *, detail: str | None = None, least: float = 0.6
) -> Recognized | None:
    """Answer for values that mean nothing without a name, as five digits do."""
    if named == 0 or share < least:
        return None
    return Recognized(found, round(named * (0.55 + 0.4 * share), 3), share, ("name", "values"), detail)
