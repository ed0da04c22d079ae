"""Simple forecasts that are hard to beat, and how far off they are when the origin rolls through the end of a series.

Mean, naive, seasonal naive, drift, theta (Assimakopoulos and Nikolopoulos 2000; the winner of M3) as it is and of
logarithms, a ridge regression on lags and seasonal lags, and the mean of theta and that. Errors are scaled by the
seasonal naive's in the training part: MASE (Hyndman and Koehler 2006), 1 being as good as repeating the last season one
step ahead. Every forecast takes the history, the season in steps, and how many steps to tell.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from quality_svc.suitability.columns import Floats

ORIGINS: Final = 5
MOST_STEPS: Final = 24
MOST_LAGS: Final = 14
MOST_POINTS: Final = 2_000
RIDGE: Final = 1.0
SMOOTHINGS: Final = np.array([0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 0.99])

Forecast = Callable[[Floats, int, int], Floats]


def naive(history: Floats, season: int, steps: int) -> Floats:  # noqa: ARG001 (as all)
    """Repeat the last value."""
    return np.full(steps, history[-1])


def mean(history: Floats, season: int, steps: int) -> Floats:  # noqa: ARG001 (as all)
    """Tell the mean of all so far: the best there is where nothing can be told."""
    return np.full(steps, history.mean())


def seasonal_naive(history: Floats, season: int, steps: int) -> Floats:
    """Repeat the last season."""
    return np.resize(history[-season:], steps)


def drift(history: Floats, season: int, steps: int) -> Floats:  # noqa: ARG001 (as all)
    """Go on along the line from the first value to the last."""
    slope = (history[-1] - history[0]) / max(1, history.size - 1)
    return np.asarray(history[-1] + slope * np.arange(1, steps + 1), np.float64)


def theta(history: Floats, season: int, steps: int) -> Floats:
    """Smooth exponentially what has no season, add half the slope of its line, and give the season back."""
    pattern = seasonal_pattern(history, season)
    phases = np.arange(history.size + steps) % season
    plain = history - pattern[phases[: history.size]]
    levels = _smoothed(plain)
    slope = float(np.polyfit(np.arange(plain.size), plain, 1)[0])
    ahead = levels + slope / 2 * np.arange(1, steps + 1)
    return np.asarray(ahead + pattern[phases[history.size :]], np.float64)


def growing(history: Floats, season: int, steps: int) -> Floats:
    """Return theta of the logarithms, for seasons that grow with the level; naive where a value is not above 0."""
    if history.min() <= 0:
        return naive(history, season, steps)
    logs = np.log(history)
    return np.exp(np.clip(theta(logs, season, steps), logs.min() - 2, logs.max() + 2))


def lagged(history: Floats, season: int, steps: int) -> Floats:
    """Regress on recent values and those of a season ago, relative to the last one; forecasts feed the next step."""
    lags = _lags(history.size, season)
    if not lags:
        return naive(history, season, steps)
    deepest = max(lags)
    known = np.stack([history[deepest - lag : history.size - lag] for lag in lags], axis=1)
    base = known[:, :1]
    features, wanted = known[:, 1:] - base, history[deepest:] - base[:, 0]
    scale = max(float(features.std()), 1e-12)
    matrix = np.hstack([np.ones((len(features), 1)), features / scale])
    penalty = RIDGE * np.eye(matrix.shape[1])
    penalty[0, 0] = 1e-6
    weights = np.linalg.solve(matrix.T @ matrix + penalty, matrix.T @ wanted)
    series = list(history)
    low, high = float(history.min()), float(history.max())
    for _ in range(steps):
        recent = np.array([series[-lag] for lag in lags])
        step = weights[0] + float((recent[1:] - recent[0]) / scale @ weights[1:])
        series.append(float(np.clip(recent[0] + step, low - (high - low), high + (high - low))))
    return np.array(series[-steps:])


def combined(history: Floats, season: int, steps: int) -> Floats:
    """Return the mean of theta and the regression on lags."""
    return np.asarray((theta(history, season, steps) + lagged(history, season, steps)) / 2, np.float64)


FORECASTS: Final[dict[str, Forecast]] = {
    "mean": mean,
    "naive": naive,
    "seasonal_naive": seasonal_naive,
    "drift": drift,
    "theta": theta,
    "growing_theta": growing,
    "lagged": lagged,
    "combined": combined,
}


def scaled_errors(series: Floats, season: int) -> dict[str, Floats]:
    """Return the MASE of each forecast at each origin; a series too short for one origin gives none."""
    series = series[-MOST_POINTS:]
    steps = max(1, min(season if season > 1 else 6, MOST_STEPS, series.size // 5))
    found: dict[str, list[float]] = {name: [] for name in FORECASTS}
    for origin in range(ORIGINS, 0, -1):
        split = series.size - origin * steps
        if split < max(2 * season, 8):
            continue
        history, wanted = series[:split], series[split : split + steps]
        scale = float(np.abs(history[season:] - history[:-season]).mean())
        for name, forecast in FORECASTS.items():
            error = float(np.abs(forecast(history, season, steps) - wanted).mean())
            found[name].append(error / scale if scale > 0 else float(error > 0))
    return {name: np.array(errors) for name, errors in found.items()}


def seasonal_pattern(history: Floats, season: int) -> Floats:
    """Return what each phase of the season adds: mean deviations from the moving average; zeros where none is sure."""
    if season < 2 or history.size < 2 * season or autocorrelation(history, season) < 0.1:  # noqa: PLR2004
        return np.zeros(season)
    weights = np.ones(season) / season if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5] / season
    trend = np.convolve(history, weights, mode="valid")
    first = (weights.size - 1) // 2
    deviations = history[first : first + trend.size] - trend
    phases = (np.arange(trend.size) + first) % season
    sums, counts = np.bincount(phases, deviations, season), np.bincount(phases, minlength=season)
    pattern = sums / np.maximum(counts, 1)
    return np.asarray(pattern - pattern.mean(), np.float64)


def autocorrelation(series: Floats, lag: int) -> float:
    """Return the autocorrelation at a lag of what is left without a straight line."""
    if series.size <= lag + 2:
        return 0.0
    positions = np.arange(series.size)
    rest = series - np.polyval(np.polyfit(positions, series, 1), positions)
    spread = float((rest**2).sum())
    return float((rest[lag:] * rest[:-lag]).sum()) / spread if spread > 0 else 0.0


def _lags(size: int, season: int) -> list[int]:
    near = list(range(1, min(MOST_LAGS, size // 6) + 1))
    seasonal = [season - 1, season, season + 1, 2 * season] if season > 1 else []
    lags = sorted({lag for lag in [*near, *seasonal] if 0 < lag < size // 2})
    return lags if len(lags) > 1 else []


def _smoothed(series: Floats) -> float:
    """Return the last level of simple exponential smoothing, at the rate that told the series best."""
    levels = np.full(SMOOTHINGS.size, series[: max(1, min(5, series.size))].mean())
    errors = np.zeros(SMOOTHINGS.size)
    for value in series:
        miss = value - levels
        errors += miss**2
        levels = levels + SMOOTHINGS * miss
    return float(levels[int(np.argmin(errors))])
