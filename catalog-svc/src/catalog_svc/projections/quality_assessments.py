"""Events of `quality.assessments.v1` to the table `assessments`. Nothing else writes that table.

Anomalies, insights and alerts have no table yet: they are read from the profile, and named in `IGNORED`.
"""

from typing import Final

from dataplatform.events.quality import (
    AlertRaised,
    AlertResolved,
    AnomalyDetected,
    AssessmentCompleted,
    AssessmentFailed,
    InsightGenerated,
)

_COMPLETED: Final = """
INSERT INTO assessments (assessment_id, run_id, dataset_id, status, profile, overall, measures, tables, suitability,
                         attempts, reason_code, detail, ended_at)
SELECT e.assessment_id, e.run_id, e.dataset_id, 'completed', e.profile, e.overall, coalesce(e.measures, '[]'::jsonb),
       coalesce(e.tables, '[]'::jsonb), coalesce(e.suitability, '[]'::jsonb), NULL, NULL, NULL, e.completed_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    assessment_id uuid, run_id uuid, dataset_id uuid, profile jsonb, overall double precision, measures jsonb,
    tables jsonb, suitability jsonb, completed_at timestamptz)
ON CONFLICT (assessment_id) DO UPDATE
SET status = excluded.status, profile = excluded.profile, overall = excluded.overall, measures = excluded.measures,
    tables = excluded.tables, suitability = excluded.suitability, attempts = NULL, reason_code = NULL, detail = NULL,
    ended_at = excluded.ended_at
"""

_FAILED: Final = """
INSERT INTO assessments (assessment_id, run_id, dataset_id, status, profile, overall, measures, tables, suitability,
                         attempts, reason_code, detail, ended_at)
SELECT e.assessment_id, e.run_id, e.dataset_id, 'failed', NULL, NULL, '[]'::jsonb, '[]'::jsonb, '[]'::jsonb,
       e.attempts, e.reason_code, coalesce(e.detail, ''), e.failed_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    assessment_id uuid, run_id uuid, dataset_id uuid, attempts integer, reason_code text, detail text,
    failed_at timestamptz)
ON CONFLICT (assessment_id) DO UPDATE
SET status = excluded.status, attempts = excluded.attempts, reason_code = excluded.reason_code,
    detail = excluded.detail, ended_at = excluded.ended_at
"""

STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    AssessmentCompleted.type: (_COMPLETED,),
    AssessmentFailed.type: (_FAILED,),
}

IGNORED: Final = frozenset({AnomalyDetected.type, InsightGenerated.type, AlertRaised.type, AlertResolved.type})
