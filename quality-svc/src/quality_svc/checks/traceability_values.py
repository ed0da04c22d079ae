"""Traceability: how many values lead back to the original and what read it (ISO/IEC 25024 traceability of values)."""

from quality_svc.checks.counting import CellScope, cells_query, not_measured
from quality_svc.checks.interface import Measurement, TableFacts
from quality_svc.profile.document import ColumnShare


class TraceabilityValues:
    """Non-null cells of columns with a known place in the original over all non-null cells; needs `lineage`."""

    name = "traceability_values"
    dimension = "traceability"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Without lineage it is not measured."""
        values = sum(column.count for column in table.columns)
        lineage = table.context.lineage
        if lineage is None or not values:
            return not_measured(self, values, "no_lineage" if lineage is None else "no_cells")
        known = lineage.columns if lineage.original_sha256 and lineage.handler else frozenset[str]()
        short = [column for column in table.columns if column.count and column.name not in known]
        scopes = [CellScope(column, f"{table.sql_name(column)} IS NOT NULL", column.count) for column in short]
        return Measurement(
            self.name,
            self.dimension,
            self.definition,
            values - sum(column.count for column in short),
            values,
            values,
            cells_query(table, scopes),
            tuple(ColumnShare(position=c.position, numerator=0, denominator=c.count) for c in short),
        )
