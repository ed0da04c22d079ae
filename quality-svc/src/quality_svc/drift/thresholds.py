"""What is too much: the defaults, and what a dataset's own history makes of them.

A dataset that moves by half a standard deviation from version to version, as it always did, should not alarm when it
does so again; one that never moved should alarm sooner. Learned from the effects between consecutive earlier versions:
median + 4 robust standard deviations (1.4826 times the median absolute deviation), never below half the default (chance
and rounding are no history), and with few comparisons never below the largest that was seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

DEFAULTS: Final[Mapping[str, float]] = {
    "mean_shift": 0.2,
    "wasserstein": 0.2,
    "psi": 0.1,
    "jensen_shannon": 0.02,
    "nulls": 0.05,
    "new_category": 0.02,
    "vanished_category": 0.02,
    "shapes": 0.1,
    "lengths": 0.3,
}
"""Without history: Cohen's small effect for shifts in sd; 0.1 as "moderate" for PSI (nats), and what amounts
to the same for Jensen-Shannon (bits); 5 points more or fewer nulls; categories of 2 % of the rows."""

SHRUNK, GROWN = 0.5, 3.0
"""Without history: a table that lost half its rows, or has three times as many."""

LEAST_HISTORY: Final = 3
"""Comparisons from which a threshold is learned."""
FEW: Final = 8
_CRITICAL: Final = 2.5


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit, and where it comes from."""

    limit: float
    source: Literal["default", "history"] = "default"
    comparisons: int = 0

    def severity(self, effect: float) -> Literal["warning", "critical"]:
        """Say how bad an effect beyond the limit is."""
        return "critical" if abs(effect) >= _CRITICAL * self.limit else "warning"


def learned(default: float, effects: Sequence[float]) -> Threshold:
    """Return the threshold for an effect whose sizes in earlier comparisons are `effects`."""
    if len(effects) < LEAST_HISTORY:
        return Threshold(default)
    sizes = [abs(effect) for effect in effects]
    usual = median(sizes)
    limit = usual + 4 * 1.4826 * median(abs(size - usual) for size in sizes)
    if len(sizes) < FEW:
        limit = max(limit, 1.1 * max(sizes))
    return Threshold(max(limit, default / 2), "history", len(sizes))


def threshold_of(metric: str, effects: Sequence[float]) -> Threshold:
    """Return the threshold for a metric that has a default."""
    return learned(DEFAULTS[metric], effects)
