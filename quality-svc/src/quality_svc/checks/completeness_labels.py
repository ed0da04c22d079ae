"""Completeness of labels: how many rows have a value to learn from (ISO/IEC 5259-2 label completeness)."""

from quality_svc.checks.counting import CellScope, cells_query, not_measured
from quality_svc.checks.interface import Measurement, TableFacts


class CompletenessLabels:
    """Non-null cells of the target column over all rows; needs `target`."""

    name = "completeness_labels"
    dimension = "completeness"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Without a target, or with one that the table has not, it is not measured."""
        target = table.context.target
        column = next((column for column in table.columns if column.name == target), None)
        if column is None or not table.row_count:
            return not_measured(self, reason="no_target" if target is None else "target_not_found")
        scope = CellScope(column, f"{table.sql_name(column)} IS NULL", table.row_count)
        query = cells_query(table, [scope]) if column.nulls else None
        rows = table.row_count
        return Measurement(self.name, self.dimension, self.definition, column.count, rows, rows, query)
