"""Approximate functional dependencies X -> Y: which hold, in which groups, and how probably a deviating cell is wrong.

A group of rows that share X is modelled as one of two kinds: *functional* (one true value of Y, each cell wrong with a
small probability, errors rarely alike) or *free* (any split of the rows is as likely). The share of functional groups
and the rate of errors are estimated from the table itself by expectation maximization (Dempster et al., 1977).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit, gammaln

from quality_svc.anomalies.cells.grouping import Grouping
from quality_svc.anomalies.cells.table import Floats

MIN_STRENGTH: Final = 0.6
MIN_COVERAGE: Final = 0.1
MIN_FUNCTIONAL: Final = 0.5
_ERROR_BOUNDS: Final = (0.03, 0.3)
_ALIKE: Final = 0.1
"""How probable it is, at least, that a second error of a group repeats the first."""


@dataclass(frozen=True)
class Fit:
    """How far a dependency holds: share of `functional` groups, `error` rate in them, posterior of each group."""

    functional: float
    error: float
    posterior: Floats

    def wrong(self, grouping: Grouping) -> Floats:
        """Return, per pair, the probability that its cells of Y are wrong (given that X is right)."""
        leading = grouping.top[grouping.group]
        lead = grouping.count[leading] - grouping.count
        minority = leading != np.arange(len(leading))
        right_is_top = expit(lead * np.log((1 - self.error) / self.error))
        return np.where(minority, self.posterior[grouping.group] * right_is_top, 0.0)


def fit(grouping: Grouping) -> Fit:
    """Estimate how many groups are functional, and how often cells in them are wrong."""
    sizes = grouping.size
    top = np.where(grouping.top >= 0, grouping.count[grouping.top], 0.0)
    others = sizes - top
    # the part of the others that repeats itself: errors are rarely alike
    leading = grouping.top[grouping.group] == np.arange(len(grouping.group))
    again = np.bincount(grouping.group, weights=np.where(leading, 0.0, grouping.count - 1), minlength=grouping.n_groups)
    judged = sizes >= 2  # noqa: PLR2004 - one row cannot disagree
    if not judged.any():
        return Fit(0.0, _ERROR_BOUNDS[0], np.zeros(grouping.n_groups))
    free = -np.log(sizes + 1) - (gammaln(sizes + 1) - gammaln(others + 1) - gammaln(top + 1))
    alike = max(_ALIKE, min(0.5, grouping.chance))  # two rows agree by chance as often as any two
    share, error = 0.5, 0.05
    posterior = np.zeros(grouping.n_groups)
    for _ in range(20):
        rate = np.clip(others / np.maximum(sizes, 1), _ERROR_BOUNDS[0], error)  # fewer errors are no argument against
        functional = top * np.log1p(-rate) + others * np.log(rate) + again * np.log(alike)
        posterior = expit(np.log(share / (1 - share)) + functional - free)
        weight = posterior * judged * np.minimum(sizes, 50)
        share = float(np.clip((posterior * judged).sum() / judged.sum(), 0.01, 0.99))
        error = float(np.clip((weight * others / np.maximum(sizes, 1)).sum() / max(weight.sum(), 1e-9), *_ERROR_BOUNDS))
    return Fit(share, error, np.where(judged, posterior, 0.0))
