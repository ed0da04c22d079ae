"""From measures to one score: a weighted geometric mean over the dimensions that were measured."""

from collections.abc import Sequence
from math import exp, log
from typing import Final

from quality_svc.checks.interface import Measurement

WEIGHTS_VERSION: Final = "1"
"""Raised when a weight or the formula changes: scores of different versions must not be compared."""

WEIGHTS: Final[dict[str, float]] = {
    "completeness": 1.0,
    "accuracy": 1.0,
    "consistency": 1.0,
    "currentness": 0.5,
    "timeliness": 0.5,
    "credibility": 0.5,
    "traceability": 0.5,
    "compliance": 1.0,
    "privacy": 1.0,
    "precision": 0.25,
    "understandability": 0.25,
}
"""Weight of each dimension (ISO/IEC 25012 names)."""


def dimension_scores(measurements: Sequence[Measurement]) -> dict[str, float]:
    """Return the score of each dimension that was measured: the mean of its measures."""
    scores: dict[str, list[float]] = {}
    for measurement in measurements:
        if measurement.score is not None:
            scores.setdefault(measurement.dimension, []).append(measurement.score)
    return {dimension: sum(values) / len(values) for dimension, values in scores.items()}


def overall(measurements: Sequence[Measurement]) -> float | None:
    """Return the weighted geometric mean of the measured dimensions, from 0 to 1; None where none was measured.

    Geometric, so a dimension at 0 makes the whole 0: no amount of completeness pays for it.
    """
    scores = dimension_scores(measurements)
    weight = sum(WEIGHTS[dimension] for dimension in scores)
    if not scores:
        return None
    if min(scores.values()) <= 0:
        return 0.0
    mean = exp(sum(WEIGHTS[dimension] * log(score) for dimension, score in scores.items()) / weight)
    return min(1.0, mean)
