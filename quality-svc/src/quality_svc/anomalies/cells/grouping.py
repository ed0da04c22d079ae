"""Which values of one column stand beside which of another: the counts that dependencies are judged by."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from quality_svc.anomalies.cells.table import NULL, Codes, Floats, Rows

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grouping:
    """Rows grouped by a left side X; in each group the values of Y, counted (or weighed) over non-null rows.

    Per distinct pair (X value, Y value): `group`, `value`, `weight`, `count`. Per row: `pair` (index, or -1 where
    either is null) and `left` (group, or -1).
    """

    n_groups: int
    left: Codes
    pair: Ints
    group: Ints
    value: Ints
    count: Floats
    weight: Floats

    @classmethod
    def of(cls, left: Codes, right: Codes, weights: Floats | None = None) -> "Grouping":
        """Group; `weights` (per row) default to one each."""
        n_groups, n_values = int(left.max(initial=-1)) + 1, int(right.max(initial=-1)) + 1
        rows = np.flatnonzero((left != NULL) & (right != NULL))
        keys = left[rows].astype(np.int64) * max(1, n_values) + right[rows]
        pairs, inverse = np.unique(keys, return_inverse=True)
        pair = np.full(len(left), -1, dtype=np.int64)
        pair[rows] = inverse
        count = np.bincount(inverse, minlength=len(pairs)).astype(np.float64)
        weight = count if weights is None else _totals(inverse, weights[rows], len(pairs))
        return cls(n_groups, left, pair, pairs // max(1, n_values), pairs % max(1, n_values), count, weight)

    @cached_property
    def size(self) -> Floats:
        """Rows of each group with a value."""
        return _totals(self.group, self.count, self.n_groups)

    @cached_property
    def mass(self) -> Floats:
        """Weight of each group."""
        return _totals(self.group, self.weight, self.n_groups)

    @cached_property
    def top(self) -> Ints:
        """Index of the heaviest pair of each group (ties: the most frequent, then the lower code); -1 where empty."""
        order = np.lexsort((self.value, -self.count, -self.weight, self.group))
        leading = np.full(self.n_groups, -1, dtype=np.int64)
        groups = self.group[order]
        first = np.r_[True, groups[1:] != groups[:-1]] if len(groups) else np.empty(0, dtype=bool)
        leading[groups[first]] = order[first]
        return leading

    @property
    def coverage(self) -> float:
        """Share of all rows that stand in a group of at least two rows with a value."""
        return float(self.size[self.size > 1].sum() / max(1, len(self.left)))

    def strength(self) -> float:
        """Goodman and Kruskal's tau by pairs: how much more often two rows of a group agree than any two rows do.

        1 where X determines Y, about 0 where they are independent, however dominant one value of Y is.
        """
        sizes = self.size[self.group]
        shared = sizes > 1
        if not shared.any():
            return 0.0
        inside = float((self.count * (self.count - 1) / np.maximum(sizes - 1, 1))[shared].sum())
        agree = inside / float(self.size[self.size > 1].sum())
        return (agree - self.chance) / (1 - self.chance) if self.chance < 1 else 0.0

    @cached_property
    def chance(self) -> float:
        """How often any two rows agree on Y."""
        totals = np.bincount(self.value, weights=self.count)
        n = totals.sum()
        return float((totals * (totals - 1)).sum() / (n * (n - 1))) if n > 1 else 1.0


def _totals(places: Ints, weights: Floats, length: int) -> Floats:
    return np.bincount(places, weights=weights, minlength=length).astype(np.float64)


def joined(first: Codes, second: Codes) -> Codes:
    """Return codes of the pairs of two columns; NULL where either is."""
    rows = np.flatnonzero((first != NULL) & (second != NULL))
    keys = first[rows].astype(np.int64) * (int(second.max(initial=-1)) + 2) + second[rows]
    made = np.full(len(first), NULL, dtype=np.int32)
    made[rows] = np.unique(keys, return_inverse=True)[1]
    return made


def rows_in(pairs: Ints, chosen: npt.NDArray[np.bool_]) -> Rows:
    """Return the rows whose pair is one of those chosen."""
    return np.flatnonzero(np.append(chosen, False)[pairs]).astype(np.int64)
