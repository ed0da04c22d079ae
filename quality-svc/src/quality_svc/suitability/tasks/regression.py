"""Regression: whether the numbers of a column can be told from the other columns.

Gates: a target of numbers that varies; at least 10 rows per feature; no leak. Evidence: max(0, R2) of the best landmark
on rows it had not seen.
"""

import numpy as np

from quality_svc.suitability.columns import Column
from quality_svc.suitability.document import Candidate, Fix, Gate
from quality_svc.suitability.landmarks import Landscape
from quality_svc.suitability.scoring import NO_EVIDENCE, Answer, Evidence, score_of
from quality_svc.suitability.supervised import (
    FEATURE_ROWS,
    Problem,
    dimensions,
    fixes,
    leak_gate,
    pose,
    survey,
    without_leaks,
)
from quality_svc.suitability.targets import is_number, number_candidates, values_of
from quality_svc.suitability.tasks.interface import Question, rows_gate


class Regression:
    """Telling a number: the best landmark against the mean."""

    name = "regression"

    def judge(self, question: Question) -> Answer:
        """Judge the target given, or the best candidate."""
        table, columns = question.table, question.table.sample.columns
        candidates = [] if question.target is not None else number_candidates(columns)
        if question.target is not None:
            target = columns[table.position(question.target)]
        elif candidates:
            target = table.sample.named(candidates[0].column)
        else:
            gate = Gate(name="target_varies", passed=False, evidence="no column has numbers that vary")
            return self._answer(question, None, [gate], None, None, candidates)
        gates = [rows_gate(table.row_count, FEATURE_ROWS * 2), _target_gate(target)]
        if not all(gate.passed for gate in gates):
            return self._answer(question, target, gates, None, None, candidates)
        values = values_of(target)
        rows = np.flatnonzero(~np.isnan(values)).astype(np.int64)
        problem = without_leaks(pose(table, target, rows, values[rows]), question.seed)
        gates = [*gates, _rows_gate(table.row_count * problem.labelled, len(problem.features)), leak_gate(problem)]
        return self._answer(question, target, gates, problem, survey(problem, question.seed), candidates)

    def _answer(  # noqa: PLR0917 (what was found, in the order in which it was)
        self,
        question: Question,
        target: Column | None,
        gates: list[Gate],
        problem: Problem | None,
        landscape: Landscape | None,
        candidates: list[Candidate],
    ) -> Answer:
        evidence = NO_EVIDENCE if landscape is None else Evidence(
            landscape.score, landscape.low, landscape.high, "rows drawn again with replacement"
        )  # fmt: skip
        found = []
        if problem is not None and landscape is not None:
            found = [*fixes(problem, landscape, gates, question.seed), *_fewer_features(problem, landscape, gates)]
        return Answer(
            task=self.name,
            target=None if target is None else target.name,
            gates=tuple(gates),
            evidence=evidence,
            dimensions={} if problem is None else dimensions(problem),
            sampled=question.table.sample.sampled,
            seed=question.seed,
            conditions=_conditions(question, evidence),
            fixes=tuple(found),
            candidates=tuple(candidates),
            findings=() if problem is None else (*problem.leaks, *problem.findings),
            landmarks=() if landscape is None else landscape.landmarks,
            facts={} if problem is None else _facts(problem, landscape),
        )


def _target_gate(target: Column) -> Gate:
    words = f"{target.name} has {target.distinct:,} different values"
    if not is_number(target) and target.role not in {"empty", "constant"}:
        words = f"{target.name} is {target.type}, not numbers"
    return Gate(name="target_varies", passed=is_number(target), evidence=words, value=target.distinct, threshold=2)


def _rows_gate(rows: float, features: int) -> Gate:
    each = rows / max(1, features)
    words = f"{rows:,.0f} rows for {features:,} features"
    return Gate(
        name="rows_per_feature",
        passed=features > 0 and each >= FEATURE_ROWS,
        evidence=words,
        value=each,
        threshold=FEATURE_ROWS,
    )


def _fewer_features(problem: Problem, landscape: Landscape, gates: list[Gate]) -> list[Fix]:
    closed = [gate.name for gate in gates if not gate.passed]
    if closed != ["rows_per_feature"] or not problem.features:
        return []
    now = dimensions(problem)
    opened = score_of(landscape.score, now | {"sufficiency": 1.0}, gates_open=True)
    words = f"keep at most {max(1, problem.target.size // FEATURE_ROWS):,} features"
    gain = opened - score_of(landscape.score, now, gates_open=False)
    return [Fix(action="keep_fewer_features", detail=words, gain=gain, basis="bound")]


def _conditions(question: Question, evidence: Evidence) -> tuple[str, ...]:
    found = [] if question.target is not None else ["no target was given: the likeliest candidate was judged"]
    if evidence.low <= 0:
        found.append("the best model may be no better than the mean")
    return tuple(found)


def _facts(problem: Problem, landscape: Landscape | None) -> dict[str, object]:
    quantiles = np.quantile(problem.target, [0, 0.25, 0.5, 0.75, 1]) if problem.target.size else ()
    return {
        "best_model": None if landscape is None else landscape.best,
        "target_quartiles": [float(value) for value in quantiles],
        "features": len(problem.features),
        "rows_without_repeats": int(problem.target.size),
    }
