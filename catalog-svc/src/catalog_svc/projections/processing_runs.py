"""Events of `processing.runs.v1` to the tables `runs` and `tables`. Nothing else writes those."""

from typing import Final

from dataplatform.events.processing import RunCompleted, RunFailed, RunStarted, TableStandardized

_STARTED: Final = """
INSERT INTO runs (run_id, upload_id, dataset_id, status, handler, handler_version, original, table_count, unextracted,
                  repair_count, report, attempts, reason_code, detail, started_at, ended_at)
SELECT e.run_id, e.upload_id, e.dataset_id, 'running', e.handler, e.handler_version, NULL, NULL, '[]'::jsonb,
       NULL, NULL, NULL, NULL, NULL, e.started_at, NULL
FROM jsonb_to_recordset(%s::jsonb) AS e (
    run_id uuid, upload_id uuid, dataset_id uuid, handler text, handler_version text, started_at timestamptz)
ON CONFLICT (run_id) DO UPDATE
SET status = excluded.status, handler = excluded.handler, handler_version = excluded.handler_version,
    reason_code = NULL, detail = NULL, attempts = NULL, started_at = excluded.started_at, ended_at = NULL
"""

_TABLE: Final = """
INSERT INTO tables (table_id, run_id, dataset_id, index, name, origin, parts, row_count, column_count, columns,
                    schema_object)
SELECT e.table_id, e.run_id, e.dataset_id, e.index, e.name, e.origin, e.parts, e.row_count, e.column_count,
       coalesce(e.columns, '[]'::jsonb), e.schema_object
FROM jsonb_to_recordset(%s::jsonb) AS e (
    table_id uuid, run_id uuid, dataset_id uuid, index integer, name text, origin jsonb, parts jsonb, row_count bigint,
    column_count integer, columns jsonb, schema_object jsonb)
ON CONFLICT (table_id) DO UPDATE
SET run_id = excluded.run_id, dataset_id = excluded.dataset_id, index = excluded.index, name = excluded.name,
    origin = excluded.origin, parts = excluded.parts, row_count = excluded.row_count,
    column_count = excluded.column_count, columns = excluded.columns, schema_object = excluded.schema_object
"""

_COMPLETED: Final = """
INSERT INTO runs (run_id, upload_id, dataset_id, status, handler, handler_version, original, table_count, unextracted,
                  repair_count, report, attempts, reason_code, detail, started_at, ended_at)
SELECT e.run_id, e.upload_id, e.dataset_id, 'completed', e.handler, e.handler_version, e.original,
       jsonb_array_length(e.tables), coalesce(e.unextracted, '[]'::jsonb), coalesce(e.repair_count, 0), e.report, NULL,
       NULL, NULL, NULL, e.completed_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    run_id uuid, upload_id uuid, dataset_id uuid, handler text, handler_version text, original jsonb, tables jsonb,
    unextracted jsonb, repair_count integer, report jsonb, completed_at timestamptz)
ON CONFLICT (run_id) DO UPDATE
SET status = excluded.status, handler = excluded.handler, handler_version = excluded.handler_version,
    original = excluded.original, table_count = excluded.table_count, unextracted = excluded.unextracted,
    repair_count = excluded.repair_count, report = excluded.report, reason_code = NULL, detail = NULL, attempts = NULL,
    ended_at = excluded.ended_at
"""

# A run that made a table list before and shorter now would leave tables behind: they go with its completion.
_SUPERSEDED: Final = """
DELETE FROM tables t
USING jsonb_to_recordset(%s::jsonb) AS e (run_id uuid, tables jsonb)
WHERE t.run_id = e.run_id
  AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(e.tables) AS s (body)
                  WHERE (s.body ->> 'table_id')::uuid = t.table_id)
"""

_FAILED: Final = """
INSERT INTO runs (run_id, upload_id, dataset_id, status, handler, handler_version, original, table_count, unextracted,
                  repair_count, report, attempts, reason_code, detail, started_at, ended_at)
SELECT e.run_id, e.upload_id, e.dataset_id, 'failed', NULL, NULL, NULL, NULL, '[]'::jsonb,
       NULL, NULL, e.attempts, e.reason_code, coalesce(e.detail, ''), NULL, e.failed_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    run_id uuid, upload_id uuid, dataset_id uuid, attempts integer, reason_code text, detail text,
    failed_at timestamptz)
ON CONFLICT (run_id) DO UPDATE
SET status = excluded.status, attempts = excluded.attempts, reason_code = excluded.reason_code,
    detail = excluded.detail, ended_at = excluded.ended_at
"""

STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    RunStarted.type: (_STARTED,),
    TableStandardized.type: (_TABLE,),
    RunCompleted.type: (_COMPLETED, _SUPERSEDED),
    RunFailed.type: (_FAILED,),
}
