"""Cursor pages: `{"items": [...], "next": ...}`. A cursor is opaque, and holds the sort key of the last item."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from ninja import Query, Schema

from dataplatform.problems import Problem

T = TypeVar("T")
DEFAULT_LIMIT = 20
MAX_LIMIT = 200

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most items of the page")]
Cursor = Annotated[str | None, Query(max_length=512, description="`next` of the page before")]


class Page(Schema, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = None


def encode(key: Sequence[Any]) -> str:
    """Return the cursor after an item with this sort key."""
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


def decode(cursor: str | None, *types: Callable[[Any], Any]) -> list[Any] | None:
    """Return the sort key in a cursor, None for the first page; raises a 422 problem for one that is not ours."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key = json.loads(raw)
        return [make(part) for make, part in zip(types, key, strict=True)]
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError) as error:
        raise Problem("invalid_cursor", "Invalid cursor", 422, "send `next` of the page before, unchanged") from error
