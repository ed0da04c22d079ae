"""Accuracy of ranges: how many values lie within what was declared (ISO/IEC 25024 data accuracy range)."""

from collections.abc import Sequence

from quality_svc.checks.counting import CellScope, bad_cells_sql, measure_cells
from quality_svc.checks.interface import Measurement, TableFacts
from quality_svc.checks.rows import literal


class AccuracyRange:
    """Non-null cells within the declared range over the non-null cells of columns that have one; needs `ranges`.

    A bound that does not read as a value of the column's type bounds nothing; such a column is not evaluated.
    """

    name = "accuracy_range"
    dimension = "accuracy"
    definition = "1"

    def counts(self, table: TableFacts) -> Sequence[str]:
        """Count the cells outside."""
        return [bad_cells_sql(scope) for scope in self._scopes(table)]

    def measure(self, table: TableFacts) -> Measurement:
        """Without declared ranges it is not measured."""
        scopes = self._scopes(table)
        return measure_cells(self, table, scopes, sum(scope.checked for scope in scopes), "no_declared_range")

    def _scopes(self, table: TableFacts) -> list[CellScope]:
        scopes = []
        for column in table.columns:
            declared = table.context.ranges.get(column.name)
            if declared is None or column.kind not in {"integer", "decimal", "float", "date", "timestamp", "time"}:
                continue
            value = table.sql_name(column)
            tests = [
                f"{value} {comparison} TRY_CAST({literal(bound)} AS {_type_of(column.kind)})"
                for bound, comparison in ((declared.least, "<"), (declared.greatest, ">"))
                if bound is not None
            ]
            if tests:
                bad = " OR ".join(f"coalesce({test}, false)" for test in tests)
                scopes.append(CellScope(column, f"({bad})", column.count))
        return scopes


def _type_of(kind: str) -> str:
    return {"date": "TIMESTAMP", "timestamp": "TIMESTAMP", "time": "TIME", "decimal": "DECIMAL(38, 10)"}.get(
        kind, "DOUBLE"
    )
