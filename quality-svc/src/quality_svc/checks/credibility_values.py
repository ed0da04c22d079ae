"""Credibility: how many values stand as they did in the original (ISO/IEC 25024 values credibility)."""

from quality_svc.checks.counting import items_query, not_measured
from quality_svc.checks.interface import Measurement, TableFacts


class CredibilityValues:
    """Cells that were not repaired on the way over all cells; needs `lineage`, which names those that were."""

    name = "credibility_values"
    dimension = "credibility"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Without lineage, or repaired cells by name, it is not measured; a cell named twice counts once."""
        cells = table.row_count * len(table.columns)
        lineage = table.context.lineage
        if lineage is None or lineage.repaired is None or not cells:
            reasons = {lineage is None: "no_lineage", not cells: "no_cells"}
            return not_measured(self, cells, reasons.get(True, "repairs_not_located"))
        names = {column.name for column in table.columns}
        repaired = sorted(
            {(row, column) for row, column in lineage.repaired if column in names and 0 <= row < table.row_count}
        )
        good = cells - len(repaired)
        return Measurement(self.name, self.dimension, self.definition, good, cells, cells, items_query(repaired))
