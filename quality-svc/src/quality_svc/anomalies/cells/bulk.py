"""Where the bulk of a column's numbers lies: robust z scores that bear with skew and heavy tails.

z = 0.6745 (x - median) / MAD (Iglewicz and Hoaglin, 1993), taken apart for each side of the median, on the numbers or
their logarithms, whichever is the more symmetric.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from quality_svc.anomalies.cells.table import CellColumn, Floats

CUT: Final = 3.5
_NORMAL_Q90: Final = 1.645
_MIN_NUMBERS: Final = 20
_CODE_DIGITS: Final = 5


@dataclass(frozen=True)
class Bulk:
    """The middle of a column, its spread to either side, and how far tails reach (`cut`, in robust z)."""

    logarithmic: bool
    median: float
    below: float
    above: float
    cut: float

    def z(self, numbers: Floats) -> Floats:
        """Return robust z scores; NaN for NaN, and for what has no logarithm the lowest there is."""
        scaled = _scaled(numbers, logarithmic=self.logarithmic) - self.median
        scores: Floats = np.where(scaled < 0, scaled / self.below, scaled / self.above)
        return scores

    def value(self, z: float) -> float:
        """Return the number at a z score."""
        scaled = self.median + z * (self.below if z < 0 else self.above)
        return float(np.expm1(scaled)) if self.logarithmic else float(scaled)


def bulk_of(numbers: Floats, counts: np.ndarray) -> Bulk | None:
    """Describe the bulk of numbers with their frequencies; None where there are too few or they do not vary."""
    finite = np.isfinite(numbers)
    if counts[finite].sum() < _MIN_NUMBERS or finite.sum() < 3:  # noqa: PLR2004 - two values are no distribution
        return None
    made = [_described(numbers[finite], counts[finite], logarithmic=False)]
    if (numbers[finite] >= 0).mean() > 0.99:  # noqa: PLR2004 - a stray minus does not rule out logarithms
        made.append(_described(numbers[finite], counts[finite], logarithmic=True))
    usable = [(skew, bulk) for skew, bulk in made if bulk is not None]
    return min(usable, key=lambda each: (round(each[0], 2), each[1].logarithmic))[1] if usable else None


def _described(numbers: Floats, counts: np.ndarray, *, logarithmic: bool) -> tuple[float, Bulk | None]:
    scaled = _scaled(numbers, logarithmic=logarithmic)
    low, q25, median, q75, high = _quantiles(scaled, counts, (0.05, 0.25, 0.5, 0.75, 0.95))
    mad = float(_quantiles(np.abs(scaled - median), counts, (0.5,))[0]) * 1.4826
    below, above = max((median - q25) / 0.6745, mad / 2), max((q75 - median) / 0.6745, mad / 2)
    whole = max(below, above)
    if whole <= 0:
        return 0.0, None
    below, above = max(below, whole / 5), max(above, whole / 5)
    skew = abs((high + low - 2 * median) / (high - low)) if high > low else 1.0
    first = Bulk(logarithmic, float(median), float(below), float(above), CUT)
    reach = float(_quantiles(np.abs(first.z(numbers)), counts, (0.9,))[0]) / _NORMAL_Q90
    return float(skew), Bulk(logarithmic, float(median), float(below), float(above), CUT * max(1.0, reach) ** 1.5)


def _scaled(numbers: Floats, *, logarithmic: bool) -> Floats:
    scaled: Floats = np.log1p(np.maximum(numbers, -1 + 1e-9)) if logarithmic else numbers
    return scaled


def _quantiles(numbers: Floats, counts: np.ndarray, shares: tuple[float, ...]) -> Floats:
    order = np.argsort(numbers, kind="stable")
    reached = np.cumsum(counts[order])
    places = np.searchsorted(reached, np.array(shares) * reached[-1], side="left")
    reached_at: Floats = numbers[order][np.minimum(places, len(order) - 1)]
    return reached_at


def column_bulk(column: CellColumn) -> Bulk | None:
    """Describe a numeric or temporal column; None where it is neither, is a running number, or does not vary."""
    numbers = column.moments if column.is_temporal else column.numbers
    if not column.is_temporal and not column.is_numeric:
        return None
    if _running_number(column, numbers) or _is_code(column):
        return None
    return bulk_of(numbers, column.counts)


def _is_code(column: CellColumn) -> bool:
    """Whether whole numbers all have the same five digits or more: postal codes, provider numbers, no measure."""
    if column.is_temporal:
        return False
    lengths = np.array([len(text) if text.isdigit() else 0 for text in column.values])
    usual = int(np.bincount(lengths, weights=column.counts).argmax())
    return usual >= _CODE_DIGITS and bool(column.counts[lengths == usual].sum() >= 0.95 * column.filled)


def _running_number(column: CellColumn, numbers: Floats) -> bool:
    """Whether the values are the numbers of the rows, or ids without gaps: their ends are not unusual."""
    if column.is_temporal or column.distinct < 0.98 * column.filled:
        return False
    finite = numbers[np.isfinite(numbers)]
    if not len(finite) or not np.all(finite == np.round(finite)):
        return False
    return bool(finite.max() - finite.min() < 2 * len(finite))
