"""What most checks share: counting bad cells or rows in one scan, and the query that returns them.

The count and the query come from the same predicate, so they cannot disagree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from quality_svc.checks.interface import Measurement, TableFacts
from quality_svc.checks.rows import literal, quoted
from quality_svc.profile.document import ColumnProfile, ColumnShare


class Named(Protocol):
    """What a measurement takes from its check."""

    name: str
    dimension: str
    definition: str


@dataclass(frozen=True, slots=True)
class CellScope:
    """The cells of one column that are evaluated (`checked` of them), and when one is bad: SQL, never NULL."""

    column: ColumnProfile
    bad: str
    checked: int


def bad_cells_sql(scope: CellScope) -> str:
    """Return the aggregate that counts the bad cells of a column."""
    return f"count(CASE WHEN {scope.bad} THEN 1 END)"


def measure_cells(
    check: Named, table: TableFacts, scopes: Sequence[CellScope], eligible: int, reason: str | None = None
) -> Measurement:
    """Return good cells over checked cells; `reason` is given where there is nothing to check."""
    checked = sum(scope.checked for scope in scopes)
    if not checked:
        return not_measured(check, eligible, reason)
    bad = table.opened().counts([bad_cells_sql(scope) for scope in scopes])
    short = [(scope, count) for scope, count in zip(scopes, bad, strict=True) if count]
    return Measurement(
        check.name,
        check.dimension,
        check.definition,
        checked - sum(count for _, count in short),
        checked,
        max(eligible, checked),
        cells_query(table, [scope for scope, _ in short]),
        tuple(
            ColumnShare(position=scope.column.position, numerator=scope.checked - count, denominator=scope.checked)
            for scope, count in short
        ),
    )


def cells_query(table: TableFacts, scopes: Sequence[CellScope]) -> str | None:
    """Return the query for (row, column) of the bad cells."""
    if not scopes:
        return None
    named = ", ".join(f"CASE WHEN {scope.bad} THEN {literal(scope.column.name)} END" for scope in scopes)
    cells = f'SELECT {quoted(table.opened().row)} AS "row", unnest([{named}]) AS "column" FROM data'
    return f'SELECT "row", "column" FROM ({cells}) WHERE "column" IS NOT NULL ORDER BY "row", "column"'


def rows_query(table: TableFacts, bad: str) -> str:
    """Return the query for the rows that `bad` holds for; `column` is NULL."""
    row = quoted(table.opened().row)
    return f'SELECT {row} AS "row", NULL::VARCHAR AS "column" FROM data WHERE {bad} ORDER BY 1'


def items_query(items: Sequence[tuple[int | None, str | None]]) -> str | None:
    """Return the query for items that are known one by one: columns, rules, cells repaired elsewhere."""
    if not items:
        return None
    values = ", ".join(f"({literal(row)}::BIGINT, {literal(column)}::VARCHAR)" for row, column in items)
    return f'SELECT * FROM (VALUES {values}) AS items("row", "column")'


def measure_columns(
    check: Named, table: TableFacts, bad: Sequence[ColumnProfile], eligible: int | None = None
) -> Measurement:
    """Return columns that are not `bad` over all columns (or over `eligible` of them)."""
    columns = len(table.columns) if eligible is None else eligible
    return Measurement(
        check.name,
        check.dimension,
        check.definition,
        columns - len(bad),
        columns,
        columns,
        items_query([(None, column.name) for column in bad]),
        tuple(ColumnShare(position=column.position, numerator=0, denominator=1) for column in bad),
    )


def not_measured(check: Named, eligible: int = 0, reason: str | None = None) -> Measurement:
    """Return what a check answers where nothing can be evaluated."""
    return Measurement(check.name, check.dimension, check.definition, 0, 0, eligible, reason=reason)
