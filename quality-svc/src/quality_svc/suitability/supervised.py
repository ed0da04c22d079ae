"""What classification and regression share: rows and features fit for learning, evidence, dimensions, fixes tried.

Order matters: rows that repeat others go first (they would stand in training and test rows at once), then columns that
give the target away; only then do the landmarks see the table. So the evidence is honest whatever the gates say.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Final

import numpy as np
import numpy.typing as npt

from quality_svc.suitability.columns import Column, Floats, Ints
from quality_svc.suitability.document import Finding, Fix, Gate
from quality_svc.suitability.duplicates import conflicting, duplicate_share, firsts, row_hashes
from quality_svc.suitability.encoding import MOST_MODEL_COLUMNS, Encoder, width_of
from quality_svc.suitability.landmarks import Landscape, classify, quiet, regress
from quality_svc.suitability.leaks import leaking
from quality_svc.suitability.scoring import score_of
from quality_svc.suitability.table import Table

LANDMARK_CELLS: Final = 900_000
MOST_LANDMARK_ROWS: Final = 10_000
FEWEST_LANDMARK_ROWS: Final = 2_500
FEATURE_ROWS: Final = 10
"""Rows per feature that are called enough."""
SPARSE: Final = 0.5
CHANCE_COMBINATIONS: Final = 100
"""How many times more combinations of values than rows there must be for equal rows to be no chance."""
DOUBLED: Final = 0.7
"""What doubling the rows gains, of what the last doubling gained: learning curves flatten (Viering and Loog 2021)."""
FEW_DIFFERENT_GROUPS: Final = 20

_GROUP_NAME: Final = re.compile(r"(?:^|[_\s.-])(?:id|uuid|guid)$|[a-z]I[dD]$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows with a target, without repeats: `features` and `target` of these rows; `hot` the target as rows x k."""

    features: tuple[Column, ...]
    target: Ints | Floats
    hot: Floats
    groups: Ints | None
    duplicates: float
    conflicts: Ints
    leaks: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    labelled: float
    completeness: float

    @property
    def classes(self) -> bool:
        """Whether the target is classes, not numbers."""
        return bool(np.issubdtype(self.target.dtype, np.integer))

    def of_rows(self, rows: Ints) -> "Problem":
        """Return the same for some of the rows."""
        return replace(
            self,
            features=tuple(column.taken(rows) for column in self.features),
            target=self.target[rows],
            hot=self.hot[rows],
            groups=None if self.groups is None else self.groups[rows],
        )


def pose(table: Table, target: Column, rows: Ints, values: Ints | Floats) -> Problem:
    """Return the problem of telling `values` (of the sample's `rows`) from the other columns."""
    others = [column for column in table.sample.columns if column.position != target.position]
    grouping = next((column for column in others if _is_grouping(column)), None)
    features = [column for column in others if column.is_feature and column is not grouping]
    hot = np.eye(int(values.max(initial=0)) + 1)[values] if _whole(values) else values[:, None]
    kept, hashes = [column.taken(rows) for column in features], row_hashes([*features, target], target.codes.size)
    problem = Problem(
        features=tuple(kept),
        target=values,
        hot=np.asarray(hot, np.float64),
        groups=None if grouping is None else grouping.codes[rows],
        duplicates=duplicate_share(table, [*features, target], hashes) if _no_chance(features, len(hashes)) else 0.0,
        conflicts=np.zeros(0, np.int64),
        leaks=(),
        findings=tuple(_set_aside(others, grouping)),
        labelled=float(target.present.mean()) if target.codes.size else 0.0,
        completeness=_completeness(others),
    )
    if problem.duplicates:
        problem = problem.of_rows(firsts(hashes[rows]))
    return problem


def without_leaks(problem: Problem, seed: int) -> Problem:
    """Return the problem without the columns that tell the target alone, and with the rows that contradict others."""
    with quiet():
        leaks = leaking(problem.features, problem.target, problem.hot, seed)
    names = {name for leak in leaks for name in leak.columns}
    features = tuple(column for column in problem.features if column.name not in names)
    conflicts = problem.conflicts
    if problem.classes and features and _no_chance(features, problem.target.size):
        alike = row_hashes(features, problem.target.size)
        conflicts = conflicting(alike, problem.target.astype(np.int64))
    return replace(problem, features=features, leaks=tuple(leaks), conflicts=conflicts)


def survey(problem: Problem, seed: int, only: str | None = None) -> Landscape | None:
    """Let the landmarks try; None where there is nothing to learn from."""
    rows = problem.target.size
    width = min(MOST_MODEL_COLUMNS, max(1, width_of(problem.features)))
    wanted = int(min(MOST_LANDMARK_ROWS, max(FEWEST_LANDMARK_ROWS, LANDMARK_CELLS // width)))
    if rows > wanted:
        problem = problem.of_rows(np.sort(np.random.default_rng([seed, 2]).permutation(rows)[:wanted]))
    if not problem.features or problem.target.size < 2 * FEATURE_ROWS:
        return None
    with quiet():
        encoder = Encoder(problem.features, seed)
        if not problem.classes:
            varies = np.unique(problem.target).size > 1
            return regress(encoder, problem.target.astype(np.float64), problem.groups, seed, only) if varies else None
        known, labels = np.unique(problem.target, return_inverse=True)
        return classify(encoder, labels.astype(np.int64), problem.groups, seed, only) if known.size > 1 else None


def leak_gate(problem: Problem) -> Gate:
    """Return the gate that no column gives the target away."""
    names = ", ".join(name for leak in problem.leaks for name in leak.columns)
    words = f"tell the target alone: {names}" if names else "no column tells the target alone"
    return Gate(name="no_leak", passed=not names, evidence=words, value=len(problem.leaks), threshold=0)


def dimensions(problem: Problem) -> dict[str, float]:
    """Return the dimensions that matter: completeness of features and target, uniqueness, consistency, sufficiency."""
    rows, features = problem.target.size, max(1, len(problem.features))
    found = {
        "completeness": problem.completeness,
        "labels_present": problem.labelled,
        "uniqueness": 1 - problem.duplicates,
        "sufficiency": min(1.0, rows / (FEATURE_ROWS * features)),
    }
    if problem.classes:
        found["label_consistency"] = 1 - problem.conflicts.size / max(1, rows)
    return found


def fixes(problem: Problem, landscape: Landscape, gates: Sequence[Gate], seed: int) -> list[Fix]:
    """Try what could help, each on its own and with the best landmark only, and say what the score would gain."""
    now = dimensions(problem)
    gates_open = all(gate.passed for gate in gates)
    score = score_of(landscape.score, now, gates_open=gates_open)

    def gain(evidence: float, changed: dict[str, float]) -> float:
        return score_of(evidence, now | changed, gates_open=gates_open) - score

    found = [*_cleaning_fixes(problem, now, gain(landscape.score, {"uniqueness": 1.0}))]
    if problem.leaks:
        others = all(gate.passed for gate in gates if gate.name != "no_leak")
        opened = score_of(landscape.score, now, gates_open=others) - score
        names = tuple(name for leak in problem.leaks for name in leak.columns)
        words = f"drop {', '.join(names)}: each tells the target alone, which no column will do for new rows"
        found.append(Fix(action="drop_leak", detail=words, columns=names, gain=opened, basis="measured"))
    sparse = [column for column in problem.features if column.completeness < SPARSE]
    if sparse and len(sparse) < len(problem.features):
        kept = replace(problem, features=tuple(column for column in problem.features if column not in sparse))
        reached = survey(kept, seed, landscape.best)
        better = float(np.mean([column.completeness for column in kept.features]))
        if reached is not None:
            names = tuple(column.name for column in sparse)
            words = f"drop {len(names)} columns that are mostly empty"
            found.append(Fix(action="drop_sparse_columns", detail=words, columns=names, basis="measured",
                             gain=gain(reached.score, {"completeness": max(better, now["completeness"])})))  # fmt: skip
    if problem.conflicts.size:
        kept = problem.of_rows(np.setdiff1d(np.arange(problem.target.size), problem.conflicts))
        reached = survey(kept, seed, landscape.best)
        if reached is not None:
            words = f"settle {problem.conflicts.size:,} rows that are alike in everything but the target"
            found.append(Fix(action="settle_conflicts", detail=words, basis="measured",
                             gain=gain(reached.score, {"label_consistency": 1.0})))  # fmt: skip
    half = _of_half(problem, landscape, seed)
    if half is not None and half < landscape.score:
        more = min(1.0, landscape.score + DOUBLED * (landscape.score - half))
        words = f"twice the rows: the last doubling of the sample gained {landscape.score - half:.3f} of evidence"
        found.append(Fix(action="collect_rows", detail=words, gain=gain(more, {}), basis="bound"))
    return found


def _cleaning_fixes(problem: Problem, now: dict[str, float], unique: float) -> list[Fix]:
    share = 0.3 / len(now)
    found = []
    if problem.duplicates:
        words = f"remove the {problem.duplicates:.1%} of rows that repeat others (the evidence already leaves them out)"
        found.append(Fix(action="remove_duplicates", detail=words, gain=unique, basis="measured"))
    if problem.completeness < 1:
        words = f"fill the {1 - problem.completeness:.1%} of cells that are empty"
        found.append(Fix(action="fill_gaps", detail=words, gain=share * (1 - problem.completeness), basis="bound"))
    if problem.labelled < 1:
        words = f"label the {1 - problem.labelled:.1%} of rows that have no target"
        found.append(Fix(action="label_rows", detail=words, gain=share * (1 - problem.labelled), basis="bound"))
    return found


def _of_half(problem: Problem, landscape: Landscape, seed: int) -> float | None:
    rows = problem.target.size
    if rows < 8 * FEATURE_ROWS:
        return None
    half = np.sort(np.random.default_rng([seed, 4]).permutation(min(rows, MOST_LANDMARK_ROWS))[: rows // 2])
    reached = survey(problem.of_rows(half[: MOST_LANDMARK_ROWS // 2]), seed, landscape.best)
    return None if reached is None else reached.score


def _whole(values: npt.NDArray[np.generic]) -> bool:
    return bool(np.issubdtype(values.dtype, np.integer))


def _completeness(columns: Sequence[Column]) -> float:
    counted = [column.completeness for column in columns if column.role != "unsupported"]
    return float(np.mean(counted)) if counted else 0.0


def _no_chance(features: Sequence[Column], rows: int) -> bool:
    """Whether the columns have so many combinations of values that equal rows are no coincidence."""
    return sum(log(max(1, column.distinct)) for column in features) > log(max(1, rows) * CHANCE_COMBINATIONS)


def _is_grouping(column: Column) -> bool:
    """Whether rows belong together by this column: named like an identifier, and each value on some rows."""
    filled = int(column.present.sum())
    return (
        column.role in {"number", "category"}
        and bool(_GROUP_NAME.search(column.name))
        and FEW_DIFFERENT_GROUPS <= column.distinct <= filled / 2
    )


def _set_aside(columns: Sequence[Column], grouping: Column | None) -> list[Finding]:
    words = {
        "identifier": "numbers or names the rows: tells nothing about new ones",
        "constant": "has one value only",
        "empty": "has no values",
        "unsupported": "is nested or binary, which is not looked at",
    }
    found = []
    for role, detail in words.items():
        names = tuple(column.name for column in columns if column.role == role)
        if names:
            found.append(Finding(kind=f"{role}_columns", detail=detail, columns=names))
    if grouping is not None:
        detail = f"{grouping.distinct:,} values group the rows; a group is never in training and test rows at once"
        found.append(Finding(kind="groups", detail=detail, columns=(grouping.name,)))
    return found
