"""How unusual points are: five detectors of different kinds, learnt from a sample, averaged on one scale.

Isolation forest (Liu, Ting and Zhou, 2008) sees what is far from everything by few columns; distances to small random
samples (Sugiyama and Borgwardt, 2013) also see small clusters apart; k nearest neighbours see gaps between clusters;
Mahalanobis distance with a shrunken covariance (Ledoit and Wolf, 2004) sees broken correlations; empirical tails (ECOD,
Li et al., 2022) see extremes of single columns. Each is scaled by its own median and 90 % quantile and cut, so that
none drowns the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from quality_svc.anomalies.rows.encoding import Floats

_TREES: Final = 200
_SAMPLES: Final = 50
_SAMPLE: Final = 20
_NEIGHBOURS: Final = 20
_REFERENCE: Final = 2_000
_CUT: Final = 8.0
_BLOCK: Final = 4_096

Score = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Ensemble:
    """Scores points; higher is more unusual. `ranked` gives the share of the sample that is less unusual."""

    members: tuple[tuple[float, Score, float, float], ...]
    sorted_scores: Floats

    def score(self, points: Floats) -> Floats:
        """Return the members' weighted mean, each on its own robust scale."""
        total = np.zeros(len(points))
        for weight, member, median, spread in self.members:
            total += weight * np.clip((member(points) - median) / spread, -_CUT, _CUT)
        return total / sum(weight for weight, *_ in self.members)

    def ranked(self, scores: Floats) -> Floats:
        """Return scores as ranks in (0, 1): strictly increasing, also between and beyond those of the sample."""
        known = self.sorted_scores
        size = len(known)
        ranks = np.interp(scores, known, (np.arange(size) + 0.5) / size)
        spread = max(float(known[-1] - known[size // 2]), 1e-9)
        beyond = 1 - 0.5 / size * np.exp(-np.maximum(scores - known[-1], 0) / spread)
        below = 0.5 / size * np.exp(-np.maximum(known[0] - scores, 0) / spread)
        return np.where(scores > known[-1], beyond, np.where(scores < known[0], below, ranks))


def learn_ensemble(points: Floats, *, seed: int) -> Ensemble:
    """Learn from a sample of at least two points of at least one column."""
    numbers = np.random.default_rng(seed)
    makers: Sequence[tuple[float, Callable[[Floats, np.random.Generator], Score]]] = (
        (2.5, _forest),
        (1.0, _sampled_distances),
        (1.0, _neighbours),
        (1.0, _mahalanobis),
        (0.5, _tails),
    )
    members, total = [], np.zeros(len(points))
    for weight, make in makers:
        member = make(points, numbers)
        scores = member(points)
        median, high = (float(q) for q in np.quantile(scores, (0.5, 0.9)))
        spread = high - median if high > median else max(float(scores.max()) - median, 1e-9)
        members.append((weight, member, median, spread))
        total += weight * np.clip((scores - median) / spread, -_CUT, _CUT)
    return Ensemble(tuple(members), np.sort(total / sum(weight for weight, _ in makers)))


def _forest(points: Floats, numbers: np.random.Generator) -> Score:
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - slow to import, and only rows need it

    forest: Any = IsolationForest(n_estimators=_TREES, random_state=int(numbers.integers(2**31)))
    forest.fit(points)
    return lambda asked: -forest.score_samples(asked)


def _sampled_distances(points: Floats, numbers: np.random.Generator) -> Score:
    size = min(_SAMPLE, len(points))
    samples = [points[numbers.choice(len(points), size, replace=False)] for _ in range(_SAMPLES)]

    def score(asked: Floats) -> Floats:
        total = np.zeros(len(asked))
        for sample in samples:
            total += _nearest(asked, sample, 1)
        return total / len(samples)

    return score


def _neighbours(points: Floats, numbers: np.random.Generator) -> Score:
    size = min(_REFERENCE, len(points))
    reference = points[numbers.choice(len(points), size, replace=False)]
    return lambda asked: _nearest(asked, reference, min(_NEIGHBOURS, max(1, size - 1)))


def _nearest(asked: Floats, reference: Floats, count: int) -> Floats:
    """Return the mean distance to the `count` nearest points; a point of the reference itself is not its own."""
    squares = (reference**2).sum(1)
    made = np.empty(len(asked))
    for start in range(0, len(asked), _BLOCK):
        block = asked[start : start + _BLOCK]
        distances = np.sqrt(np.maximum((block**2).sum(1)[:, None] + squares - 2 * block @ reference.T, 0))
        kept = min(count, distances.shape[1] - 1)
        nearest = np.sort(np.partition(distances, kept, axis=1)[:, : kept + 1], axis=1)
        itself = (nearest[:, 0] < 1e-6) & (nearest.shape[1] > 1)  # noqa: PLR2004 - as near as rounding allows
        made[start : start + _BLOCK] = np.where(
            itself, nearest[:, 1:].mean(1) if kept else 0, nearest[:, :count].mean(1)
        )
    return made


def _mahalanobis(points: Floats, numbers: np.random.Generator) -> Score:
    from sklearn.covariance import LedoitWolf  # noqa: PLC0415 - slow to import, and only rows need it

    del numbers
    fitted: Any = LedoitWolf().fit(points)
    return lambda asked: np.sqrt(np.maximum(fitted.mahalanobis(asked), 0))


def _tails(points: Floats, numbers: np.random.Generator) -> Score:
    del numbers
    ordered = np.sort(points, axis=0)
    size = len(points)
    skew = ((points - points.mean(0)) ** 3).mean(0)

    def score(asked: Floats) -> Floats:
        left, right, either = np.zeros(len(asked)), np.zeros(len(asked)), np.zeros(len(asked))
        for place in range(points.shape[1]):
            known, cells = ordered[:, place], asked[:, place]
            low = -np.log((np.searchsorted(known, cells, "right") + 0.5) / (size + 1))
            high = -np.log((size - np.searchsorted(known, cells, "left") + 0.5) / (size + 1))
            left += low
            right += high
            either += low if skew[place] < 0 else high
        return np.maximum(np.maximum(left, right), either)

    return score
