"""What may be meant while somebody types: words that begin so, beside those already typed, and titles."""

from typing import Any, Final
from urllib.parse import quote

from catalog_svc.datasets import selectors
from catalog_svc.search import counting, matching, typos
from catalog_svc.search.counting import measure, sample
from catalog_svc.search.database import Condition, all_of, searching, visible
from catalog_svc.search.language import Asked, Term, parse
from catalog_svc.search.scopes import narrowed
from catalog_svc.search.selecting import Known, Selection, ranked
from dataplatform.identity import Principal

_LOOKED_AT: Final = 30
_MOST_BEFORE: Final = 7


def suggest(principal: Principal | None, typed: str, limit: int) -> list[dict[str, Any]]:
    """Return words and datasets for what was typed so far; nothing for nothing, and for what is not words only."""
    words = typed.split()[-_MOST_BEFORE:]
    *before, start = words or [""]
    if not start.isalnum():
        return []
    with searching() as cursor:
        scale = counting.first_level(cursor)
        seen = narrowed(cursor, principal, visible(principal), scale)
        found = _words(cursor, " ".join(before), start, seen, scale)
        titles = _titles(cursor, parse(" ".join(before)), start, seen, scale, limit=limit)
    datasets = selectors.by_id(principal, titles)
    texts = [" ".join([*before, word]) for word in found]
    shown = [{"kind": "word", "text": text, "dataset_id": None, "links": _search(text)} for text in texts]
    named = [
        {"kind": "dataset", "text": datasets[key].title, "dataset_id": key, "links": {"self": _link(key)}}
        for key in titles
        if key in datasets
    ]
    room = max(limit - len(named), limit // 2)
    return [*shown[:room], *named][:limit]


def _words(cursor: Any, before: str, start: str, seen: Condition, scale: int) -> list[str]:
    """Return words that begin so in documents that have those before, the most frequent first."""
    words = matching.completions(cursor, start)[0]
    given = matching.build(cursor, parse(before)).text
    words = sorted(words, key=len)[:_LOOKED_AT] if len(words) < matching.MAX_COMPLETIONS else words[:_LOOKED_AT]
    quoted = [matching.quoted(word) for word in words]
    queries = [f"({given}) & {word}" if given else word for word in quoted]
    there = typos.presence(cursor, queries, seen, sample(scale))
    ranked_words = [(-count, len(word), word) for word, (count, is_there) in zip(words, there, strict=True) if is_there]
    return [word for _, _, word in sorted(ranked_words)]


def _titles(cursor: Any, before: Asked, start: str, seen: Condition, scale: int, *, limit: int) -> list[Any]:
    """Return datasets that have all of it in their titles, best first."""
    terms = (*(before.alternatives[-1] if before.alternatives else ()), Term(start, "prefix"))
    query = matching.build(cursor, Asked((terms,)))
    if not query.is_positive:
        return []
    titled = matching.Query(query.titles, query.titles, query.lexemes)
    selection = Selection(titled, seen)
    known = Known(measure(cursor, all_of(selection.titled), scale), scale)
    return ranked(cursor, selection, None, known, limit).ids


def _search(text: str) -> dict[str, str]:
    return {"search": f"/api/v1/datasets?q={quote(text)}"}


def _link(key: Any) -> str:
    return f"/api/v1/datasets/{key}"
