"""What an event says about columns: what they are about and whether they may be keys. Never a value of theirs."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from quality_svc.profile.document import ColumnProfile

MOST: Final = 500
"""Most columns that an event tells of; all are in the profile."""


def summaries(table_id: UUID, columns: Iterable[ColumnProfile]) -> list[dict[str, Any]]:
    """Return what an event carries about the columns of a table."""
    return [
        {
            "table_id": str(table_id),
            "position": column.position,
            "semantic": column.semantic.type if column.semantic else None,
            "distinct": column.distinct.value if column.distinct else None,
            "unique": _is_unique(column),
        }
        for column in columns
    ]


def _is_unique(column: ColumnProfile) -> bool:
    """Whether no value comes twice and none is missing: only where that was counted exactly."""
    distinct = column.distinct
    return (
        distinct is not None and distinct.exact and column.count > 0 and distinct.value == column.count + column.nulls
    )
