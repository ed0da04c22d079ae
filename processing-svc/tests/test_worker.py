"""Parse jobs on real PostgreSQL and S3, in the real sandbox: what they leave behind, however they end."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pyarrow.parquet as pq
import pytest

from dataplatform.events.base import ObjectRef, ParseOptions
from dataplatform.events.catalog import SchemaOverridden
from dataplatform.events.identity import run_id
from dataplatform.events.ingest import ProcessingRequested, UploadReceived
from dataplatform.events.processing import RunCompleted, RunFailed, RunStarted, TableStandardized
from dataplatform.jobs.sandbox import Sandbox
from dataplatform.jobs.worker import Worker
from dataplatform.log import store as log
from dataplatform.log.envelope import Context, Envelope, enclose
from dataplatform.storage import ObjectStore
from dataplatform_stack.testing import TestS3
from processing_svc import commands, domain, stickiness
from processing_svc.consumer import dispatcher
from processing_svc.settings import ProcessingSettings
from processing_svc.worker import Parser, known_handlers, sandbox_of

LONG = b"a,b\n" + b"1,x\n" * 300_000
"""Takes longer to parse than the sandbox takes to notice that the time is up."""

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CAUSE = Context(UUID(int=5), UUID(int=6), TRACE)
MakeUpload = Callable[..., Awaitable[UploadReceived]]
MakeWorker = Callable[..., Awaitable[Worker]]


@pytest.fixture
async def sandbox(settings: ProcessingSettings) -> AsyncIterator[Sandbox]:
    async with sandbox_of(settings) as opened:
        yield opened


@pytest.fixture
def make_worker(
    settings: ProcessingSettings, pool: asyncpg.Pool, store: ObjectStore, sandbox: Sandbox, tmp_path: Path
) -> MakeWorker:
    async def make(**changes: Any) -> Worker:
        parser = await make_parser(settings.model_copy(update=changes), pool, store, sandbox, tmp_path)
        return Worker(pool, settings.database_url, domain.QUEUE, parser.perform, parser.conclude_failure)

    return make


async def make_parser(
    settings: ProcessingSettings, pool: asyncpg.Pool, store: ObjectStore, sandbox: Sandbox, tmp_path: Path
) -> Parser:
    scratch = tmp_path / "work"
    scratch.mkdir(exist_ok=True)
    return Parser(settings, pool, store, sandbox, scratch, await known_handlers(sandbox), lambda: NOW)


async def enqueue(pool: asyncpg.Pool, upload: UploadReceived, attempts: int = 1) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await commands.request_run(connection, domain.Run(upload), CAUSE, attempts)


async def stream_of(pool: asyncpg.Pool, upload: UploadReceived) -> list[Envelope]:
    async with pool.acquire() as connection:
        return await log.load(connection, domain.Run(upload).stream)


async def failure_of(pool: asyncpg.Pool, upload: UploadReceived) -> RunFailed:
    event = (await stream_of(pool, upload))[-1].event()
    assert isinstance(event, RunFailed)
    return event


async def objects(store: ObjectStore, upload: UploadReceived) -> list[str]:
    return [found.key async for found in store.list(f"tables/{upload.dataset_id}/")]


async def test_an_upload_becomes_parquet_and_its_events(
    make_worker: MakeWorker, pool: asyncpg.Pool, store: ObjectStore, make_upload: MakeUpload, tmp_path: Path
) -> None:
    upload = await make_upload(b"Id,Name\n1,a\n2,\n")
    await enqueue(pool, upload)
    assert await (await make_worker()).run_one()
    envelopes = await stream_of(pool, upload)
    events = [envelope.event() for envelope in envelopes]
    assert [type(event) for event in events] == [RunStarted, TableStandardized, RunCompleted]
    table = events[1]
    assert isinstance(table, TableStandardized)
    assert [(column.name, column.type, column.source_name) for column in table.columns] == [
        ("id", "int64", "Id"), ("name", "string", "Name"),
    ]  # fmt: skip
    (part,) = table.parts
    await store.get_file(part.key, tmp_path / "part", sha256=part.sha256)
    assert pq.read_table(tmp_path / "part").to_pylist() == [{"id": 1, "name": "a"}, {"id": 2, "name": None}]
    done = events[2]
    assert isinstance(done, RunCompleted)
    assert done.original == upload.original
    assert {envelope.correlation_id for envelope in envelopes} == {CAUSE.correlation_id}
    assert {(envelope.traceparent or "").split("-")[1] for envelope in envelopes} == {TRACE.split("-")[1]}
    assert not list((tmp_path / "work").iterdir()), "scratch is empty again"


async def test_no_value_of_the_data_reaches_the_log(
    make_worker: MakeWorker, pool: asyncpg.Pool, make_upload: MakeUpload
) -> None:
    upload = await make_upload(b'name,n\n"Jane Roe",1\nJane "the" Roe,2,3\nJane\n')
    await enqueue(pool, upload)
    await (await make_worker()).run_one()
    envelopes = await stream_of(pool, upload)
    assert isinstance(envelopes[-1].event(), RunCompleted)
    assert "Jane" not in json.dumps([envelope.data for envelope in envelopes])


async def test_every_repair_is_named_in_the_report_that_the_event_points_at(
    make_worker: MakeWorker, pool: asyncpg.Pool, store: ObjectStore, make_upload: MakeUpload, tmp_path: Path
) -> None:
    upload = await make_upload(b"a,b\n1,x\n2\n3,y\n")
    await enqueue(pool, upload)
    await (await make_worker()).run_one()
    done = (await stream_of(pool, upload))[-1].event()
    assert isinstance(done, RunCompleted)
    assert done.repair_count == 1
    assert done.report is not None
    await store.get_file(done.report.key, tmp_path / "report.json", sha256=done.report.sha256)
    (repair,) = json.loads((tmp_path / "report.json").read_text())["tables"][0]["repairs"]
    assert (repair["kind"], repair["position"]) == ("short_row_filled", "line 3")


async def test_the_same_original_gives_the_same_bytes_again(
    make_worker: MakeWorker, pool: asyncpg.Pool, make_upload: MakeUpload
) -> None:
    digests = set()
    for _ in range(2):
        upload = await make_upload(b"a,b\n1,x\n2,y\n")
        await enqueue(pool, upload)
        await (await make_worker()).run_one()
        table = (await stream_of(pool, upload))[1].event()
        assert isinstance(table, TableStandardized)
        digests.add(table.parts[0].sha256)
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("data", "file_format", "code"),
    [
        (b"   \n", "csv", "empty_file"),
        (b"PAR1" + b"\0" * 64, "parquet", "truncated_parquet"),
        (b"%PDF-1.7\nnonsense", "pdf", "corrupt_file"),
        (b"PK\x03\x04 nonsense", "xlsx", "corrupt_file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "xlsx", "corrupt_file"),
    ],
)
async def test_what_cannot_be_read_fails_at_once_with_its_reason(
    data: bytes, file_format: str, code: str, make_worker: MakeWorker, pool: asyncpg.Pool, store: ObjectStore,
    make_upload: MakeUpload,
) -> None:  # fmt: skip
    upload = await make_upload(data, file_format)
    await enqueue(pool, upload, attempts=3)
    await (await make_worker()).run_one()
    failure = await failure_of(pool, upload)
    assert (failure.reason_code, failure.attempts) == (code, 1)
    assert await objects(store, upload) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"parse_wall_seconds": 0.001}, "timed_out"),
        ({"parse_output_bytes": 100}, "output_limit_exceeded"),
    ],
)
async def test_a_parse_beyond_its_limits_is_killed_and_told_after_the_last_attempt(
    changes: dict[str, Any], code: str, make_worker: MakeWorker, pool: asyncpg.Pool, make_upload: MakeUpload,
    tmp_path: Path,
) -> None:  # fmt: skip
    upload = await make_upload(LONG)
    await enqueue(pool, upload, attempts=2)
    worker = await make_worker(**changes)
    await worker.run_one()
    assert [type(envelope.event()) for envelope in await stream_of(pool, upload)] == [RunStarted]
    await pool.execute("UPDATE jobs SET run_at = now()")  # the pause before the second attempt is over
    await worker.run_one()
    envelopes = await stream_of(pool, upload)
    assert [type(envelope.event()) for envelope in envelopes] == [RunStarted, RunFailed], "started is told once"
    failure = await failure_of(pool, upload)
    assert (failure.reason_code, failure.attempts) == (code, 2)
    assert failure.detail == domain.FAILURES[code]
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize("change", ["sha256", "key"])
async def test_an_original_that_is_not_as_announced_fails_with_its_reason(
    change: str, make_worker: MakeWorker, pool: asyncpg.Pool, make_upload: MakeUpload
) -> None:
    upload = await make_upload(b"a,b\n1,x\n")
    value = hashlib.sha256(b"other").hexdigest() if change == "sha256" else "originals/nowhere"
    upload = upload.model_copy(update={"original": upload.original.model_copy(update={change: value})})
    await enqueue(pool, upload, attempts=1)
    await (await make_worker()).run_one()
    code = {"sha256": "object_corrupt", "key": "object_not_found"}[change]
    assert (await failure_of(pool, upload)).reason_code == code


async def test_a_withdrawn_upload_is_not_parsed(
    make_worker: MakeWorker, pool: asyncpg.Pool, make_upload: MakeUpload
) -> None:
    upload = await make_upload(b"a,b\n1,x\n")
    await enqueue(pool, upload)
    await cancel(pool, upload, "upload_withdrawn")
    await cancel(pool, upload, "upload_withdrawn")
    assert not await (await make_worker()).run_one()
    assert (await failure_of(pool, upload)).reason_code == "upload_withdrawn"
    assert len(await stream_of(pool, upload)) == 1


async def cancel(pool: asyncpg.Pool, upload: UploadReceived, code: str, only: UUID | None = None) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await commands.cancel_runs(connection, upload.upload_id, code, NOW, CAUSE, only=only)


def asked(upload: UploadReceived, number: int, **wanted: Any) -> domain.Run:
    request = ProcessingRequested(
        dataset_id=upload.dataset_id, upload_id=upload.upload_id, request_id=UUID(int=number),
        run_id=run_id(upload.upload_id, str(UUID(int=number))), upload=upload, requested_by=UUID(int=1),
        requested_at=NOW, **wanted,
    )  # fmt: skip
    return domain.Run(upload, request)


async def last_of(pool: asyncpg.Pool, run: domain.Run) -> Any:
    async with pool.acquire() as connection:
        return (await log.load(connection, run.stream))[-1].event()


async def test_a_request_is_a_run_of_its_own_with_its_options(
    make_worker: MakeWorker, pool: asyncpg.Pool, make_upload: MakeUpload
) -> None:
    upload = await make_upload(b"a|b;c\n1|2;3\n4|5;6\n")
    runs = [
        asked(upload, 1, options=ParseOptions(delimiter="|")),
        asked(upload, 2, options=ParseOptions(delimiter=";")),
        asked(upload, 3, handler_version="never-was"),
    ]
    for run in runs:
        await commands.request_run(pool, run, CAUSE, 3)
    worker = await make_worker()
    assert [await worker.run_one() for _ in range(4)] == [True, True, True, False]
    first, second, third = [await last_of(pool, run) for run in runs]
    assert {first.run_id, second.run_id} == {runs[0].run_id, runs[1].run_id}
    assert (first.tables[0].column_count, second.tables[0].column_count) == (2, 2)
    assert first.tables[0].parts[0].sha256 != second.tables[0].parts[0].sha256
    assert isinstance(third, RunFailed)
    assert third.reason_code == "handler_version_unavailable"


async def test_a_cancelled_request_ends_its_run_and_no_other(
    make_worker: MakeWorker, pool: asyncpg.Pool, make_upload: MakeUpload
) -> None:
    upload = await make_upload(b"a,b\n1,x\n")
    taken, other = asked(upload, 1), asked(upload, 2)
    for run in (taken, other):
        await commands.request_run(pool, run, CAUSE, 3)
    await cancel(pool, upload, "request_cancelled", only=taken.run_id)
    worker = await make_worker()
    assert [await worker.run_one(), await worker.run_one()] == [True, False]
    assert (await last_of(pool, taken)).reason_code == "request_cancelled"
    assert isinstance(await last_of(pool, other), RunCompleted)
    await cancel(pool, upload, "request_cancelled", only=other.run_id)
    assert isinstance(await last_of(pool, other), RunCompleted)


async def test_two_requests_for_an_upload_are_one_run(
    make_worker: MakeWorker, pool: asyncpg.Pool, make_upload: MakeUpload
) -> None:
    upload = await make_upload(b"a,b\n1,x\n")
    await enqueue(pool, upload)
    await enqueue(pool, upload)
    worker = await make_worker()
    assert [await worker.run_one(), await worker.run_one()] == [True, False]
    assert len(await stream_of(pool, upload)) == 3


async def test_a_failed_run_can_be_run_again_and_then_completes(
    make_worker: MakeWorker, pool: asyncpg.Pool, make_upload: MakeUpload
) -> None:
    upload = await make_upload(LONG)
    await enqueue(pool, upload)
    await (await make_worker(parse_wall_seconds=0.001)).run_one()
    await pool.execute("UPDATE jobs SET state = 'ready', attempt = 0, run_at = now() WHERE state = 'failed'")
    await (await make_worker()).run_one()
    types = [type(envelope.event()) for envelope in await stream_of(pool, upload)]
    assert types == [RunStarted, RunFailed, TableStandardized, RunCompleted]


async def test_a_late_attempt_leaves_no_event_and_not_the_tables_that_count(
    settings: ProcessingSettings, make_worker: MakeWorker, pool: asyncpg.Pool, store: ObjectStore, sandbox: Sandbox,
    make_upload: MakeUpload, tmp_path: Path,
) -> None:  # fmt: skip
    upload = await make_upload(b"a,b\n1,x\n")
    await enqueue(pool, upload, attempts=3)
    parser = await make_parser(settings, pool, store, sandbox, tmp_path)

    async def too_late(job: Any, heart: Any) -> Any:
        conclude = await parser.perform(job, heart)
        await pool.execute("UPDATE jobs SET state = 'ready', run_at = now()")  # as a reaper does
        assert await (await make_worker()).run_one()
        return conclude

    late = Worker(pool, settings.database_url, domain.QUEUE, too_late, parser.conclude_failure)
    assert await late.run_one()
    events = [envelope.event() for envelope in await stream_of(pool, upload)]
    assert [type(event) for event in events] == [RunStarted, TableStandardized, RunCompleted]
    table = events[1]
    assert isinstance(table, TableStandardized)
    assert table.parts[0].key.startswith(domain.Run(upload).folder(2))


async def test_an_object_store_that_is_down_is_waited_for_and_costs_no_attempt(
    s3_server: TestS3, make_worker: MakeWorker, pool: asyncpg.Pool, make_upload: MakeUpload
) -> None:
    upload = await make_upload(b"a,b\n1,x\n")
    await enqueue(pool, upload, attempts=1)
    worker = await make_worker()
    s3_server.kill()
    try:
        assert await worker.run_one()
    finally:
        s3_server.start()
    assert [type(envelope.event()) for envelope in await stream_of(pool, upload)] == [RunStarted]
    await pool.execute("UPDATE jobs SET run_at = now()")  # the pause is over
    assert await worker.run_one()
    types = [type(envelope.event()) for envelope in await stream_of(pool, upload)]
    assert types == [RunStarted, TableStandardized, RunCompleted]


async def test_a_wide_table_has_its_schema_in_a_document(
    make_worker: MakeWorker, pool: asyncpg.Pool, store: ObjectStore, make_upload: MakeUpload, tmp_path: Path
) -> None:
    names = [f"n{number}" for number in range(1200)]
    upload = await make_upload(f"{','.join(names)}\n{','.join('1' * 1200)}\n".encode())
    await enqueue(pool, upload)
    await (await make_worker()).run_one()
    table = (await stream_of(pool, upload))[1].event()
    assert isinstance(table, TableStandardized)
    assert (table.column_count, table.columns) == (1200, ())
    assert table.schema_object is not None
    await store.get_file(table.schema_object.key, tmp_path / "schema.json", sha256=table.schema_object.sha256)
    columns = json.loads((tmp_path / "schema.json").read_text())["columns"]
    assert [column["source_name"] for column in columns] == names


async def test_several_jobs_at_once_keep_to_themselves(
    settings: ProcessingSettings, pool: asyncpg.Pool, store: ObjectStore, sandbox: Sandbox, make_upload: MakeUpload,
    tmp_path: Path, eventually: Callable[..., Awaitable[None]],
) -> None:  # fmt: skip
    uploads = [await make_upload(f"n\n{number}\n".encode()) for number in range(8)]
    for upload in uploads:
        await enqueue(pool, upload)
    parser = await make_parser(settings, pool, store, sandbox, tmp_path)
    worker = Worker(pool, settings.database_url, domain.QUEUE, parser.perform, parser.conclude_failure, concurrency=3)
    stop = asyncio.Event()
    working = asyncio.create_task(worker.run(stop))

    async def all_done() -> bool:
        return not await pool.fetchval("SELECT count(*) FROM jobs WHERE state <> 'done'")

    await eventually(all_done)
    stop.set()
    await working
    for number, upload in enumerate(uploads):
        table = (await stream_of(pool, upload))[1].event()
        assert isinstance(table, TableStandardized)
        await store.get_file(table.parts[0].key, tmp_path / "part")
        assert pq.read_table(tmp_path / "part").column("n").to_pylist() == [number]


async def test_what_was_decided_about_a_dataset_holds_for_its_next_upload(
    make_worker: MakeWorker,
    pool: asyncpg.Pool,
    store: ObjectStore,
    make_upload: MakeUpload,
    settings: ProcessingSettings,
) -> None:
    upload = await make_upload(b"Id,Name\n1,a\n2,b\n")
    for types in ({"Id": "int32"}, {"Id": "string"}):
        overridden = await override(store, upload, {"types": types, "names": {"Name": "label"}})
        async with pool.acquire() as connection, connection.transaction():
            envelopes = enclose([overridden], 1, service="catalog-svc", now=NOW, context=CAUSE)
            await dispatcher(settings).apply(connection, envelopes)
    await enqueue(pool, upload)
    assert await (await make_worker()).run_one()
    table = (await stream_of(pool, upload))[1].event()
    assert isinstance(table, TableStandardized)
    assert [(column.name, column.type) for column in table.columns] == [("id", "string"), ("label", "string")]


async def test_overrides_that_are_none_fail_the_run_by_name(
    make_worker: MakeWorker, pool: asyncpg.Pool, store: ObjectStore, make_upload: MakeUpload
) -> None:
    upload = await make_upload(b"Id,Name\n1,a\n")
    async with pool.acquire() as connection:
        await stickiness.keep(connection, await override(store, upload, {"types": 7}))
    await enqueue(pool, upload)
    await (await make_worker()).run_one()
    assert (await failure_of(pool, upload)).reason_code == "invalid_overrides"


async def override(store: ObjectStore, upload: UploadReceived, options: dict[str, Any]) -> SchemaOverridden:
    async def chunks() -> AsyncIterator[bytes]:
        yield json.dumps(options).encode()

    kept = await store.put(f"overrides/{upload.dataset_id}/{uuid4()}.json", chunks())
    reference = ObjectRef(key=kept.key, sha256=kept.sha256, size_bytes=kept.size_bytes)
    return SchemaOverridden(
        dataset_id=upload.dataset_id, overrides=reference, overridden_by=UUID(int=1), overridden_at=NOW
    )


def test_what_a_request_asks_for_counts_more_than_what_sticks() -> None:
    sticky = ParseOptions(delimiter=";", types={"a": "string", "b": "int64"})
    asked = ParseOptions(header_row=2, types={"a": "int64"})
    assert stickiness.joined(sticky, asked) == ParseOptions(
        delimiter=";", header_row=2, types={"a": "int64", "b": "int64"}
    )
