"""Risk of inaccuracy: how many numbers lie where those of the column do (ISO/IEC 25024 risk of data set inaccuracy).

An outlier has a modified z-score over 3.5: 0.6745 |x - median| / MAD (Iglewicz and Hoaglin, How to Detect and Handle
Outliers, 1993). It may be right; that is why this measures a risk.
"""

from typing import Final

from quality_svc.checks.counting import CellScope, cells_query, not_measured
from quality_svc.checks.interface import Measurement, TableFacts
from quality_svc.checks.rows import quoted
from quality_svc.profile.document import ColumnProfile, ColumnShare

THRESHOLD: Final = 3.5
CONSISTENCY: Final = 0.6745
MIN_VALUES: Final = 10
"""Of fewer, median and MAD say nothing."""
SAMPLE_ROWS: Final = 131_072
"""Median and MAD are exact up to this many rows, beyond them of that many or fewer rows chosen by a hash."""
_BATCH: Final = 64
_PROVABLE_ROWS: Final = 200
_NUMERIC: Final = frozenset({"integer", "decimal", "float"})


class AccuracyOutliers:
    """Finite numbers whose modified z-score is at most 3.5 over the finite numbers of columns that spread.

    A column is evaluated where it has at least 10 numbers and its MAD is not 0: where half of the values are the same
    there is nothing to measure by.
    """

    name = "accuracy_outliers"
    dimension = "accuracy"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Measure, unless no numeric column spreads."""
        numeric = [column for column in table.columns if column.kind in _NUMERIC and _measured(column)]
        eligible = sum(_finite(column) for column in numeric)
        varied = [column for column in numeric if _finite(column) >= MIN_VALUES and column.min != column.max]
        # where the quartiles prove that none is an outlier, the rows need not be looked at
        scopes = [(CellScope(column, "false", _finite(column)), 0) for column in varied if _surely_none(column)]
        varied = [column for column in varied if not _surely_none(column)]
        for start in range(0, len(varied), _BATCH):
            scopes += self._scopes(table, varied[start : start + _BATCH])
        if not scopes:
            return not_measured(self, eligible, "no_spread" if numeric else "no_numbers")
        short = [(scope, bad) for scope, bad in scopes if bad]
        checked = sum(scope.checked for scope, _ in scopes)
        return Measurement(
            self.name,
            self.dimension,
            self.definition,
            checked - sum(bad for _, bad in short),
            checked,
            eligible,
            cells_query(table, [scope for scope, _ in short]),
            tuple(
                ColumnShare(position=scope.column.position, numerator=scope.checked - bad, denominator=scope.checked)
                for scope, bad in short
            ),
        )

    def _scopes(self, table: TableFacts, columns: list[ColumnProfile]) -> list[tuple[CellScope, int]]:
        """Return the columns that spread with their outliers' number: one query for the spread, one for the counts."""
        rows = table.opened()
        values = [_finite_sql(table, column) for column in columns]
        level = max((table.row_count - 1) // SAMPLE_ROWS, 0).bit_length()
        sampled = f" WHERE (hash({quoted(rows.row)}) & {2**level - 1}) = 0" if level else ""
        source = f"data{sampled}" if level else rows.source
        query = f"SELECT {', '.join(f'median({value}), mad({value})' for value in values)} FROM {source}"
        found = rows.fetch(query)[0] if level else rows.session.execute(query).fetchall()[0]
        scopes = [
            CellScope(column, _bad(value, found[2 * index], found[2 * index + 1]), _finite(column))
            for index, (column, value) in enumerate(zip(columns, values, strict=True))
            if found[2 * index + 1]
        ]
        bad = rows.counts([f"count(CASE WHEN {scope.bad} THEN 1 END)" for scope in scopes])
        return list(zip(scopes, bad, strict=True))


def _surely_none(column: ColumnProfile) -> bool:
    """Whether exact quartiles and extremes prove that the column spreads and has no outlier.

    Half of the values lie within MAD of the median, so MAD is at least its distance to the nearer quartile.
    """
    found = column.quantiles
    if found is None or not found.exact or column.min is None or column.max is None:
        return False
    at = {quantile.p: float(quantile.value) for quantile in found.values}
    low, middle, high = at[0.25], at[0.5], at[0.75]
    least = min(middle - low, high - middle)
    furthest = max(float(column.max) - middle, middle - float(column.min))
    # nearest ranks are not interpolated: a tenth to spare covers that in tables of some rows
    return column.count >= _PROVABLE_ROWS and least > 0 and CONSISTENCY * furthest <= 0.9 * THRESHOLD * least


def _bad(value: str, median: float, spread: float) -> str:
    return f"coalesce(abs({value} - {median!r}) * {CONSISTENCY} > {THRESHOLD * spread!r}, false)"


def _finite_sql(table: TableFacts, column: ColumnProfile) -> str:
    name = f"{table.sql_name(column)}"
    return f"CASE WHEN isfinite({name}) THEN {name}::DOUBLE END" if column.kind == "float" else f"{name}::DOUBLE"


def _finite(column: ColumnProfile) -> int:
    return column.count - (column.nan or 0) - (column.infinite or 0)


def _measured(column: ColumnProfile) -> bool:
    return not column.type.startswith("decimal256")
