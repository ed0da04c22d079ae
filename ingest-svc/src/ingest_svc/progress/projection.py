"""Events of the other services to rows of `run_progress`: one statement for all events of a type in a batch."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from dataplatform.events.catalog import VersionErased, VersionHeld, VersionPublished, VersionRestored, VersionWithdrawn
from dataplatform.events.processing import RunCompleted, RunFailed, RunStarted
from dataplatform.events.quality import AssessmentCompleted, AssessmentFailed
from dataplatform.log.envelope import Envelope
from ingest_svc.progress.writing import refresh

CONSUMER: Final = "ingest"
"""Name of the inbox, and of the Kafka consumer group."""

_STARTED: Final = """
INSERT INTO run_progress (run_id, upload_id, started_at, handler, handler_version)
SELECT e.run_id, e.upload_id, e.started_at, e.handler, e.handler_version
FROM jsonb_to_recordset($1::jsonb) AS e (
    run_id uuid, upload_id uuid, started_at timestamptz, handler text, handler_version text)
ON CONFLICT (run_id) DO UPDATE
SET upload_id = excluded.upload_id, started_at = excluded.started_at, handler = excluded.handler,
    handler_version = excluded.handler_version, failed_at = NULL, reason_code = NULL, detail = NULL
RETURNING upload_id
"""

_COMPLETED: Final = """
INSERT INTO run_progress (run_id, upload_id, completed_at, handler, handler_version, row_count, table_count, tables)
SELECT e.run_id, e.upload_id, e.completed_at, e.handler, e.handler_version, t.row_count, t.table_count, t.tables
FROM jsonb_to_recordset($1::jsonb) AS e (
    run_id uuid, upload_id uuid, completed_at timestamptz, handler text, handler_version text, tables jsonb)
CROSS JOIN LATERAL (
    SELECT sum((s.body ->> 'row_count')::bigint) AS row_count, count(*) AS table_count,
           jsonb_agg(jsonb_build_object('index', s.body -> 'index', 'name', s.body -> 'name', 'rows',
                                        s.body -> 'row_count') ORDER BY s.position)
               FILTER (WHERE s.position <= 100) AS tables
    FROM jsonb_array_elements(e.tables) WITH ORDINALITY AS s (body, position)
) AS t
ON CONFLICT (run_id) DO UPDATE
SET upload_id = excluded.upload_id, completed_at = excluded.completed_at, handler = excluded.handler,
    handler_version = excluded.handler_version, row_count = excluded.row_count, table_count = excluded.table_count,
    tables = excluded.tables, failed_at = NULL, reason_code = NULL, detail = NULL
RETURNING upload_id
"""

_FAILED: Final = """
INSERT INTO run_progress (run_id, upload_id, failed_at, reason_code, detail)
SELECT e.run_id, e.upload_id, e.failed_at, e.reason_code, coalesce(e.detail, '')
FROM jsonb_to_recordset($1::jsonb) AS e (
    run_id uuid, upload_id uuid, failed_at timestamptz, reason_code text, detail text)
ON CONFLICT (run_id) DO UPDATE
SET upload_id = excluded.upload_id, failed_at = excluded.failed_at, reason_code = excluded.reason_code,
    detail = excluded.detail
RETURNING upload_id
"""

_ASSESSED: Final = """
INSERT INTO run_progress (run_id, assessed_at)
SELECT e.run_id, e.completed_at FROM jsonb_to_recordset($1::jsonb) AS e (run_id uuid, completed_at timestamptz)
ON CONFLICT (run_id) DO UPDATE
SET assessed_at = excluded.assessed_at, assessment_failed_at = NULL, assessment_reason = NULL, assessment_detail = NULL
RETURNING upload_id
"""

_NOT_ASSESSED: Final = """
INSERT INTO run_progress (run_id, assessment_failed_at, assessment_reason, assessment_detail)
SELECT e.run_id, e.failed_at, e.reason_code, coalesce(e.detail, '')
FROM jsonb_to_recordset($1::jsonb) AS e (run_id uuid, failed_at timestamptz, reason_code text, detail text)
ON CONFLICT (run_id) DO UPDATE
SET assessment_failed_at = excluded.assessment_failed_at, assessment_reason = excluded.assessment_reason,
    assessment_detail = excluded.assessment_detail
RETURNING upload_id
"""

_PUBLISHED: Final = """
INSERT INTO run_progress (run_id, upload_id, published_at, number)
SELECT e.run_id, e.upload_id, e.published_at, e.number
FROM jsonb_to_recordset($1::jsonb) AS e (run_id uuid, upload_id uuid, published_at timestamptz, number integer)
ON CONFLICT (run_id) DO UPDATE
SET upload_id = excluded.upload_id, published_at = excluded.published_at, number = excluded.number
RETURNING upload_id
"""

_HELD: Final = """
INSERT INTO run_progress (run_id, upload_id, held_at, held_reason)
SELECT e.version_id, e.upload_id, e.held_at, e.reason_code
FROM jsonb_to_recordset($1::jsonb) AS e (version_id uuid, upload_id uuid, held_at timestamptz, reason_code text)
ON CONFLICT (run_id) DO UPDATE
SET upload_id = excluded.upload_id, held_at = excluded.held_at, held_reason = excluded.held_reason
RETURNING upload_id
"""

_VERSION_WITHDRAWN: Final = """
INSERT INTO run_progress (run_id, version_withdrawn_at)
SELECT e.version_id, e.withdrawn_at FROM jsonb_to_recordset($1::jsonb) AS e (version_id uuid, withdrawn_at timestamptz)
ON CONFLICT (run_id) DO UPDATE SET version_withdrawn_at = excluded.version_withdrawn_at
RETURNING upload_id
"""

_VERSION_RESTORED: Final = """
INSERT INTO run_progress (run_id)
SELECT e.version_id FROM jsonb_to_recordset($1::jsonb) AS e (version_id uuid)
ON CONFLICT (run_id) DO UPDATE SET version_withdrawn_at = NULL
RETURNING upload_id
"""

# An upload whose original is gone is withdrawn for good: sent again, its bytes are a new upload.
_VERSION_ERASED: Final = """
WITH erased AS (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS e (
        version_id uuid, upload_id uuid, original_erased boolean, reason_code text, erased_at timestamptz)
), gone AS (
    UPDATE upload_progress p
    SET state = 'withdrawn', reason_code = e.reason_code, detail = 'erased: nothing of it is stored any more'
    FROM erased e WHERE p.upload_id = e.upload_id AND e.original_erased
)
INSERT INTO run_progress (run_id, upload_id, version_withdrawn_at)
SELECT e.version_id, e.upload_id, e.erased_at FROM erased e
ON CONFLICT (run_id) DO UPDATE
SET upload_id = excluded.upload_id,
    version_withdrawn_at = coalesce(run_progress.version_withdrawn_at, excluded.version_withdrawn_at)
RETURNING upload_id
"""

STATEMENTS: Final[dict[str, str]] = {
    RunStarted.type: _STARTED,
    RunCompleted.type: _COMPLETED,
    RunFailed.type: _FAILED,
    AssessmentCompleted.type: _ASSESSED,
    AssessmentFailed.type: _NOT_ASSESSED,
    VersionPublished.type: _PUBLISHED,
    VersionHeld.type: _HELD,
    VersionWithdrawn.type: _VERSION_WITHDRAWN,
    VersionRestored.type: _VERSION_RESTORED,
    VersionErased.type: _VERSION_ERASED,
}


async def apply(connection: Any, envelopes: Sequence[Envelope]) -> None:
    """Apply events of different streams: those that say something of a run."""
    by_type: dict[str, list[Envelope]] = defaultdict(list)
    for envelope in envelopes:
        # a type that this release does not know, or a body that is not of its type, raises: its stream is parked
        envelope.event()
        by_type[envelope.type].append(envelope)
    touched: set[UUID] = set()
    for event_type, group in by_type.items():
        if event_type in STATEMENTS:
            rows = await connection.fetch(STATEMENTS[event_type], [envelope.data for envelope in group])
            touched |= {row["upload_id"] for row in rows if row["upload_id"] is not None}
    if touched:
        await refresh(connection, touched, max(envelope.time for envelope in envelopes))
