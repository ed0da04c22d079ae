"""The search documents: a pure function of the projection tables, made again for the datasets that changed.

A document has words (by weight: A title, B tags and institution, C names of tables and columns, D what is told about
them; every word of the title once more with `^` before it), marks (facet values, and levels of a sample: a dataset is
on level n with probability 2**-n, decided by its id), and a prior. How it is searched is told in `catalog_svc.search`.
"""

import hashlib
from collections.abc import Collection, Sequence
from functools import cache
from typing import Final
from uuid import UUID

from catalog_svc.languages import LANGUAGES
from catalog_svc.settings import settings
from dataplatform.log.cursor import Cursor

SAMPLE_LEVELS: Final = 12
SIZES: Final = (("over_100m", 100_000_000), ("1m_to_100m", 1_000_000), ("100k_to_1m", 100_000), ("1k_to_100k", 1000))
"""Bands of rows, each from so many on; `under_1k` is what is left."""
BANDS: Final = (("excellent", 0.95), ("good", 0.85), ("fair", 0.7), ("poor", 0.0))
"""Bands of the overall quality score, each from so much on."""

# Limits keep the vector below PostgreSQL's 1 MB whatever a file contains, and in however many languages.
_MADE: Final = """
SELECT d.dataset_id, d.institution_slug, d.visibility,
       vectors.title || array_to_tsvector(vectors.heads) || {words} AS words, {plain} AS plain,
       head.version_id, coalesce(published.count, 0) AS version_count,
       greatest(d.registered_at, d.revised_at, published.last_at) AS updated_at,
       array_remove(
           ARRAY['scope=' || CASE d.visibility WHEN 'public' THEN 'public'
                             ELSE d.visibility || '/' || d.institution_slug END,
                 'institution=' || d.institution_slug, 'format=' || head.format, 'licence=' || d.licence,
                 'frequency=' || details.update_frequency,
                 'quality=' || CASE {bands} END,
                 'size=' || CASE {sizes} END]
           || sets.marks || samples.marks, NULL) AS marks,
       1 + 0.1 * coalesce(head.quality, 0.5) + 0.02 * (
           extract(epoch FROM greatest(d.registered_at, d.revised_at, published.last_at))::float8 / 31557600 - 50
       ) AS prior,
       '{recipe}' AS recipe
FROM datasets d
LEFT JOIN institutions i ON i.institution_id = d.institution_id
LEFT JOIN dataset_details details ON details.dataset_id = d.dataset_id
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE v.withdrawn_at IS NULL) AS count,
           max(greatest(v.published_at, v.withdrawn_at)) AS last_at
    FROM versions v WHERE v.dataset_id = d.dataset_id
) AS published ON true
LEFT JOIN LATERAL (
    SELECT v.version_id, v.format, v.quality, v.suitability
    FROM versions v LEFT JOIN uploads u ON u.upload_id = v.upload_id
    WHERE v.dataset_id = d.dataset_id AND v.withdrawn_at IS NULL
    ORDER BY u.received_at DESC NULLS LAST, v.number DESC, v.version_id LIMIT 1
) AS head ON true
LEFT JOIN assessments a ON a.run_id = head.version_id AND a.status = 'completed'
LEFT JOIN examinations e ON e.run_id = head.version_id
CROSS JOIN LATERAL (
    SELECT left(d.title || ' ' || replace(d.slug, '-', ' '), 2000) AS title,
           left(array_to_string(d.tags, ' ') || ' ' || coalesce(i.name, '') || ' '
                || replace(d.institution_slug, '-', ' '), 10000) AS tags
) AS names
CROSS JOIN LATERAL (
    SELECT left(coalesce(string_agg(t.name || ' ' || coalesce(c.names, ''), ' ' ORDER BY t.index, t.table_id), ''),
                20000) AS names,
           sum(t.row_count) AS row_count
    FROM tables t
    CROSS JOIN LATERAL (
        -- `stationId` is found as it is, and by its two words
        SELECT string_agg(DISTINCT s.name || CASE WHEN s.name <> s.parted THEN ' ' || s.parted ELSE '' END,
                          ' ') AS names
        FROM jsonb_array_elements(t.columns) AS x (body)
        CROSS JOIN LATERAL (
            SELECT x.body ->> 'name' AS name,
                   regexp_replace(x.body ->> 'name', '([[:lower:]0-9])([[:upper:]])', '\\1 \\2', 'g') AS parted
        ) AS s
    ) AS c
    WHERE t.run_id = head.version_id
) AS contents
CROSS JOIN LATERAL (
    SELECT left(d.description, 12000) || ' ' || left(coalesce(
               string_agg(m.description, ' ' ORDER BY m.table_name, m.column_name), ''), 8000) AS text
    FROM column_meanings m WHERE m.dataset_id = d.dataset_id
) AS told
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(DISTINCT mark ORDER BY mark), '{{}}') AS marks FROM (
        SELECT 'tag=' || replace(tag, chr(31), ' ') FROM unnest(d.tags[:50]) AS tag
        UNION ALL
        SELECT 'semantic=' || (s.body ->> 'semantic') FROM jsonb_array_elements(coalesce(a.columns, '[]')) AS s (body)
        UNION ALL
        SELECT 'suitability=' || (s.body ->> 'task') || ':' || (s.body ->> 'verdict')
        FROM jsonb_array_elements(coalesce(nullif(e.suitability, '[]'), head.suitability, '[]')) AS s (body)
    ) AS every (mark)
) AS sets
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg('~' || level ORDER BY level), '{{}}') AS marks
    FROM generate_series(1, {levels}) AS level
    WHERE mod(('x' || right(d.dataset_id::text, 4))::bit(16)::integer, 1 << level) = 0
) AS samples
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(l.config) FILTER (WHERE l.config IS NOT NULL), '{{}}') AS known
    FROM unnest(details.languages) AS given (tag)
    JOIN (VALUES {languages}) AS l (config, codes)
      ON split_part(lower(given.tag), '-', 1) = ANY (string_to_array(l.codes, ' '))
) AS spoken
CROSS JOIN LATERAL (SELECT {title} AS title OFFSET 0) AS titled
CROSS JOIN LATERAL (
    SELECT titled.title,
           ARRAY(SELECT '^' || lexeme FROM unnest(tsvector_to_array(titled.title)) AS t (lexeme)) AS heads OFFSET 0
) AS vectors
"""

_SAVE: Final = """
WITH made AS MATERIALIZED ({made} WHERE {scope}),
saved AS (
    INSERT INTO search_documents AS was (dataset_id, institution_slug, visibility, words, version_id, version_count,
                                         updated_at, marks, prior, recipe)
    SELECT dataset_id, institution_slug, visibility, words, version_id, version_count, updated_at, marks, prior, recipe
    FROM made
    ON CONFLICT (dataset_id) DO UPDATE
    SET institution_slug = excluded.institution_slug, visibility = excluded.visibility, words = excluded.words,
        version_id = excluded.version_id, version_count = excluded.version_count, updated_at = excluded.updated_at,
        marks = excluded.marks, prior = excluded.prior, recipe = excluded.recipe
    WHERE (was.institution_slug, was.visibility, was.words, was.version_id, was.version_count, was.updated_at,
           was.marks, was.prior, was.recipe)
          IS DISTINCT FROM
          (excluded.institution_slug, excluded.visibility, excluded.words, excluded.version_id, excluded.version_count,
           excluded.updated_at, excluded.marks, excluded.prior, excluded.recipe)
    RETURNING dataset_id
)
{then}
"""

# in the order of words, so that two who add some do not wait for each other in a circle
_LEARN: Final = """
INSERT INTO search_words (word)
SELECT DISTINCT w.word
FROM made JOIN saved USING (dataset_id) CROSS JOIN LATERAL unnest(tsvector_to_array(made.plain)) AS w (word)
WHERE w.word ~ '^[[:alpha:]][[:alnum:]]{2,39}$' AND NOT EXISTS (SELECT 1 FROM search_words k WHERE k.word = w.word)
ORDER BY 1
ON CONFLICT DO NOTHING
"""
_COUNT: Final = "SELECT count(*) FROM saved"
_OUTDATED: Final = """
SELECT d.dataset_id FROM datasets d LEFT JOIN search_documents s ON s.dataset_id = d.dataset_id
WHERE s.recipe IS DISTINCT FROM %s LIMIT %s
"""


def refresh(cursor: Cursor, datasets: Collection[UUID], institutions: Collection[UUID] = ()) -> None:
    """Make the documents of these datasets again, and of every dataset of these institutions; learn their words."""
    if datasets:
        cursor.execute(_saving("d.dataset_id = ANY (%s)", _LEARN), (sorted(datasets),))
    if institutions:
        cursor.execute(_saving("d.institution_id = ANY (%s)", _LEARN), (sorted(institutions),))


def refresh_all(cursor: Cursor, *, learn: bool = False) -> None:
    """Make every document again, as a rebuild does once at its end; `learn`: forget all words but theirs."""
    if learn:
        cursor.execute("DELETE FROM search_words")
    cursor.execute(_saving("true", _LEARN if learn else _COUNT))


def outdated(cursor: Cursor, limit: int) -> Sequence[UUID]:
    """Return datasets whose documents were made in another way, by an older release or for other languages."""
    cursor.execute(_OUTDATED, (recipe(), limit))
    return [row[0] for row in cursor.fetchall()]


@cache
def recipe() -> str:
    """Return a hash of how documents are made now."""
    return hashlib.sha256(_made("").encode()).hexdigest()[:16]


@cache
def _saving(scope: str, then: str) -> str:
    made = _made(recipe())
    return _SAVE.replace("{made}", made).replace("{scope}", scope).replace("{then}", then)


def _made(named: str) -> str:
    configs = settings().languages
    title, *others = parts = (("names.title", "A"), ("names.tags", "B"), ("contents.names", "C"), ("told.text", "D"))
    return _MADE.format(
        title=_vector(*title, configs),
        words=" || ".join(_vector(text, weight, configs) for text, weight in others),
        plain=" || ".join(f"to_tsvector('simple', search_fold({text}))" for text, _ in parts),
        bands=" ".join(f"WHEN head.quality >= {score} THEN '{band}'" for band, score in BANDS),
        sizes=" ".join(f"WHEN contents.row_count >= {rows} THEN '{band}'" for band, rows in SIZES)
        + " WHEN contents.row_count IS NOT NULL THEN 'under_1k'",
        levels=SAMPLE_LEVELS,
        languages=", ".join(f"('{config}', '{LANGUAGES[config]}')" for config in configs) or "('', '')",
        recipe=named,
    )


def _vector(text: str, weight: str, configs: Sequence[str]) -> str:
    """Return the SQL of a text's words: as they are, without accents, and their stems in the languages it may be in."""
    stems = "".join(
        f" || CASE WHEN spoken.known = '{{}}' OR '{config}' = ANY (spoken.known)"
        f" THEN to_tsvector('{config}', {text}) ELSE '' END"
        for config in configs
    )
    return f"setweight(to_tsvector('simple', search_fold({text})){stems}, '{weight}')"
