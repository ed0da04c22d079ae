"""The worker's queue of export jobs: each makes its file in a process of its own, then stores it.

A worker that dies leaves a lease that runs out; the next attempt begins anew and writes under another key
(`exports/<id>/<fence>/`), so half a file is never served. What is left over goes with the export's last day.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import structlog

from catalog_svc.rows.connecting import reach_of
from catalog_svc.worker import Bench
from dataplatform.jobs.queue import Job
from dataplatform.jobs.worker import Conclude, Heart, JobFailedError, Worker
from dataplatform.log.metrics import every
from dataplatform.problems import Problem
from dataplatform.roles import Task, run_together

QUEUE: Final = "exports"
MODULE: Final = "catalog_svc.exports.process"
SWEEP_SECONDS: Final = 300.0
KEPT: Final = timedelta(days=30)
"""How long an export is listed after its end."""
_SWEPT_AT_ONCE: Final = 100

_READY: Final = """
UPDATE export_jobs SET state = 'ready', object = $2, row_count = $3, ended_at = $4, expires_at = $5
WHERE export_id = $1 AND state = 'queued'
"""
_FAILED: Final = """
UPDATE export_jobs SET state = 'failed', reason_code = $2, detail = $3, ended_at = $4
WHERE export_id = $1 AND state = 'queued'
"""
# what was erased since is in no copy either
_OVER: Final = """
SELECT x.export_id FROM export_jobs x
WHERE x.swept_at IS NULL AND x.ended_at IS NOT NULL
  AND (x.state <> 'ready' OR x.expires_at <= $1 OR EXISTS (
      SELECT 1 FROM erasures e WHERE e.dataset_id = x.dataset_id AND e.erased_at >= x.created_at AND (
          e.version_id IS NULL OR NOT EXISTS (
              SELECT 1 FROM tables t WHERE t.table_id = x.table_id AND t.run_id <> e.version_id))))
ORDER BY x.ended_at LIMIT $2 FOR UPDATE OF x SKIP LOCKED
"""
_SWEPT: Final = """
UPDATE export_jobs SET swept_at = $2, object = NULL, state = CASE state WHEN 'ready' THEN 'expired' ELSE state END
WHERE export_id = $1
"""
_FORGET: Final = "DELETE FROM export_jobs WHERE swept_at < $1"

_log = structlog.get_logger(__name__)


class ExportInterruptedError(Exception):
    """The process ended without a word; another attempt may do better."""

    code = "export_interrupted"


def queue(bench: Bench) -> Task:
    """Return the worker of exports, and the sweep of those that are over."""
    maker = Maker(bench)
    settings = bench.settings
    worker = Worker(
        bench.pool,
        settings.database_url,
        QUEUE,
        maker.perform,
        maker.conclude_failure,
        concurrency=settings.export_concurrency,
    )
    return partial(run_together, (worker.run, partial(every, SWEEP_SECONDS, maker.sweep)))


class Maker:
    """Performs export jobs."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._settings = bench.settings

    async def perform(self, job: Job, heart: Heart) -> Conclude:
        """Make and store the file; what is returned says that it is there."""
        export_id = UUID(job.payload["export_id"])
        described = await asyncio.to_thread(_described, export_id, datetime.now(UTC))
        store = await self._bench.store()
        with tempfile.TemporaryDirectory(dir=self._bench.scratch, prefix="export-") as folder:
            path = Path(folder) / "file"
            uris = [store.uri(key) for key in described.pop("keys")]
            total = described.pop("row_estimate")
            task = {**described, "uris": uris, "path": str(path), **self._bounds(folder)}
            rows = await self._made(task, folder, lambda done: heart.report({"rows": done, "of": total}))
            placed = await store.put_file(f"exports/{export_id}/{job.fence}/file", path)
        reference = {"key": placed.key, "sha256": placed.sha256, "size_bytes": placed.size_bytes}

        async def conclude(connection: Any) -> None:
            now = datetime.now(UTC)
            until = now + timedelta(hours=self._settings.export_hours)
            await connection.execute(_READY, export_id, reference, rows, now, until)

        return conclude

    async def conclude_failure(self, connection: Any, job: Job, code: str, detail: str) -> None:
        """Say that the export came to nothing."""
        await connection.execute(_FAILED, UUID(job.payload["export_id"]), code, detail[:500], datetime.now(UTC))

    async def sweep(self) -> None:
        """Delete the files of exports that are over, and forget exports of long ago."""
        now = datetime.now(UTC)
        async with self._bench.pool.acquire() as connection, connection.transaction():
            for row in await connection.fetch(_OVER, now, _SWEPT_AT_ONCE):
                store = await self._bench.store()
                async for found in store.list(f"exports/{row['export_id']}/"):
                    await store.delete(found.key)
                await connection.execute(_SWEPT, row["export_id"], now)
            await connection.execute(_FORGET, now - KEPT)

    def _bounds(self, folder: str) -> dict[str, Any]:
        settings = self._settings
        limits = {
            "memory_bytes": settings.query_memory_mb * 2**20,
            "cpu_seconds": settings.export_seconds * settings.query_threads,
            "wall_seconds": settings.export_seconds,
            "output_bytes": settings.export_max_mb * 2**20,
        }
        return {
            "reach": asdict(replace(reach_of(settings), spill=folder)),
            "limits": limits,
            "parent": os.getpid(),
        }

    async def _made(self, task: dict[str, Any], folder: str, report: Any) -> int:
        """Run the process to its end; return how many rows it wrote."""
        async with _process(folder) as process:
            said = asyncio.ensure_future(process.stderr.read())  # type: ignore[union-attr] # it has pipes
            try:
                async with asyncio.timeout(self._settings.export_seconds):
                    rows = await _listen(process, json.dumps(task).encode(), report)
                    status = await process.wait()
            except TimeoutError:
                detail = f"it took longer than {self._settings.export_seconds} seconds"
                raise JobFailedError("query_timed_out", detail) from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
                told = await said
            if status or rows is None:
                raise _failure(told, status)
            return rows


@asynccontextmanager
async def _process(folder: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    # no setting of the platform goes along, so no secret but the one of its task
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DATAPLATFORM_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", MODULE, stdin=pipe, stdout=pipe, stderr=pipe, cwd=folder, env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _listen(process: asyncio.subprocess.Process, task: bytes, report: Any) -> int | None:
    """Hand the task in, pass progress on; return the number of rows, None where the process does not come to it."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("it was started with pipes")
    process.stdin.write(task)
    process.stdin.close()
    rows: int | None = None
    async for line in process.stdout:
        told = json.loads(line)
        if "done" in told:
            rows = int(told["done"])
        else:
            report(int(told["rows"]))
    return rows


def _failure(told: bytes, status: int) -> Exception:
    try:
        found = json.loads(told)
        code, detail = str(found["code"]), str(found["detail"])
    except (ValueError, KeyError, TypeError):
        _log.warning("export_process_ended", status=status)
        return ExportInterruptedError(f"the process ended with status {status}: over a limit, perhaps")
    if code == "object_store_unavailable":
        return ExportInterruptedError("the table's files could not be read")
    return JobFailedError(code, detail)


def _described(export_id: UUID, now: datetime) -> dict[str, Any]:
    """Return what is to be made, if who asked may still see the table; on a thread, with Django."""
    from catalog_svc.roles import set_up  # noqa: PLC0415 - an idle worker does without

    set_up()
    from django.db import connection  # noqa: PLC0415

    from catalog_svc.exports.asking import table_for  # noqa: PLC0415
    from catalog_svc.exports.models import Export  # noqa: PLC0415

    try:
        export = Export.objects.get(pk=export_id)
        table = table_for(export, now)
    except Export.DoesNotExist as error:
        raise JobFailedError("not_found", "the export is not known any more") from error
    except Problem as problem:
        raise JobFailedError(problem.code, problem.detail) from problem
    finally:
        connection.close()
    return {
        "keys": [part["key"] for part in table.parts],
        "table_id": str(table.table_id),
        "title": table.name,
        "row_estimate": table.row_count,
        "format": export.format,
        "compression": export.compression,
        "escape_formulas": export.escape_formulas,
        "parameters": export.parameters,
    }
