"""Events of `catalog.datasets.v1` to the tables `institutions`, `datasets` and `versions`. Nothing else writes those.

What stewards said besides goes to tables of `stewardship`, what became of versions to those of `versions`: their
statements are joined here. Events without a table are named in `IGNORED`.
"""

from typing import Final

from catalog_svc.projections import exposure, grants, stewardship, versions
from dataplatform.events.catalog import (
    AcknowledgementRequested,
    ContractDefined,
    DatasetRegistered,
    DatasetRevised,
    InstitutionRegistered,
    InstitutionRevised,
    ReprocessRequested,
    VersionPublished,
)

_INSTITUTION_REGISTERED: Final = """
INSERT INTO institutions (institution_id, slug, name, homepage, registered_at, revised_at)
SELECT e.institution_id, e.slug, e.name, '', e.registered_at, NULL
FROM jsonb_to_recordset(%s::jsonb) AS e (institution_id uuid, slug text, name text, registered_at timestamptz)
ON CONFLICT (institution_id) DO NOTHING
"""

_INSTITUTION_REVISED: Final = """
UPDATE institutions i
SET name = coalesce(e.name, i.name), homepage = coalesce(e.homepage, i.homepage), revised_at = e.revised_at
FROM jsonb_to_recordset(%s::jsonb) AS e (institution_id uuid, name text, homepage text, revised_at timestamptz)
WHERE i.institution_id = e.institution_id
"""

_DATASET_REGISTERED: Final = """
INSERT INTO datasets (dataset_id, institution_id, institution_slug, slug, title, description, licence, tags, visibility,
                      publication, contract, contract_defined_at, registered_at, revised_at)
SELECT e.dataset_id, e.institution_id, e.institution, e.slug, e.title, '', NULL, '{}',
       coalesce(e.visibility, 'public'), 'automatic', NULL, NULL, e.registered_at, NULL
FROM jsonb_to_recordset(%s::jsonb) AS e (
    dataset_id uuid, institution_id uuid, institution text, slug text, title text, visibility text,
    registered_at timestamptz)
ON CONFLICT (dataset_id) DO NOTHING
"""

_DATASET_REVISED: Final = """
UPDATE datasets d
SET title = coalesce(e.title, d.title), description = coalesce(e.description, d.description),
    licence = coalesce(e.licence, d.licence), tags = coalesce(e.tags, d.tags),
    visibility = coalesce(e.visibility, d.visibility), publication = coalesce(e.publication, d.publication),
    revised_at = e.revised_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    dataset_id uuid, title text, description text, licence text, tags text[], visibility text, publication text,
    revised_at timestamptz)
WHERE d.dataset_id = e.dataset_id
"""

_CONTRACT_DEFINED: Final = """
UPDATE datasets d SET contract = e.contract, contract_defined_at = e.defined_at
FROM jsonb_to_recordset(%s::jsonb) AS e (dataset_id uuid, contract jsonb, defined_at timestamptz)
WHERE d.dataset_id = e.dataset_id
"""

_VERSION_PUBLISHED: Final = """
INSERT INTO versions (version_id, dataset_id, number, upload_id, run_id, assessment_id, original, format, handler,
                      handler_version, table_count, unextracted, quality, measures, suitability, licence, published_at,
                      withdrawn_at, withdrawn_reason, withdrawn_detail)
SELECT e.version_id, e.dataset_id, e.number, e.upload_id, e.run_id, e.assessment_id, e.original, e.format, e.handler,
       e.handler_version, e.table_count, coalesce(e.unextracted, '[]'::jsonb), e.quality,
       coalesce(e.measures, '[]'::jsonb), coalesce(e.suitability, '[]'::jsonb), e.licence, e.published_at,
       NULL, NULL, NULL
FROM jsonb_to_recordset(%s::jsonb) AS e (
    version_id uuid, dataset_id uuid, number integer, upload_id uuid, run_id uuid, assessment_id uuid, original jsonb,
    format text, handler text, handler_version text, table_count integer, unextracted jsonb, quality double precision,
    measures jsonb, suitability jsonb, licence text, published_at timestamptz)
ON CONFLICT (version_id) DO NOTHING
"""

STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    InstitutionRegistered.type: (_INSTITUTION_REGISTERED,),
    InstitutionRevised.type: (_INSTITUTION_REVISED,),
    DatasetRegistered.type: (_DATASET_REGISTERED,),
    **stewardship.STATEMENTS,
    DatasetRevised.type: (exposure.NARROWED, _DATASET_REVISED, *stewardship.STATEMENTS[DatasetRevised.type]),
    ContractDefined.type: (_CONTRACT_DEFINED,),
    **grants.STATEMENTS,
    VersionPublished.type: (_VERSION_PUBLISHED,),
    **versions.STATEMENTS,
}

IGNORED: Final = frozenset(
    {
        AcknowledgementRequested.type,
        ReprocessRequested.type,
    }
)
