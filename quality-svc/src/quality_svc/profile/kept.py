"""What is told of the values kept of a column: quantiles, top values, histogram, patterns, distinct count.

The values are all of a small table, or a sample of a large one; the same code looks at both.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from quality_svc.profile.arrays import Numbers, Scale, Texts
from quality_svc.profile.bins import bins_of
from quality_svc.profile.document import (
    Histogram,
    PatternCount,
    Patterns,
    Quantile,
    Quantiles,
    Top,
    TopValue,
)
from quality_svc.profile.patterns import patterns_of

PROBABILITIES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_ORDERED: Final = frozenset({"integer", "decimal", "float", "date", "timestamp", "time"})


@dataclass(frozen=True, slots=True)
class Basis:
    """What kept values stand for: all (`exact`), or more of which each share is off by at most `error`."""

    exact: bool
    error: float


@dataclass(frozen=True, slots=True)
class KeptNumbers:
    """Finite values of a column in ascending order, as native numbers."""

    scale: Scale
    values: Numbers

    @property
    def distinct(self) -> int:
        """How many of them differ."""
        return len(self.values) and 1 + int(np.count_nonzero(self.values[1:] != self.values[:-1]))

    def quantiles(self, basis: Basis) -> Quantiles | None:
        """Return nearest-rank quantiles of what has an order."""
        count = len(self.values)
        if not count or self.scale.kind not in _ORDERED:
            return None
        return Quantiles(
            values=tuple(
                # in whole percent: 0.07 * 100 is more than 7
                Quantile(p=p, value=self.scale.cell(self.values[max(1, -(-round(p * 100) * count // 100)) - 1]))
                for p in PROBABILITIES
            ),
            basis=count,
            exact=basis.exact,
            rank_error=basis.error,
        )

    def top(self, basis: Basis, limit: int) -> Top | None:
        """Return the most frequent values, ties in ascending order."""
        values, counts = self.counted()
        if not len(counts):
            return None
        if len(counts) > limit:
            least = np.partition(counts, -limit)[-limit]
            chosen = np.flatnonzero(counts >= least)
            values, counts = values[chosen], counts[chosen]
        order = np.argsort(-counts, kind="stable")[:limit]
        return Top(
            values=tuple(TopValue(value=self.scale.cell(values[at]), count=int(counts[at])) for at in order),
            basis=len(self.values),
            exact=basis.exact,
            share_error=basis.error,
        )

    def counted(self) -> tuple[Numbers, Numbers]:
        """Return the distinct values in ascending order and how often each occurs."""
        if not len(self.values):
            return self.values, np.zeros(0, np.int64)
        starts = np.flatnonzero(np.concatenate(([True], self.values[1:] != self.values[:-1])))
        return self.values[starts], np.diff(starts, append=len(self.values))

    def histogram(self, basis: Basis, lowest: Any, highest: Any) -> Histogram | None:
        """Count into bins that hold all from `lowest` to `highest`, the extremes of the whole column."""
        count = len(self.values)
        if not count or self.scale.kind not in _ORDERED:
            return None
        middle = (self.values[int(0.05 * (count - 1))], self.values[int(0.95 * (count - 1))])
        bins = bins_of(self.scale, lowest, highest, middle)
        if bins is None:
            return None
        at = np.searchsorted(self.values, bins.edges, "left")
        at[-1] = count
        return Histogram(
            edges=bins.cells,
            counts=tuple(map(int, np.diff(at))),
            scale=bins.scale,
            step=bins.step,
            heavy_tailed=bins.heavy_tailed,
            basis=count,
            exact=basis.exact,
            share_error=basis.error,
        )


@dataclass(frozen=True, slots=True)
class KeptTexts:
    """Distinct values of a column of text with their counts."""

    texts: Texts

    @property
    def distinct(self) -> int:
        """How many there are."""
        return len(self.texts.counts)

    def top(self, basis: Basis, limit: int, characters: int) -> Top | None:
        """Return the most frequent values, each cut to `characters`."""
        if not self.distinct:
            return None
        return Top(
            values=tuple(
                TopValue(value=value[:characters], count=count, truncated=len(value) > characters)
                for value, count in self.texts.most_frequent(limit)
            ),
            basis=self.texts.basis,
            exact=basis.exact,
            share_error=basis.error,
        )

    def patterns(self, basis: Basis, characters: int) -> Patterns | None:
        """Return the patterns of the values, each looked at up to `characters`."""
        if not self.distinct:
            return None
        cut = Texts(pc.utf8_slice_codeunits(self.texts.values, 0, characters), self.texts.counts)
        found, distinct, collapsed = patterns_of(cut)
        return Patterns(
            values=tuple(PatternCount(pattern=pattern, count=count) for pattern, count in found),
            distinct=distinct,
            collapsed=collapsed,
            basis=cut.basis,
            exact=basis.exact,
            share_error=basis.error,
        )


Kept = KeptNumbers | KeptTexts


def in_order(scale: Scale, values: Numbers) -> KeptNumbers:
    """Return finite native numbers as what is kept of a column."""
    return KeptNumbers(scale, np.sort(values))


def extremes(texts: Texts, characters: int) -> tuple[str, str] | None:
    """Return the first and the last text by code point, cut."""
    if not len(texts.values):
        return None
    found: Any = pc.min_max(texts.values).as_py()
    return found["min"][:characters], found["max"][:characters]
