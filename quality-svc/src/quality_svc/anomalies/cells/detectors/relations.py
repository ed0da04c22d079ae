"""Numbers that break a rule which their columns otherwise keep: sums, products, and the order of two columns.

The rules are found in a sample and then counted over all rows. A broken rule says that one of its cells is wrong, not
which. The one is blamed whose value is unusual in its column while what the rule would want there is usual; where that
does not tell them apart, all share the blame, below or at the threshold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from quality_svc.anomalies.cells.bulk import Bulk, bulk_of
from quality_svc.anomalies.cells.interface import Context, Reason, Suspicions
from quality_svc.anomalies.cells.table import CellTable, Floats, Rows
from quality_svc.anomalies.document import CellKind

_MAX_COLUMNS: Final = 16
_MIN_ROWS: Final = 30
_SAMPLE: Final = 400
_SUM_HOLDS: Final = 0.85
_ORDER_HOLDS: Final = 0.97
_BLAMED: Final = 0.75
_MAX_BROKEN: Final = 0.15


@dataclass(frozen=True)
class _Rule:
    """A rule of `columns`: what each should hold, per row, for it to be kept; and the rows that break it."""

    text: str
    columns: tuple[int, ...]
    wanted: tuple[Floats, ...]
    broken: npt.NDArray[np.bool_]
    judged: int


class Relations:
    """Sums, products and orders between columns."""

    name = "relations"

    def suspicions(self, table: CellTable, context: Context) -> Iterator[Suspicions]:
        """Yield cells of rows that break a rule nearly all rows keep."""
        del context
        if table.n_rows < _MIN_ROWS:
            return
        numeric = [place for place, column in enumerate(table.columns) if column.is_numeric and column.distinct > 5]  # noqa: PLR2004
        numeric = numeric[:_MAX_COLUMNS]
        values = {place: _cells(table, place) for place in numeric}
        for rule in _arithmetic(table, values):
            yield from _blamed(values, rule, "arithmetic")
        temporal = [place for place, column in enumerate(table.columns) if column.is_temporal][:_MAX_COLUMNS]
        moments = {place: _moments(table, place) for place in temporal}
        for group in (values, moments):
            for rule in _orders(table, group, temporal=group is moments):
                yield from _blamed(group, rule, "order")


def _cells(table: CellTable, place: int) -> Floats:
    column = table.columns[place]
    return np.append(column.numbers, np.nan)[column.codes]


def _moments(table: CellTable, place: int) -> Floats:
    column = table.columns[place]
    return np.append(column.moments, np.nan)[column.codes]


def _arithmetic(table: CellTable, values: dict[int, Floats]) -> Iterator[_Rule]:
    """Find a + b = c and a * b = c, and sums of neighbouring columns."""
    names = [column.name for column in table.columns]
    probe = np.unique(np.linspace(0, table.n_rows - 1, _SAMPLE).astype(np.int64))
    for first, second in combinations(values, 2):
        for total in values:
            if total not in {first, second}:
                yield from _pairwise(names, values, (first, second, total), probe)
    places = list(values)
    for length in range(3, min(7, len(places))):
        for start in range(len(places) - length + 1):
            yield from _sums(names, values, places[start : start + length], probe)


def _pairwise(
    names: Sequence[str], values: dict[int, Floats], columns: tuple[int, int, int], probe: Rows
) -> Iterator[_Rule]:
    first, second, total = columns
    a, b, c = values[first], values[second], values[total]
    left = f"{names[first]} {{}} {names[second]} = {names[total]}"
    if _holds(a[probe] + b[probe], c[probe]) >= _SUM_HOLDS and _matters(a, b, c):
        yield _rule(left.format("+"), columns, (c - b, c - a, a + b), a + b, c)
    elif _holds(a[probe] * b[probe], c[probe]) >= _SUM_HOLDS and _matters(a - 1, b - 1, c):
        with np.errstate(divide="ignore", invalid="ignore"):
            wanted = (c / b, c / a, a * b)
        yield _rule(left.format("*"), columns, wanted, a * b, c)


def _sums(names: Sequence[str], values: dict[int, Floats], run: Sequence[int], probe: Rows) -> Iterator[_Rule]:
    summed = np.sum([values[place] for place in run], axis=0)
    for total, result in values.items():
        if total in run or _holds(summed[probe], result[probe]) < _SUM_HOLDS:
            continue
        if min(np.mean(values[place][np.isfinite(values[place])] != 0) for place in run) < 0.3:  # noqa: PLR2004
            continue
        wanted = (*(result - summed + values[place] for place in run), summed)
        text = f"{' + '.join(names[place] for place in run)} = {names[total]}"
        yield _rule(text, (*run, total), wanted, summed, result)


def _close(one: Floats, other: Floats) -> npt.NDArray[np.bool_]:
    """Whether numbers are equal as far as rounding to two digits after the point allows."""
    return np.abs(one - other) <= 0.011 + 1e-6 * np.abs(other)


def _holds(one: Floats, other: Floats) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    return float(_close(one[both], other[both]).mean()) if both.sum() >= _MIN_ROWS else 0.0


def _matters(a: Floats, b: Floats, c: Floats) -> bool:
    """Whether the rule says something: neither part is nothing in most rows, and the result varies."""
    parts = all(float(np.mean(np.abs(part[np.isfinite(part)]) > 0.011)) > 0.3 for part in (a, b))  # noqa: PLR2004
    return parts and float(np.nanstd(c)) > 0


def _rule(text: str, columns: tuple[int, ...], wanted: Sequence[Floats], one: Floats, other: Floats) -> _Rule:
    both = np.isfinite(one) & np.isfinite(other)
    return _Rule(text, columns, tuple(wanted), both & ~_close(one, other), int(both.sum()))


def _orders(table: CellTable, values: dict[int, Floats], *, temporal: bool) -> Iterator[_Rule]:
    """Find a <= b between dates, and between numbers of one magnitude that go together."""
    names = [column.name for column in table.columns]
    for first, a in values.items():
        for second, b in values.items():
            if first == second:
                continue
            both = np.isfinite(a) & np.isfinite(b)
            if both.sum() < _MIN_ROWS:
                continue
            broken = both & (a > b)
            share = broken.sum() / both.sum()
            if not 0 < share <= 1 - _ORDER_HOLDS or not _together(a[both], b[both], temporal=temporal):
                continue
            yield _Rule(f"{names[first]} <= {names[second]}", (first, second), (b, a), broken, int(both.sum()))


def _together(a: Floats, b: Floats, *, temporal: bool) -> bool:
    """Whether the order of two columns is a rule rather than a matter of magnitudes: they overlap and correlate."""
    ranks = [np.argsort(np.argsort(part)) for part in (a, b)]
    correlated = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    overlap = np.quantile(a, 0.75) > np.quantile(b, 0.1)
    return bool(overlap) and correlated > (0.3 if temporal else 0.7)


def _blamed(values: dict[int, Floats], rule: _Rule, kind: CellKind) -> Iterator[Suspicions]:
    rows = np.flatnonzero(rule.broken)
    if not len(rows) or len(rows) > _MAX_BROKEN * rule.judged:
        return
    bulks = {place: bulk_of(values[place], np.ones(len(values[place]), dtype=np.int64)) for place in rule.columns}
    pairs = zip(rule.columns, rule.wanted, strict=True)
    excess = np.stack([_excess(values[place][rows], wanted[rows], bulks[place]) for place, wanted in pairs])
    ordered = np.sort(excess, axis=0)
    clear = ordered[-1] - ordered[-2] >= 1.0
    guilty = np.argmax(excess, axis=0)
    shared = 0.5 if kind == "order" else 0.4
    kept = f"{rule.text} holds in {1 - len(rows) / rule.judged:.1%} of {rule.judged:,} rows"
    for index, (place, wanted) in enumerate(zip(rule.columns, rule.wanted, strict=True)):
        reasons = {}
        for spot, row in enumerate(rows.tolist()):
            if clear[spot] and guilty[spot] != index:
                continue
            sure = _BLAMED if clear[spot] else shared
            mended = f"{round(float(wanted[row]), 4):g}" if kind == "arithmetic" and np.isfinite(wanted[row]) else None
            reasons[row] = Reason(sure, f"{kept}, not here", mended)
        yield Suspicions.of_rows(kind, place, reasons)


def _excess(observed: Floats, wanted: Floats, bulk: Bulk | None) -> Floats:
    """Return how much more unusual what is there is than what the rule wants."""
    if bulk is None:
        return np.zeros(len(observed))
    there, there_not = np.abs(bulk.z(observed)), np.abs(bulk.z(wanted))
    excess: Floats = np.nan_to_num(np.minimum(there, 50) - np.minimum(np.nan_to_num(there_not, nan=50.0), 50), nan=0.0)
    return excess
