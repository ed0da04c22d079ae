"""What became of versions after their publication: to `versions` and `erasures`. Nothing else writes the latter.

Statements only; `catalog_datasets` joins them with its own.
"""

from typing import Final

from dataplatform.events.catalog import (
    DatasetErased,
    ErasureCompleted,
    VersionErased,
    VersionRestored,
    VersionWithdrawn,
)

_WITHDRAWN: Final = """
UPDATE versions v
SET withdrawn_at = e.withdrawn_at, withdrawn_reason = e.reason_code, withdrawn_detail = coalesce(e.detail, '')
FROM jsonb_to_recordset(%s::jsonb) AS e (version_id uuid, reason_code text, detail text, withdrawn_at timestamptz)
WHERE v.version_id = e.version_id AND v.erased_at IS NULL
"""

_RESTORED: Final = """
UPDATE versions v SET withdrawn_at = NULL, withdrawn_reason = NULL, withdrawn_detail = NULL
FROM jsonb_to_recordset(%s::jsonb) AS e (version_id uuid)
WHERE v.version_id = e.version_id AND v.erased_at IS NULL
"""

# An erased version is withdrawn too, so that whoever asks for what is served need not know of erasures.
_TOMBSTONE: Final = """
UPDATE versions v
SET erased_at = e.erased_at, erased_reason = e.reason_code, withdrawn_at = coalesce(v.withdrawn_at, e.erased_at),
    withdrawn_reason = coalesce(v.withdrawn_reason, e.reason_code), withdrawn_detail = coalesce(v.withdrawn_detail, '')
FROM jsonb_to_recordset(%s::jsonb) AS e (version_id uuid, reason_code text, erased_at timestamptz)
WHERE v.version_id = e.version_id AND v.erased_at IS NULL
"""

_ERASED: Final = """
INSERT INTO erasures (erasure_id, dataset_id, version_id, upload_id, original_erased, reason_code, reference, erased_at,
                      completed_at, object_count)
SELECT e.version_id, e.dataset_id, e.version_id, e.upload_id, e.original_erased, e.reason_code,
       coalesce(e.reference, ''), e.erased_at, NULL, NULL
FROM jsonb_to_recordset(%s::jsonb) AS e (
    version_id uuid, dataset_id uuid, upload_id uuid, original_erased boolean, reason_code text, reference text,
    erased_at timestamptz)
ON CONFLICT (erasure_id) DO UPDATE
SET original_erased = excluded.original_erased OR erasures.original_erased, completed_at = NULL
"""

_DATASET_ERASED: Final = """
INSERT INTO erasures (erasure_id, dataset_id, version_id, upload_id, original_erased, reason_code, reference, erased_at,
                      completed_at, object_count)
SELECT e.dataset_id, e.dataset_id, NULL, NULL, true, e.reason_code, coalesce(e.reference, ''), e.erased_at, NULL, NULL
FROM jsonb_to_recordset(%s::jsonb) AS e (dataset_id uuid, reason_code text, reference text, erased_at timestamptz)
ON CONFLICT (erasure_id) DO UPDATE
SET reason_code = excluded.reason_code, reference = excluded.reference, erased_at = excluded.erased_at,
    completed_at = NULL
"""

_COMPLETED: Final = """
UPDATE erasures x SET completed_at = e.completed_at, object_count = e.object_count
FROM jsonb_to_recordset(%s::jsonb) AS e (
    dataset_id uuid, version_id uuid, object_count bigint, completed_at timestamptz)
WHERE x.erasure_id = coalesce(e.version_id, e.dataset_id)
"""

STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    VersionWithdrawn.type: (_WITHDRAWN,),
    VersionRestored.type: (_RESTORED,),
    VersionErased.type: (_TOMBSTONE, _ERASED),
    DatasetErased.type: (_DATASET_ERASED,),
    ErasureCompleted.type: (_COMPLETED,),
}
