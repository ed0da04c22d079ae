"""Completeness: how many of the cells hold a value (ISO/IEC 25012 4.1.2; measure Com-I-1 of ISO/IEC 25024)."""

from quality_svc.checks.interface import Measurement, TableFacts


class Completeness:
    """Non-null cells over all cells. An empty text is a value: the profile counts blanks apart."""

    name = "completeness_cells"
    dimension = "completeness"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Count over every column; a table without rows or columns is not measured."""
        cells = table.row_count * len(table.columns)
        filled = sum(column.count for column in table.columns)
        return Measurement(self.name, self.dimension, self.definition, filled, cells, cells)
