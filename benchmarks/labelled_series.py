"""Generated series with labelled windows, of the kinds that monitoring makes, and the scorer of such labels.

The scorer is the Numenta Anomaly Benchmark's, standard profile (Lavin and Ahmad, 2015): the first detection in a window
earns by how early it is, a detection outside costs 0.11, a missed window 1; the first 15 % (at most 750 values) are not
scored; one threshold for all series, the best; 0 is a detector that never detects, 100 a perfect one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
FALSE_POSITIVE = 0.11
EVENTS = ("spike", "shift", "flat", "burst", "season", "drift", "dip", "calm")


@dataclass(frozen=True)
class LabelledSeries:
    """Times (seconds since 1970), values, and windows (first and last index) around what is unusual."""

    name: str
    seconds: npt.NDArray[np.int64]
    values: Floats
    windows: tuple[tuple[int, int], ...]


def generated(seed: int) -> Iterator[LabelledSeries]:
    """Yield series of every kind with none to three events each."""
    for number, kind in enumerate(("daily", "noisy", "counts", "bursty", "weekly", "drifting", "levels", "spiky") * 4):
        rng = np.random.default_rng([seed, number])
        length = int(rng.choice([1600, 4032, 4032, 4032, 8000]))
        step = {"weekly": 1800, "drifting": 3600}.get(kind, 300)
        seconds = 1_400_000_000 + step * np.arange(length)
        values = _usual(rng, kind, length, step)
        events = int(rng.choice([0, 1, 1, 2, 2, 3]))
        places = np.sort(
            rng.choice(np.arange(int(length * 0.2), int(length * 0.95), length // 12), events, replace=False)
        )
        width = int(0.1 * length / max(1, events))
        windows = []
        for place in places.tolist():
            _strike(rng, values, place, int(rng.integers(3, max(4, width // 3))))
            windows.append((max(0, place - width // 2), min(length - 1, place + width // 2)))
        yield LabelledSeries(f"{kind}-{number}", seconds, values, _merged(windows))


def _merged(windows: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    made: list[tuple[int, int]] = []
    for first, last in windows:
        if made and first <= made[-1][1]:
            made[-1] = (made[-1][0], last)
        else:
            made.append((first, last))
    return tuple(made)


def _usual(rng: np.random.Generator, kind: str, length: int, step: int) -> Floats:
    day = 86_400 / step
    phase = 2 * np.pi * (np.arange(length) / day + rng.random())
    noise = rng.normal(size=length)
    smooth = np.convolve(rng.normal(size=length + 50), np.ones(50) / 50, "valid")[:length]
    weekend = (np.arange(length) // day % 7 >= 5) * 0.4
    levels = np.repeat(rng.choice([20.0, 24.0, 30.0], length // 90 + 1), 90)[:length]
    spikes = np.where(np.arange(length) % int(rng.integers(40, 90)) == 0, rng.normal(60, 5, length), 0)
    made = {
        "daily": 50 + 30 * np.clip(np.sin(phase) * 3, -1, 1) + noise * rng.choice([0.5, 3]),
        "noisy": np.abs(40 + 3 * noise + 8 * smooth),
        "counts": rng.poisson(np.maximum(1, 20 + 15 * np.sin(phase)) * rng.gamma(2, 0.5, length)),
        "bursty": 2 + rng.exponential(3, length) + (rng.random(length) < 0.01) * rng.pareto(2.5, length) * 40,
        "weekly": 15_000 * (1.2 + np.sin(phase) - 0.3 * np.sin(2 * phase)) * (1 - weekend) + 600 * noise,
        "drifting": 70 + np.cumsum(rng.normal(size=length)) * 0.15 + 2 * np.sin(phase) + noise,
        "levels": levels + noise * 0.7,
        "spiky": 5 + np.abs(noise) + spikes,
    }
    values: Floats = made[kind].astype(np.float64)
    return values


def _strike(rng: np.random.Generator, values: Floats, place: int, width: int) -> None:
    """Put one event at `place`."""
    part = slice(place, min(len(values), place + width))
    spread, kind = float(np.std(values)) + 1e-9, rng.choice(EVENTS)
    count = len(values[part])
    if kind == "spike":
        values[place : place + int(rng.integers(1, 4))] += spread * rng.uniform(5, 12) * rng.choice([-1, 1])
    elif kind == "shift":
        values[place:] += spread * rng.uniform(1.5, 4) * rng.choice([-1, 1])
    elif kind == "flat":
        values[part] = values[place]
    elif kind == "burst":
        values[part] += rng.normal(size=count) * spread * rng.uniform(2, 4)
    elif kind == "season":
        values[part] = np.median(values) + rng.normal(size=count) * 0.1 * spread
    elif kind == "drift":
        values[part] += np.linspace(0, 5 * spread, count)
    elif kind == "dip":
        values[part] = values.min() - spread * rng.uniform(0.2, 2)
    else:
        values[part] = np.mean(values[part]) + (values[part] - np.mean(values[part])) * 0.1


def sigmoid(position: float) -> float:
    """Return NAB's scaled sigmoid of a relative position: -1 is a window's beginning, 0 its end, above 3 far behind."""
    return -1.0 if position > 3 else 2 / (1 + np.exp(5 * position)) - 1


def nab_score(series: Sequence[LabelledSeries], scores: Sequence[Floats]) -> tuple[float, float]:
    """Return the normalised score of the standard profile at the best threshold, and that threshold."""
    windows = sum(len(one.windows) for one in series)
    gains = [_gains(one) for one in series]
    candidates = np.unique(np.quantile(np.concatenate(list(scores)), np.linspace(0.9, 1, 2000)))
    best = (0.0, 1.1)
    for threshold in candidates.tolist():
        raw = sum(_raw(one, made, gain, threshold) for one, made, gain in zip(series, scores, gains, strict=True))
        score = 100 * (raw + windows) / (2 * windows)
        best = max(best, (score, threshold))
    return best


def _gains(one: LabelledSeries) -> Floats:
    """Return what a detection at each place earns or costs: positive in windows, negative outside."""
    gains = np.full(len(one.values), -FALSE_POSITIVE)
    for first, last in one.windows:
        width = last - first + 1
        for place in range(first, last + 1):
            gains[place] = sigmoid(-(last - place + 1) / width) / sigmoid(-1.0)
        for place in range(last + 1, min(len(gains), last + 1 + 4 * width)):
            gains[place] = FALSE_POSITIVE * sigmoid((place - last) / max(1, width - 1))
    for first, last in one.windows:  # a later window wins over what is behind an earlier one
        width = last - first + 1
        gains[first : last + 1] = [
            sigmoid(-(last - place + 1) / width) / sigmoid(-1.0) for place in range(first, last + 1)
        ]
    return gains


def _raw(one: LabelledSeries, scores: Floats, gains: Floats, threshold: float) -> float:
    probation = min(int(0.15 * len(scores)), 750)
    detected = scores >= threshold
    detected[:probation] = False
    inside = np.zeros(len(scores), dtype=bool)
    total = 0.0
    for first, last in one.windows:
        inside[first : last + 1] = True
        hits = np.flatnonzero(detected[first : last + 1])
        total += float(gains[first + hits[0]]) if len(hits) else -1.0
    return total + float(gains[detected & ~inside].sum())
