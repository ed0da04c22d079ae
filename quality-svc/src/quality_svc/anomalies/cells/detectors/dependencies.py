"""Cells that contradict the other cells of their row: violated functional dependencies, single and composite.

Which dependencies hold is estimated from the table (`functional`). A violation X -> Y says that X or Y is wrong;
blamed is the one of which more dependencies are violated in that row. A null that a strong
dependency can fill is suspicious as well.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quality_svc.anomalies.cells.functional import MIN_COVERAGE, MIN_FUNCTIONAL, MIN_STRENGTH, Fit, fit
from quality_svc.anomalies.cells.grouping import Grouping, joined, rows_in
from quality_svc.anomalies.cells.interface import Context, Reason, Suspicions
from quality_svc.anomalies.cells.table import NULL, CellColumn, CellTable, Codes, Floats

MAX_ROW_PAIRS: Final = 120_000_000
"""Rows times pairs of columns that are looked at."""
_MAX_COMPOSITE: Final = 60
_COMPOSITE_STRENGTH: Final = 0.85
_NEARLY_KEY: Final = 0.8
_COINCIDENCE: Final = 0.35
"""A wrong X shows only if it is another valid value by chance; a wrong Y always does."""


@dataclass(frozen=True)
class Dependency:
    """X -> Y as found: `left` names one or two columns."""

    left: tuple[int, ...]
    right: int
    strength: float
    grouping: Grouping
    fitted: Fit
    wrong: Floats


class Dependencies:
    """Functional dependencies and the cells that break them."""

    name = "dependencies"

    def suspicions(self, table: CellTable, context: Context) -> Iterator[Suspicions]:
        """Yield violations by column, then nulls that a dependency fills."""
        found = _single(table, context)
        found += _composite(table, found)
        if found:
            blame = _Blame(table, found)
            for dependency in found:
                yield _violations(table, dependency, blame)
                yield _fillable(table, dependency)


class _Blame:
    """How strongly, row by row, the dependencies that touch each column are violated (0 to 1)."""

    def __init__(self, table: CellTable, found: Sequence[Dependency]) -> None:
        shape = (len(table.columns), table.n_rows)
        into, touching = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
        into_all, touching_all = np.zeros(shape[0]), np.zeros(shape[0])
        for dependency in found:
            rows = rows_in(dependency.grouping.pair, dependency.wrong > 0)
            weights = dependency.wrong[dependency.grouping.pair[rows]]
            into[dependency.right, rows] += weights
            into_all[dependency.right] += 1
            for column in (dependency.right, *dependency.left):
                touching[column, rows] += weights
                touching_all[column] += 1
        self._into = into / np.maximum(into_all, 1)[:, None]
        self._touching = touching / np.maximum(touching_all, 1)[:, None]

    def of_right(self, dependency: Dependency, rows: np.ndarray) -> Floats:
        """Return the probability that Y, not X, is the wrong one: by the violated share of what touches each."""
        right = self._touching[dependency.right, rows].astype(np.float64)
        wrong_left = np.zeros(len(rows))
        for left in dependency.left:
            accused = _COINCIDENCE + (1 - _COINCIDENCE) * self._into[left, rows]
            wrong_left = np.maximum(wrong_left, self._touching[left, rows] * accused)
        share: Floats = right / np.maximum(right + wrong_left, 1e-9)
        return share


def _violations(table: CellTable, dependency: Dependency, blame: _Blame) -> Suspicions:
    grouping, wrong = dependency.grouping, dependency.wrong
    rows = rows_in(grouping.pair, wrong >= 0.3)  # noqa: PLR2004 - less adds nothing to a vote
    confidence = np.round(wrong[grouping.pair[rows]] * blame.of_right(dependency, rows), 2)
    right = table.columns[dependency.right]
    names = _names(table, dependency)
    reasons: dict[tuple[int, float], int] = {}
    texts: list[Reason] = []
    which = np.empty(len(rows), dtype=np.int64)
    for place, (pair, sure) in enumerate(zip(grouping.pair[rows].tolist(), confidence.tolist(), strict=True)):
        key = (pair, sure)
        if key not in reasons:
            reasons[key] = len(texts)
            lead = grouping.top[grouping.group[pair]]
            size, agreeing = int(grouping.size[grouping.group[pair]]), int(grouping.count[lead])
            value = right.values[grouping.value[lead]]
            texts.append(Reason(sure, f"{agreeing} of {size} rows with the same {names} have {_cut(value)!r}", value))
        which[place] = reasons[key]
    return Suspicions("dependency", dependency.right, rows, which, texts)


def _fillable(table: CellTable, dependency: Dependency) -> Suspicions:
    """Suspect nulls of Y in groups that agree on a value; the more, the fuller the group is."""
    grouping, right = dependency.grouping, table.columns[dependency.right]
    rows = np.flatnonzero((right.codes == NULL) & (grouping.left != NULL)).astype(np.int64)
    rows = rows[grouping.top[grouping.left[rows]] >= 0]
    groups = grouping.left[rows]
    whole = np.bincount(grouping.left[grouping.left != NULL], minlength=grouping.n_groups)
    fullness = grouping.size / np.maximum(whole, 1)
    support = grouping.count[grouping.top] / np.maximum(grouping.size, 1)
    sure = dependency.fitted.posterior * support * (0.5 + 0.5 * fullness) * (grouping.size >= 3)  # noqa: PLR2004
    rows, groups = rows[sure[groups] >= 0.3], groups[sure[groups] >= 0.3]  # noqa: PLR2004
    chosen, which = np.unique(groups, return_inverse=True)
    names = _names(table, dependency)
    reasons = []
    for group in chosen.tolist():
        value = right.values[grouping.value[grouping.top[group]]]
        counted = f"{int(grouping.count[grouping.top[group]])} of {int(grouping.size[group])}"
        reasons.append(
            Reason(float(sure[group]), f"empty, but {counted} rows with the same {names} have {_cut(value)!r}", value)
        )
    return Suspicions("missing", dependency.right, rows, which.astype(np.int64), reasons)


def _single(table: CellTable, context: Context) -> list[Dependency]:
    lefts = [place for place, column in enumerate(table.columns) if _can_determine(column)]
    rights = [place for place, column in enumerate(table.columns) if column.distinct >= 2]  # noqa: PLR2004
    budget = MAX_ROW_PAIRS // max(1, table.n_rows)
    if len(lefts) * len(rights) > budget:
        keep = max(2, int(budget**0.5))
        lefts = sorted(sorted(lefts, key=lambda place: table.columns[place].distinct)[:keep])
        rights = sorted(sorted(rights, key=lambda place: table.columns[place].distinct)[:keep])
        context.left_out.append(
            ("dependencies", f"looked for between {keep} columns with the fewest values, of {len(table.columns)}")
        )
    made = (
        _dependency(table, (left,), table.columns[left].codes, right, MIN_STRENGTH)
        for left in lefts
        for right in rights
        if left != right
    )
    return [dependency for dependency in made if dependency is not None]


def _composite(table: CellTable, found: Sequence[Dependency]) -> list[Dependency]:
    """Try pairs of columns for what no single column determines, those of the fewest values first."""
    lefts = [
        place
        for place, column in enumerate(table.columns)
        if _can_determine(column) and column.distinct <= table.n_rows**0.75
    ]
    lefts = sorted(lefts, key=lambda place: table.columns[place].distinct)[:12]
    by_right: dict[int, set[int]] = defaultdict(set)
    for dependency in found:
        by_right[dependency.right].update(dependency.left)
    made: list[Dependency] = []
    tried = 0
    for one, first in enumerate(lefts):
        for second in lefts[one + 1 :]:
            if any({first, second} == {d.left[0], d.right} for d in found):
                continue  # one determines the other: together they say no more
            if tried >= _MAX_COMPOSITE:
                return made
            tried += 1
            codes = joined(table.columns[first].codes, table.columns[second].codes)
            if int(codes.max(initial=-1)) + 1 > 0.5 * table.n_rows:
                continue
            for right in range(len(table.columns)):
                if right in {first, second} or table.columns[right].distinct < 2 or by_right[right]:  # noqa: PLR2004
                    continue
                held = _dependency(table, (first, second), codes, right, _COMPOSITE_STRENGTH)
                made += [] if held is None else [held]
    return made


def _dependency(
    table: CellTable, left: tuple[int, ...], codes: Codes, right: int, strength: float
) -> Dependency | None:
    grouping = Grouping.of(codes, table.columns[right].codes)
    if grouping.coverage < MIN_COVERAGE:
        return None
    held = grouping.strength()
    if held < strength:
        return None
    fitted = fit(grouping)
    if fitted.functional < MIN_FUNCTIONAL:
        return None
    return Dependency(left, right, held, grouping, fitted, fitted.wrong(grouping))


def _can_determine(column: CellColumn) -> bool:
    """Whether values repeat enough that rows can be compared."""
    return 2 <= column.distinct <= _NEARLY_KEY * column.filled  # noqa: PLR2004


def _names(table: CellTable, dependency: Dependency) -> str:
    return " and ".join(table.columns[left].name for left in dependency.left)


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - as long as a line bears
