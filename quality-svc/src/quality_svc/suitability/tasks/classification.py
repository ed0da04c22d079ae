"""Classification: whether the classes of a column can be told from the other columns.

Gates: a target with classes; at least two classes of 30 rows; no leak. Evidence: chance-normalised balanced accuracy of
the best landmark (see `landmarks`). Rarer classes make the verdict conditional.
"""

from typing import Final

import numpy as np

from quality_svc.suitability.columns import Column, Ints
from quality_svc.suitability.document import Candidate, Finding, Gate
from quality_svc.suitability.scoring import NO_EVIDENCE, Answer, Evidence
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
from quality_svc.suitability.table import Table
from quality_svc.suitability.targets import CLASS_ROWS, class_candidates, class_names, codes_among, is_classes
from quality_svc.suitability.tasks.interface import Question, rows_gate

MOST_LEARNT_CLASSES: Final = 100
SHOWN_CLASSES: Final = 50
FEWEST_IN_SAMPLE: Final = 2


class Classification:
    """Telling a class: the best landmark against chance."""

    name = "classification"

    def judge(self, question: Question) -> Answer:
        """Judge the target given, or the best candidate."""
        table = question.table
        given = question.target is not None
        columns = table.sample.columns
        candidates = [] if given else class_candidates(columns)
        if question.target is not None:
            target = columns[table.position(question.target)]
        elif candidates:
            target = table.sample.named(candidates[0].column)
        else:
            return self._nothing(question, None, (Gate(name="target", passed=False, evidence="no column has classes"),))
        gates = [rows_gate(table.row_count, FEATURE_ROWS * 2), _target_gate(target, given=given)]
        if not all(gate.passed for gate in gates):
            return self._nothing(question, target, tuple(gates), candidates)
        counts = class_counts(table, target)
        return self._answer(question, target, [*gates, _classes_gate(counts)], counts, candidates)

    def _answer(
        self, question: Question, target: Column, gates: list[Gate], counts: dict[str, int], candidates: list[Candidate]
    ) -> Answer:
        rows, labels = _learnable(target)
        problem = without_leaks(pose(question.table, target, rows, labels), question.seed)
        gates = [*gates, leak_gate(problem)]
        landscape = survey(problem, question.seed)
        rare = [name for name, count in counts.items() if count < CLASS_ROWS]
        evidence = NO_EVIDENCE if landscape is None else Evidence(
            landscape.score, landscape.low, landscape.high, "rows drawn again with replacement"
        )  # fmt: skip
        return Answer(
            task=self.name,
            target=target.name,
            gates=tuple(gates),
            evidence=evidence,
            dimensions=dimensions(problem),
            sampled=question.table.sample.sampled,
            seed=question.seed,
            conditions=_conditions(question, evidence, rare),
            fixes=() if landscape is None else tuple(fixes(problem, landscape, gates, question.seed)),
            candidates=tuple(candidates),
            findings=(*problem.leaks, *problem.findings, *_rare(rare, counts)),
            landmarks=() if landscape is None else landscape.landmarks,
            facts=_facts(problem, counts, None if landscape is None else landscape.best),
        )

    def _nothing(
        self,
        question: Question,
        target: Column | None,
        gates: tuple[Gate, ...],
        candidates: list[Candidate] | None = None,
    ) -> Answer:
        return Answer(
            task=self.name,
            target=None if target is None else target.name,
            gates=gates,
            evidence=NO_EVIDENCE,
            dimensions={},
            sampled=question.table.sample.sampled,
            seed=question.seed,
            candidates=tuple(candidates or ()),
        )


def class_counts(table: Table, target: Column) -> dict[str, int]:
    """Return the rows of each class in the whole table, most frequent first."""
    if table.sample.sampled.rows == table.row_count:
        counts = np.bincount(target.codes[target.present], minlength=target.distinct)
        names = class_names(target)
        return {names[code]: int(counts[code]) for code in np.argsort(-counts, kind="stable")}
    name = f"c{target.position}"
    cells = f"SELECT CAST({name} AS VARCHAR) AS value FROM {{source}} WHERE {name} IS NOT NULL"
    return dict(table.query(f"SELECT value, count(*) FROM ({cells}) GROUP BY value ORDER BY 2 DESC, 1 LIMIT 10001"))


def _target_gate(target: Column, *, given: bool) -> Gate:
    if is_classes(target):
        how = "given" if given else "the likeliest of the candidates"
        return Gate(name="target", passed=True, evidence=f"{how}: {target.distinct:,} classes", value=target.distinct)
    words = {"empty": "has no values", "constant": "has one value only", "unsupported": "is nested or binary"}
    detail = words.get(target.role, f"has {target.distinct:,} different values, which are no classes")
    return Gate(name="target", passed=False, evidence=f"{target.name} {detail}", value=target.distinct)


def _classes_gate(counts: dict[str, int]) -> Gate:
    large = sum(count >= CLASS_ROWS for count in counts.values())
    words = f"{large:,} of {len(counts):,} classes have {CLASS_ROWS} rows or more"
    return Gate(name="classes_with_30_rows", passed=large > 1, evidence=words, value=large, threshold=2)


def _learnable(target: Column) -> tuple[Ints, Ints]:
    """Return rows and labels of the most frequent classes that have two rows or more in the sample."""
    counts = np.bincount(target.codes[target.present], minlength=target.distinct)
    frequent = np.zeros(counts.size, bool)
    frequent[np.argsort(-counts, kind="stable")[:MOST_LEARNT_CLASSES]] = True
    return codes_among(target.codes, frequent & (counts >= FEWEST_IN_SAMPLE))


def _conditions(question: Question, evidence: Evidence, rare: list[str]) -> tuple[str, ...]:
    found = [] if question.target is not None else ["no target was given: the likeliest candidate was judged"]
    if evidence.low <= 0:
        found.append("the best model may be no better than chance")
    if rare:
        found.append(f"{len(rare):,} classes have fewer than {CLASS_ROWS} rows")
    return tuple(found)


def _rare(rare: list[str], counts: dict[str, int]) -> list[Finding]:
    if not rare:
        return []
    rows = sum(counts[name] for name in rare)
    words = f"classes with fewer than {CLASS_ROWS} rows: merge them, drop them, or collect more: {', '.join(rare[:20])}"
    return [Finding(kind="rare_classes", detail=words, share=rows / max(1, sum(counts.values())))]


def _facts(problem: Problem, counts: dict[str, int], best: str | None) -> dict[str, object]:
    return {
        "best_model": best,
        "classes": dict(list(counts.items())[:SHOWN_CLASSES]),
        "class_count": len(counts),
        "features": len(problem.features),
        "rows_without_repeats": int(problem.target.size),
    }
