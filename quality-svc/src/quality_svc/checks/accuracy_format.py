"""Syntactic accuracy: how many texts keep their column's format (ISO/IEC 25024 syntactic data accuracy; 5259-2)."""

from collections.abc import Sequence

from quality_svc.checks.counting import CellScope, bad_cells_sql, measure_cells
from quality_svc.checks.formats import KNOWN, known_format, text_columns
from quality_svc.checks.interface import Measurement, TableFacts
from quality_svc.checks.rows import literal


class AccuracyFormat:
    """Texts that keep the declared or inferred format of their column over the texts of columns that have one.

    A format is declared (`formats`), or inferred where three quarters of the frequent values keep a known one: number,
    date, time, e-mail, URL, UUID, IPv4, IBAN. Texts of columns without a format are in scope but not evaluated.
    """

    name = "accuracy_format"
    dimension = "accuracy"
    definition = "1"

    def counts(self, table: TableFacts) -> Sequence[str]:
        """Count the texts that break the format."""
        return [bad_cells_sql(scope) for scope in self._scopes(table)]

    def measure(self, table: TableFacts) -> Measurement:
        """Measure, unless no column of text has a format."""
        eligible = sum(column.count for column in text_columns(table.columns))
        return measure_cells(self, table, self._scopes(table), eligible, "no_format" if eligible else "no_text")

    def _scopes(self, table: TableFacts) -> list[CellScope]:
        scopes = []
        for column in text_columns(table.columns):
            pattern = table.context.formats.get(column.name)
            if pattern is None:
                name = known_format(column)
                pattern = KNOWN[name] if name else None
            if pattern is not None:
                value = f"{table.sql_name(column)}::VARCHAR"
                bad = f"coalesce(NOT regexp_full_match({value}, {literal(pattern)}), false)"
                scopes.append(CellScope(column, bad, column.count))
        return scopes
