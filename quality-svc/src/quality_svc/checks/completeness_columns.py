"""Completeness of columns: how many hold any value at all (ISO/IEC 25024 attribute completeness, per file)."""

from quality_svc.checks.counting import measure_columns, not_measured
from quality_svc.checks.interface import Measurement, TableFacts


class CompletenessColumns:
    """Columns that are not entirely null over all columns."""

    name = "completeness_columns"
    dimension = "completeness"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Measure, unless the table has no rows or no columns."""
        if not table.row_count or not table.columns:
            return not_measured(self, reason="no_cells")
        return measure_columns(self, table, [column for column in table.columns if not column.count])
