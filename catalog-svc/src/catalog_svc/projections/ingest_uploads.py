"""Events of `ingest.uploads.v1` to the table `uploads`. Nothing else writes that table.

Requests to process an upload again have no table: what comes of them is a run.
"""

from typing import Final

from dataplatform.events.ingest import (
    ProcessingCancelled,
    ProcessingRequested,
    UploadReceived,
    UploadRejected,
    UploadStalled,
    UploadWithdrawn,
)

_RECEIVED: Final = """
INSERT INTO uploads (upload_id, dataset_id, institution_id, institution_slug, dataset_slug, file_name, format,
                     media_type, encoding, compression, original, size_bytes, status, reason_code, detail,
                     uploaded_by, received_at, withdrawn_at)
SELECT e.upload_id, e.dataset_id, e.institution_id, e.institution, e.dataset, e.file_name, e.format,
       e.media_type, e.encoding, e.compression, e.original, (e.original ->> 'size_bytes')::bigint, 'received', NULL,
       NULL, e.uploaded_by, e.received_at, NULL
FROM jsonb_to_recordset(%s::jsonb) AS e (
    upload_id uuid, dataset_id uuid, institution_id uuid, institution text, dataset text, file_name text, format text,
    media_type text, encoding text, compression text, original jsonb, uploaded_by uuid, received_at timestamptz)
ON CONFLICT (upload_id) DO NOTHING
"""

_REJECTED: Final = """
INSERT INTO uploads (upload_id, dataset_id, institution_id, institution_slug, dataset_slug, file_name, format,
                     media_type, encoding, compression, original, size_bytes, status, reason_code, detail,
                     uploaded_by, received_at, withdrawn_at)
SELECT e.upload_id, e.dataset_id, e.institution_id, e.institution, e.dataset, e.file_name, NULL,
       NULL, NULL, NULL, NULL, e.size_bytes, 'rejected', e.reason_code,
       coalesce(e.detail, ''), e.uploaded_by, e.rejected_at, NULL
FROM jsonb_to_recordset(%s::jsonb) AS e (
    upload_id uuid, dataset_id uuid, institution_id uuid, institution text, dataset text, file_name text,
    size_bytes bigint, reason_code text, detail text, uploaded_by uuid, rejected_at timestamptz)
ON CONFLICT (upload_id) DO NOTHING
"""

_WITHDRAWN: Final = """
UPDATE uploads u SET status = 'withdrawn', reason_code = e.reason_code, detail = '', withdrawn_at = e.withdrawn_at
FROM jsonb_to_recordset(%s::jsonb) AS e (upload_id uuid, reason_code text, withdrawn_at timestamptz)
WHERE u.upload_id = e.upload_id
"""

_STALLED: Final = """
UPDATE uploads u
SET stalled_run = e.run_id, stalled_stage = e.stage, stalled_reason = e.reason_code, stalled_at = e.stalled_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    upload_id uuid, run_id uuid, stage text, reason_code text, stalled_at timestamptz)
WHERE u.upload_id = e.upload_id
"""

STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    UploadReceived.type: (_RECEIVED,),
    UploadRejected.type: (_REJECTED,),
    UploadWithdrawn.type: (_WITHDRAWN,),
    UploadStalled.type: (_STALLED,),
}

# The runs that requests ask for speak for themselves.
IGNORED: Final = frozenset({ProcessingRequested.type, ProcessingCancelled.type})
