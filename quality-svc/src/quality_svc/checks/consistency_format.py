"""Consistency of format: how many texts are written as the others are (ISO/IEC 25024 data format consistency)."""

from collections.abc import Sequence

from quality_svc.checks.counting import CellScope, bad_cells_sql, measure_cells
from quality_svc.checks.formats import dominant_shape, text_columns
from quality_svc.checks.interface import Measurement, TableFacts
from quality_svc.checks.rows import literal


class ConsistencyFormat:
    r"""Texts of the dominant shape over the texts of columns that have one.

    A shape is the sequence of runs of letters, digits and white space and of single other characters: `AB-12` and `C-7`
    are alike. It is dominant where three quarters of the frequent values and half of all texts have it.
    """

    name = "consistency_format"
    dimension = "consistency"
    definition = "1"

    def counts(self, table: TableFacts) -> Sequence[str]:
        """Count the texts of another shape."""
        return [bad_cells_sql(scope) for scope in self._candidates(table)]

    def measure(self, table: TableFacts) -> Measurement:
        """Measure, unless no column of text has a dominant shape."""
        eligible = sum(column.count for column in text_columns(table.columns))
        candidates = self._candidates(table)
        bad = table.opened().counts([bad_cells_sql(scope) for scope in candidates])
        scopes = [scope for scope, count in zip(candidates, bad, strict=True) if 2 * count <= scope.checked]
        return measure_cells(self, table, scopes, eligible, "no_dominant_format" if eligible else "no_text")

    def _candidates(self, table: TableFacts) -> list[CellScope]:
        scopes = []
        for column in text_columns(table.columns):
            shape = dominant_shape(column)
            if shape is not None:
                value = f"{table.sql_name(column)}::VARCHAR"
                bad = f"coalesce(NOT regexp_full_match({value}, {literal(shape)}), false)"
                scopes.append(CellScope(column, bad, column.count))
        return scopes
