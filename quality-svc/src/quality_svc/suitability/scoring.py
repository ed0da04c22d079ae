"""From gates, evidence and dimensions to a score that its contributions explain.

score = 0.7 x evidence + 0.3 x mean of the dimensions that matter for the task; a failed gate halves it, so what is
behind the gate still shows. Averaging dimensions alone does not predict usefulness, hence their small weight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from quality_svc.suitability.document import (
    Candidate,
    Contribution,
    Finding,
    Fix,
    Gate,
    Interval,
    Landmark,
    Sampled,
    Suitability,
    Verdict,
)

EVIDENCE_WEIGHT: Final = 0.7
DIMENSION_WEIGHT: Final = 0.3
CLOSED_GATE: Final = 0.5
"""What a failed gate leaves of the score."""

SUITABLE: Final = 0.6
"""Score from which a table without conditions is suitable: evidence of about a half on clean data."""
UNSUITABLE: Final = 0.4
"""Score below which it is unsuitable: clean data (0.3) with evidence of less than a seventh."""

MOST_FIXES: Final = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a task found out by trying: its items (name -> 0 to 1), their mean or another total, and its interval."""

    total: float
    low: float
    high: float
    method: str
    items: Mapping[str, float] = field(default_factory=dict)
    """Where given, their weighted mean is `total` and each has a contribution of its own; all weigh the same."""


NO_EVIDENCE: Final = Evidence(0.0, 0.0, 0.0, "none")


def mean_evidence(items: Mapping[str, float], spread: Sequence[float] = (), method: str = "none") -> Evidence:
    """Return evidence that is the mean of its items; `spread` are totals of draws, for the 90 % interval."""
    total = sum(items.values()) / len(items) if items else 0.0
    ordered = sorted(spread)
    low = ordered[int(0.05 * (len(ordered) - 1))] if ordered else total
    high = ordered[-1 - int(0.05 * (len(ordered) - 1))] if ordered else total
    return Evidence(total, min(low, total), max(high, total), method, items)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a task found, before it is scored. `conditions`: reasons why it cannot be more than conditional."""

    task: str
    gates: tuple[Gate, ...]
    evidence: Evidence
    dimensions: Mapping[str, float]
    sampled: Sampled
    seed: int
    target: str | None = None
    conditions: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    findings: tuple[Finding, ...] = ()
    landmarks: tuple[Landmark, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def score_of(evidence: float, dimensions: Mapping[str, float], *, gates_open: bool) -> float:
    """Return the score from 0 to 1; without dimensions the evidence stands alone at its weight."""
    mean = sum(dimensions.values()) / len(dimensions) if dimensions else 0.0
    score = EVIDENCE_WEIGHT * evidence + DIMENSION_WEIGHT * mean
    return min(1.0, max(0.0, score * (1.0 if gates_open else CLOSED_GATE)))


def conclude(answer: Answer) -> Suitability:
    """Score an answer, explain the score and give the verdict."""
    gates_open = all(gate.passed for gate in answer.gates)
    score, low, high = (
        score_of(value, answer.dimensions, gates_open=gates_open)
        for value in (answer.evidence.total, answer.evidence.low, answer.evidence.high)
    )
    fixes = sorted((fix for fix in answer.fixes if fix.gain > 0), key=lambda fix: -fix.gain)[:MOST_FIXES]
    facts = dict(answer.facts) | ({"conditions": list(answer.conditions)} if answer.conditions else {})
    return Suitability(
        task=answer.task,
        target=answer.target,
        verdict=_verdict(score, gates_open=gates_open, conditions=answer.conditions),
        score=score,
        interval=Interval(low=low, high=high, method=answer.evidence.method),
        gates=answer.gates,
        contributions=tuple(_contributions(answer, score)),
        fixes=tuple(fixes),
        candidates=answer.candidates,
        findings=answer.findings,
        landmarks=answer.landmarks,
        facts=facts,
        sampled=answer.sampled,
        seed=answer.seed,
    )


def _verdict(score: float, *, gates_open: bool, conditions: Sequence[str]) -> Verdict:
    if not gates_open or score < UNSUITABLE:
        return "unsuitable"
    return "conditional" if conditions or score < SUITABLE else "suitable"


def _contributions(answer: Answer, score: float) -> list[Contribution]:
    items = dict(answer.evidence.items) or {"evidence": answer.evidence.total}
    parts = [
        *_weighted(items, "evidence", EVIDENCE_WEIGHT),
        *_weighted(answer.dimensions, "dimension", DIMENSION_WEIGHT),
    ]
    missing = score - sum(part.points for part in parts)
    failed = [gate for gate in answer.gates if not gate.passed]
    for gate in failed:
        taken = missing / len(failed)
        parts.append(
            Contribution(name=gate.name, kind="gate", value=0.0, weight=0.0, points=taken, lost=max(0.0, -taken))
        )
    return parts


def _weighted(items: Mapping[str, float], kind: Any, total_weight: float) -> list[Contribution]:
    return [
        Contribution(
            name=name,
            kind=kind,
            value=value,
            weight=total_weight / len(items),
            points=value * total_weight / len(items),
            lost=(1 - value) * total_weight / len(items),
        )
        for name, value in items.items()
    ]
