"""References: how many values are found where they point to (ISO/IEC 25024 referential integrity)."""

from quality_svc.checks.context import Reference
from quality_svc.checks.counting import not_measured
from quality_svc.checks.interface import Measurement, TableFacts
from quality_svc.checks.rows import Rows, literal, quoted
from quality_svc.profile.document import ColumnProfile


class ConsistencyReferences:
    """Non-null values found in the column they refer to, over all non-null values; needs `references`."""

    name = "consistency_references"
    dimension = "consistency"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Without references it is not measured. Values are compared as text."""
        by_name = {column.name: column for column in table.columns}
        known = [(by_name[r.column], r) for r in table.context.references if r.column in by_name]
        checked = sum(column.count for column, _ in known)
        if not checked:
            return not_measured(self, reason="no_references")
        views = [f"({Rows.of_parts(reference.parts, table.limits).view})" for _, reference in known]
        counts = [
            table.opened().fetch(f"SELECT count(*) FROM ({_query(table, column, reference, view)})")[0][0]
            for (column, reference), view in zip(known, views, strict=True)
        ]
        joined = " UNION ALL ".join(
            f"({_query(table, column, reference, view if reference.name is None else quoted(reference.name))})"
            for (column, reference), view, bad in zip(known, views, counts, strict=True)
            if bad
        )
        query_text = f'SELECT "row", "column" FROM ({joined}) ORDER BY "row", "column"' if joined else None
        good = checked - sum(counts)
        return Measurement(self.name, self.dimension, self.definition, good, checked, checked, query_text)


def _query(table: TableFacts, column: ColumnProfile, reference: Reference, referred: str) -> str:
    to = Rows.of_parts(reference.parts, table.limits).sql_name(reference.to_column)
    value = table.sql_name(column)
    return (
        f'SELECT {quoted(table.opened().row)} AS "row", {literal(column.name)}::VARCHAR AS "column" FROM data '
        f"WHERE {value} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {referred} AS referred "
        f"WHERE referred.{to}::VARCHAR = data.{value}::VARCHAR)"
    )
