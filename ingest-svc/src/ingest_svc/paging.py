"""What every list of this service shares: who and how many are asked for, and a page that leads to the next one."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Query

from dataplatform.events.identity import SLUG_PATTERN
from dataplatform.paging import decode, encode
from dataplatform.problems import Problem
from ingest_svc.problems import problem

Row = TypeVar("Row")

Institution = Annotated[str, Query(pattern=SLUG_PATTERN, description="Whose", examples=["aq"])]
OfDataset = Annotated[str | None, Query(pattern=SLUG_PATTERN, description="Only of this dataset")]
Limit = Annotated[int, Query(ge=1, le=200, description="Most items of the page")]
Cursor = Annotated[str | None, Query(max_length=512, description="`next` of the page before")]


def page_of(
    rows: Sequence[Row], limit: int, show: Callable[[Row], Any], key: Callable[[Row], Sequence[Any]]
) -> dict[str, Any]:
    """Return a page of at most `limit` rows, where there may be one more; `key` is what they are sorted by."""
    page: dict[str, Any] = {"items": [show(row) for row in rows[:limit]]}
    if len(rows) > limit:
        page["next"] = encode([str(part) for part in key(rows[limit - 1])])
    return page


def time_and_id(cursor: str | None) -> tuple[datetime, UUID] | None:
    """Return the sort key of lists that show the latest first; raises the problem `invalid_cursor`."""
    key = _key(cursor, datetime.fromisoformat, UUID)
    try:
        return (key[0].astimezone(UTC), key[1]) if key else None
    except (OverflowError, ValueError) as error:
        raise _invalid() from error


def only_id(cursor: str | None) -> UUID | None:
    """Return the sort key of lists by id; raises the problem `invalid_cursor`."""
    key = _key(cursor, UUID)
    return key[0] if key else None


def _key(cursor: str | None, *types: Callable[[Any], Any]) -> list[Any] | None:
    try:
        return decode(cursor, *types)
    except Problem as error:
        raise _invalid() from error


def _invalid() -> Problem:
    return problem("invalid_cursor", "send `next` of the page before, unchanged")
