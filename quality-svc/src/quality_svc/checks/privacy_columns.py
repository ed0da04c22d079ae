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
        """Measure, unless the profile did not look for personal data."""
        looked = [column for column in table.columns if hasattr(column, "personal")]
        if not looked:
            return not_measured(self, len(table.columns), "not_looked_for" if table.columns else "no_cells")
        found = [
            column
            for column in looked
            if getattr(column, "personal", None) and column.name not in table.context.classified
        ]
        return measure_columns(self, table, found)
