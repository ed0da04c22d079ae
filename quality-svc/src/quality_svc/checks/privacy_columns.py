"""Privacy: how many columns hold no personal data that nobody declared (ISO/IEC 25012 confidentiality; 5259-2).

Personal data are found by the profile (`quality_svc.semantics`), by name of column and kind of value.
"""

from quality_svc.checks.counting import measure_columns, not_measured
from quality_svc.checks.interface import Measurement, TableFacts


class PrivacyColumns:
    """Columns that hold no personal data, or are declared to (`classified`), over all columns."""

    name = "privacy_columns"
    dimension = "privacy"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Measure, unless the table has no rows or no columns."""
        if not table.columns or not table.row_count:
            return not_measured(self, len(table.columns), "no_cells")
        declared = table.context.classified
        return measure_columns(
            self, table, [column for column in table.columns if column.personal and column.name not in declared]
        )
