"""Words that were meant: within one edit of what was typed, within two where it is long. By symmetric deletion."""

from collections.abc import Sequence
from typing import Any, Final

from catalog_svc.search.database import Condition
from catalog_svc.search.matching import quoted

SHORTEST: Final = 4
"""Words of fewer letters are nearly too many others."""
LONG: Final = 8
"""From so many letters on two edits are forgiven."""
MAX_CORRECTIONS: Final = 5
_LOOKED_AT: Final = 40
_MOST_CANDIDATES: Final = 20_000

_NEAR: Final = """
SELECT word FROM search_words
WHERE deletions && search_deletions(%s) AND length(word) BETWEEN %s AND %s LIMIT %s
"""
# A word that is on the sample is frequent, and how frequent can be told; whether a rare one is there costs little
_THERE: Final = """
SELECT w.n, sampled.count, sampled.count > 0 OR EXISTS (
    SELECT 1 FROM search_documents WHERE words @@ w.query::tsquery AND {seen} LIMIT 1)
FROM unnest(%s::text[]) WITH ORDINALITY AS w (query, n)
CROSS JOIN LATERAL (
    SELECT count(*) FROM (
        SELECT 1 FROM search_documents
        WHERE words @@ w.query::tsquery AND marks @> %s::text[] AND {seen} LIMIT 1000) AS s
) AS sampled
ORDER BY w.n
"""


def corrections(cursor: Any, typed: str, seen: Condition, sample: Sequence[str]) -> list[str]:
    """Return the words that somebody may have meant by `typed` (folded), of documents that they may see; best first."""
    if len(typed) < SHORTEST or not typed.isalnum():
        return []
    most = 2 if len(typed) >= LONG else 1
    cursor.execute(_NEAR, (typed, len(typed) - most, len(typed) + most, _MOST_CANDIDATES))
    near = sorted((edits(typed, word), word) for (word,) in cursor.fetchall() if edits(typed, word) <= most)
    near = near[:_LOOKED_AT]
    there = presence(cursor, [quoted(word) for _, word in near], seen, sample)
    ranked = [
        (distance, -count, word)
        for (distance, word), (count, is_there) in zip(near, there, strict=True)
        if is_there and distance
    ]
    return [word for _, _, word in sorted(ranked)][:MAX_CORRECTIONS]


def presence(cursor: Any, queries: Sequence[str], seen: Condition, sample: Sequence[str]) -> list[tuple[int, bool]]:
    """Return, for each text query, its documents on the sample, and whether there is any: of those that are seen."""
    if not queries:
        return []
    sql, values = seen
    cursor.execute(_THERE.format(seen=f"({sql})"), [*values, list(queries), list(sample), *values])
    return [(row[1], row[2]) for row in cursor.fetchall()]


def edits(one: str, other: str) -> int:
    """Return the fewest letters to change, add, take out or swap with their neighbour (optimal string alignment)."""
    before, last = list[int](), list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
