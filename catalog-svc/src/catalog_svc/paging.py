"""Cursor pages: `{"items": [...], "next": ...}`. A cursor is opaque, and holds the sort key of the last item."""

from typing import Annotated, Generic, TypeVar

from ninja import Query, Schema

from dataplatform.paging import decode, encode

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "Cursor", "Limit", "Page", "decode", "encode"]

T = TypeVar("T")
DEFAULT_LIMIT = 20
MAX_LIMIT = 200

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most items of the page")]
Cursor = Annotated[str | None, Query(max_length=4096, description="`next` of the page before")]


class Page(Schema, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = None
