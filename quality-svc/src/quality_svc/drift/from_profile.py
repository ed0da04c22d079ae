"""A signature from a profile document, for versions of which only that is kept: coarser, but of the same shape."""

from typing import Any, Final

import numpy as np

from quality_svc.drift.signature import Categories, ColumnSignature, Ordered, TableSignature
from quality_svc.profile.document import Cell, ColumnProfile, Quantiles, TableProfile, Top

_NUMERIC: Final = frozenset({"integer", "decimal", "float"})
_SEQUENCE_DENSITY: Final = 10
LEAST_ORDERED: Final = 5


def signature_from_profile(table: TableProfile) -> TableSignature:
    """Return what a profile knows of a table. Lost periods, formats and renamed identifiers it cannot show."""
    return TableSignature(
        name=table.name,
        index=table.index,
        row_count=table.row_count,
        columns=tuple(_column(column) for column in table.columns),
    )


def _column(column: ColumnProfile) -> ColumnSignature:
    facts: dict[str, Any] = {}
    if column.kind in _NUMERIC:
        facts["ordered"] = _ordered(column.quantiles)
        facts["sequence"] = _is_sequence(column)
    if column.top is not None and column.kind in {"text", "boolean", "integer"}:
        facts["categories"] = _categories(column, column.top)
    return ColumnSignature(
        name=column.name,
        position=column.position,
        type=column.type,
        kind=column.kind,
        rows=column.count + column.nulls,
        nulls=column.nulls,
        distinct=column.distinct.value if column.distinct else None,
        **facts,
    )


def _ordered(quantiles: Quantiles | None) -> Ordered | None:
    if quantiles is None or not quantiles.basis or len(quantiles.values) < LEAST_ORDERED:
        return None
    values = tuple(float(quantile.value) for quantile in quantiles.values)
    if not np.isfinite(values).all():
        return None
    return Ordered(basis=quantiles.basis, probabilities=tuple(q.p for q in quantiles.values), values=values)


def _is_sequence(column: ColumnProfile) -> bool:
    low, high = _integer(column.min), _integer(column.max)
    if low is None or high is None or column.distinct is None or not column.distinct.exact:
        return False
    unique = column.distinct.value == column.count > 2  # noqa: PLR2004
    return unique and high - low + 1 <= _SEQUENCE_DENSITY * column.count


def _integer(cell: Cell | None) -> int | None:
    try:
        return int(str(cell))
    except ValueError:
        return None


def _categories(column: ColumnProfile, top: Top) -> Categories | None:
    if any(value.truncated for value in top.values):
        return None
    distinct = column.distinct
    complete = distinct is not None and distinct.exact and top.exact and distinct.value <= len(top.values)
    if column.kind == "integer" and not complete:
        return None
    counts = {_text(value.value): value.count for value in top.values}
    return Categories(basis=top.basis, counts=counts, complete=complete)


def _text(value: Cell) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
