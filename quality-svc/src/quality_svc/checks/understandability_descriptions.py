"""Descriptions: how many columns say what they mean (ISO/IEC 25024 data dictionary completeness)."""

from quality_svc.checks.counting import measure_columns, not_measured
from quality_svc.checks.interface import Measurement, TableFacts


class UnderstandabilityDescriptions:
    """Columns with a description over all columns; needs `descriptions`."""

    name = "understandability_descriptions"
    dimension = "understandability"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Without a data dictionary it is not measured."""
        described = table.context.descriptions
        if described is None or not table.columns:
            return not_measured(self, len(table.columns), "no_descriptions" if described is None else "no_cells")
        return measure_columns(self, table, [c for c in table.columns if not described.get(c.name, "").strip()])
