"""What chance alone brings: how large each effect may come out between two samples of one and the same distribution.

An effect within these limits is never called a change, however large it looks; an effect beyond them is one only if it
is also beyond its threshold. So small tables do not alarm on noise and large ones do not alarm on trifles. The chance
of any false alarm is shared out over all that is compared in a pair of versions (Bonferroni).
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Final

FALSE_ALARMS: Final = 0.004
"""Share of pairs without change in which chance may at most bring any alarm."""

TESTS_PER_COLUMN: Final = 8


@dataclass(frozen=True, slots=True)
class Chance:
    """The share of false alarms that one look at one column may add."""

    alpha: float

    @classmethod
    def over(cls, columns: int) -> "Chance":
        """Share out the false alarms over a table's columns and what is measured of each."""
        return cls(FALSE_ALARMS / (max(columns, 1) * TESTS_PER_COLUMN))

    def among(self, looks: int) -> "Chance":
        """Share this chance out again."""
        return Chance(self.alpha / max(looks, 1))

    @property
    def two_sided(self) -> float:
        """How many standard errors a normal deviate stays within."""
        return NormalDist().inv_cdf(1 - self.alpha / 2)


def standard_error(old: int, new: int) -> float:
    """Return sqrt(1/n + 1/m): the standard error of a difference of means, in standard deviations."""
    return sqrt(1 / max(old, 1) + 1 / max(new, 1))


def mean_limit(old: int, new: int, spread: float, reach: float, chance: Chance) -> float:
    """Return how far two means differ by chance, where values have the sd `spread` and are at most `reach` off.

    Bernstein's inequality: with a rare large value among few rows a mean is far from normal, and this still holds.
    """
    z = chance.two_sided
    return z * spread * standard_error(old, new) + reach * z * z / (6 * max(min(old, new), 1))


def share_limit(pooled: float, old: int, new: int, chance: Chance) -> float:
    """Return how far two shares differ by chance where the share over both is `pooled` (Bernstein)."""
    z = chance.two_sided
    return z * sqrt(pooled * (1 - pooled)) * standard_error(old, new) + z * z / (6 * max(min(old, new), 1))


def chi_square_limit(freedom: int, chance: Chance) -> float:
    """Return the upper quantile of chi-square (Wilson and Hilferty 1931, within 1 % here)."""
    spread = 2 / (9 * freedom)
    return float(freedom * (1 - spread + NormalDist().inv_cdf(1 - chance.alpha) * sqrt(spread)) ** 3)


def all_on_one_side(count: int, own: int, other: int) -> float:
    """Return the chance that `count` values, each from either sample at random, all come from the one of `own` rows."""
    return float((own / (own + other)) ** count) if own + other else 1.0
