"""Export jobs: made by the worker in a process of their own, fetched by a signed link, gone when they are over."""

import asyncio
import csv
import gzip
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import openpyxl
import psutil
import psycopg
import pyarrow as pa
import pytest
from pyarrow import parquet

from catalog_svc.exports import links
from catalog_svc.exports.making import Maker
from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.settings import settings
from catalog_svc.worker import Bench
from dataplatform.events.identity import run_id, table_id
from dataplatform.log.postgres import open_pool
from dataplatform.problems import Problem
from dataplatform.telemetry import Health

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]
ROWS = 3_000
_GOING = ("queued", "running")
TABLE = pa.table({"number": range(ROWS), "station": [f"=s{number % 7}" for number in range(ROWS)]})


@pytest.fixture
def published(
    catalog: psycopg.Connection[Any], inbox: ProjectionInbox, story: Any, objects_folder: Path
) -> Iterator[UUID]:
    """The id of a table of 3,000 rows, of a public dataset; the engine of this process is closed in the end."""
    inbox.receive(story.published())
    found = table_id(run_id(story.upload().upload_id), 0)
    row = catalog.execute("SELECT parts FROM tables WHERE table_id = %s", [found]).fetchone()
    assert row
    path = objects_folder / row[0][0]["key"]
    path.parent.mkdir(parents=True)
    parquet.write_table(TABLE, path)
    reading = import_module("catalog_svc.rows.reading")
    reading.engine.cache_clear()
    yield found
    reading.engine().close()
    reading.engine.cache_clear()


@asynccontextmanager
async def working(url: str, tmp_path: Path, **changes: Any) -> AsyncIterator[Maker]:
    """Run the worker's queue of exports for as long as the block lasts."""
    making = import_module("catalog_svc.exports.making")
    found = settings().model_copy(update={"database_url": url, **changes})
    pool = await open_pool(url, max_size=4)
    bench = Bench(found, pool, tmp_path, Health())
    stop = asyncio.Event()
    running = asyncio.create_task(making.queue(bench)(stop))
    try:
        yield Maker(bench)
    finally:
        stop.set()
        await asyncio.wait_for(running, 30)
        await pool.close()


async def ended(client: httpx.AsyncClient, path: str, headers: dict[str, str], seconds: float = 30) -> dict[str, Any]:
    """Look at an export until it is over."""
    async with asyncio.timeout(seconds):
        while (found := (await client.get(path, headers=headers)).json())["state"] in _GOING:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return dict(found)


async def ask(client: httpx.AsyncClient, table: UUID, headers: dict[str, str], query: str = "") -> httpx.Response:
    return await client.post(f"/api/v1/tables/{table}/exports?{query}", headers=headers)


async def test_an_export_has_the_rows_and_the_shape_that_were_asked_for_and_a_link_without_token(
    client: httpx.AsyncClient, catalog_url: str, published: UUID, make_token: Any, tmp_path: Path
) -> None:
    headers = make_token("rae")
    answer = await ask(client, published, headers, "format=csv&compression=gzip&number[lt]=10&sort=-number")
    assert answer.status_code == 202, answer.text
    asked = answer.json()
    assert answer.headers["location"] == asked["links"]["self"]
    assert (asked["state"], asked["rows_estimated"], asked["file"]) == ("queued", 3, None)
    book = (await ask(client, published, headers, "format=xlsx&columns=number&number[lt]=3")).json()
    async with working(catalog_url, tmp_path):
        ready = await ended(client, asked["links"]["self"], headers)
        sheet = await ended(client, book["links"]["self"], headers)
    assert (ready["state"], ready["rows_done"], ready["file_name"]) == ("ready", 10, "table 0.csv.gz")
    file = await client.get(ready["file"])
    assert (file.status_code, file.headers["content-type"]) == (200, "application/gzip")
    assert len(file.content) == ready["size_bytes"]
    rows = list(csv.reader(io.StringIO(gzip.decompress(file.content).decode())))
    assert rows[:2] == [["number", "station"], ["9", "'=s2"]]
    part = await client.get(ready["file"], headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, file.content[2:6])
    pages = openpyxl.load_workbook(io.BytesIO((await client.get(sheet["file"])).content)).worksheets
    assert [row[0] for row in pages[0].iter_rows(values_only=True)] == ["number", 0, 1, 2]
    listed = (await client.get("/api/v1/exports?limit=1", headers=headers)).json()
    assert [item["export_id"] for item in listed["items"]] == [book["export_id"]]
    assert listed["next"]
    others = make_token("oto")
    assert (await client.get(asked["links"]["self"], headers=others)).status_code == 404
    assert (await client.delete(asked["links"]["self"], headers=others)).status_code == 404
    assert (await client.get("/api/v1/exports", headers=others)).json()["items"] == []


async def test_what_makes_no_sense_is_refused_at_once_and_so_is_what_is_too_much(
    client: httpx.AsyncClient, published: UUID, make_token: Any
) -> None:
    headers = make_token("rae")
    for query, code in (
        ("columns=no", "unknown_column"), ("format=parquet&compression=gzip", "invalid_query"),
        ("format=doc", "invalid_request"), ("surprise=1", "unknown_parameter"),
    ):  # fmt: skip
        answer = await ask(client, published, headers, query)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await ask(client, published, {})).status_code == 401
    assert (await ask(client, UUID(int=1), headers)).status_code == 404
    accepted = [(await ask(client, published, headers)).status_code for _ in range(settings().export_active)]
    assert set(accepted) == {202}
    over = await ask(client, published, headers)
    assert (over.status_code, over.json()["code"], over.headers["retry-after"]) == (429, "too_many_exports", "60")
    assert (await ask(client, published, make_token("oto"))).status_code == 202


async def test_a_link_ends_when_it_was_changed_is_over_or_what_it_leads_to_is_not_to_be_seen_any_more(
    client: httpx.AsyncClient, catalog: psycopg.Connection[Any], catalog_url: str, published: UUID, make_token: Any,
    tmp_path: Path, objects_folder: Path,
) -> None:  # fmt: skip
    headers = make_token("rae")
    asked = (await ask(client, published, headers)).json()
    path = asked["links"]["self"]
    async with working(catalog_url, tmp_path) as maker:
        link = (await ended(client, path, headers))["file"]
        assert pa.table(parquet.read_table(io.BytesIO((await client.get(link)).content))).equals(TABLE)
        for wrong in (link[:-1] + ("0" if link[-1] != "0" else "1"), link.replace("expires=", "expires=1"),
                      link.replace(asked["export_id"], str(UUID(int=1)))):  # fmt: skip
            refused = await client.get(wrong)
            assert (refused.status_code, refused.json()["code"]) == (403, "link_invalid")
        secret, export_id = settings().secret_key.get_secret_value(), UUID(asked["export_id"])
        over = await client.get(links.link(secret, export_id, datetime.now(UTC) - timedelta(seconds=1)))
        assert (over.status_code, over.json()["code"]) == (410, "link_expired")
        catalog.execute("UPDATE datasets SET visibility = 'restricted'")
        assert (await client.get(link)).status_code == 404
        catalog.execute("UPDATE datasets SET visibility = 'public'")
        assert (await client.get(link)).status_code == 200
        catalog.execute("UPDATE versions SET withdrawn_at = now(), withdrawn_reason = 'wrong'")
        assert (await client.get(link)).status_code == 410
        catalog.execute("UPDATE versions SET withdrawn_at = NULL, withdrawn_reason = NULL")
        catalog.execute("UPDATE accounts SET is_active = false")
        gone = await client.get(link)
        assert (gone.status_code, gone.json()["code"]) == (410, "export_gone")
        catalog.execute("UPDATE accounts SET is_active = true")
        assert list((objects_folder / "exports").rglob("file"))
        revoked = await client.delete(path, headers=headers)
        assert (revoked.json()["state"], revoked.json()["file"]) == ("cancelled", None)
        assert (await client.get(link)).json()["code"] == "export_gone"
        await maker.sweep()
    assert not list((objects_folder / "exports").rglob("file"))


async def test_what_was_closed_before_the_job_ran_is_not_exported(
    client: httpx.AsyncClient, catalog: psycopg.Connection[Any], catalog_url: str, published: UUID, make_token: Any,
    tmp_path: Path,
) -> None:  # fmt: skip
    headers = make_token("rae")
    path = (await ask(client, published, headers)).json()["links"]["self"]
    catalog.execute("UPDATE datasets SET visibility = 'restricted'")
    async with working(catalog_url, tmp_path):
        found = await ended(client, path, headers)
    assert (found["state"], found["reason_code"], found["file"]) == ("failed", "not_found", None)


@pytest.mark.slow
async def test_an_export_that_expired_is_swept(
    client: httpx.AsyncClient, catalog: psycopg.Connection[Any], catalog_url: str, published: UUID, make_token: Any,
    tmp_path: Path, objects_folder: Path,
) -> None:  # fmt: skip
    headers = make_token("rae")
    path = (await ask(client, published, headers)).json()["links"]["self"]
    async with working(catalog_url, tmp_path) as maker:
        link = (await ended(client, path, headers))["file"]
        catalog.execute("UPDATE export_jobs SET expires_at = now() - interval '1 second'")
        assert (await client.get(path, headers=headers)).json()["state"] == "expired"
        assert (await client.get(link)).json()["code"] == "export_gone"
        await maker.sweep()
    assert not list((objects_folder / "exports").rglob("file"))
    assert catalog.execute("SELECT state, object FROM export_jobs").fetchone() == ("expired", None)


async def test_of_a_version_that_was_erased_no_copy_is_kept(
    client: httpx.AsyncClient, catalog: psycopg.Connection[Any], catalog_url: str, published: UUID, make_token: Any,
    tmp_path: Path, objects_folder: Path,
) -> None:  # fmt: skip
    headers = make_token("rae")
    path = (await ask(client, published, headers)).json()["links"]["self"]
    async with working(catalog_url, tmp_path) as maker:
        assert (await ended(client, path, headers))["state"] == "ready"
        for version, kept in (("gen_random_uuid()", 1), ("run_id", 0)):
            catalog.execute(
                f"""INSERT INTO erasures (erasure_id, dataset_id, version_id, original_erased, reason_code, reference,
                                          erased_at)
                    SELECT gen_random_uuid(), dataset_id, {version}, true, 'asked', '', now() FROM tables"""
            )
            await maker.sweep()
            assert len(list((objects_folder / "exports").rglob("file"))) == kept


@pytest.mark.slow
async def test_an_export_that_takes_too_long_is_ended_and_says_so(
    client: httpx.AsyncClient, catalog_url: str, published: UUID, make_token: Any, tmp_path: Path
) -> None:
    headers = make_token("rae")
    path = (await ask(client, published, headers)).json()["links"]["self"]
    async with working(catalog_url, tmp_path, export_seconds=0):
        found = await ended(client, path, headers)
    assert (found["state"], found["reason_code"]) == ("failed", "query_timed_out")


@pytest.mark.slow
async def test_an_export_whose_worker_was_killed_is_made_by_another(
    client: httpx.AsyncClient, catalog: psycopg.Connection[Any], catalog_url: str, published: UUID, make_token: Any,
    tmp_path: Path,
) -> None:  # fmt: skip
    headers = make_token("rae")
    # a workbook takes long enough to be killed in the middle
    path = (await ask(client, published, headers, "format=xlsx")).json()["links"]["self"]
    variables = {**os.environ, "DATAPLATFORM_DATABASE_URL": catalog_url, "DATAPLATFORM_SCRATCH_DIR": str(tmp_path)}
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "catalog_svc", "worker"], env=variables, stdout=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(40):
            while not (children := psutil.Process(process.pid).children(recursive=True)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    assert catalog.execute("SELECT state FROM export_jobs").fetchone() == ("queued",)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive  # what made the file ended with its worker
    catalog.execute("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'running'")
    async with working(catalog_url, tmp_path):
        found = await ended(client, path, headers, 60)
    assert (found["state"], found["rows_done"]) == ("ready", ROWS)
    row = catalog.execute("SELECT object ->> 'key' FROM export_jobs").fetchone()
    assert row
    assert "/2/" in row[0]  # of the second attempt


def test_a_signature_is_for_one_export_and_one_time() -> None:
    now, one = datetime(2026, 3, 1, tzinfo=UTC), UUID(int=1)
    secret = "a secret of at least thirty-two characters"
    query = httpx.URL(links.link(secret, one, now)).params
    check: Callable[..., None] = links.check
    check(secret, one, int(query["expires"]), query["signature"], now - timedelta(seconds=1))
    for changed in (
        (secret, UUID(int=2), int(query["expires"]), query["signature"], now),
        (secret, one, int(query["expires"]) + 1, query["signature"], now),
        (f"{secret}!", one, int(query["expires"]), query["signature"], now),
        (secret, one, int(query["expires"]), "ä", now),
    ):
        with pytest.raises(Problem, match="link_invalid"):
            check(*changed)
    with pytest.raises(Problem, match="link_expired"):
        check(secret, one, int(query["expires"]), query["signature"], now)
