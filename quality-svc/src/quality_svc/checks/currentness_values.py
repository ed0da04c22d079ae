"""Currentness of values: how many are young enough (ISO/IEC 25024 currentness; 5259-2 feature currentness)."""

from collections.abc import Sequence
from datetime import UTC, timedelta

from quality_svc.checks.counting import CellScope, bad_cells_sql, measure_cells
from quality_svc.checks.interface import Measurement, TableFacts


class CurrentnessValues:
    """Dates and times not older than declared over all of them; needs `reference_time` and `max_age_seconds`."""

    name = "currentness_values"
    dimension = "currentness"
    definition = "1"

    def counts(self, table: TableFacts) -> Sequence[str]:
        """Count the values that are too old."""
        return [bad_cells_sql(scope) for scope in self._scopes(table)]

    def measure(self, table: TableFacts) -> Measurement:
        """Without a reference time and a declared age it is not measured. Values without a time zone are UTC."""
        scopes = self._scopes(table)
        reason = "no_reference_time" if table.context.reference_time is None else "no_declared_age"
        return measure_cells(self, table, scopes, sum(scope.checked for scope in scopes), reason)

    def _scopes(self, table: TableFacts) -> list[CellScope]:
        now = table.context.reference_time
        if now is None:
            return []
        scopes = []
        for column in table.columns:
            age = table.context.max_age_seconds.get(column.name)
            if age is None or column.kind not in {"date", "timestamp"}:
                continue
            oldest = (now.astimezone(UTC) - timedelta(seconds=age)).replace(tzinfo=None)
            bad = f"coalesce({table.sql_name(column)}::TIMESTAMP < TIMESTAMP '{oldest.isoformat(sep=' ')}', false)"
            scopes.append(CellScope(column, bad, column.count))
        return scopes
