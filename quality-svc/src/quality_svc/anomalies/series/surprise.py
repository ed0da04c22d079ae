"""How surprising each value of a series is, given only the values before it.

Every value is looked at in several ways (*views*): its distance from what the last values and the same time of earlier
days or weeks lead to expect, its jump, the mean and the spread of the latest values against those before, and
how long and how far nothing has changed. A view is surprising where it exceeds all it has been within its memory; the
excess is measured in the view's own spread, so that scores of different series mean the same. That nothing is unusual
which has been before is the idea of spatial bounds in the Numenta detectors (Ahmad et al., 2017).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MEMORY: Final = 2_000
"""Values that a view remembers."""
_WARM: Final = 50
_SHORT: Final = 12
_LONG: Final = 100
_PAST: Final = 4
_EVEN: Final = 0.8
_QUIET: Final = 0.05
"""How far a surprise lies below an earlier one that it is a part of: the same event is told once."""


@dataclass(frozen=True)
class Surprise:
    """Per value: the excess of the most surprising view (0 where nothing is new), that view, and what was expected."""

    excess: Floats
    view: npt.NDArray[np.int64]
    expected: Floats
    spread: Floats


VIEWS: Final = ("value", "residual", "jump", "level", "spread", "calm", "quiet")


def surprise(values: Floats, season: int | None) -> Surprise:
    """Look at a series of finite values; `season` is the length of a day or week in values, where it has one."""
    expected = _expected(values, season)
    residual = values - expected
    views = np.stack(
        [
            _beyond_range(values),
            _excess(np.abs(_mean(residual, 3))),
            _excess(np.abs(np.diff(values, prepend=values[:1]))),
            _excess(np.abs(_mean(residual, _SHORT) - _lagged_mean(residual, _LONG, _SHORT))),
            _excess(_deviation(residual, _SHORT)),
            _excess(_calm(values)),
            _excess(-np.log(_deviation(values, 4 * _SHORT) + 1e-9 * np.abs(values).max() + 1e-300)),
        ]
    )
    view = np.argmax(views, axis=0)
    return Surprise(views.max(axis=0), view.astype(np.int64), expected, _running_spread(residual))


def scores_of(excess: Floats) -> Floats:
    """Return scores in [0, 1): 0.5 where a view exceeds all it has been by 0.8 of its spreads."""
    made: Floats = np.maximum(excess, 0) / (np.maximum(excess, 0) + _EVEN)
    return made


def once(scores: Floats, quiet: int) -> Floats:
    """Return scores in which an event is told when it begins: within `quiet` values only what is stronger stands."""
    made = scores.copy()
    held, until = 0.0, -1
    for place in np.flatnonzero(scores > 0).tolist():
        if place > until:
            held = 0.0
        if scores[place] > held + _QUIET:
            held, until = float(scores[place]), place + quiet
        else:
            made[place] = scores[place] * 0.3
    return made


def _sums(values: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])


def _mean(values: Floats, window: int) -> Floats:
    """Return the mean of the latest `window` values, of fewer at the beginning."""
    sums = _sums(values)
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    made: Floats = (sums[ends] - sums[starts]) / (ends - starts)
    return made


def _lagged_mean(values: Floats, window: int, lag: int) -> Floats:
    """Return the mean of `window` values up to `lag` values ago."""
    made = _mean(values, window)
    return np.concatenate([np.full(min(lag, len(values)), made[0]), made[: max(0, len(values) - lag)]])


def _deviation(values: Floats, window: int) -> Floats:
    mean = _mean(values, window)
    made: Floats = np.sqrt(np.maximum(_mean(values**2, window) - mean**2, 0))
    return made


def _running_spread(values: Floats) -> Floats:
    return np.maximum(_deviation(values, 10 * _LONG), 1e-12)


def _calm(values: Floats) -> Floats:
    """Return for how many values nothing has moved, against how it usually does."""
    move = np.abs(np.diff(values, prepend=values[:1]))
    usual = np.maximum(_mean(move, 5 * _LONG), 1e-12)
    still = move < 0.02 * usual
    place = np.arange(len(values))
    last = np.maximum.accumulate(np.where(still, -1, place))
    return np.sqrt(np.maximum(place - last, 0).astype(np.float64))


def _expected(values: Floats, season: int | None) -> Floats:
    """Return what is expected before each value: by the last values, or by earlier seasons where those do better."""
    recent = _lagged_mean(values, _SHORT, 1)
    if season is None or season * 2 > len(values):
        return recent
    past = []
    for times in range(1, _PAST + 1):
        lag = times * season
        if lag < len(values):
            past.append(np.concatenate([np.full(lag, np.nan), values[:-lag]]))
    stacked = np.stack(past)
    known = np.isfinite(stacked).sum(0)
    seasonal = np.where(known > 0, np.nansum(stacked, 0) / np.maximum(known, 1), recent)
    # the level moves: a part of what the latest values were off by is expected of this one as well
    seasonal = seasonal + 0.7 * _lagged_mean(values - seasonal, _SHORT, 1)
    better = _lagged_mean(np.abs(values - seasonal), 3 * season, 1) < _lagged_mean(
        np.abs(values - recent), 3 * season, 1
    )
    return np.where((known > 0) & better, seasonal, recent)


def _record(view: Floats) -> Floats:
    """Return the highest that a view has been before each value, within its memory (in two halves)."""
    length, half = len(view), MEMORY // 2
    made = np.empty(length)
    for start in range(0, length, half):
        before = view[max(0, start - half) : start]
        base = before.max() if len(before) else -np.inf
        block = view[start : start + half]
        made[start : start + half] = np.maximum(np.concatenate([[-np.inf], np.maximum.accumulate(block)[:-1]]), base)
    return made


def _excess(view: Floats) -> Floats:
    """Return by how many of its spreads a view exceeds all it has been."""
    record = _record(view)
    spread = np.maximum(_lagged_mean(_deviation(view, MEMORY), 1, 1), 1e-9 * (np.abs(view).max() + 1e-300))
    made = np.where(np.isfinite(record), (view - record) / spread, 0.0)
    made[:_WARM] = 0
    return np.clip(made, 0, 100)


def _beyond_range(values: Floats) -> Floats:
    """Return by how many standard deviations a value is outside of the range of those before."""
    return np.maximum(_excess(values), _excess(-values))
