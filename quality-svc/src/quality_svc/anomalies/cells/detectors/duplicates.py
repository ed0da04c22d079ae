"""Rows that are alike in all columns but one: copies with a difference. The cell that the copies outvote is suspicious.

Columns that are nearly a key (ids, running numbers) say nothing about likeness and are left out of it.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from quality_svc.anomalies.cells.functional import MIN_FUNCTIONAL, MIN_STRENGTH, fit
from quality_svc.anomalies.cells.grouping import Grouping, rows_in
from quality_svc.anomalies.cells.interface import Context, Reason, Suspicions
from quality_svc.anomalies.cells.table import CellTable

_MIN_COLUMNS: Final = 4
_MIN_COPIED: Final = 0.02
_NEARLY_KEY: Final = 0.95


class Duplicates:
    """Copies of rows that differ in one cell."""

    name = "duplicates"

    def suspicions(self, table: CellTable, context: Context) -> Iterator[Suspicions]:
        """Yield, by column, cells in which a row differs from most of its copies."""
        places = [
            place
            for place, column in enumerate(table.columns)
            if column.distinct > 1 and column.distinct < _NEARLY_KEY * max(1, column.filled)
        ]
        if len(places) < _MIN_COLUMNS or table.n_rows < 2:  # noqa: PLR2004
            return
        numbers = np.random.default_rng(context.seed)
        marks = {}
        for place in places:
            drawn = numbers.integers(0, 2**63, size=table.columns[place].distinct + 1, dtype=np.uint64)
            marks[place] = drawn[table.columns[place].codes]
        whole = np.zeros(table.n_rows, dtype=np.uint64)
        for mark in marks.values():
            whole += mark
        for place in places:
            yield from _outvoted(table, place, whole - marks[place])


def _outvoted(table: CellTable, place: int, rest: np.ndarray) -> Iterator[Suspicions]:
    column = table.columns[place]
    _, group, sizes = np.unique(rest, return_inverse=True, return_counts=True)
    if sizes[sizes > 1].sum() < _MIN_COPIED * table.n_rows:
        return
    grouping = Grouping.of(group.astype(np.int32), column.codes)
    if grouping.strength() < MIN_STRENGTH:
        return
    fitted = fit(grouping)
    wrong = fitted.wrong(grouping)
    rows = rows_in(grouping.pair, wrong >= 0.4)  # noqa: PLR2004 - less adds nothing to a vote
    if fitted.functional < MIN_FUNCTIONAL or not len(rows):
        return
    chosen, which = np.unique(grouping.pair[rows], return_inverse=True)
    reasons = []
    for pair in chosen.tolist():
        lead = grouping.top[grouping.group[pair]]
        agreeing, size = int(grouping.count[lead]), int(grouping.size[grouping.group[pair]])
        value = column.values[grouping.value[lead]]
        shown = f"{agreeing} of {size} rows that are alike in all other columns have {value[:60]!r}"
        reasons.append(Reason(float(wrong[pair]), shown, value))
    yield Suspicions("duplicate", place, rows, which.astype(np.int64), reasons)
