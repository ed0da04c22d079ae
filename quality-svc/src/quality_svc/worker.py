"""The role `worker`: leases jobs, profiles in a sandbox, stores the document, records the outcome; then examines.

This process never opens a table itself: Parquet is foreign input, and its readers are native code.
"""

import tempfile
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import structlog

from dataplatform.events.base import ObjectRef
from dataplatform.events.identity import assessment_id, institution_id
from dataplatform.events.processing import RunCompleted
from dataplatform.jobs.queue import Job
from dataplatform.jobs.role import Workshop, workshop
from dataplatform.jobs.sandbox import Limits, Reuse, Sandbox, SandboxFailure
from dataplatform.jobs.worker import Conclude, Heart, JobFailedError, Worker
from dataplatform.storage import ObjectStore
from dataplatform.storage.interface import StoredObject
from quality_svc import domain, examinations
from quality_svc.commands import context_of, record_outcome, request_examination, settle_contract
from quality_svc.domain import QUEUE
from quality_svc.examiner import Examiner, examining_sandbox
from quality_svc.fetching import fetch_tables
from quality_svc.history import Past, StoredTable, newest_tables, past_of
from quality_svc.holding import held
from quality_svc.partitions import sweeping
from quality_svc.partitions.domain import QUEUE as PARTITIONS
from quality_svc.partitions.domain import is_merge
from quality_svc.partitions.jobs import Partitions
from quality_svc.partitions.sweeping import Sweeping, request_sweep
from quality_svc.referring import Referring, TablesOf
from quality_svc.settings import QualitySettings
from quality_svc.yielding import Yielding

TARGET: Final = "quality_svc.assess:assess"
PRELOAD: Final = ("quality_svc.assess",)
WARM_UP: Final = "quality_svc.warming:warm_up"
CONTRACT: Final = "contract"
CONTRACT_RESULT: Final = "contract.json"

_log = structlog.get_logger(__name__)


async def _no_contract(_dataset: UUID) -> ObjectRef | None:
    return None


async def _no_past(_run: RunCompleted) -> Past:
    return Past()


async def _no_tables(_institution: str, _dataset: str) -> tuple[StoredTable, ...]:
    return ()


class Assessor:
    """Performs assessment jobs; `clock` says when an outcome was reached.

    `contract_of` says which contract holds, `past_of` what came before, `tables_of` where other datasets' tables are;
    what is not given is not known.
    """

    def __init__(
        self,
        settings: QualitySettings,
        store: ObjectStore,
        sandbox: Sandbox,
        scratch: Path,
        clock: Callable[[], datetime],
        *,
        contract_of: Callable[[UUID], Awaitable[ObjectRef | None]] = _no_contract,
        past_of: Callable[[RunCompleted], Awaitable[Past]] = _no_past,
        tables_of: TablesOf = _no_tables,
    ) -> None:
        self._contract_of = contract_of
        self._past_of = past_of
        self._referring = Referring(store, sandbox, tables_of, _limits(settings))
        self._settings = settings
        self._store = store
        self._sandbox = sandbox
        self._scratch = scratch
        self._clock = clock
        self._partitions = Partitions(settings, store, sandbox, scratch, clock)

    @property
    def partitions(self) -> Partitions:
        """What measures tables that are too large for one worker."""
        return self._partitions

    async def perform(self, job: Job, heart: Heart) -> Conclude:
        """Profile every table of the run and store the document; what is returned records the outcome."""
        if self._partitions.splits(job.payload):
            return await self._partitions.split(job, heart)
        run = domain.run_of(job.payload)
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            tables_in, out = Path(folder) / "tables", Path(folder) / "out"
            tables_in.mkdir()
            out.mkdir()
            tables = await fetch_tables(self._store, run, tables_in)
            partials = await self._partitions.fetch_partials(job.payload, tables_in)
            tables = [table | {"partials": partials.get(table["index"])} for table in tables]
            document = out / "profile.json"
            contract = await self._contract_of(run.dataset_id)
            around = await self._around(run, contract, tables_in, out)
            result = await self._assess(run, tables, document, heart, around)
            profile = _reference(await self._store.put_file(domain.profile_key(run, job.fence), document))
            held = None
            if contract is not None:
                key = domain.contract_result_key(run, job.fence)
                held = (contract, _reference(await self._store.put_file(key, out / CONTRACT_RESULT)))

        async def conclude(connection: Any) -> None:
            now = self._clock()
            event = domain.completed(run, profile, result, now, held)
            told = await record_outcome(connection, job, event, now)
            if is_merge(job.payload):
                await request_sweep(connection, job, run, "merged")
            if told and event.rules is not None:
                await settle_contract(connection, job, run, event.rules, now)
            if told and self._settings.examine_concurrency:
                await request_examination(connection, run, context_of(job), self._settings.examine_attempts)

        return conclude

    async def conclude_failure(self, connection: Any, job: Job, code: str, detail: str) -> None:
        """Record that the assessment came to nothing; `detail` may quote the data, so only the log has it."""
        _log.warning("assessment_failed", job=str(job.id), code=code, detail=detail)
        now = self._clock()
        event = domain.failed(domain.run_of(job.payload), code, job.attempt, now)
        await record_outcome(connection, job, event, now)
        if is_merge(job.payload):
            await request_sweep(connection, job, domain.run_of(job.payload), "failed")

    async def _around(
        self, run: RunCompleted, contract: ObjectRef | None, tables_in: Path, out: Path
    ) -> dict[str, Any]:
        """Return what the sandbox is told beside the tables; what it has to read is fetched."""
        past = await self._past_of(run)
        around: dict[str, Any] = {
            "lineage": {"original_sha256": run.original.sha256, "handler": f"{run.handler} {run.handler_version}"},
            "arrivals": [arrival.isoformat() for arrival in past.arrivals],
            "frequency_seconds": past.frequency_seconds,
        }
        if contract is None:
            return around
        path = tables_in / CONTRACT
        await self._store.get_file(contract.key, path, sha256=contract.sha256)
        return around | {
            "contract": {
                "path": str(path),
                "result": str(out / CONTRACT_RESULT),
                "at": run.completed_at.isoformat(),
                "foreign": await self._referring.fetch(run, path, tables_in),
            }
        }

    async def _assess(
        self,
        run: RunCompleted,
        tables: list[dict[str, Any]],
        document: Path,
        heart: Heart,
        around: Mapping[str, Any],
    ) -> dict[str, Any]:
        settings = self._settings
        size_bytes = sum(part.size_bytes for table in run.tables for part in table.parts)
        argument = {
            "dataset_id": str(run.dataset_id),
            "run_id": str(run.run_id),
            "assessment_id": str(assessment_id(run.run_id)),
            "tables": tables,
            "document": str(document),
            "memory_bytes": settings.profile_memory_bytes,
            "threads": settings.assess_threads,
            "scratch": str(document.parent),
            **around,
        }
        try:
            return await self._sandbox.run(
                TARGET,
                argument,
                _limits(settings),
                heart.report,
                output_folder=document.parent,
                fresh=size_bytes > settings.assess_reuse_max_bytes,
                group=owner_of(run),
            )
        except SandboxFailure as failure:
            # the profile itself said so: the same bytes would fail again
            raise JobFailedError(failure.code, failure.detail) from failure


def _limits(settings: QualitySettings) -> Limits:
    return Limits(
        memory_bytes=settings.assess_memory_bytes,
        cpu_seconds=settings.assess_cpu_seconds,
        wall_seconds=settings.assess_wall_seconds,
        output_bytes=settings.assess_output_bytes,
    )


def _reference(stored: StoredObject) -> ObjectRef:
    return ObjectRef(key=stored.key, sha256=stored.sha256, size_bytes=stored.size_bytes)


def sandbox_of(settings: QualitySettings) -> Sandbox:
    """Return the sandbox that assessments run in, not started."""
    runs = settings.assess_reuse_runs
    return Sandbox(PRELOAD, warm=WARM_UP, reuse=Reuse(runs=runs) if runs > 1 else None)


def owner_of(run: RunCompleted) -> str:
    """Return whose runs may share a process with this one: no table may reach another institution's.

    That is the institution which the original's key names, if the dataset's id proves it; else the dataset alone.
    """
    institution = domain.institution_of(run)
    return str(run.dataset_id if institution is None else institution_id(institution))


async def run(settings: QualitySettings) -> None:
    """Run the role until SIGTERM or SIGINT."""
    async with workshop(settings, "quality-worker", sandbox_of(settings)) as shop:
        assessor = Assessor(
            settings,
            shop.store,
            shop.sandbox,
            shop.scratch,
            lambda: datetime.now(UTC),
            contract_of=partial(held, shop.pool),
            past_of=partial(past_of, shop.pool),
            tables_of=partial(newest_tables, shop.pool),
        )
        worker = Worker(
            shop.pool,
            settings.database_url,
            QUEUE,
            assessor.perform,
            assessor.conclude_failure,
            concurrency=settings.assess_concurrency,
        )
        examining = examining_sandbox()
        try:
            partitioning = _partitioning(settings, shop, assessor.partitions)
            await shop.run(worker, partitioning, _sweeping(settings, shop), *_examining(settings, shop, examining))
        finally:
            await examining.close()


def _partitioning(settings: QualitySettings, shop: Workshop, partitions: Partitions) -> Worker:
    """Return the worker of the items of large tables: every worker of the service takes them."""
    return Worker(
        shop.pool,
        settings.database_url,
        PARTITIONS,
        partitions.perform,
        partitions.conclude_failure,
        concurrency=settings.assess_concurrency,
    )


def _sweeping(settings: QualitySettings, shop: Workshop) -> Worker:
    """Return the worker that deletes partial profiles which are of no more use."""
    swept = Sweeping(shop.store)
    return Worker(shop.pool, settings.database_url, sweeping.QUEUE, swept.perform, swept.conclude_failure)


def _examining(settings: QualitySettings, shop: Workshop, sandbox: Sandbox) -> list[Worker]:
    """Return the worker of the second queue, which runs beside the first; none where the settings say so."""
    if not settings.examine_concurrency:
        return []
    examiner = Examiner(settings, shop.pool, shop.store, sandbox, shop.scratch, clock=lambda: datetime.now(UTC))
    patience = timedelta(seconds=settings.examine_patience_seconds)
    yielding = Yielding(shop.pool, patience, lambda: datetime.now(UTC))
    return [
        Worker(
            shop.pool,
            settings.database_url,
            examinations.QUEUE,
            examiner.perform,
            examiner.conclude_failure,
            concurrency=settings.examine_concurrency,
            may_take=yielding.may_take,
        )
    ]
