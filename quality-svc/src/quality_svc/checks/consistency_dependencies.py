"""Functional dependencies: how many rows agree with their group (ISO/IEC 25024 semantic consistency)."""

from quality_svc.checks.context import Dependency
from quality_svc.checks.counting import not_measured
from quality_svc.checks.interface import Measurement, TableFacts
from quality_svc.checks.rows import literal, quoted, unique_names
from quality_svc.profile.document import ColumnProfile


class ConsistencyDependencies:
    """Rows whose dependent value is the most frequent one of their group, over rows with a determinant and a value.

    Each dependency counts its own rows; needs `dependencies`. Of values equally frequent the least is taken as right.
    """

    name = "consistency_dependencies"
    dimension = "consistency"
    definition = "1"

    def measure(self, table: TableFacts) -> Measurement:
        """Without dependencies, or for columns that the table has not, it is not measured."""
        by_name = {column.name: column for column in table.columns}
        known = [
            dependency
            for dependency in table.context.dependencies
            if {*dependency.determinant, dependency.dependent} <= by_name.keys() and table.row_count
        ]
        if not known:
            return not_measured(self, reason="no_dependencies")
        checked = broken = 0
        queries = []
        for dependency in known:
            query = _query(table, by_name, dependency)
            rows, bad = table.opened().fetch(_count(table, by_name, dependency, query))[0]
            checked, broken = checked + rows, broken + bad
            queries += [query] if bad else []
        joined = " UNION ALL ".join(f"({query})" for query in queries)
        query_text = f'SELECT "row", "column" FROM ({joined}) ORDER BY "row", "column"' if queries else None
        return Measurement(self.name, self.dimension, self.definition, checked - broken, checked, checked, query_text)


def _scope(table: TableFacts, by_name: dict[str, ColumnProfile], dependency: Dependency) -> tuple[str, str, str]:
    keys = [table.sql_name(by_name[name]) for name in dependency.determinant]
    value = table.sql_name(by_name[dependency.dependent])
    present = " AND ".join(f"{name} IS NOT NULL" for name in (*keys, value))
    return ", ".join(keys), value, present


def _query(table: TableFacts, by_name: dict[str, ColumnProfile], dependency: Dependency) -> str:
    keys, value, present = _scope(table, by_name, dependency)
    frequency = quoted(unique_names(["frequency"], table.opened().names)[0])
    counted = f"SELECT {keys}, {value}, count(*) AS {frequency} FROM data WHERE {present} GROUP BY ALL"
    agreed = (
        f"SELECT * EXCLUDE ({frequency}) FROM ({counted}) "
        f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {frequency} DESC, {value}) = 1"
    )
    row, column = quoted(table.opened().row), literal(dependency.dependent)
    return (
        f'SELECT {row} AS "row", {column}::VARCHAR AS "column" FROM data WHERE {present} '
        f"AND NOT EXISTS (SELECT 1 FROM ({agreed}) AS agreed WHERE "
        + " AND ".join(
            f"agreed.{name} = data.{name}"
            for name in (*(table.sql_name(by_name[n]) for n in dependency.determinant), value)
        )
        + ")"
    )


def _count(table: TableFacts, by_name: dict[str, ColumnProfile], dependency: Dependency, query: str) -> str:
    _, _, present = _scope(table, by_name, dependency)
    return f"SELECT (SELECT count(*) FROM data WHERE {present}), (SELECT count(*) FROM ({query}))"
