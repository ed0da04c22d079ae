"""Events of `catalog.datasets.v1` to what stewards said: details, meanings of columns, relations, collections.

Its statements belong to the same topic as those of `catalog_datasets`, which joins them.
"""

from typing import Final

from dataplatform.events.catalog import (
    CollectionCurated,
    CollectionDissolved,
    ColumnsDescribed,
    DatasetRevised,
    RelationsStated,
    SchemaOverridden,
    VersionHeld,
)

_DETAILED: Final = """
INSERT INTO dataset_details AS d (dataset_id, update_frequency, languages, themes, spatial, temporal, landing_page, doi,
                                  overrides, overridden_at)
SELECT e.dataset_id, e.update_frequency, coalesce(e.languages, '{}'), coalesce(e.themes, '{}'), e.spatial, e.temporal,
       e.landing_page, e.doi, NULL, NULL
FROM jsonb_to_recordset(%s::jsonb) AS e (
    dataset_id uuid, update_frequency text, languages text[], themes text[], spatial jsonb, temporal jsonb,
    landing_page text, doi text)
ON CONFLICT (dataset_id) DO UPDATE
SET update_frequency = coalesce(excluded.update_frequency, d.update_frequency),
    languages = CASE WHEN excluded.languages = '{}' THEN d.languages ELSE excluded.languages END,
    themes = CASE WHEN excluded.themes = '{}' THEN d.themes ELSE excluded.themes END,
    spatial = coalesce(excluded.spatial, d.spatial), temporal = coalesce(excluded.temporal, d.temporal),
    landing_page = coalesce(excluded.landing_page, d.landing_page), doi = coalesce(excluded.doi, d.doi)
"""

_CLEARED: Final = """
UPDATE dataset_details d
SET update_frequency = CASE WHEN 'update_frequency' = ANY (e.cleared) THEN NULL ELSE d.update_frequency END,
    languages = CASE WHEN 'languages' = ANY (e.cleared) THEN '{}' ELSE d.languages END,
    themes = CASE WHEN 'themes' = ANY (e.cleared) THEN '{}' ELSE d.themes END,
    spatial = CASE WHEN 'spatial' = ANY (e.cleared) THEN NULL ELSE d.spatial END,
    temporal = CASE WHEN 'temporal' = ANY (e.cleared) THEN NULL ELSE d.temporal END,
    landing_page = CASE WHEN 'landing_page' = ANY (e.cleared) THEN NULL ELSE d.landing_page END,
    doi = CASE WHEN 'doi' = ANY (e.cleared) THEN NULL ELSE d.doi END
FROM jsonb_to_recordset(%s::jsonb) AS e (dataset_id uuid, cleared text[])
WHERE d.dataset_id = e.dataset_id AND e.cleared IS NOT NULL
"""

_LICENCE_CLEARED: Final = """
UPDATE datasets d SET licence = NULL
FROM jsonb_to_recordset(%s::jsonb) AS e (dataset_id uuid, cleared text[])
WHERE d.dataset_id = e.dataset_id AND 'licence' = ANY (e.cleared)
"""

_OVERRIDDEN: Final = """
INSERT INTO dataset_details AS d (dataset_id, languages, themes, overrides, overridden_at)
SELECT e.dataset_id, '{}', '{}', e.overrides, e.overridden_at
FROM jsonb_to_recordset(%s::jsonb) AS e (dataset_id uuid, overrides jsonb, overridden_at timestamptz)
ON CONFLICT (dataset_id) DO UPDATE SET overrides = excluded.overrides, overridden_at = excluded.overridden_at
"""

# the last word of an event on a column counts; an empty one ends its description
_DESCRIBED: Final = """
INSERT INTO column_meanings (meaning_id, dataset_id, table_name, column_name, description, described_at)
SELECT DISTINCT ON (e.dataset_id, c.body ->> 'table', c.body ->> 'column')
       md5(jsonb_build_array(e.dataset_id, c.body ->> 'table', c.body ->> 'column')::text)::uuid,
       e.dataset_id, c.body ->> 'table', c.body ->> 'column', c.body ->> 'description', e.described_at
FROM jsonb_to_recordset(%s::jsonb) AS e (dataset_id uuid, columns jsonb, described_at timestamptz)
CROSS JOIN LATERAL jsonb_array_elements(e.columns) WITH ORDINALITY AS c (body, position)
ORDER BY e.dataset_id, c.body ->> 'table', c.body ->> 'column', c.position DESC
ON CONFLICT (meaning_id) DO UPDATE SET description = excluded.description, described_at = excluded.described_at
"""

_UNDESCRIBED: Final = """
DELETE FROM column_meanings m USING jsonb_to_recordset(%s::jsonb) AS e (dataset_id uuid)
WHERE m.dataset_id = e.dataset_id AND m.description = ''
"""

_UNRELATED: Final = """
DELETE FROM dataset_relations r USING jsonb_to_recordset(%s::jsonb) AS e (dataset_id uuid)
WHERE r.dataset_id = e.dataset_id
"""

_RELATED: Final = """
INSERT INTO dataset_relations (relation_id, dataset_id, position, kind, related_id, url)
SELECT md5(e.dataset_id::text || '/' || r.position)::uuid, e.dataset_id, r.position, r.body ->> 'kind',
       (r.body ->> 'related_id')::uuid, r.body ->> 'url'
FROM jsonb_to_recordset(%s::jsonb) AS e (dataset_id uuid, relations jsonb)
CROSS JOIN LATERAL jsonb_array_elements(e.relations) WITH ORDINALITY AS r (body, position)
"""

_CURATED: Final = """
INSERT INTO collections (collection_id, institution_id, institution_slug, slug, title, description, visibility, members,
                         curated_at)
SELECT e.collection_id, e.institution_id, e.institution, e.slug, e.title, coalesce(e.description, ''), e.visibility,
       e.members, e.curated_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    collection_id uuid, institution_id uuid, institution text, slug text, title text, description text, visibility text,
    members uuid[], curated_at timestamptz)
ON CONFLICT (collection_id) DO UPDATE
SET title = excluded.title, description = excluded.description, visibility = excluded.visibility,
    members = excluded.members, curated_at = excluded.curated_at
"""

_DISSOLVED: Final = """
DELETE FROM collections c USING jsonb_to_recordset(%s::jsonb) AS e (collection_id uuid)
WHERE c.collection_id = e.collection_id
"""

_HELD: Final = """
INSERT INTO version_holds (version_id, dataset_id, upload_id, reason_code, held_at)
SELECT e.version_id, e.dataset_id, e.upload_id, e.reason_code, e.held_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    version_id uuid, dataset_id uuid, upload_id uuid, reason_code text, held_at timestamptz)
ON CONFLICT (version_id) DO UPDATE SET reason_code = excluded.reason_code, held_at = excluded.held_at
"""

STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    DatasetRevised.type: (_DETAILED, _CLEARED, _LICENCE_CLEARED),
    SchemaOverridden.type: (_OVERRIDDEN,),
    ColumnsDescribed.type: (_DESCRIBED, _UNDESCRIBED),
    RelationsStated.type: (_UNRELATED, _RELATED),
    CollectionCurated.type: (_CURATED,),
    CollectionDissolved.type: (_DISSOLVED,),
    VersionHeld.type: (_HELD,),
}
