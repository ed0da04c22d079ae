"""Duplicate rows: how many rows are not a repeat of an earlier one (ISO/IEC 5259-2 record consistency).

Rows are compared by a 64-bit hash of all their cells: of ten million different rows two are taken for the same with a
probability of 3 in a million.
"""

from collections.abc import Sequence
from typing import Final

from quality_svc.checks.counting import not_measured
from quality_svc.checks.interface import Measurement, TableFacts
from quality_svc.checks.rows import quoted

_WIDTH: Final = 256
"""Most cells that are hashed at once; wider rows are hashed twice, which keeps the query flat."""


class ConsistencyDuplicates:
    """Rows whose cells are not all those of an earlier row, over all rows; nulls are alike."""

    name = "consistency_duplicates"
    dimension = "consistency"
    definition = "1"

    def counts(self, table: TableFacts) -> Sequence[str]:
        """Count different rows, where no column alone tells all of them apart."""
        return [f"count(DISTINCT {self._hash(table)})"] if self._possible(table) else []

    def measure(self, table: TableFacts) -> Measurement:
        """Measure, unless the table has no rows or no columns."""
        rows = table.row_count if table.columns else 0
        if not rows:
            return not_measured(self, reason="no_cells")
        different = min(rows, *table.opened().counts(self.counts(table))) if self._possible(table) else rows
        query = self._query(table) if different < rows else None
        return Measurement(self.name, self.dimension, self.definition, different, rows, rows, query)

    def _possible(self, table: TableFacts) -> bool:
        if table.row_count <= 1 or not table.columns:
            return False
        return not any(
            column.distinct and column.distinct.exact and column.distinct.value == table.row_count
            for column in table.columns
        )

    def _hash(self, table: TableFacts) -> str:
        names = [table.sql_name(column) for column in table.columns]
        groups = [f"hash({', '.join(names[start : start + _WIDTH])})" for start in range(0, len(names), _WIDTH)]
        return groups[0] if len(groups) == 1 else f"hash({', '.join(groups)})"

    def _query(self, table: TableFacts) -> str:
        row = quoted(table.opened().row)
        return (
            f'SELECT {row} AS "row", NULL::VARCHAR AS "column" FROM data '
            f"QUALIFY row_number() OVER (PARTITION BY {self._hash(table)} ORDER BY {row}) > 1 ORDER BY 1"
        )
