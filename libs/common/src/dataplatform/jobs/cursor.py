"""The lease table for a DB-API cursor (psycopg, Django): what asks for jobs. `queue` has what runs them.

The rules are the SQL functions that `queue` calls too. The caller owns the transaction.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from dataplatform.log.cursor import Cursor
from dataplatform.log.envelope import Context


def enqueue(
    cursor: Cursor,
    queue: str,
    dedup_key: str,
    payload: Mapping[str, Any],
    *,
    context: Context,
    priority: int = 0,
    max_attempts: int = 3,
) -> UUID | None:
    """Add a job; return its id, or None where `dedup_key` was used in this queue before. Workers wake on commit."""
    cursor.execute(
        "SELECT job_enqueue(%s, %s, %s::jsonb, %s, %s, %s, %s, %s)",
        (queue, dedup_key, json.dumps(payload), priority, max_attempts, context.correlation_id, context.causation_id,
         context.traceparent),
    )  # fmt: skip
    found = cursor.fetchone()[0]
    return UUID(str(found)) if found is not None else None


def cancel(cursor: Cursor, queue: str, dedup_key: str, code: str) -> bool:
    """Take back a job that has not ended; return whether there was one. A running attempt loses its lease."""
    cursor.execute("SELECT job_cancel(%s, %s, %s)", (queue, dedup_key, code))
    return bool(cursor.fetchone()[0])
