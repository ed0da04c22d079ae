"""Which documents, in which order: those with all the words, best first; without words, what changed last.

The rank of a document is its textual relevance (a title counts more than a tag, that more than a column, that more
than a description) times its prior. Where thousands have the words, those are ranked which have them in the title, and
those with the best prior, up to `RANKED` of each; the others follow by their prior. So every document is on some page,
once, and a page costs the same whether a word is rare or in every document.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from catalog_svc.search.counting import Set, measure, on
from catalog_svc.search.database import Condition, all_of
from catalog_svc.search.matching import Query

RANKED: Final = 400
_ALL_RANKED: Final = 20_000
_LOWEST: Final = -1e300
_FIRST_ID: Final = UUID(int=0)
_WEIGHTS: Final = "ARRAY[0.1, 0.3, 0.6, 1.0]::real[]"

Edge = tuple[float, UUID]
"""A place in the order of priors: everything from there up is ranked."""

_RANK: Final = f"(ts_rank({_WEIGHTS}, words, %s::tsquery) * prior)::float8"
_BEST: Final = f"""
SELECT dataset_id, prior, {_RANK} AS rank FROM search_documents
WHERE {{sql}} AND (prior, dataset_id) >= (%s, %s) ORDER BY prior DESC, dataset_id DESC LIMIT %s
"""
_PAGE: Final = """
WITH common AS MATERIALIZED ({common}), titled AS MATERIALIZED ({titled}),
every AS (SELECT dataset_id, rank FROM common UNION SELECT dataset_id, rank FROM titled)
SELECT dataset_id, rank,
       (SELECT count(*) FROM common), (SELECT array[prior::text, dataset_id::text] FROM common
                                       ORDER BY prior, dataset_id LIMIT 1),
       (SELECT count(*) FROM titled), (SELECT array[prior::text, dataset_id::text] FROM titled
                                       ORDER BY prior, dataset_id LIMIT 1)
FROM every WHERE (rank, dataset_id) < (%s, %s) ORDER BY rank DESC, dataset_id DESC LIMIT %s
"""
_REST: Final = """
SELECT dataset_id, prior FROM search_documents
WHERE {sql} AND (prior, dataset_id) < (%s, %s) AND NOT (words @@ %s::tsquery AND (prior, dataset_id) >= (%s, %s))
ORDER BY prior DESC, dataset_id DESC LIMIT %s
"""

_IN_ORDER: Final = """
SELECT dataset_id, updated_at FROM search_documents WHERE {sql} ORDER BY updated_at DESC, dataset_id DESC LIMIT %s
"""
_ONE_BY_ONE: Final = """
WITH found AS MATERIALIZED (SELECT dataset_id, updated_at FROM search_documents WHERE {sql})
SELECT dataset_id, updated_at FROM found ORDER BY updated_at DESC, dataset_id DESC LIMIT %s
"""


@dataclass(frozen=True)
class Place:
    """Where the next page begins: after `key` and `last`, among the ranked ones or among the rest."""

    ranked: bool
    key: float
    last: UUID
    common: Edge
    titled: Edge

    def to_list(self) -> list[Any]:
        """Return what a cursor holds."""
        edges = [self.common[0], str(self.common[1]), self.titled[0], str(self.titled[1])]
        return [int(self.ranked), self.key, str(self.last), *edges]


PARTS: Final = (lambda value: bool(int(value)), float, UUID, float, UUID, float, UUID)
"""The types of `Place.to_list`."""


def place(parts: Sequence[Any]) -> Place:
    """Return the place that a cursor holds."""
    ranked, key, last, *edges = parts
    return Place(ranked, key, last, (edges[0], edges[1]), (edges[2], edges[3]))


@dataclass(frozen=True)
class Found:
    """The documents of a page, and the place after each."""

    ids: list[UUID]
    places: list[Place]


@dataclass(frozen=True)
class Known:
    """What is known before a page is read: how many documents match, and the level of the whole catalog's sample."""

    found: Set
    scale: int

    @property
    def is_common(self) -> bool:
        """Whether one in a dozen documents matches, or more."""
        return not self.found.is_exact and self.found.level >= self.scale - 2


@dataclass(frozen=True)
class Selection:
    """What to select from: a text query, and the condition on everything else."""

    query: Query
    condition: Condition

    @property
    def matching(self) -> Condition:
        """The condition that a document is found."""
        return all_of(("words @@ %s::tsquery", [self.query.text]), self.condition)

    @property
    def titled(self) -> Condition:
        """The condition that a document is found by its title."""
        return all_of(("words @@ %s::tsquery", [self.query.titles]), self.condition)


def ranked(cursor: Any, selection: Selection, after: Place | None, known: Known, limit: int) -> Found:
    """Return up to `limit` documents, best first, those after a place."""
    result = Found([], [])
    if after is None:
        common, titled = _edges(cursor, selection, known.found)
        after = Place(ranked=True, key=1e300, last=_FIRST_ID, common=common, titled=titled)
    if after.ranked:
        after = _ranked_page(cursor, selection, after, known, limit, result=result)
    if len(result.ids) < limit and after.common[0] > _LOWEST:
        _rest_page(cursor, selection, after, limit - len(result.ids), result)
    return result


def recent(
    cursor: Any, condition: Condition, after: tuple[datetime, UUID] | None, known: Known, limit: int
) -> list[tuple[UUID, datetime]]:
    """Return up to `limit` documents and when they changed, the last changed first, those after a place."""
    if after is not None:
        condition = all_of(condition, ("(updated_at, dataset_id) < (%s, %s)", list(after)))
    if known.found.is_exact:
        return _newest(cursor, _ONE_BY_ONE, condition, limit)
    sql, values = all_of(condition, on(known.found.level))
    cursor.execute(
        f"SELECT updated_at FROM search_documents WHERE {sql} ORDER BY updated_at DESC OFFSET %s LIMIT 1",
        [*values, max(4 * limit >> known.found.level, 1)],
    )
    if row := cursor.fetchone():
        bounded = all_of(condition, ("updated_at >= %s", [row[0]]))
        if len(found := _newest(cursor, _IN_ORDER, bounded, limit)) == limit:
            return found
    return _newest(cursor, _IN_ORDER, condition, limit)


def _newest(cursor: Any, statement: str, condition: Condition, limit: int) -> list[tuple[UUID, datetime]]:
    sql, values = condition
    cursor.execute(statement.format(sql=sql), [*values, limit])
    return list(cursor.fetchall())


def _edges(cursor: Any, selection: Selection, found: Set) -> tuple[Edge, Edge]:
    """Return the priors from which on about `RANKED` documents match, and as many have it all in their titles."""
    lowest = (_LOWEST, _FIRST_ID)
    if found.is_exact:
        return lowest, lowest
    titled = measure(cursor, selection.titled, found.level)
    return edge(cursor, selection.matching, found), edge(cursor, selection.titled, titled)


def edge(cursor: Any, condition: Condition, found: Set) -> Edge:
    """Return the prior from which on about `RANKED` documents meet a condition, of which `found` is known."""
    if found.is_exact:
        return _LOWEST, _FIRST_ID
    sql, values = all_of(condition, on(found.level))
    cursor.execute(
        f"SELECT prior FROM search_documents WHERE {sql} ORDER BY prior DESC OFFSET %s LIMIT 1",
        [*values, max(RANKED >> found.level, 1)],
    )
    row = cursor.fetchone()
    return (row[0] if row else _LOWEST), _FIRST_ID


def _ranked_page(cursor: Any, selection: Selection, after: Place, known: Known, limit: int, *, result: Found) -> Place:
    most = _ALL_RANKED if after.common[0] == _LOWEST else RANKED
    text = selection.query.text
    sql, values = selection.matching
    titled_sql, titled_values = selection.titled if most == RANKED else ("false", [])
    statement = _PAGE.format(common=_BEST.format(sql=sql), titled=_BEST.format(sql=titled_sql))
    _go_by_priors(cursor, wanted=known.is_common)
    cursor.execute(
        statement,
        [text, *values, *after.common, most, text, *titled_values, *after.titled, most, after.key, after.last, limit],
    )
    rows = cursor.fetchall()
    _go_by_priors(cursor, wanted=False)
    common, titled = after.common, after.titled
    if rows:
        _, _, common_count, common_edge, titled_count, titled_edge = rows[0]
        common = _tightened(common, common_count, common_edge, most)
        titled = _tightened(titled, titled_count, titled_edge, most)
    for dataset_id, rank, *_ in rows:
        result.ids.append(dataset_id)
        result.places.append(Place(ranked=True, key=rank, last=dataset_id, common=common, titled=titled))
    return Place(ranked=False, key=common[0], last=common[1], common=common, titled=titled)


def _tightened(edge: Edge, count: int, last: Sequence[str] | None, most: int) -> Edge:
    """Return the edge as it turned out: where more were there than are ranked, it is higher."""
    return (float(last[0]), UUID(last[1])) if last and count >= most else edge


def _go_by_priors(cursor: Any, *, wanted: bool) -> None:
    """Have the planner read documents in the order of priors: shorter than the entry of a word that most have."""
    cursor.execute("SELECT set_config('enable_bitmapscan', %s, true)", ["off" if wanted else "on"])


def _rest_page(cursor: Any, selection: Selection, after: Place, limit: int, result: Found) -> None:
    sql, values = selection.matching
    titles = selection.query.titles
    values = [*values, after.key, after.last, titles, *after.titled, limit]
    cursor.execute(_REST.format(sql=sql), values)
    for dataset_id, prior in cursor.fetchall():
        result.ids.append(dataset_id)
        result.places.append(replace(after, ranked=False, key=prior, last=dataset_id))
