"""Measures of association with intervals, on arrays in memory. Pure: no table, no I/O.

Every interval is at 95 % and free of the normal distribution: the standard error is that of the influence function
(how much one more row moves the measure), so heavy tails widen it. Source of the method: Hampel et al., Robust
Statistics (1986), section 2.1; of Spearman's error: Bonett and Wright (2000).
"""

from dataclasses import dataclass
from math import atanh, isfinite, sqrt, tanh
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

FEWEST: Final = 10
"""Rows below which nothing is said."""
_Z: Final = 1.959963984540054
_ONE: Final = 1 - 1e-12


@dataclass(frozen=True, slots=True)
class Association:
    """A measure, its 95 % interval, and the rows it is from."""

    value: float
    low: float
    high: float
    n: int


def pearson(x: Numbers, y: Numbers) -> Association | None:
    """Correlate numbers without NaN; None where one is constant or there are too few."""
    if len(x) < FEWEST:
        return None
    u, v = _standardized(x), _standardized(y)
    if u is None or v is None:
        return None
    r = float(np.clip(np.mean(u * v), -1, 1))
    influence = u * v - r / 2 * (u * u + v * v)
    return _transformed(r, float(np.std(influence)) / sqrt(len(x)), len(x))


def spearman(x: Numbers, y: Numbers) -> Association | None:
    """Correlate the ranks (ties share theirs) of numbers without NaN."""
    return spearman_of_ranks(ranks(x), ranks(y)) if len(x) >= FEWEST else None


def spearman_of_ranks(x: Numbers, y: Numbers) -> Association | None:
    """Return the same where the ranks are known."""
    if len(x) < FEWEST:
        return None
    u, v = _standardized(x), _standardized(y)
    if u is None or v is None:
        return None
    r = float(np.clip(np.mean(u * v), -1, 1))
    error = sqrt((1 + r * r / 2) / (len(x) - 3)) * (1 - r * r)
    return _transformed(r, error, len(x))


def cramers_v(a: Codes, b: Codes) -> Association | None:
    """Associate categories (codes without -1) by Cramér's V, bias-corrected (Bergsma 2013)."""
    return cramers_v_of(contingency(a, b))


def cramers_v_of(table: Numbers) -> Association | None:
    """Return the same of a table of counts without empty rows and columns; None where one side is constant."""
    n = float(table.sum())
    r, c = table.shape
    if n < FEWEST or min(r, c) < 2:  # noqa: PLR2004
        return None
    p = table / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    ratio = p / rows[:, None] / columns[None, :]
    phi2 = float((p * ratio).sum()) - 1
    freedom = (r - 1) * (c - 1)
    side = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    if side <= 0:
        return None
    influence = 2 * ratio - (p * ratio).sum(axis=1)[:, None] / rows[:, None]
    influence -= (p * ratio).sum(axis=0)[None, :] / columns[None, :]
    spread = max(float((p * influence**2).sum()) - float((p * influence).sum()) ** 2, 0.0)
    # the second term is the variance of chi-squared: near independence the first one vanishes
    error = sqrt(spread / n + 2 * freedom / n**2)
    corrected = phi2 - freedom / (n - 1)
    low, value, high = (
        sqrt(min(max(x, 0.0) / side, 1.0)) for x in (corrected - _Z * error, corrected, corrected + _Z * error)
    )
    return Association(value, low, high, int(n))


def correlation_ratio(groups: Codes, y: Numbers) -> Association | None:
    """Return eta: the share of the variance of `y` that lies between groups (bias-corrected, Kelley 1935), its root."""
    n = len(y)
    counts = np.bincount(groups)
    used = int((counts > 0).sum())
    if n < FEWEST or used < 2 or n <= used or (scaled := _standardized(y)) is None:  # noqa: PLR2004
        return None
    means = np.bincount(groups, weights=scaled) / np.maximum(counts, 1)
    within = (scaled - means[groups]) ** 2
    share = float(within.mean())  # of the variance, which is 1
    influence = (share - within) + share * (scaled**2 - 1)
    error = sqrt(float(np.var(influence)) / n + 2 * (used - 1) / n**2)
    corrected = 1 - share * (n - 1) / (n - used)
    low, value, high = (
        sqrt(min(max(x, 0.0), 1.0)) for x in (corrected - _Z * error, corrected, corrected + _Z * error)
    )
    return Association(value, low, high, n)


def ranks(x: Numbers) -> Numbers:
    """Return the ranks of numbers; equal ones share the mean of theirs."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + ends - 1) / 2.0)[inverse]


def contingency(a: Codes, b: Codes) -> Numbers:
    """Return the counts of pairs of codes (from 0), without empty rows and columns."""
    if not len(a):
        return np.zeros((0, 0))
    wide = int(b.max()) + 1
    table = np.bincount(a * wide + b, minlength=(int(a.max()) + 1) * wide).reshape(-1, wide).astype(np.float64)
    return table[table.any(axis=1)][:, table.any(axis=0)]


def _standardized(x: Numbers) -> Numbers | None:
    """Return x with mean 0 and variance 1; None where it is constant, or too large to be squared."""
    largest = float(np.abs(x).max())
    if not isfinite(largest) or largest == 0:
        return None
    scaled = x / largest
    scaled = scaled - scaled.mean()
    sd = float(scaled.std())
    # differences in the last bits of a double are noise
    return scaled / sd if sd > 1e-14 else None  # noqa: PLR2004


def _transformed(r: float, error: float, n: int) -> Association:
    """Return the interval in Fisher's z, where it is symmetric."""
    z = atanh(max(-_ONE, min(_ONE, r)))
    half = _Z * error / max(1 - r * r, 1e-12)
    # a perfect correlation has no error, but for one of rounding
    return Association(r, min(r, tanh(z - half)), max(r, tanh(z + half)), n)


def strength(found: Association) -> tuple[float, Any]:
    """Return what to sort by: the end of the interval nearest to nothing, then the value."""
    if found.low <= 0 <= found.high:
        return 0.0, abs(found.value)
    return min(abs(found.low), abs(found.high)), abs(found.value)
