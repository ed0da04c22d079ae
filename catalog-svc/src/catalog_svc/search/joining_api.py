"""REST: columns that join with a column."""

import asyncio
from typing import Annotated, Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from ninja import Path, Query, Router

from catalog_svc.access import principals
from catalog_svc.listing import Listing, integer, number, text, unique
from catalog_svc.objects import documents
from catalog_svc.paging import Cursor, Page
from catalog_svc.search import joining
from catalog_svc.search.joining import Pair, Side
from catalog_svc.search.schemas import JoinableColumn
from dataplatform.events.base import ObjectRef
from dataplatform.problems import Problem

router = Router()

JOINABLE: Final = Listing(
    "joinable columns",
    JoinableColumn,
    (
        number("score"),
        unique("dataset_id"),
        text("dataset_title"),
        text("institution"),
        unique("version_id"),
        unique("table_id"),
        text("table_name"),
        integer("position"),
        text("name"),
        text("type"),
    ),
    order=["-score"],
    key=("table_id", "position"),
)

_COMPARED: Final = 12
_MOST_BYTES: Final = 1024 * 1024


@router.get(
    "/tables/{uuid:table_id}/columns/{position}/joinable",
    response=Page[JoinableColumn],
    tags=["search"],
    summary="Find columns that join with this one",
    openapi_extra=JOINABLE.described("not_found", "version_withdrawn", "invalid_request"),
)
async def list_joinable(
    request: HttpRequest,
    table_id: UUID,
    position: Annotated[int, Path(ge=0, le=1_000_000)],
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
    cursor: Cursor = None,
) -> object:
    """Return columns of other datasets that may join with this one, and what speaks for each: the likeliest first.

    There are those that a search for candidates gives: the likeliest ones, not all.
    """
    asked = JOINABLE.asked(request)
    this, pairs = await sync_to_async(_candidates)(request, table_id, position)
    compared = await _compared(this, pairs)
    found = asked.page_of(map(_out, compared), cursor, limit, scope=f"{table_id} {position}")
    return asked.answer(found.rows, found.next)


def _candidates(request: HttpRequest, table_id: UUID, position: int) -> tuple[Side, list[Pair]]:
    return joining.candidates(principals.principal_of(request), table_id, position)


async def _compared(this: Side, pairs: list[Pair]) -> list[Pair]:
    """Return the pairs, the likeliest ones with their values compared as far as profiles show all of them."""
    if not pairs or (mine := await _values(this)) is None:
        return pairs
    theirs = await asyncio.gather(*(_values(pair.that) for pair in pairs[:_COMPARED]))
    return [
        *(pair.with_values(mine, values) for pair, values in zip(pairs, theirs, strict=False)),
        *pairs[_COMPARED:],
    ]


async def _values(side: Side) -> list[str] | None:
    if side.profile is None:
        return None
    reference = ObjectRef.model_validate(side.profile)
    if reference.size_bytes > _MOST_BYTES:
        return None
    try:
        return joining.all_values(await documents.read(reference), side)
    except Problem:
        return None  # gone, or the store is away: the rest of the evidence stands


def _out(pair: Pair) -> dict[str, Any]:
    that = pair.that
    return {
        "dataset_id": that.dataset_id,
        "dataset_title": that.title,
        "institution": that.institution,
        "version_id": that.version_id,
        "table_id": that.table_id,
        "table_name": that.table,
        "position": that.position,
        "name": that.name,
        "type": that.type,
        "score": pair.score,
        "evidence": {
            "same_name": pair.same_name,
            "semantic": pair.semantic,
            "key": pair.key,
            "distinct_ratio": pair.distinct_ratio,
            "common_values": pair.common,
        },
        "links": {"dataset": f"/api/v1/datasets/{that.dataset_id}", "table": f"/api/v1/tables/{that.table_id}"},
    }
