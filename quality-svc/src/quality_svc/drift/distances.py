"""Distances between two distributions known by quantiles or by counts, with their expectation under no change.

- Population stability index: the symmetric Kullback-Leibler divergence over bins, in nats. Under no change
  (1/n + 1/m)^-1 PSI is about chi-square with bins - 1 degrees of freedom (Yurdakul 2018), so (bins - 1)(1/n + 1/m) is
  its bias.
- Wasserstein-1 in standard deviations of the old values: the mean distance that values moved. Its expectation under no
  change is sqrt(2/pi (1/n + 1/m)) times the integral of sqrt(F(1-F)) (del Barrio, Gine, Matran 1999).
- Jensen-Shannon divergence in bits; its bias is (bins - 1)(1/n + 1/m) / (8 ln 2) to first order.

The outermost 1 % on either side are left out of Wasserstein and of the moments: a single wild value is an anomaly of a
version, not drift.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quality_svc.drift.signature import Ordered

Floats = NDArray[np.float64]
TRIM: Final = 0.01
_GRID: Final = 1000
_SHARES: Final[Floats] = TRIM + (1 - 2 * TRIM) * (np.arange(_GRID) + 0.5) / _GRID
LEAST_EXPECTED: Final = 8
"""Bins in which fewer values are expected are put together: the approximations do not hold for them."""


@dataclass(frozen=True, slots=True)
class Moved:
    """How numbers moved, in standard deviations of the old ones (of both where the old ones are nearly all alike).

    `spread` is the standard deviation of both together, `reach` how far a value is from their mean.
    """

    mean_shift: float
    wasserstein: float
    wasserstein_bias: float
    spread: float
    reach: float


@dataclass(frozen=True, slots=True)
class Shares:
    """How shares of bins changed: divergences without their bias, and Pearson's statistic with its freedom."""

    psi: float
    jensen_shannon: float
    chi_square: float
    freedom: int


def quantile_function(ordered: Ordered) -> Floats:
    """Return the values at `_GRID` shares between the trimmed ends."""
    found: Floats = np.interp(_SHARES, np.asarray(ordered.probabilities), np.asarray(ordered.values))
    return found


def moved(old: Ordered, new: Ordered) -> Moved:
    """Compare two samples of numbers."""
    before, after = quantile_function(old), quantile_function(new)
    pooled = np.concatenate([before, after])
    scale = float(before.std())
    both = float(pooled.std())
    if both <= 1e-12 * max(float(np.abs(pooled).max()), 1e-300):
        return Moved(0.0, 0.0, 0.0, 1.0, 1.0)
    if scale < both / 4:  # nearly constant before: what moved is seen against both
        scale = both
    error = sqrt(1 / old.basis + 1 / new.basis)
    steps = np.diff(np.sort(pooled))
    inner = np.arange(1, pooled.size) / pooled.size
    bias = sqrt(2 / pi) * error * float((np.sqrt(inner * (1 - inner)) * steps).sum())
    return Moved(
        mean_shift=float(after.mean() - before.mean()) / scale,
        wasserstein=float(np.abs(after - before).mean()) / scale,
        wasserstein_bias=bias / scale,
        spread=both / scale,
        reach=float(np.abs(pooled - pooled.mean()).max()) / scale,
    )


def share_below(ordered: Ordered, points: Floats) -> Floats:
    """Return the share of values up to each point, between known quantiles by straight lines."""
    values, shares = np.asarray(ordered.values), np.asarray(ordered.probabilities)
    rising = np.concatenate([np.diff(values) > 0, [True]])  # of equal quantiles the highest share counts
    known, at = values[rising], shares[rising]
    below = np.interp(points, known, at)
    return np.where(points < values[0], 0.0, np.where(points >= values[-1], 1.0, below))


def bin_counts(old: Ordered, new: Ordered, bins: int = 10) -> tuple[Floats, Floats]:
    """Return both samples counted in bins whose edges are quantiles of the old one."""
    wanted = np.arange(1, bins) / bins
    known = np.asarray(old.probabilities)
    near = np.unique(np.abs(known[:, None] - wanted[None, :]).argmin(axis=0))
    edges = np.unique(np.asarray(old.values)[near])
    return tuple(
        np.diff(np.concatenate([[0.0], share_below(ordered, edges), [1.0]])) * ordered.basis for ordered in (old, new)
    )  # type: ignore[return-value]


def share_distances(old: Sequence[float] | NDArray[Any], new: Sequence[float] | NDArray[Any]) -> Shares | None:
    """Compare counts of the same bins; None where too little is left to compare.

    Rare bins are put together until each holds enough of both samples to be expected.
    """
    before, after = np.asarray(old, dtype=float), np.asarray(new, dtype=float)
    n, m = float(before.sum()), float(after.sum())
    if min(n, m) < LEAST_EXPECTED:
        return None
    before, after = _merged(before, after, LEAST_EXPECTED * (n + m) / min(n, m))
    bins = before.size
    if bins < 2:  # noqa: PLR2004
        return None
    error = 1 / n + 1 / m
    # half a value more in each: an empty bin is no infinite change
    p, q = (before + 0.5) / (n + 0.5 * bins), (after + 0.5) / (m + 0.5 * bins)
    psi = float(((q - p) * np.log(q / p)).sum())
    middle = (p + q) / 2
    jensen_shannon = float((p * np.log(p / middle) + q * np.log(q / middle)).sum()) / (2 * log(2))
    pooled = (before + after) / (n + m)
    chi_square = float((((before - n * pooled) ** 2) / (n * pooled) + ((after - m * pooled) ** 2) / (m * pooled)).sum())
    return Shares(
        psi=max(psi - (bins - 1) * error, 0.0),
        jensen_shannon=max(jensen_shannon - (bins - 1) * error / (8 * log(2)), 0.0),
        chi_square=chi_square,
        freedom=bins - 1,
    )


def _merged(before: Floats, after: Floats, least: float) -> tuple[Floats, Floats]:
    """Put bins of fewer than `least` values together into one (which goes where even it is too small)."""
    together = before + after
    rare = together < least
    if not rare.any():
        return before, after
    rest_before, rest_after = before[rare].sum(), after[rare].sum()
    before, after, together = before[~rare], after[~rare], together[~rare]
    if rest_before + rest_after >= least or not before.size:
        return np.append(before, rest_before), np.append(after, rest_after)
    smallest = int(together.argmin())
    before, after = before.copy(), after.copy()
    before[smallest] += rest_before
    after[smallest] += rest_after
    return before, after
