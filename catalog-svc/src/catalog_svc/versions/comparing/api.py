"""REST: two versions of a dataset compared - tables and columns, counts, profiles - and the rows that differ."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from catalog_svc.datasets.models import Table, Version
from catalog_svc.rows.api import JSON, MAX_CELLS, MAX_LIMIT, STREAMS, accepted
from catalog_svc.rows.exports import Result
from catalog_svc.rows.language import invalid
from catalog_svc.rows.reading import begun, engine, opened
from catalog_svc.rows.values import to_json
from catalog_svc.versions.comparing import gathering, profiles, schema
from catalog_svc.versions.comparing.rows import KINDS, Comparison, Side
from dataplatform.paging import decode, encode
from dataplatform.problems import Problem

router = Router(tags=["versions"])

MAX_KEY: Final = 16
Other = Annotated[UUID, Query(alias="with", description="The version to compare with, usually an earlier one")]
Keys = Annotated[
    list[str],
    Query(max_length=MAX_KEY, description="Columns that identify a row; without it a candidate key that is known"),
]
Kinds = Annotated[
    list[Literal["added", "removed", "changed"]], Query(alias="change", description="Only these; all without it")
]
OfTable = Annotated[UUID | None, Query(description="A table of the later version; its only one without it")]
Keyless = Annotated[bool, Query(description="Compare rows whole, as a multiset, though a key is known")]


class TableComparison(Schema):
    """A table before and after."""

    change: Literal["added", "removed", "same", "changed"] = Field(description="Of its columns, count or profile")
    matched_by: str = Field(description="`name_and_origin`, `name`, `origin` or `columns`")
    before: dict[str, Any] | None = Field(description="Table id, name and counts of rows and columns")
    after: dict[str, Any] | None
    columns: dict[str, Any] = Field(description="Lists: added, removed, renamed, retyped, moved")
    profile: list[dict[str, Any]] = Field(description="By column, the facts that differ")
    links: dict[str, str]


class ComparisonOut(Schema):
    """What differs between two versions; `with_version` is the one before."""

    version: UUID
    with_version: UUID
    table_counts: dict[str, int]
    row_counts: dict[str, int]
    quality: dict[str, float | None]
    tables: list[TableComparison]


class RowsComparison(Schema):
    """How many rows differ, and a page of them: as they were (`before.<column>`) and as they are (`after.<column>`)."""

    key: list[str] = Field(description="What identified a row; empty: rows were compared whole, as a multiset")
    key_from: Literal["request", "examination", "none"]
    counts: dict[str, int] = Field(description="Added, removed, changed and unchanged rows")
    changed_columns: dict[str, int] = Field(description="By column of both tables, in how many rows it changed")
    columns: list[str]
    items: list[dict[str, Any]]
    next: str | None = None


@router.get("/versions/{uuid:version_id}/compare", response=ComparisonOut, summary="Compare two versions")
async def compare(request: HttpRequest, version_id: UUID, other: Other) -> object:
    """Return what became of tables and columns since another version, counts, and the differences of profiles.

    Problems: `not_found`, `version_withdrawn`, `version_erased`, `not_comparable`.
    """
    before, after = await gathering.versions_of(request, version_id, other)
    was, now = await gathering.tables_of(before), await gathering.tables_of(after)
    pairs = schema.pairs(gathering.as_compared(was), gathering.as_compared(now))
    documents = await gathering.profile_of(before), await gathering.profile_of(after)
    return {
        "version": after.version_id,
        "with_version": before.version_id,
        "table_counts": {"before": len(was), "after": len(now)},
        "row_counts": {side: sum(t.row_count for t in found.values()) for side, found in _sides(was, now)},
        "quality": {"before": before.quality, "after": after.quality},
        "tables": [_table(pair, documents, (before, after)) for pair in pairs],
    }


@router.get("/versions/{uuid:version_id}/compare/rows", response=RowsComparison, summary="Compare the rows of a table")
async def compare_rows(  # noqa: PLR0917 - the framework passes them by name
    request: HttpRequest,
    version_id: UUID,
    other: Other,
    table: OfTable = None,
    key: Keys = [],  # noqa: B006
    keyless: Keyless = False,
    change: Kinds = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> object:
    """Return how many rows were added, removed and changed, and a page of them; as a stream all of them (`Accept`).

    Rows are told apart by `key`, which has to be unique in both tables. Without one the first candidate key that the
    closer look at either version found is taken; where there is none, rows are compared whole: as often as one table
    has a row more than the other it was added or removed. Columns that only one of the two has change no row. A page
    compares anew: for many rows take a stream.
    Problems: as of `compare`, and `invalid_key`, `no_such_pair`, `not_acceptable`, `invalid_cursor`, `query_timed_out`.
    """
    media_type = accepted(request)
    before, after = await gathering.versions_of(request, version_id, other)
    pair = await _pair(before, after, table)
    comparison, origin = await _comparison(before, after, pair, tuple(key), keyless=keyless)
    kinds = tuple(change) or KINDS
    if media_type != JSON:
        result = Result(comparison.differing(kinds), comparison.types)
        pieces = await begun(STREAMS[media_type](engine(), result))
        return StreamingHttpResponse(pieces, content_type=media_type)
    return {"key": list(comparison.key), "key_from": origin, **await _page(comparison, kinds, limit, cursor)}


async def _page(comparison: Comparison, kinds: Sequence[str], limit: int, cursor: str | None) -> dict[str, Any]:
    first = max(0, (decode(cursor, int) or [0])[0])
    summary = comparison.summary()
    _, (counts,) = await engine().run(summary.sql, summary.parameters)
    most = min(limit, max(1, MAX_CELLS // max(1, len(comparison.types))))
    query = comparison.differing(kinds, most + 1, first)
    _, rows = await engine().run(query.sql, query.parameters)
    states = (*KINDS, "unchanged")
    return {
        "counts": dict(zip(states, counts, strict=False)),
        "changed_columns": dict(zip(summary.names[len(states) :], counts[len(states) :], strict=True)),
        "columns": list(query.names),
        "items": [dict(zip(query.names, map(to_json, row), strict=True)) for row in rows[:most]],
        "next": encode([first + most]) if len(rows) > most else None,
    }


async def _pair(before: Version, after: Version, wanted: UUID | None) -> tuple[Table, Table]:
    was, now = await gathering.tables_of(before), await gathering.tables_of(after)
    chosen = str(wanted) if wanted else next(iter(now), "") if len(now) == 1 else None
    if chosen is None:
        raise Problem("no_such_pair", "No such pair", 422, "the version has several tables: name one as `table`")
    for pair in schema.pairs(gathering.as_compared(was), gathering.as_compared(now)):
        if pair.after is not None and pair.after.id == chosen and pair.before is not None:
            return was[pair.before.id], now[chosen]
    raise Problem(
        "no_such_pair", "No such pair", 422, "the table is not of this version, or the other has none like it"
    )


async def _comparison(
    before: Version, after: Version, pair: tuple[Table, Table], key: tuple[str, ...], *, keyless: bool
) -> tuple[Comparison, str]:
    sources = [await opened(table) for table in pair]
    sides = [Side(source.paths, source.columns) for source in sources]
    if key:
        comparison = Comparison(sides[0], sides[1], key)
        if problem := await _unfit(comparison):
            raise invalid("invalid_key", problem)
        return comparison, "request"
    known = [] if keyless else [*await gathering.keys_of(after, pair[1]), *await gathering.keys_of(before, pair[0])]
    for candidate in known[:3]:
        comparison = Comparison(sides[0], sides[1], candidate)
        if await _unfit(comparison) is None:
            return comparison, "examination"
    return Comparison(sides[0], sides[1]), "none"


async def _unfit(comparison: Comparison) -> str | None:
    """Return why a key does not tell the rows of both tables apart, None where it does."""
    if len(set(comparison.key)) != len(comparison.key):
        return "a column is named twice"
    for words, side in (("earlier", comparison.before), ("later", comparison.after)):
        for name in comparison.key:
            if name not in {column.name for column in side.columns}:
                return f"the {words} table has no column `{name[:100]}`"
    for words, query in zip(("earlier", "later"), comparison.repeated(), strict=True):
        _, ((repeated,),) = await engine().run(query.sql, query.parameters)
        if repeated:
            return f"{repeated:,} rows of the {words} table share their key with another"
    return None


def _sides(was: Mapping[str, Table], now: Mapping[str, Table]) -> tuple[tuple[str, Mapping[str, Table]], ...]:
    return ("before", was), ("after", now)


def _table(
    pair: schema.Pair, documents: tuple[Mapping[str, Any], Mapping[str, Any]], versions: tuple[Version, Version]
) -> dict[str, Any]:
    shown = {"before": _side(pair.before), "after": _side(pair.after), "matched_by": pair.by}
    if pair.before is None or pair.after is None:
        return {**shown, "change": pair.by, "columns": {}, "profile": [], "links": {}}
    changes = schema.columns(pair.before.columns, pair.after.columns)
    renamed = {old.name: new.name for old, new in changes.renamed}
    before, after = (profiles.table_of(d, t.id) for d, t in zip(documents, (pair.before, pair.after), strict=True))
    differing = profiles.differences(before, after, renamed)
    columns = _columns(changes)
    same = pair.before.row_count == pair.after.row_count and not differing and not any(columns.values())
    rows = f"/api/v1/versions/{versions[1].version_id}/compare/rows?with={versions[0].version_id}&table={pair.after.id}"
    return {
        **shown,
        "change": "same" if same else "changed",
        "columns": columns,
        "profile": differing,
        "links": {"rows": rows},
    }


def _side(table: schema.Table | None) -> dict[str, Any] | None:
    if table is None:
        return None
    return {
        "table_id": table.id,
        "name": table.name,
        "row_count": table.row_count,
        "column_count": len(table.columns),
    }


def _columns(changes: schema.ColumnChanges) -> dict[str, Any]:
    both = {"renamed": changes.renamed, "retyped": changes.retyped, "moved": changes.moved}
    return {
        "added": [schema.shown(column) for column in changes.added],
        "removed": [schema.shown(column) for column in changes.removed],
        **{
            name: [{"before": schema.shown(old), "after": schema.shown(new)} for old, new in found]
            for name, found in both.items()
        },
    }
