"""Edges that a person would choose: whole steps of 1, 2 or 5, calendar units, decades where a few values lie far out.

Only edges are chosen here, from the extremes and a few quantiles; `histogram` counts.
"""

from dataclasses import dataclass
from math import ceil, floor, isfinite, log10
from typing import Any, Final

import numpy as np

from quality_svc.profile.arrays import PER_SECOND, Numbers, Scale

MOST_BINS: Final = 40
AIMED_BINS: Final = 20
UNIT_BINS: Final = 32
"""Widest range of whole numbers of which each has a bin of its own."""
HEAVY: Final = 20.0
"""A range this many times the span of the middle 90 % hides it in one or two of some twenty bins."""
_LARGEST: Final = 1e306
"""Beyond this, the next edge is no double any more."""
_DAY: Final = 86_400
_SPANS: Final = (
    *((seconds, f"{seconds} second") for seconds in (1, 2, 5, 10, 15, 30)),
    *((60 * minutes, f"{minutes} minute") for minutes in (1, 2, 5, 10, 15, 30)),
    *((3600 * hours, f"{hours} hour") for hours in (1, 2, 3, 6, 12)),
    (_DAY, "1 day"),
    (7 * _DAY, "7 day"),
)
_MONTHS: Final = (1, 3, 6, *(12 * years for years in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)))
_MONTH_SECONDS: Final = 30.44 * _DAY


@dataclass(frozen=True, slots=True)
class Bins:
    """Edges as the document shows them (`cells`) and as native numbers (`edges`), ascending."""

    edges: Numbers
    cells: tuple[Any, ...]
    scale: str
    step: str
    heavy_tailed: bool = False


def bins_of(scale: Scale, lowest: Any, highest: Any, quantiles: "tuple[Any, Any]") -> Bins | None:
    """Choose edges around all values from `lowest` to `highest`; `quantiles` are those at 5 and 95 %.

    None where doubles cannot tell the edges apart.
    """
    if scale.kind in {"date", "timestamp"}:
        return _calendar(scale, int(lowest), int(highest))
    if scale.kind == "time":
        return _clock(scale, int(lowest), int(highest))
    factor = 10.0**scale.places
    low, high = float(lowest) / factor, float(highest) / factor
    inner = float(quantiles[1]) / factor - float(quantiles[0]) / factor
    whole = scale.kind == "integer" or (scale.kind == "decimal" and scale.places == 0)
    if not isfinite(high - low):
        return _decades(scale, low, high)
    # where most values are one and the same, the middle has no span, and equal bins hide nothing
    if high - low > HEAVY * inner > 0 and not (whole and high - low < UNIT_BINS):
        return _decades(scale, low, high)
    return _even(scale, low, high, whole=whole)


def _smallest(low: float, high: float) -> float:
    return min(abs(low), abs(high))


def _even(scale: Scale, low: float, high: float, *, whole: bool) -> Bins | None:
    """Equal bins whose width is 1, 2 or 5 times a power of ten, beginning at a multiple of it."""
    if whole and high - low < UNIT_BINS:
        step_digit, exponent = 1, 0
    else:
        step_digit, exponent = _nice((high - low) / AIMED_BINS or abs(high) / 10 or 1.0)
        if whole and exponent < 0:
            step_digit, exponent = 1, 0
    step = step_digit * 10.0**exponent
    first, last = floor(low / step), floor(high / step) + 1
    if last - first > MOST_BINS + 2 or (abs(first) > 2**52 or abs(last) > 2**52):
        return None
    places = max(0, -exponent)
    # digits, not sums of steps: 0.30000000000000004 is no edge that a person would choose
    edges = [float(f"{number * step_digit}e{exponent}") for number in range(first, last + 1)]
    if len(set(edges)) < len(edges) or edges[0] > low or edges[-1] <= high:
        return None
    shown = f"{step_digit}e{exponent}"
    return _made(scale, edges, "linear", f"{float(shown):.{places}f}" if places else f"{step:.0f}", heavy=False)


def _decades(scale: Scale, low: float, high: float) -> Bins | None:
    """1, 2, 5 times the powers of ten between the extremes, mirrored below 0; decades alone where they are many."""
    upper, lower = max(high, 0.0), max(-low, 0.0)
    top = max(upper, lower)
    if top >= _LARGEST:
        return None
    # what is closer to 0 than this is one bin: a column from 0 to a million needs no bin for 1e-12
    smallest = _smallest(low, high) if low > 0 or high < 0 else 0.0
    base = max(floor(log10(smallest)) if smallest > 0 else -(10**9), floor(log10(top)) - 12)
    if scale.kind in {"integer", "decimal"}:
        base = max(base, -scale.places)
    span = ceil(log10(top)) - base + 1
    digits = (1, 2, 5) if span * 3 * (2 if upper and lower else 1) <= MOST_BINS else (1,)
    ladder = [float(f"{digit}e{power}") for power in range(base, ceil(log10(top)) + 2) for digit in digits]
    above = _rungs(ladder, smallest if low > 0 else 0.0, upper) if upper else []
    below = [-edge for edge in reversed(_rungs(ladder, smallest if high < 0 else 0.0, lower))] if lower else []
    middle = [] if low > 0 or high < 0 else [0.0]
    edges = [*below, *middle, *above]
    if high >= edges[-1]:
        edges.append(ladder[0])
    return _made(scale, edges, "log", "1-2-5" if len(digits) > 1 else "10", heavy=True)


def _rungs(ladder: list[float], smallest: float, largest: float) -> list[float]:
    """Return the rungs from the last at or below `smallest` to the first beyond `largest`."""
    first = max((number for number, rung in enumerate(ladder) if rung <= smallest), default=0)
    last = next(number for number, rung in enumerate(ladder) if rung > largest)
    return ladder[first : last + 1]


def _made(scale: Scale, edges: list[float], kind: str, step: str, *, heavy: bool) -> Bins:
    factor = 10.0**scale.places
    cells = tuple(int(edge) if scale.kind == "integer" else edge for edge in edges)
    return Bins(np.array(edges) * factor, cells, kind, step, heavy)


def _nice(width: float) -> tuple[int, int]:
    """Return the digit (1, 2, 5) and the power of ten of the smallest such step that is at least `width`."""
    exponent = floor(log10(width))
    for digit in (1, 2, 5):
        if digit * 10.0**exponent >= width * (1 - 1e-9):
            return digit, exponent
    return 1, exponent + 1


def _clock(scale: Scale, low: int, high: int) -> Bins:
    """Return bins of a time of day."""
    per_second = PER_SECOND[scale.unit]
    seconds, name = next(
        (span for span in _SPANS if (high - low) / per_second / span[0] <= AIMED_BINS + 4), (_DAY, "1 day")
    )
    width = seconds * per_second
    edges = np.arange(low // width, high // width + 2) * width
    return Bins(edges, tuple(scale.cell(edge) for edge in edges), "calendar", _plural(name))


def _calendar(scale: Scale, low: int, high: int) -> Bins | None:
    """Return bins of seconds to days, or of months to millennia, as many as a person would look at."""
    per_second = scale.per_second
    seconds = (high - low) / per_second
    for span, name in _SPANS:
        if seconds / span <= AIMED_BINS + 11 and (scale.kind == "timestamp" or span >= _DAY):
            width = round(span * per_second)
            shift = -3 * width // 7 if span == 7 * _DAY else 0  # 1970-01-01 was a Thursday; weeks begin on Mondays
            edges = np.arange((low - shift) // width, (high - shift) // width + 2) * width + shift
            return Bins(edges, tuple(scale.cell(edge) for edge in edges), "calendar", _plural(name))
    months = next((number for number in _MONTHS if seconds / (number * _MONTH_SECONDS) <= AIMED_BINS + 11), _MONTHS[-1])
    first, last = (_month_of(scale, edge) // months for edge in (low, high))
    if last - first > 2 * MOST_BINS:
        return None
    starts = np.array([number * months for number in range(first, last + 2)]) - 1970 * 12
    days = starts.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    edges = days if scale.kind == "date" else days * (_DAY * PER_SECOND[scale.unit])
    if bool(np.any(np.diff(edges) <= 0)):
        return None  # beyond what 64 bits of this unit hold
    name = f"{months} month" if months < 12 else f"{months // 12} year"  # noqa: PLR2004 - months of a year
    return Bins(edges, tuple(scale.cell(edge) for edge in edges), "calendar", _plural(name))


def _month_of(scale: Scale, value: int) -> int:
    """Return the month of a moment, counted from January of year 0."""
    days = value if scale.kind == "date" else value // (_DAY * PER_SECOND[scale.unit])
    return int(np.datetime64(days, "D").astype("datetime64[M]").astype(np.int64)) + 1970 * 12


def _plural(name: str) -> str:
    return name if name.startswith("1 ") else f"{name}s"
