"""Writes down what was heard of uploads and runs, and numbers what is new to show. The caller owns the transaction."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from dataplatform.events.identity import run_id
from dataplatform.events.ingest import ProcessingRequested, UploadReceived, UploadRejected, UploadStalled
from dataplatform.log.postgres import Executor
from ingest_svc.progress.stages import snapshot_of

_ARRIVED: Final = """
INSERT INTO upload_progress (upload_id, institution, dataset, file_name, uploaded_by, state, received_bytes, size_bytes,
                             reason_code, detail, began_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10)
ON CONFLICT (upload_id) DO UPDATE
SET state = excluded.state, received_bytes = excluded.received_bytes, size_bytes = excluded.size_bytes,
    reason_code = excluded.reason_code, detail = excluded.detail
"""
_ASKED: Final = """
INSERT INTO run_progress (run_id, upload_id, request_id, requested_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (run_id) DO UPDATE
SET upload_id = excluded.upload_id, request_id = excluded.request_id, requested_at = excluded.requested_at
"""
_WITHDRAWN: Final = "UPDATE upload_progress SET state = 'withdrawn', reason_code = $2, detail = '' WHERE upload_id = $1"
_STALLED: Final = "UPDATE upload_progress SET stalled = $2 WHERE upload_id = $1"
_UPLOADS: Final = "SELECT * FROM upload_progress WHERE upload_id = ANY ($1::uuid[]) ORDER BY upload_id FOR UPDATE"
_RUNS: Final = "SELECT * FROM run_progress WHERE upload_id = ANY ($1::uuid[])"
_HEARD: Final = "UPDATE upload_progress SET heard_at = clock_timestamp() WHERE upload_id = ANY ($1::uuid[])"


async def arrived(connection: Executor, event: UploadReceived | UploadRejected) -> None:
    """Note a file that was written down, received or rejected."""
    received = isinstance(event, UploadReceived)
    size_bytes = event.original.size_bytes if isinstance(event, UploadReceived) else event.size_bytes
    at = event.received_at if isinstance(event, UploadReceived) else event.rejected_at
    await connection.execute(
        _ARRIVED,
        event.upload_id,
        event.institution,
        event.dataset,
        event.file_name,
        event.uploaded_by,
        "received" if received else "rejected",
        size_bytes,
        None if isinstance(event, UploadReceived) else event.reason_code,
        None if isinstance(event, UploadReceived) else event.detail,
        at,
    )
    if received:
        await connection.execute(_ASKED, run_id(event.upload_id), event.upload_id, None, at)
    await refresh(connection, [event.upload_id], at)


async def asked(connection: Executor, request: ProcessingRequested) -> None:
    """Note a run that someone asked for."""
    await connection.execute(_ASKED, request.run_id, request.upload_id, request.request_id, request.requested_at)
    await refresh(connection, [request.upload_id], request.requested_at)


async def withdrawn(connection: Executor, upload_id: UUID, reason_code: str, at: datetime) -> None:
    """Note an upload that was taken back."""
    await connection.execute(_WITHDRAWN, upload_id, reason_code)
    await refresh(connection, [upload_id], at)


async def stalled(connection: Executor, event: UploadStalled) -> None:
    """Note that nothing was heard of a run for too long."""
    mark = {"run_id": str(event.run_id), "stage": event.stage, "reason_code": event.reason_code}
    await connection.execute(_STALLED, event.upload_id, mark)
    await refresh(connection, [event.upload_id], event.stalled_at)


async def refresh(connection: Executor, upload_ids: Iterable[UUID], at: datetime) -> None:
    """Make what is shown of these uploads again; what differs becomes a change at `at`."""
    wanted = sorted(set(upload_ids))
    if not wanted:
        return
    uploads = await connection.fetch(_UPLOADS, wanted)
    runs: dict[UUID, list[Any]] = defaultdict(list)
    for run in await connection.fetch(_RUNS, wanted):
        runs[run["upload_id"]].append(run)
    changed = []
    for upload in uploads:
        shown = snapshot_of(dict(upload), runs[upload["upload_id"]])
        before = {name: value for name, value in (upload["snapshot"] or {}).items() if name != "at"}
        # through JSON and back, as the database keeps it
        if json.loads(json.dumps(shown)) != before:
            changed.append({**shown, "at": at.isoformat()})
    if changed:
        await connection.execute("SELECT progress_write($1)", changed)
    # a heartbeat without progress is a sign of life too
    await connection.execute(_HEARD, wanted)
