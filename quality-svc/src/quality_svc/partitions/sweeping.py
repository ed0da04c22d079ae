"""Partial profiles that are of no more use: when an assessment is merged, or came to nothing, a job deletes them.

It is enqueued in the transaction that says so, so a crash before it leaves nothing behind that nobody knows of.
"""

from typing import Any, Final

import structlog

from dataplatform.events.processing import RunCompleted
from dataplatform.jobs.queue import Job, enqueue
from dataplatform.jobs.worker import Conclude, Heart
from dataplatform.storage import ObjectStore
from quality_svc.domain import run_of
from quality_svc.partitions.domain import assessment_of, partials_prefix

QUEUE: Final = "sweep"
_ATTEMPTS: Final = 10

_log = structlog.get_logger(__name__)


async def request_sweep(connection: Any, job: Job, run: RunCompleted, why: str) -> None:
    """Enqueue the deletion of a run's partial profiles; for the same reason once."""
    name = f"{assessment_of(run)}/{why}"
    await enqueue(connection, QUEUE, name, run.to_data(), context=job.context, max_attempts=_ATTEMPTS)


class Sweeping:
    """Performs the jobs of the queue `sweep`."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def perform(self, job: Job, _heart: Heart) -> Conclude:
        """Delete every partial profile of a run; twice does no harm."""
        keys = [stat.key async for stat in self._store.list(partials_prefix(run_of(job.payload)))]
        for key in keys:
            await self._store.delete(key)
        return _nothing_to_tell

    async def conclude_failure(self, _connection: Any, job: Job, code: str, detail: str) -> None:
        """Say so in the log: what is left costs space, and nothing else."""
        _log.warning("sweep_failed", job=str(job.id), code=code, detail=detail)


async def _nothing_to_tell(_connection: Any) -> None:
    return None
