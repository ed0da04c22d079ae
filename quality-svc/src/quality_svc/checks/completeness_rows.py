"""Completeness of rows: how many hold any value at all (ISO/IEC 25024 empty records in a data file)."""

from collections.abc import Sequence

from quality_svc.checks.counting import not_measured, rows_query
from quality_svc.checks.interface import Measurement, TableFacts


class CompletenessRows:
    """Rows with at least one non-null cell over all rows."""

    name = "completeness_rows"
    dimension = "completeness"
    definition = "1"

    def counts(self, table: TableFacts) -> Sequence[str]:
        """Look at the rows only where every column has nulls: else no row can be empty."""
        return [f"count(CASE WHEN {self._empty(table)} THEN 1 END)"] if self._possible(table) else []

    def measure(self, table: TableFacts) -> Measurement:
        """Measure, unless the table has no rows or no columns."""
        rows = table.row_count if table.columns else 0
        if not rows:
            return not_measured(self, reason="no_cells")
        bad = sum(table.opened().counts(self.counts(table)))
        query = rows_query(table, self._empty(table)) if bad else None
        return Measurement(self.name, self.dimension, self.definition, rows - bad, rows, rows, query)

    def _possible(self, table: TableFacts) -> bool:
        return bool(table.row_count and table.columns) and all(column.nulls for column in table.columns)

    def _empty(self, table: TableFacts) -> str:
        return " AND ".join(f"{table.sql_name(column)} IS NULL" for column in table.columns)
