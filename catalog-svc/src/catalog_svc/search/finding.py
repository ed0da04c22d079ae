"""A search from what was typed to what is told: words, page, counts. No statement shows what may not be seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from catalog_svc.paging import decode, encode
from catalog_svc.search import counting, facets, matching, selecting, typos
from catalog_svc.search.counting import Set, measure, sample
from catalog_svc.search.database import Condition, all_of, searching, visible
from catalog_svc.search.facets import Choices
from catalog_svc.search.highlighting import highlights
from catalog_svc.search.language import Asked, parse
from catalog_svc.search.matching import NOTHING, Query
from catalog_svc.search.scopes import narrowed
from catalog_svc.search.selecting import Known, Selection
from dataplatform.identity import Principal
from dataplatform.problems import Problem

_MOST_CORRECTED: Final = 4

_TEXTS: Final = """
SELECT d.dataset_id, d.title, d.description, d.tags, ARRAY(
    SELECT DISTINCT c ->> 'name' FROM tables t, jsonb_array_elements(t.columns) AS c
    WHERE t.run_id = s.version_id LIMIT 1000)
FROM datasets d JOIN search_documents s USING (dataset_id) WHERE d.dataset_id = ANY (%s)
"""


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    typed: str
    choices: Choices
    limit: int
    cursor: str | None = None
    facets: Sequence[str] = ()
    facet_size: int = 10
    total: bool = False
    highlight: bool = False
    narrowed: Condition = ("true", [])
    in_order: Callable[[Condition], tuple[Sequence[UUID], str | None]] | None = None
    """Gives the page of what meets a condition where an order of its own is asked for."""


@dataclass(frozen=True)
class Answer:
    """The datasets of a page, in order, and what was asked for besides."""

    ids: Sequence[UUID]
    next: str | None
    total: Mapping[str, Any] | None = None
    facets: Mapping[str, Any] | None = None
    corrections: Mapping[str, Sequence[str]] = field(default_factory=dict)
    highlights: Mapping[UUID, Any] | None = None


def find(principal: Principal | None, request: Request) -> Answer:
    """Return what the principal may see of what was asked for; raises 422 problems for what makes no sense."""
    asked = parse(request.typed)
    with searching() as cursor:
        scale = counting.first_level(cursor)
        seen = all_of(narrowed(cursor, principal, visible(principal), scale), request.narrowed)
        query = matching.build(cursor, asked) if asked.terms else NOTHING
        search = _Search(cursor, seen, scale, request)
        found, corrected = search.measured(query), dict[str, Sequence[str]]()
        if query.is_positive and not found.seen and found.is_exact:
            query, found, corrected = search.corrected(asked, query, found)
        ids, following = search.page(query, Known(found, scale))
        return Answer(
            ids=ids,
            next=following,
            total=_total(found, query) if request.total or request.facets else None,
            facets=search.facets(query, found) if request.facets else None,
            corrections=corrected,
            highlights=_highlights(cursor, ids, query) if request.highlight else None,
        )


class _Search:
    """One search in one transaction."""

    def __init__(self, cursor: Any, seen: Condition, scale: int, request: Request) -> None:
        self._cursor = cursor
        self._seen = seen
        self._scale = scale
        self._request = request

    def measured(self, query: Query, but: str | None = None) -> Set:
        """Return how many documents match; `but` for what is chosen of one facet."""
        marks = self._request.choices.now if self._request.facets else None
        return measure(self._cursor, self._condition(query, but), self._scale, marks=marks)

    def corrected(self, asked: Asked, query: Query, found: Set) -> tuple[Query, Set, dict[str, Sequence[str]]]:
        """Return the search for what was meant, where words of it are in no document that is seen."""
        instead: dict[str, Sequence[str]] = {}
        words = [term.text for term in asked.terms if term.kind == "word" and not term.excluded]
        level = sample(self._scale)
        for word in dict.fromkeys(words):
            forms = matching.build(self._cursor, parse(f'"{word}"')).text
            there = typos.presence(self._cursor, [forms], self._seen, level) if forms else [(0, True)]
            if not there[0][1] and len(instead) < _MOST_CORRECTED:
                folded = matching.fold(self._cursor, word)
                if meant := typos.corrections(self._cursor, folded, self._seen, level):
                    instead[word] = meant
        if not instead:
            return query, found, {}
        query = matching.build(self._cursor, asked, instead)
        return query, self.measured(query), instead

    def page(self, query: Query, known: Known) -> tuple[Sequence[UUID], str | None]:
        """Return the documents of the page and the cursor of the next."""
        if self._request.in_order is not None:
            return self._request.in_order(self._condition(query))
        limit, cursor = self._request.limit, self._request.cursor
        if query.is_positive:
            key = decode(cursor, *selecting.PARTS)
            after = selecting.place(key) if key else None
            selection = Selection(query, all_of(self._seen, *self._request.choices.conditions()))
            found = selecting.ranked(self._cursor, selection, after, known, limit + 1)
            more = len(found.ids) > limit
            return found.ids[:limit], encode(found.places[limit - 1].to_list()) if more else None
        key = decode(cursor, _moment, UUID)
        recent = selecting.recent(
            self._cursor, self._condition(query), (key[0], key[1]) if key else None, known, limit + 1
        )
        last = recent[limit - 1] if len(recent) > limit else None
        ids = [dataset_id for dataset_id, _ in recent[:limit]]
        return ids, encode([last[1].isoformat(), str(last[0])]) if last else None

    def facets(self, query: Query, found: Set) -> dict[str, Any]:
        """Return the counts of facets; those of a facet ignore what is chosen of itself."""
        told = {}
        for name in self._request.facets:
            chosen = self._request.choices.chosen.get(name, ())
            of = self.measured(query, name) if chosen else found
            values = facets.best(of.marks, name, chosen, self._request.facet_size, 1 << of.level)
            told[name] = {"values": values, "exact": of.is_exact and query.exact}
        return told

    def _condition(self, query: Query, but: str | None = None) -> Condition:
        words: list[Condition] = [("words @@ %s::tsquery", [query.text])] if query.text else []
        return all_of(*words, self._seen, *self._request.choices.conditions(but))


def _total(found: Set, query: Query) -> dict[str, Any]:
    return {"count": found.count, "exact": found.is_exact and query.exact, "standard_error": round(found.error, 4)}


def _highlights(cursor: Any, ids: Sequence[UUID], query: Query) -> dict[UUID, Any]:
    cursor.execute(_TEXTS, [list(ids)])
    rows = cursor.fetchall()
    texts = [{"title": row[1], "description": row[2], "tags": row[3], "columns": sorted(row[4])} for row in rows]
    return {row[0]: marked for row, marked in zip(rows, highlights(cursor, texts, query.lexemes), strict=True)}


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise Problem("invalid_cursor", "Invalid cursor", 422, "send `next` of the page before, unchanged")
    return moment
