"""Numbers and dates far from the bulk of their column, or of their group; and among them those off by a power of ten.

A category that explains a number (the price by the product) is found in the table: the spread inside its groups is
small against that of the whole column. Then a number is held against its group.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from quality_svc.anomalies.cells.bulk import CUT, Bulk, column_bulk
from quality_svc.anomalies.cells.interface import Context, Reason, Suspicions
from quality_svc.anomalies.cells.table import NULL, CellColumn, CellTable, Floats

_MOST: Final = 0.05
"""Share of a column beyond which far values are a heavy tail, not errors."""
_FACTORS: Final = (10.0, 100.0, 1000.0, 0.1, 0.01, 0.001)
_TIGHT: Final = 0.2
_MIN_GROUP: Final = 5
_MAX_GROUPINGS: Final = 10


class Outliers:
    """Robust z scores, on the column and within groups."""

    name = "outliers"

    def suspicions(self, table: CellTable, context: Context) -> Iterator[Suspicions]:
        """Yield far values by column."""
        del context
        for place, column in enumerate(table.columns):
            bulk = column_bulk(column)
            if bulk is None:
                continue
            yield from _far(table, place, bulk)
            if not column.is_temporal:
                yield from _far_in_groups(table, place, bulk)


def _far(table: CellTable, place: int, bulk: Bulk) -> Iterator[Suspicions]:
    column = table.columns[place]
    numbers = column.moments if column.is_temporal else column.numbers
    z = bulk.z(numbers)
    far = np.isfinite(z) & (np.abs(z) > bulk.cut)
    share = column.counts[far].sum() / column.filled
    if not share:
        return
    trust = min(1.0, _MOST / share)
    scaled, plain = {}, {}
    for code in np.flatnonzero(far).tolist():
        distance = abs(float(z[code]))
        # a value that recurs often is a rare value rather than a wrong one
        again = float(column.counts[code]) ** -0.25
        sure = (0.4 + 0.5 * (1 - bulk.cut / distance) ** 0.5) * trust * again
        low, high = _shown(bulk.value(-CUT), column), _shown(bulk.value(CUT), column)
        shown = (
            f"{column.values[code][:40]} is {distance:.1f} robust deviations from the median; usual is {low} to {high}"
        )
        mended = None if column.is_temporal else _rescaled(float(numbers[code]), bulk)
        if mended is None:
            plain[code] = Reason(round(sure, 3), shown)
        else:
            value, factor = mended
            shown += f"; {_said(factor)} it would be usual"
            scaled[code] = Reason(round(min(0.95, sure + 0.1), 3), shown, f"{value:g}")
    yield Suspicions.of_values("outlier", table, place, plain)
    yield Suspicions.of_values("scale", table, place, scaled)


def _shown(value: float, column: CellColumn) -> str:
    if column.is_temporal:
        return str(np.datetime64("1970-01-01") + np.timedelta64(int(np.clip(value, -700_000, 2_900_000)), "D"))
    return f"{value:.4g}"


def _rescaled(number: float, bulk: Bulk) -> tuple[float, float] | None:
    """Return the number times a power of ten that puts it in the middle of the bulk, and that factor."""
    fitting = [(abs(float(bulk.z(np.array([number * factor]))[0])), factor) for factor in _FACTORS]
    distance, factor = min(fitting)
    return (number * factor, factor) if distance < 1.5 and number else None  # noqa: PLR2004


def _said(factor: float) -> str:
    return f"times {factor:g}" if factor > 1 else f"divided by {1 / factor:g}"


def _far_in_groups(table: CellTable, place: int, bulk: Bulk) -> Iterator[Suspicions]:
    """Hold numbers against the median of their group, where a category makes groups tight."""
    column = table.columns[place]
    scaled = np.append(_on_scale(column.numbers, bulk), np.nan)[column.codes]
    best: tuple[float, int, Floats] | None = None
    tried = 0
    for other, category in enumerate(table.columns):
        if other == place or not 2 <= category.distinct <= column.filled / _MIN_GROUP:  # noqa: PLR2004
            continue
        if tried >= _MAX_GROUPINGS:
            break
        tried += 1
        residual = _residuals(scaled, category)
        known = residual[np.isfinite(residual)]
        if len(known) < 0.5 * column.filled:
            continue
        spread = float(np.median(np.abs(known))) * 1.4826
        if best is None or spread < best[0]:
            best = (spread, other, residual)
    if best is None or best[0] > _TIGHT * min(bulk.below, bulk.above):
        return
    spread, other, residual = best
    spread = max(spread, 0.01 * min(bulk.below, bulk.above))
    known = np.abs(residual[np.isfinite(residual)])
    cut = CUT * max(1.0, float(np.quantile(known, 0.9)) / spread / 1.645) ** 1.5
    rows = np.flatnonzero(np.abs(residual) > cut * spread).astype(np.int64)
    if not len(rows) or len(rows) > 2 * _MOST * column.filled:
        return
    reasons = {}
    for row in rows.tolist():
        z = abs(float(residual[row])) / spread
        usual = float(scaled[row] - residual[row])
        middle = float(np.expm1(usual)) if bulk.logarithmic else usual
        shown = (
            f"{column.values[column.codes[row]][:40]} is {z:.1f} robust deviations from {middle:.4g}, "
            f"the median where {table.columns[other].name} is the same"
        )
        reasons[row] = Reason(round(0.45 + 0.45 * (1 - cut / z) ** 0.5, 3), shown, None)
    yield Suspicions.of_rows("outlier", place, reasons)


def _on_scale(numbers: Floats, bulk: Bulk) -> Floats:
    return np.log1p(np.maximum(numbers, -1 + 1e-9)) if bulk.logarithmic else numbers


def _residuals(scaled: Floats, category: CellColumn) -> Floats:
    """Return each row's distance from the median of its group; NaN in groups too small to have one."""
    rows = np.flatnonzero(np.isfinite(scaled) & (category.codes != NULL))
    order = rows[np.lexsort((scaled[rows], category.codes[rows]))]
    groups = category.codes[order]
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]]) if len(order) else np.empty(0, dtype=np.int64)
    sizes = np.diff(np.r_[starts, len(order)])
    medians = np.full(category.distinct, np.nan)
    kept = sizes >= _MIN_GROUP
    medians[groups[starts[kept]]] = scaled[order[starts[kept] + sizes[kept] // 2]]
    residual: Floats = scaled - np.append(medians, np.nan)[category.codes]
    return residual
