"""From measures to one score: a weighted geometric mean over the dimensions that were measured, and its cap.

What a measure is, is in its check; here is what it weighs. All of it is one version: scores of different versions must
not be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Final

from quality_svc.checks.context import RuleTally
from quality_svc.checks.interface import Measurement

WEIGHTS_VERSION: Final = "2"
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
    "privacy": 0.5,
    "precision": 0.25,
    "understandability": 0.25,
}
"""Weight of each dimension (ISO/IEC 25012 names)."""

ESSENTIAL: Final = frozenset({"completeness", "accuracy", "consistency"})
"""Dimensions of which a 0 makes the whole 0, and without which there is no overall score: there was nothing to judge.
Any other counts at least as `FLOOR`: a table without headings is not worthless."""

FLOOR: Final = 0.05

CRITICAL_CAP: Final = 0.5
"""With critical rules failed the overall score is at most this times the share of critical rules that were met."""


@dataclass(frozen=True, slots=True)
class DimensionScore:
    """A dimension that was measured: its score, its weight, and the measures it is the mean of."""

    dimension: str
    score: float
    weight: float
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a version or table scores, and why.

    `overall` is None where no essential dimension was measured. `uncapped` is what it were without failed critical
    rules, `cap` the bound that they set, None where none failed. `measured` and `registered` count measures: how much
    the score rests on.
    """

    overall: float | None
    uncapped: float | None
    cap: float | None
    dimensions: tuple[DimensionScore, ...]
    critical_failed: tuple[str, ...]
    measured: int
    registered: int
    weights: str = WEIGHTS_VERSION


def dimension_scores(measurements: Sequence[Measurement]) -> dict[str, float]:
    """Return the score of each dimension that was measured: the mean of its measures."""
    return {found.dimension: found.score for found in _dimensions(measurements)}


def overall(measurements: Sequence[Measurement], rules: Sequence[RuleTally] = ()) -> float | None:
    """Return the overall score, from 0 to 1; None where no essential dimension was measured."""
    return score(measurements, rules).overall


def score(measurements: Sequence[Measurement], rules: Sequence[RuleTally] = ()) -> Scores:
    """Return the weighted geometric mean of the measured dimensions, capped where critical ones of `rules` failed.

    Geometric, so no amount of one dimension pays for the lack of another.
    """
    dimensions = _dimensions(measurements)
    mean = _geometric_mean(dimensions)
    critical = [rule for rule in rules if rule.critical and rule.met is not None]
    failed = tuple(rule.rule_id for rule in critical if not rule.met)
    cap = CRITICAL_CAP * (len(critical) - len(failed)) / len(critical) if failed else None
    return Scores(
        overall=mean if mean is None or cap is None else min(mean, cap),
        uncapped=mean,
        cap=cap,
        dimensions=tuple(dimensions),
        critical_failed=failed,
        measured=sum(measurement.score is not None for measurement in measurements),
        registered=len(measurements),
    )


def _dimensions(measurements: Sequence[Measurement]) -> list[DimensionScore]:
    found: dict[str, list[Measurement]] = {}
    for measurement in measurements:
        if measurement.score is not None:
            found.setdefault(measurement.dimension, []).append(measurement)
    return [
        DimensionScore(
            dimension,
            sum(measurement.score or 0.0 for measurement in group) / len(group),
            WEIGHTS[dimension],
            tuple(measurement.name for measurement in group),
        )
        for dimension, group in found.items()
    ]


def _geometric_mean(dimensions: Sequence[DimensionScore]) -> float | None:
    if not any(found.dimension in ESSENTIAL for found in dimensions):
        return None
    if any(found.score <= 0 and found.dimension in ESSENTIAL for found in dimensions):
        return 0.0
    weight = sum(found.weight for found in dimensions)
    total = sum(
        found.weight * log(found.score if found.dimension in ESSENTIAL else max(found.score, FLOOR))
        for found in dimensions
    )
    return min(1.0, exp(total / weight))
