"""The rhythm of moments: in which unit they come, how far apart, and where some are missing. Pure: arrays only.

Moments are sorted, different microseconds since 1970. A period is the number of a unit (day, month, ...) since then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from quality_svc.relations.document import Unit

Moments = npt.NDArray[np.int64]

_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
_MONDAY: Final = 3
"""1970-01-01 was a Thursday: days since then plus this count from a Monday."""
_COARSEST_FIRST: Final[tuple[Unit, ...]] = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
_FEWEST: Final = 4
"""Moments below which no rhythm is named."""
_FEWEST_WEEKDAYS: Final = 15
_REGULAR: Final = 0.5
_LARGER: Final[dict[str, tuple[int, str]]] = {
    "second": (60, "minute"),
    "minute": (60, "hour"),
    "hour": (24, "day"),
    "day": (7, "week"),
    "month": (12, "year"),
    "quarter": (4, "year"),
}


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`periods` of all moments in `unit`, `step` units apart; `regular` is the share of the distances that are so."""

    unit: Unit
    step: int
    regular: float
    periods: Moments

    @property
    def named(self) -> str:
        """The granularity in words."""
        if len(self.periods) < _FEWEST or self.regular < _REGULAR:
            return "irregular"
        step, unit = self.step, str(self.unit)
        while unit in _LARGER and step % _LARGER[unit][0] == 0:
            step, unit = step // _LARGER[unit][0], _LARGER[unit][1]
        return unit if step == 1 else f"{step} {unit}s"

    @property
    def missing(self) -> Moments:
        """Return how many periods are missing after each, the last left out; nothing where there is no rhythm."""
        distances = np.diff(self.periods)
        if self.named == "irregular":
            return np.zeros(len(distances), np.int64)
        missing: Moments = np.maximum(-(-distances // self.step) - 1, 0)
        return missing


def rhythm_of(moments: Moments) -> Rhythm:
    """Return the rhythm of at least one moment."""
    unit, periods = _unit_of(moments)
    distances = np.diff(periods)
    distances = distances[distances > 0]
    if not len(distances):
        return Rhythm(unit, 1, 1.0, periods)
    values, counts = np.unique(distances, return_counts=True)
    place = int(counts.argmax())  # the first of equals: the shortest
    return Rhythm(unit, int(values[place]), float(counts[place]) / len(distances), periods)


def periods_in(moments: Moments, unit: Unit) -> Moments:
    """Return the period of each moment."""
    if unit in {"year", "quarter", "month"}:
        months = moments.view("M8[us]").astype("M8[M]").astype(np.int64)
        length = {"year": 12, "quarter": 3, "month": 1}[unit]
        return months // length
    days = moments // _DAY
    if unit == "week":
        return (days + _MONDAY) // 7
    if unit == "weekday":
        return (days + _MONDAY) // 7 * 5 + np.minimum((days + _MONDAY) % 7, 4)
    return moments // {"day": _DAY, "hour": 3600 * _SECOND, "minute": 60 * _SECOND, "second": _SECOND}[unit]


def _unit_of(moments: Moments) -> tuple[Unit, Moments]:
    """Return the coarsest unit in which no two moments share a period, and the periods; at last seconds."""
    for unit, periods in _units(moments):
        if (np.diff(periods) > 0).all():
            if unit == "day" and _knows_no_weekend(moments):
                return "weekday", periods_in(moments, "weekday")
            return unit, periods
    return "second", np.unique(periods_in(moments, "second"))


def _units(moments: Moments) -> Iterator[tuple[Unit, Moments]]:
    for unit in _COARSEST_FIRST:
        yield unit, periods_in(moments, unit)


def _knows_no_weekend(moments: Moments) -> bool:
    days = (moments // _DAY + _MONDAY) % 7
    if len(days) < _FEWEST_WEEKDAYS or days.max() >= 5:  # noqa: PLR2004 - Saturday
        return False
    steps = np.diff(periods_in(moments, "weekday"))
    return bool((steps == 1).mean() > _REGULAR)


def longest(missing: Moments, most: int) -> list[int]:
    """Return the places of the longest gaps, longest first, earlier ones first among equals."""
    order = np.argsort(-missing, kind="stable")[:most]
    return [int(place) for place in order if missing[place] > 0]
