"""Questions about processing requests: one with its counts, a page of them, a page of the runs of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from dataplatform.identity import Principal
from ingest_svc.progress.reading import may_see
from ingest_svc.progress.stages import run_snapshot
from ingest_svc.requests.commands import UnknownRequestError
from ingest_svc.transactions import Transactions

# The same cases as `stage_of_run`; a run that stalled has failed for as long as it is where it was.
_COUNTED: Final = """
SELECT q.*, counts.*
FROM processing_requests q
CROSS JOIN LATERAL (
    SELECT count(*) AS runs,
           count(*) FILTER (WHERE s.stage = 'published') AS published,
           count(*) FILTER (WHERE s.stage = 'held') AS held,
           count(*) FILTER (WHERE s.stage = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE s.stage = 'failed') AS failed,
           count(*) FILTER (WHERE s.stage IN ('parsing', 'assessing')) AS running
    FROM run_progress r
    LEFT JOIN upload_progress u ON u.upload_id = r.upload_id
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN r.published_at IS NOT NULL THEN 'published'
            WHEN r.held_at IS NOT NULL THEN 'held'
            WHEN r.completed_at IS NULL AND r.failed_at IS NOT NULL
                THEN CASE WHEN r.reason_code = 'request_cancelled' THEN 'cancelled' ELSE 'failed' END
            WHEN r.completed_at IS NOT NULL AND r.assessed_at IS NULL AND r.assessment_failed_at IS NOT NULL
                THEN 'failed'
            WHEN u.stalled ->> 'run_id' = r.run_id::text THEN 'failed'
            WHEN r.completed_at IS NOT NULL THEN 'assessing'
            WHEN r.started_at IS NOT NULL THEN 'parsing'
            ELSE 'waiting'
        END AS stage
    ) AS s
    WHERE r.request_id = q.request_id
) AS counts
"""
_ONE: Final = f"{_COUNTED} WHERE q.request_id = $1"
_LIST: Final = f"""{_COUNTED}
WHERE q.institution = $1 AND ($2::text IS NULL OR q.dataset = $2)
  AND ($3::timestamptz IS NULL OR (q.requested_at, q.request_id) < ($3, $4::uuid))
ORDER BY q.requested_at DESC, q.request_id DESC LIMIT $5
"""
_RUNS: Final = """
SELECT * FROM run_progress WHERE request_id = $1 AND ($2::uuid IS NULL OR run_id > $2) ORDER BY run_id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Requests:
    """Reads requests and their runs."""

    transactions: Transactions

    async def of(self, principal: Principal, request_id: UUID) -> dict[str, Any]:
        """Return a request with its counts; raises `UnknownRequestError`."""

        async def ask(connection: Any) -> Any:
            return await connection.fetchrow(_ONE, request_id)

        row = await self.transactions.run(ask)
        if row is None or not may_see(principal, row["institution"]):
            raise UnknownRequestError
        return dict(row)

    async def listed(
        self, institution: str, dataset: str | None, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[dict[str, Any]]:
        """Return requests of an institution, latest first, from the one after `after` on."""
        at, request_id = after or (None, None)

        async def ask(connection: Any) -> Sequence[Any]:
            rows: Sequence[Any] = await connection.fetch(_LIST, institution, dataset, at, request_id, limit)
            return rows

        return [dict(row) for row in await self.transactions.run(ask)]

    async def runs(
        self, principal: Principal, request_id: UUID, after: UUID | None, limit: int
    ) -> list[tuple[UUID, dict[str, Any]]]:
        """Return the ids of a request's runs and what is shown of each, by id; raises `UnknownRequestError`."""
        await self.of(principal, request_id)

        async def ask(connection: Any) -> Sequence[Any]:
            rows: Sequence[Any] = await connection.fetch(_RUNS, request_id, after, limit)
            return rows

        return [(row["run_id"], run_snapshot(dict(row))) for row in await self.transactions.run(ask)]


def state_of(row: Mapping[str, Any]) -> str:
    """Return where a request is by the counts of its runs."""
    ended = row["published"] + row["held"] + row["failed"] + row["cancelled"]
    if ended < row["runs"]:
        if row["cancelled_at"] is not None:
            return "cancelling"
        return "running" if ended or row["running"] else "requested"
    if row["cancelled_at"] is not None and row["cancelled"]:
        return "cancelled"
    return "failed" if row["runs"] and not row["published"] + row["held"] else "completed"
