from django.db import migrations

# As it was then; the text of today is in `views_sql`.
CREATE_UPLOAD_STATES = """
CREATE OR REPLACE VIEW upload_states AS
SELECT u.upload_id, u.dataset_id, u.institution_slug, u.dataset_slug, u.file_name, u.format, u.size_bytes,
       CASE
           WHEN u.status = 'rejected' THEN 'rejected'
           WHEN u.status = 'withdrawn' OR v.withdrawn_at IS NOT NULL THEN 'withdrawn'
           WHEN v.version_id IS NOT NULL THEN 'published'
           WHEN r.status = 'failed' OR a.status = 'failed' THEN 'failed'
           WHEN r.status = 'completed' THEN 'assessing'
           WHEN r.status = 'running' THEN 'running'
           ELSE 'received'
       END AS state,
       CASE
           WHEN u.status <> 'received' THEN u.reason_code
           WHEN v.withdrawn_at IS NOT NULL THEN v.withdrawn_reason
           WHEN v.version_id IS NOT NULL THEN NULL
           WHEN r.status = 'failed' THEN r.reason_code
           WHEN a.status = 'failed' THEN a.reason_code
       END AS reason_code,
       CASE
           WHEN u.status <> 'received' THEN u.detail
           WHEN v.withdrawn_at IS NOT NULL THEN v.withdrawn_detail
           WHEN v.version_id IS NOT NULL THEN NULL
           WHEN r.status = 'failed' THEN r.detail
           WHEN a.status = 'failed' THEN a.detail
       END AS detail,
       r.run_id, v.version_id, v.number AS version_number, u.received_at,
       CASE
           WHEN u.status = 'rejected' THEN u.received_at
           WHEN u.status = 'withdrawn' THEN u.withdrawn_at
           WHEN v.version_id IS NOT NULL THEN coalesce(v.withdrawn_at, v.published_at)
           WHEN r.status = 'failed' THEN r.ended_at
           WHEN a.status = 'failed' THEN a.ended_at
       END AS ended_at
FROM uploads u
LEFT JOIN LATERAL (
    SELECT o.* FROM runs o WHERE o.upload_id = u.upload_id
    ORDER BY coalesce(o.ended_at, o.started_at) DESC NULLS LAST, o.run_id LIMIT 1
) AS r ON true
LEFT JOIN assessments a ON a.run_id = r.run_id
LEFT JOIN versions v ON v.version_id = r.run_id
"""


class Migration(migrations.Migration):
    dependencies = [("datasets", "0001_initial")]

    operations = [migrations.RunSQL(CREATE_UPLOAD_STATES, "DROP VIEW upload_states")]
