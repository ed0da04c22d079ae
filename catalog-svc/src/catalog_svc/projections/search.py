"""The search documents: a pure function of the projection tables, made again for the datasets that changed."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from dataplatform.log.cursor import Cursor

# Limits keep the vector below PostgreSQL's 1 MB whatever a file contains.
_MAKE: Final = """
INSERT INTO search_documents (dataset_id, institution_slug, visibility, words, version_id, version_count, updated_at)
SELECT d.dataset_id, d.institution_slug, d.visibility,
       setweight(to_tsvector('english', names.text) || to_tsvector('simple', names.text), 'A')
       || setweight(to_tsvector('english', left(d.description, 20000))
                    || to_tsvector('simple', left(d.description, 20000)), 'B')
       || setweight(to_tsvector('simple', coalesce(i.name, '') || ' ' || replace(d.institution_slug, '-', ' ')), 'C')
       || setweight(to_tsvector('english', contents.text) || to_tsvector('simple', contents.text), 'D'),
       head.version_id, coalesce(published.count, 0),
       greatest(d.registered_at, d.revised_at, published.last_at)
FROM datasets d
LEFT JOIN institutions i ON i.institution_id = d.institution_id
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE v.withdrawn_at IS NULL) AS count,
           max(greatest(v.published_at, v.withdrawn_at)) AS last_at
    FROM versions v WHERE v.dataset_id = d.dataset_id
) AS published ON true
LEFT JOIN LATERAL (
    SELECT v.version_id
    FROM versions v LEFT JOIN uploads u ON u.upload_id = v.upload_id
    WHERE v.dataset_id = d.dataset_id AND v.withdrawn_at IS NULL
    ORDER BY u.received_at DESC NULLS LAST, v.number DESC, v.version_id LIMIT 1
) AS head ON true
CROSS JOIN LATERAL (
    SELECT left(d.title || ' ' || replace(d.slug, '-', ' ') || ' ' || array_to_string(d.tags, ' '), 20000) AS text
) AS names
CROSS JOIN LATERAL (
    SELECT left(coalesce(string_agg(t.name || ' ' || coalesce(c.names, ''), ' ' ORDER BY t.index, t.table_id), ''),
                40000) AS text
    FROM tables t
    CROSS JOIN LATERAL (
        SELECT string_agg(e.body ->> 'name', ' ' ORDER BY e.position) AS names
        FROM jsonb_array_elements(t.columns) WITH ORDINALITY AS e (body, position)
    ) AS c
    WHERE t.run_id = head.version_id
) AS contents
WHERE {scope}
ON CONFLICT (dataset_id) DO UPDATE
SET institution_slug = excluded.institution_slug, visibility = excluded.visibility, words = excluded.words,
    version_id = excluded.version_id, version_count = excluded.version_count, updated_at = excluded.updated_at
"""

_OF_DATASETS: Final = _MAKE.format(scope="d.dataset_id = ANY (%s)")
_OF_INSTITUTIONS: Final = _MAKE.format(scope="d.institution_id = ANY (%s)")
_ALL: Final = _MAKE.format(scope="true")


def refresh(cursor: Cursor, datasets: Collection[UUID], institutions: Collection[UUID] = ()) -> None:
    """Make the documents of these datasets again, and of every dataset of these institutions."""
    if datasets:
        cursor.execute(_OF_DATASETS, (sorted(datasets),))
    if institutions:
        cursor.execute(_OF_INSTITUTIONS, (sorted(institutions),))


def refresh_all(cursor: Cursor) -> None:
    """Make every document again, as a rebuild does once at its end."""
    cursor.execute(_ALL)
