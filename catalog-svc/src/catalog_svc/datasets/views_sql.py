"""The views over the projection tables. A change of one is a migration that runs the new text."""

from typing import Final

HELD: Final = (
    "(d.publication = 'by_hand' OR d.publication = 'hold_on_critical'"
    " AND coalesce((a.rules ->> 'critical_failed')::integer, 0) > 0)"
)
"""Whether the version that assessment `a` is of stays unpublished, as the owner of its dataset `d` asked."""

HELD_REASON: Final = """(CASE d.publication WHEN 'by_hand' THEN 'awaiting_publication'
                                                ELSE 'critical_rule_failed' END)::varchar"""
"""Why a version is held that is, as a reason code."""

# What counts of an upload's runs: the version that is served, if there is one; else the run that got furthest in time
# and was not taken back. An upload that stalled has failed for as long as its run is where it was.
CREATE_UPLOAD_STATES: Final = f"""
CREATE OR REPLACE VIEW upload_states AS
SELECT u.upload_id, u.dataset_id, u.institution_slug, u.dataset_slug, u.file_name, u.format, u.size_bytes,
       s.state,
       CASE s.state
           WHEN 'rejected' THEN u.reason_code
           WHEN 'withdrawn' THEN CASE WHEN u.status = 'withdrawn' THEN u.reason_code ELSE v.withdrawn_reason END
           WHEN 'held' THEN {HELD_REASON}
           WHEN 'failed' THEN CASE WHEN r.status = 'failed' THEN r.reason_code
                                   WHEN a.status = 'failed' THEN a.reason_code ELSE u.stalled_reason END
       END AS reason_code,
       CASE s.state
           WHEN 'rejected' THEN u.detail
           WHEN 'withdrawn' THEN CASE WHEN u.status = 'withdrawn' THEN u.detail ELSE v.withdrawn_detail END
           WHEN 'held' THEN CASE d.publication
               WHEN 'by_hand' THEN 'versions of this dataset are published by a steward'
               ELSE (a.rules ->> 'critical_failed') || ' critical rules of the contract failed' END
           WHEN 'failed' THEN CASE WHEN r.status = 'failed' THEN r.detail
                                   WHEN a.status = 'failed' THEN a.detail ELSE '' END
       END AS detail,
       coalesce(v.version_id, r.run_id) AS run_id, v.version_id, v.number AS version_number, u.received_at,
       CASE s.state
           WHEN 'rejected' THEN u.received_at
           WHEN 'withdrawn' THEN coalesce(u.withdrawn_at, v.withdrawn_at)
           WHEN 'published' THEN v.published_at
           WHEN 'held' THEN a.ended_at
           WHEN 'failed' THEN CASE WHEN r.status = 'failed' THEN r.ended_at
                                   WHEN a.status = 'failed' THEN a.ended_at ELSE u.stalled_at END
       END AS ended_at
FROM uploads u
LEFT JOIN LATERAL (
    SELECT p.* FROM versions p WHERE p.upload_id = u.upload_id
    ORDER BY p.withdrawn_at IS NOT NULL, p.number DESC LIMIT 1
) AS v ON true
LEFT JOIN LATERAL (
    SELECT o.* FROM runs o WHERE o.upload_id = u.upload_id
    ORDER BY o.reason_code IS NOT DISTINCT FROM 'request_cancelled' AND o.status = 'failed',
             coalesce(o.ended_at, o.started_at) DESC NULLS LAST, o.run_id LIMIT 1
) AS r ON true
LEFT JOIN assessments a ON a.run_id = r.run_id
LEFT JOIN datasets d ON d.dataset_id = u.dataset_id
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN r.run_id IS NULL THEN 'stored'
        WHEN r.status = 'running' THEN 'parsing'
        WHEN r.status = 'completed' AND a.assessment_id IS NULL THEN 'assessing'
        WHEN r.status = 'completed' AND a.status = 'completed' THEN 'publishing'
    END AS stage
) AS g
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN u.status = 'rejected' THEN 'rejected'
        WHEN u.status = 'withdrawn' THEN 'withdrawn'
        WHEN v.version_id IS NOT NULL AND v.withdrawn_at IS NULL THEN 'published'
        WHEN v.version_id IS NOT NULL AND r.run_id = v.version_id THEN 'withdrawn'
        WHEN r.status = 'failed' OR a.status = 'failed' THEN 'failed'
        WHEN r.status = 'completed' AND a.status = 'completed' AND {HELD} THEN 'held'
        WHEN u.stalled_stage = g.stage AND coalesce(r.run_id, u.stalled_run) = u.stalled_run THEN 'failed'
        WHEN r.status = 'completed' THEN 'assessing'
        WHEN r.status = 'running' THEN 'running'
        ELSE 'received'
    END AS state
) AS s
"""
