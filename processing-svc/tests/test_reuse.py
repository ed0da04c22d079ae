"""Which parses share a process, and that a shared one gives what one of its own gives."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import REGISTRY

from dataplatform.events.ingest import UploadReceived
from dataplatform.events.processing import RunCompleted, TableStandardized
from dataplatform.jobs.sandbox import Sandbox
from dataplatform.jobs.worker import Worker
from dataplatform.log import store as log
from dataplatform.log.envelope import Context
from dataplatform.storage import ObjectStore
from processing_svc import commands, domain
from processing_svc.settings import ProcessingSettings
from processing_svc.worker import PARSE, Parser, known_handlers, sandbox_of

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SMALL = b"Id,Name\n1,a\n2,\n"
Process = Callable[[UploadReceived], Awaitable[str]]
MakeUpload = Callable[..., Awaitable[UploadReceived]]


@pytest.fixture
async def sandbox(settings: ProcessingSettings) -> AsyncIterator[Sandbox]:
    async with sandbox_of(settings) as opened:
        yield opened


@pytest.fixture
async def process(
    settings: ProcessingSettings, pool: asyncpg.Pool, store: ObjectStore, sandbox: Sandbox, tmp_path: Path
) -> Process:
    """Run the job of an upload, and return the hash of its table."""
    parser = Parser(settings, pool, store, sandbox, tmp_path, await known_handlers(sandbox), lambda: NOW)
    worker = Worker(pool, settings.database_url, domain.QUEUE, parser.perform, parser.conclude_failure)

    async def run(upload: UploadReceived) -> str:
        async with pool.acquire() as connection, connection.transaction():
            await commands.request_run(connection, domain.Run(upload), Context(UUID(int=5), UUID(int=6), None), 1)
        assert await worker.run_one()
        async with pool.acquire() as connection:
            events = [found.event() for found in await log.load(connection, domain.Run(upload).stream)]
        assert isinstance(events[-1], RunCompleted)
        (table,) = (event for event in events if isinstance(event, TableStandardized))
        return table.parts[0].sha256

    return run


def processes() -> float:
    """Return how many processes parses of this test run have begun in."""
    return REGISTRY.get_sample_value("dataplatform_sandbox_processes_total", {"target": PARSE}) or 0.0


async def test_small_originals_of_an_institution_share_a_process(process: Process, make_upload: MakeUpload) -> None:
    before = processes()
    digests = {await process(await make_upload(SMALL)) for _ in range(4)}
    assert len(digests) == 1
    assert processes() - before == 1


async def test_those_of_another_do_not(process: Process, make_upload: MakeUpload) -> None:
    before = processes()
    for institution in (UUID(int=1), UUID(int=2), UUID(int=1)):
        await process(await make_upload(SMALL, institution_id=institution))
    assert processes() - before == 2


async def test_a_large_one_has_a_process_of_its_own(
    process: Process, make_upload: MakeUpload, settings: ProcessingSettings
) -> None:
    large = b"Id,Name\n" + b"1,abcdefgh\n" * (settings.parse_reuse_max_bytes // 10)
    before = processes()
    for data in (SMALL, large, SMALL, large):
        await process(await make_upload(data))
    assert processes() - before == 3


async def test_a_file_that_was_refused_leaves_no_process_to_the_next(process: Process, make_upload: MakeUpload) -> None:
    before = processes()
    await process(await make_upload(SMALL))
    with pytest.raises(AssertionError):
        await process(await make_upload(b"  \n"))
    await process(await make_upload(SMALL))
    assert processes() - before == 2


@pytest.mark.parametrize("runs", [0, 1])
async def test_reuse_can_be_turned_off(settings: ProcessingSettings, runs: int) -> None:
    async with sandbox_of(settings.model_copy(update={"parse_reuse_runs": runs})) as sandbox:
        await known_handlers(sandbox)
        assert sandbox._options["reuse"] is None
