"""The role `worker`: leases jobs, parses in a sandbox, stores the tables, records the outcome.

This process never opens an original itself: it is foreign input, and its readers are native code.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog

from dataplatform.events.base import ObjectRef, ParseOptions
from dataplatform.jobs import queue
from dataplatform.jobs.queue import Job
from dataplatform.jobs.role import workshop
from dataplatform.jobs.sandbox import Limits, Reuse, Sandbox, SandboxFailure
from dataplatform.jobs.worker import Conclude, Heart, JobFailedError, Worker
from dataplatform.storage import ObjectStore
from processing_svc import commands, domain, stickiness
from processing_svc.domain import QUEUE, Run, StoredTable
from processing_svc.settings import ProcessingSettings

PARSE: Final = "processing_svc.parse:parse"
HANDLERS: Final = "processing_svc.parse:handlers"
PRELOAD: Final = ("processing_svc.preload",)
WARM_UP: Final = "processing_svc.warming:warm_up"
_UPLOADS: Final = 4

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Parser:
    """Performs parse jobs; `handlers` names the handler of each format, `clock` says when something happened."""

    settings: ProcessingSettings
    pool: asyncpg.Pool
    store: ObjectStore
    sandbox: Sandbox
    scratch: Path
    handlers: Mapping[str, Mapping[str, str]]
    clock: Callable[[], datetime]
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_UPLOADS))

    async def perform(self, job: Job, heart: Heart) -> Conclude:
        """Parse the original and store its tables; what is returned records the outcome."""
        run = domain.run_of(job.payload)
        upload = run.upload
        await self._announce(job, run)
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            original, out = Path(folder) / "original", Path(folder) / "out"
            out.mkdir()
            await self.store.get_file(upload.original.key, original, sha256=upload.original.sha256)
            sticky = await stickiness.of_dataset(self.pool, self.store, upload.dataset_id, Path(folder))
            options = stickiness.joined(sticky, run.options)
            report = await self._parse(run, options, original, out, heart)
            document, stored = await asyncio.gather(
                self._keep_document(f"{run.folder(job.fence)}/report.json", report),
                asyncio.gather(
                    *(self._keep(f"{run.folder(job.fence)}/{table['index']}", table, out) for table in report["tables"])
                ),
            )

        async def conclude(connection: Any) -> None:
            now = self.clock()
            await commands.record_outcome(connection, job, domain.completed(run, report, stored, document, now), now)

        return conclude

    async def conclude_failure(self, connection: Any, job: Job, code: str, detail: str) -> None:
        """Record that the run came to nothing."""
        _log.warning("run_failed", job=str(job.id), code=code, detail=detail)
        now = self.clock()
        event = domain.failed(domain.run_of(job.payload), code, detail, job.attempt, now)
        await commands.record_outcome(connection, job, [event], now)

    async def _announce(self, job: Job, run: Run) -> None:
        """Record that the run started, under a lease that still holds; raises `LeaseLostError`."""
        handler = self.handlers.get(run.upload.format)
        if handler is None:
            raise JobFailedError("unsupported_format", f"no handler reads the format {run.upload.format!r}")
        if run.handler_version not in {None, handler["version"]}:
            detail = f"version {run.handler_version} was asked for; here is {handler['name']} {handler['version']}"
            raise JobFailedError("handler_version_unavailable", detail)
        now = self.clock()
        async with self.pool.acquire() as connection, connection.transaction():
            await queue.beat(connection, job, queue.LEASE_SECONDS)
            await commands.record_start(connection, job, domain.started(run, handler, now), now)

    async def _parse(self, run: Run, options: ParseOptions, original: Path, out: Path, heart: Heart) -> dict[str, Any]:
        settings, upload = self.settings, run.upload
        limits = Limits(
            memory_bytes=settings.parse_memory_bytes,
            cpu_seconds=settings.parse_cpu_seconds,
            wall_seconds=settings.parse_wall_seconds,
            output_bytes=settings.parse_output_bytes,
        )
        argument = {
            "path": str(original),
            "format": upload.format,
            "encoding": upload.encoding,
            "compression": upload.compression,
            "name": Path(upload.file_name).stem,
            "scratch": str(original.parent),
            "out": str(out),
            "options": options.model_dump(mode="json", exclude_defaults=True),
            # half for the engine, half for what is in flight around it
            "budget": {"memory_bytes": settings.parse_memory_bytes // 2},
        }
        try:
            return await self.sandbox.run(
                PARSE,
                argument,
                limits,
                heart.report,
                output_folder=original.parent,
                fresh=upload.original.size_bytes > settings.parse_reuse_max_bytes,
                group=str(upload.institution_id),  # no file may reach another institution's
            )
        except SandboxFailure as failure:
            # the handler itself said so: the same bytes would fail again
            raise JobFailedError(failure.code, failure.detail) from failure

    async def _keep(self, folder: str, table: Mapping[str, Any], out: Path) -> StoredTable:
        """Store one table of the report, and the schema of a wide one."""
        async with self.slots:
            parquet = await self.store.put_file(f"{folder}/part-00000.parquet", out / table["path"])
            wide = domain.is_wide(table)
            schema = await self._keep_document(f"{folder}/schema.json", {"columns": table["columns"]}) if wide else None
        part = ObjectRef(key=parquet.key, sha256=parquet.sha256, size_bytes=parquet.size_bytes)
        return StoredTable(table, part, schema)

    async def _keep_document(self, key: str, document: Mapping[str, Any]) -> ObjectRef:
        async def chunks() -> AsyncIterator[bytes]:
            yield json.dumps(document, ensure_ascii=False).encode()

        stored = await self.store.put(key, chunks())
        return ObjectRef(key=stored.key, sha256=stored.sha256, size_bytes=stored.size_bytes)


def sandbox_of(settings: ProcessingSettings) -> Sandbox:
    """Return the sandbox that parses run in, not started."""
    runs = settings.parse_reuse_runs
    return Sandbox(PRELOAD, warm=WARM_UP, reuse=Reuse(runs=runs) if runs > 1 else None)


async def known_handlers(sandbox: Sandbox) -> dict[str, dict[str, str]]:
    """Ask the sandbox, where handlers may be imported, for the name and version of each format's handler."""
    limits = Limits(memory_bytes=1 << 30, cpu_seconds=60, wall_seconds=60, output_bytes=1 << 20)
    return await sandbox.run(HANDLERS, {}, limits, fresh=True)


async def run(settings: ProcessingSettings) -> None:
    """Run the role until SIGTERM or SIGINT."""
    async with workshop(settings, "processing-worker", sandbox_of(settings)) as shop:
        handlers = await known_handlers(shop.sandbox)
        parser = Parser(
            settings, shop.pool, shop.store, shop.sandbox, shop.scratch, handlers, lambda: datetime.now(UTC)
        )
        worker = Worker(
            shop.pool,
            settings.database_url,
            QUEUE,
            parser.perform,
            parser.conclude_failure,
            concurrency=settings.parse_concurrency,
        )
        await shop.run(worker)
