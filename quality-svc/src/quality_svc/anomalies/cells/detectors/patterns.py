"""Cells whose shape is not that of their column: character classes, their order and lengths.

Each value is written as a shape at two levels, with and without the lengths of its runs ("99-aa" and "9-a"). Whether a
rare shape means anything is asked of the column itself: the share of rows in rare shapes estimates how probable a new
shape is by chance (Good and Turing, 1953). Where shapes are manifold, as in free text, rarity says nothing.
"""

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from quality_svc.anomalies.cells.interface import Context, Reason, Suspicions
from quality_svc.anomalies.cells.table import CellColumn, CellTable

_MIN_FILLED: Final = 30
_RARE_SHARE: Final = 0.05
"""Share of the column below which a single shape is rare."""
_RARE_MASS: Final = 0.15
"""All rare shapes together: where more, the column has no dominant shape."""
_PROSE_WORDS: Final = 4
_FIXED: Final = 0.95
"""Share of one exact shape from which a column counts as of fixed lengths."""
_WORDS: Final = re.compile(r"[Aa]+(?: +[Aa]+)*")
_RUNS: Final = re.compile(r"(.)\1+", re.DOTALL)


class Patterns:
    """Deviations from the dominant shapes of a column."""

    name = "patterns"

    def suspicions(self, table: CellTable, context: Context) -> Iterator[Suspicions]:
        """Yield cells of rare shapes in columns of few shapes."""
        del context
        for place, column in enumerate(table.columns):
            if not column.is_text or column.filled < _MIN_FILLED or _is_prose(column):
                continue
            exact = [_classes(text) for text in column.values]
            loose = [_WORDS.sub("a", _RUNS.sub(r"\1", shape)) for shape in exact]
            levels = [loose, [_alphabet(shape) for shape in loose]]
            if _dominant_share(column, exact) >= _FIXED:
                levels.append(exact)
            reasons: dict[int, Reason] = {}
            for level in levels:
                for code, reason in _rare(column, level).items():
                    if code not in reasons or reasons[code].confidence < reason.confidence:
                        reasons[code] = reason
            if reasons:
                yield Suspicions.of_values("pattern", table, place, reasons)


def _is_prose(column: CellColumn) -> bool:
    """Whether values are texts of many words, whose punctuation is no format."""
    words = np.array([text.count(" ") + 1 for text in column.values])
    return bool((words * column.counts).sum() > _PROSE_WORDS * column.filled)


def _classes(text: str) -> str:
    """Return a text with digits as 9, lower-case letters as a, upper-case as A; all else as it is."""
    return "".join(
        "9" if char.isdigit() else "a" if char.islower() else "A" if char.isalpha() else char for char in text[:100]
    )


def _dominant_share(column: CellColumn, shapes: list[str]) -> float:
    """Return the share of the rows that have the most frequent shape."""
    _, place = np.unique(np.array(shapes), return_inverse=True)
    return float(np.bincount(place, weights=column.counts).max() / column.filled)


def _alphabet(shape: str) -> str:
    """Return the classes that occur, in a fixed order."""
    return "".join(sorted(set(shape)))


def _rare(column: CellColumn, shapes: list[str]) -> dict[int, Reason]:
    """Return the values of rare shapes, where the column's shapes are few; the surer the rarer."""
    names, place = np.unique(np.array(shapes), return_inverse=True)
    rows = np.bincount(place, weights=column.counts, minlength=len(names))
    rare = rows < max(2.0, _RARE_SHARE * column.filled)
    mass = rows[rare].sum() / column.filled
    if not 0 < mass <= _RARE_MASS:
        return {}
    # a column of few usual shapes: that is what makes rare ones remarkable
    usual = int(np.count_nonzero(~rare))
    dominant = names[int(np.argmax(rows))]
    chance = mass / _RARE_MASS
    reasons = {}
    for code in np.flatnonzero(rare[place]).tolist():
        share = rows[place[code]] / column.filled
        # errors are rarely alike: a value that recurs is a rare value rather than a wrong one
        again = float(column.counts[code]) ** -0.5
        sure = (0.9 - 0.45 * chance) * (1 - 0.5 * share / _RARE_SHARE) / (1 + 0.02 * max(0, usual - 3)) * again
        shown = (
            f"shape {names[place[code]][:40]!r} in {int(rows[place[code]]):,} of {column.filled:,} cells;"
            f" {usual} usual shapes, first {dominant[:40]!r}, cover {1 - mass:.1%}"
        )
        reasons[code] = Reason(round(float(sure), 3), shown)
    return reasons
