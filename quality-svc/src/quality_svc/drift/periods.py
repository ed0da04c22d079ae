"""Time: periods that the new version lost, and data that are older than they should be. No clock: moments come in.

A window that moves on (old periods leave, new ones come) is no loss. A period is lost where the old version had it and
the new one has data on both sides of it, or where the new version does not go on at the other end in exchange; and
where the new version skips a period that a dataset without gaps never skipped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp
from statistics import median
from typing import Final

import numpy as np

from quality_svc.drift.noise import Chance, all_on_one_side
from quality_svc.drift.signature import Periods, PeriodUnit

UNITS: Final[tuple[PeriodUnit, ...]] = ("month", "day", "hour", "year")
"""Tried in this order: the first that both versions have and that tells at least `LEAST_PERIODS` apart."""
LEAST_PERIODS: Final = 3
_NUMPY: Final[dict[PeriodUnit, str]] = {"hour": "h", "day": "D", "month": "M", "year": "Y"}


@dataclass(frozen=True, slots=True)
class Loss:
    """A run of lost periods, its expected number of rows and the chance that it is none."""

    unit: PeriodUnit
    first: int
    last: int
    expected: float
    total: int

    @property
    def periods(self) -> int:
        """How many periods are lost."""
        return self.last - self.first + 1

    def named(self) -> tuple[str, str]:
        """Return the first and last lost period as ISO 8601 shows them."""
        return period_name(self.unit, self.first), period_name(self.unit, self.last)


def period_name(unit: PeriodUnit, number: int) -> str:
    """Return the period of a number since 1970, for example 2024-03."""
    return str(np.int64(number).astype(f"datetime64[{_NUMPY[unit]}]"))


def lost_periods(old: Periods, new: Periods, chance: Chance) -> tuple[Loss, ...]:
    """Return the periods that are missing from `new` and would not be by chance, as runs."""
    unit = _unit(old, new)
    if unit is None:
        return ()
    before, after = old.counts[unit], new.counts[unit]
    lost = {**_vanished(before, after, chance), **_skipped(before, after, chance)}
    return tuple(
        Loss(unit, run[0], run[-1], sum(lost[period] for period in run), len(before)) for run in _runs(sorted(lost))
    )


def _unit(old: Periods, new: Periods) -> PeriodUnit | None:
    for unit in UNITS:
        before, after = old.counts.get(unit), new.counts.get(unit)
        if before and after and len(before) >= LEAST_PERIODS:
            return unit
    return None


def _vanished(before: dict[int, int], after: dict[int, int], chance: Chance) -> dict[int, float]:
    """Return periods of the old version that the new one has not, with the rows expected in each."""
    common = before.keys() & after.keys()
    kept_before, kept_after = sum(before[period] for period in common), sum(after[period] for period in common)
    if not common:
        return {}
    moved_on = max(after) > max(before)
    limit = chance.among(len(before)).alpha
    ratio = kept_after / kept_before
    return {
        period: count * ratio
        for period, count in before.items()
        if period not in after
        and not (moved_on and period < min(after))
        and all_on_one_side(count, kept_before, kept_after) < limit
    }


def _skipped(before: dict[int, int], after: dict[int, int], chance: Chance) -> dict[int, float]:
    """Return periods between the new version's that it skips beyond the old one's, where the old one skipped none."""
    gapless = max(before) - min(before) + 1 == len(before)
    if not gapless or len(after) < LEAST_PERIODS:
        return {}
    usual = median(after.values())
    empty = set(range(max(max(before) + 1, min(after)), max(after))) - after.keys()
    # a real pace, not a Poisson one: 5 sd below the median of what there is
    return {period: float(usual) for period in empty if exp(-usual / 2) < chance.among(len(after)).alpha}


def _runs(periods: Sequence[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for period in periods:
        if run and period != run[-1] + 1:
            yield run
            run = []
        run.append(period)
    if run:
        yield run
