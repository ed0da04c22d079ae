"""Precision: how many numbers have the digits that were asked for (ISO/IEC 25024 precision of data values)."""

from collections.abc import Sequence

from quality_svc.checks.counting import CellScope, bad_cells_sql, measure_cells
from quality_svc.checks.interface import Measurement, TableFacts


class PrecisionValues:
    """Finite numbers with at least the declared digits after the point over all finite numbers; needs `decimals`.

    Digits are those of the shortest decimal text of a value: a double 2.50 has one digit, as 2.5 is the same number.
    """

    name = "precision_values"
    dimension = "precision"
    definition = "1"

    def counts(self, table: TableFacts) -> Sequence[str]:
        """Count the values that are too coarse."""
        return [bad_cells_sql(scope) for scope in self._scopes(table)]

    def measure(self, table: TableFacts) -> Measurement:
        """Without declared digits it is not measured."""
        scopes = self._scopes(table)
        return measure_cells(self, table, scopes, sum(scope.checked for scope in scopes), "no_declared_precision")

    def _scopes(self, table: TableFacts) -> list[CellScope]:
        scopes = []
        for column in table.columns:
            digits = table.context.decimals.get(column.name)
            if digits is None or column.kind not in {"integer", "decimal", "float"}:
                continue
            finite = column.count - (column.nan or 0) - (column.infinite or 0)
            scopes.append(CellScope(column, _too_coarse(table.sql_name(column), column.kind, digits), finite))
        return scopes


def _too_coarse(value: str, kind: str, digits: int) -> str:
    if digits <= 0:
        return "false"
    if kind == "float":
        return f"coalesce(isfinite({value}) AND round({value}, {digits - 1}) = {value}, false)"
    return f"coalesce(length(regexp_extract({value}::VARCHAR, '\\.(\\d+)', 1)) < {digits}, false)"
