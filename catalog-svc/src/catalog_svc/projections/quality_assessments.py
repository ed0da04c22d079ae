"""Events of `quality.assessments.v1` to `assessments`, `examinations` and `alerts`. Nothing else writes those.

Anomalies by kind are part of an examination; insights have no table yet. Both are named in `IGNORED`.
"""

from typing import Final

from dataplatform.events.quality import (
    AlertAcknowledged,
    AlertRaised,
    AlertResolved,
    AnomalyDetected,
    AssessmentCompleted,
    AssessmentFailed,
    ExaminationCompleted,
    ExaminationFailed,
    InsightGenerated,
)

_COMPLETED: Final = """
INSERT INTO assessments (assessment_id, run_id, dataset_id, status, profile, overall, measures, tables, suitability,
                         columns, rules, attempts, reason_code, detail, ended_at)
SELECT e.assessment_id, e.run_id, e.dataset_id, 'completed', e.profile, e.overall, coalesce(e.measures, '[]'::jsonb),
       coalesce(e.tables, '[]'::jsonb), coalesce(e.suitability, '[]'::jsonb),
       coalesce(e.columns, '[]'::jsonb), e.rules, NULL, NULL, NULL, e.completed_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    assessment_id uuid, run_id uuid, dataset_id uuid, profile jsonb, overall double precision, measures jsonb,
    tables jsonb, suitability jsonb, columns jsonb, rules jsonb, completed_at timestamptz)
ON CONFLICT (assessment_id) DO UPDATE
SET status = excluded.status, profile = excluded.profile, overall = excluded.overall, measures = excluded.measures,
    tables = excluded.tables, suitability = excluded.suitability, columns = excluded.columns,
    rules = excluded.rules, attempts = NULL, reason_code = NULL, detail = NULL, ended_at = excluded.ended_at
"""

_FAILED: Final = """
INSERT INTO assessments (assessment_id, run_id, dataset_id, status, profile, overall, measures, tables, suitability,
                         columns, attempts, reason_code, detail, ended_at)
SELECT e.assessment_id, e.run_id, e.dataset_id, 'failed', NULL, NULL, '[]'::jsonb, '[]'::jsonb, '[]'::jsonb,
       '[]'::jsonb, e.attempts, e.reason_code, coalesce(e.detail, ''), e.failed_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    assessment_id uuid, run_id uuid, dataset_id uuid, attempts integer, reason_code text, detail text,
    failed_at timestamptz)
ON CONFLICT (assessment_id) DO UPDATE
SET status = excluded.status, attempts = excluded.attempts, reason_code = excluded.reason_code,
    detail = excluded.detail, ended_at = excluded.ended_at
"""

_EXAMINED: Final = """
INSERT INTO examinations (run_id, dataset_id, status, document, suitability, anomalies, drift, compared_with,
                          failed_sections, attempts, reason_code, detail, ended_at)
SELECT e.run_id, e.dataset_id, 'completed', e.document, coalesce(e.suitability, '[]'::jsonb),
       coalesce(e.anomalies, '[]'::jsonb), coalesce(e.drift, 'not_compared'), e.compared_with,
       coalesce(e.failed_sections, '[]'::jsonb), NULL, NULL, NULL, e.completed_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    run_id uuid, dataset_id uuid, document jsonb, suitability jsonb, anomalies jsonb, drift text, compared_with uuid,
    failed_sections jsonb, completed_at timestamptz)
ON CONFLICT (run_id) DO UPDATE
SET status = excluded.status, document = excluded.document, suitability = excluded.suitability,
    anomalies = excluded.anomalies, drift = excluded.drift, compared_with = excluded.compared_with,
    failed_sections = excluded.failed_sections, attempts = NULL, reason_code = NULL, detail = NULL,
    ended_at = excluded.ended_at
"""

_NOT_EXAMINED: Final = """
INSERT INTO examinations (run_id, dataset_id, status, document, suitability, anomalies, drift, compared_with,
                          failed_sections, attempts, reason_code, detail, ended_at)
SELECT e.run_id, e.dataset_id, 'failed', NULL, '[]'::jsonb, '[]'::jsonb, 'not_compared', NULL, '[]'::jsonb,
       e.attempts, e.reason_code, coalesce(e.detail, ''), e.failed_at
FROM jsonb_to_recordset(%s::jsonb) AS e (
    run_id uuid, dataset_id uuid, attempts integer, reason_code text, detail text, failed_at timestamptz)
ON CONFLICT (run_id) DO UPDATE
SET status = excluded.status, attempts = excluded.attempts, reason_code = excluded.reason_code,
    detail = excluded.detail, ended_at = excluded.ended_at
"""

_ALERT_RAISED: Final = """
INSERT INTO alerts (alert_id, dataset_id, run_id, kind, severity, subject, state, raised_at, acknowledged_at,
                    acknowledged_by, resolved_at, resolved_reason)
SELECT e.alert_id, e.dataset_id, e.run_id, e.kind, e.severity, coalesce(e.subject, ''), 'raised', e.raised_at,
       NULL, NULL, NULL, NULL
FROM jsonb_to_recordset(%s::jsonb) AS e (
    alert_id uuid, dataset_id uuid, run_id uuid, kind text, severity text, subject text, raised_at timestamptz)
ON CONFLICT (alert_id) DO UPDATE
SET run_id = excluded.run_id, severity = excluded.severity, state = excluded.state, raised_at = excluded.raised_at,
    acknowledged_at = NULL, acknowledged_by = NULL, resolved_at = NULL, resolved_reason = NULL
"""

_ALERT_ACKNOWLEDGED: Final = """
UPDATE alerts a
SET state = 'acknowledged', acknowledged_at = e.acknowledged_at, acknowledged_by = e.acknowledged_by
FROM jsonb_to_recordset(%s::jsonb) AS e (alert_id uuid, acknowledged_at timestamptz, acknowledged_by uuid)
WHERE a.alert_id = e.alert_id
"""

_ALERT_RESOLVED: Final = """
UPDATE alerts a
SET state = 'resolved', resolved_at = e.resolved_at, resolved_reason = e.reason_code
FROM jsonb_to_recordset(%s::jsonb) AS e (alert_id uuid, resolved_at timestamptz, reason_code text)
WHERE a.alert_id = e.alert_id
"""

STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    AssessmentCompleted.type: (_COMPLETED,),
    AssessmentFailed.type: (_FAILED,),
    ExaminationCompleted.type: (_EXAMINED,),
    ExaminationFailed.type: (_NOT_EXAMINED,),
    AlertRaised.type: (_ALERT_RAISED,),
    AlertAcknowledged.type: (_ALERT_ACKNOWLEDGED,),
    AlertResolved.type: (_ALERT_RESOLVED,),
}

IGNORED: Final = frozenset({AnomalyDetected.type, InsightGenerated.type})
