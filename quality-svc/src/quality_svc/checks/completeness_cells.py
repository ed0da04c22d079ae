"""Completeness of cells: how many hold a value (ISO/IEC 25012 completeness; ISO/IEC 5259-2 value completeness)."""

from quality_svc.checks.counting import CellScope, cells_query
from quality_svc.checks.interface import Measurement, TableFacts
from quality_svc.profile.document import ColumnShare


class CompletenessCells:
    """Non-null cells over all cells. An empty text is a value: the profile counts blanks apart."""

    name = "completeness_cells"
    dimension = "completeness"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Count over every column; a table without rows or columns is not measured."""
        short = [column for column in table.columns if column.nulls]
        cells = table.row_count * len(table.columns)
        return Measurement(
            self.name,
            self.dimension,
            self.definition,
            cells - sum(column.nulls for column in short),
            cells,
            cells,
            cells_query(table, [CellScope(c, f"{table.sql_name(c)} IS NULL", table.row_count) for c in short])
            if short
            else None,
            tuple(
                ColumnShare(position=column.position, numerator=column.count, denominator=table.row_count)
                for column in short
            ),
            None if cells else "no_cells",
        )
