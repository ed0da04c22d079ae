"""When an examination may begin: nobody waits for one, but a file is not published before it is assessed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from quality_svc.domain import QUEUE as ASSESSMENTS
from quality_svc.examinations import QUEUE as EXAMINATIONS

QUIET: Final = timedelta(seconds=2)
"""No assessment may have waited or run for so long: between two files of a stream the queue is empty for a moment."""
_LOOK: Final = """
SELECT EXISTS (SELECT 1 FROM jobs WHERE queue = $1 AND state = 'ready' AND run_at <= clock_timestamp())
       OR EXISTS (SELECT 1 FROM jobs WHERE queue = $1 AND state = 'running') AS busy,
       EXISTS (SELECT 1 FROM jobs WHERE queue = $2 AND state = 'ready' AND run_at <= $3) AS overdue
"""


class Yielding:
    """Lets examinations begin while no assessments are about, and those that have waited for `patience` in any case."""

    def __init__(self, pool: asyncpg.Pool, patience: timedelta, clock: Callable[[], datetime]) -> None:
        self._pool = pool
        self._patience = patience
        self._clock = clock
        self._busy_at: datetime | None = None

    async def may_take(self) -> bool:
        """Look at both queues; raises the errors of the database."""
        now = self._clock()
        (found,) = await self._pool.fetch(_LOOK, ASSESSMENTS, EXAMINATIONS, now - self._patience)
        if found["busy"]:
            self._busy_at = now
        return found["overdue"] or self._busy_at is None or now - self._busy_at >= QUIET
