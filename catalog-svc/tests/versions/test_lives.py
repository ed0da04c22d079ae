"""A version is withdrawn, restored and erased; what was served at any moment of that can be asked."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pyarrow as pa
import pytest

from dataplatform.events.identity import dataset_id, institution_id, table_id
from dataplatform.log.postgres import open_pool
from dataplatform.storage import open_store

pytestmark = pytest.mark.integration

AIR = dataset_id(institution_id("demo"), "air-quality")
API = f"/api/v1/datasets/{AIR}"
ROWS = pa.table({"station": ["a", "b"], "pm10": [1, 2]})


async def get(client: httpx.AsyncClient, path: str, status: int = 200, **query: Any) -> Any:
    answer = await client.get(httpx.URL(path).copy_merge_params(query) if query else path)
    assert answer.status_code == status, (path, answer.text)
    return answer.json() if status != 200 or "json" in answer.headers["content-type"] else answer.content


async def post(client: httpx.AsyncClient, path: str, headers: Any, body: Any = None, status: int = 200) -> Any:
    answer = await client.post(path, json=body, headers=headers)
    assert answer.status_code == status, (path, answer.text)
    return answer.json()


async def off(work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    return await asyncio.to_thread(work, *arguments, **options)


def code(problem: Any) -> tuple[int, str]:
    return problem["status"], problem["code"]


def everywhere(version: UUID) -> list[str]:
    """Every path below which the data of a version are read."""
    first = f"/api/v1/tables/{table_id(version, 0)}"
    return [
        *(f"/api/v1/versions/{version}/{name}" for name in ("tables", "quality", "examination", "report", "download")),
        *(f"{first}{name}" for name in ("", "/columns", "/rows", "/rows/count", "/download?format=csv")),
        f"{first}/rows/distinct?column=station",
    ]


async def erase_all(catalog_url: str) -> tuple[int, int]:
    """Do what the role `worker` does with erasures, once."""
    erasing, settings = (import_module(f"catalog_svc.{name}") for name in ("versions.erasing", "settings"))
    pool = await open_pool(catalog_url)
    async with open_store(settings.settings()) as store:

        async def opened() -> Any:
            return store

        try:
            found: tuple[int, int] = await erasing.Eraser(
                pool, catalog_url, opened, lambda: datetime.now(UTC)
            ).carry_out()
            return found
        finally:
            await pool.close()


def stored(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def rerun(story: Any, upload: Any, run: UUID) -> tuple[list[Any], Any]:
    """What processing and quality say of a further run of an upload."""
    events = story.run(upload)
    moved = [
        event.model_copy(update={"run_id": run, **({"table_id": UUID(int=8)} if hasattr(event, "table_id") else {})})
        for event in events
    ]
    moved[-1] = moved[-1].model_copy(
        update={"tables": tuple(t.model_copy(update={"table_id": UUID(int=8)}) for t in events[-1].tables)}
    )
    return moved, story.assessment(upload).model_copy(update={"run_id": run, "assessment_id": UUID(int=9)})


async def test_a_steward_withdraws_a_version_and_restores_it_under_its_number(
    client: httpx.AsyncClient, publish: Any, make_token: Any, catalog: psycopg.Connection[Any]
) -> None:
    first, second = await off(publish, 1, [ROWS]), await off(publish, 2, [ROWS])
    steward, reader = make_token("anna", demo="steward"), make_token("ben", demo="reader")
    path = f"/api/v1/versions/{second}"
    assert code(await post(client, f"{path}/withdraw", reader, {"reason": "outdated"}, 403)) == (403, "forbidden")
    assert (await post(client, f"{path}/withdraw", steward, {"reason": "nonsense"}, 422))["status"] == 422
    shown = await post(client, f"{path}/withdraw", steward, {"reason": "outdated", "detail": "See 1."})
    assert (shown["withdrawn_reason"], shown["number"]) == ("outdated", 2)
    again = await post(client, f"{path}/withdraw", steward, {"reason": "licence"})
    assert (again["withdrawn_reason"], again["withdrawn_at"]) == ("outdated", shown["withdrawn_at"])
    assert (await get(client, API))["version_id"] == str(first)
    assert code(await get(client, f"{path}/quality", 410)) == (410, "version_withdrawn")
    restored = await post(client, f"{path}/restore", steward)
    assert (restored["withdrawn_at"], restored["number"]) == (None, 2)
    await post(client, f"{path}/restore", steward)
    assert (await get(client, API))["version_id"] == str(second)
    assert len((await get(client, f"/api/v1/tables/{table_id(second, 0)}/rows"))["items"]) == 2
    actions = catalog.execute("SELECT action FROM audit_entries WHERE subject = 'version' ORDER BY 1").fetchall()
    assert actions == [("version.restored",), ("version.withdrawn",)]


async def test_a_version_whose_upload_was_taken_back_is_not_restored(
    client: httpx.AsyncClient, publisher: Any, make_token: Any
) -> None:
    version = await off(publisher.publish, 1, [ROWS])
    story = publisher.story
    await off(publisher.inbox.receive, story.enclose(story.withdrawal(story.upload(number=1))))
    headers = make_token("anna", demo="steward")
    problem = await post(client, f"/api/v1/versions/{version}/restore", headers, status=409)
    assert code(problem) == (409, "upload_withdrawn")


async def test_an_erased_version_is_gone_everywhere_and_its_objects_too(
    client: httpx.AsyncClient, publish: Any, make_token: Any, catalog_url: str, objects_folder: Path
) -> None:
    first = await off(publish, 1, [ROWS], keys=[["station"]])
    kept = stored(objects_folder)
    second = await off(publish, 2, [ROWS], keys=[["station"]])
    steward, admin = make_token("anna", demo="steward"), make_token("root", demo="administrator")
    path, reason = f"/api/v1/versions/{second}", {"reason": "personal_data", "reference": "DPO-2026/17"}
    for read in everywhere(second):
        await get(client, read)
    assert code(await post(client, f"{path}/erase", steward, reason, 403)) == (403, "forbidden")
    ordered = await post(client, f"{path}/erase", admin, reason, 202)
    assert (ordered["completed_at"], ordered["original_erased"]) == (None, True)
    for read in (path, *everywhere(second)):
        problem = await get(client, read, 410)
        assert (code(problem), problem["reason_code"]) == ((410, "version_erased"), "personal_data"), read
    assert code(await post(client, f"{path}/restore", steward, status=410)) == (410, "version_erased")
    for document in ("croissant.json", "dcat.jsonld", "schema-org.json", "datapackage.json", "csvw.json"):
        text = (await client.get(f"{API}/{document}")).text
        assert str(table_id(first, 0)) in text, document
        assert str(second) not in text, document
        assert str(table_id(second, 0)) not in text, document
    tombstone = (await get(client, f"{API}/versions"))["items"][0]
    assert (tombstone["number"], tombstone["original"], tombstone["erased_reason"]) == (2, None, "personal_data")
    assert await erase_all(catalog_url) == (1, 0)
    assert stored(objects_folder) == kept
    (told,) = (await get(client, f"{API}/erasures"))["items"]
    assert told["completed_at"] is not None
    assert told["object_count"] == 5  # original, table, report, profile, examination
    assert await erase_all(catalog_url) == (0, 0)
    for read in everywhere(first):
        await get(client, read)


async def test_an_eraser_that_dies_in_the_middle_is_finished_by_the_next(
    client: httpx.AsyncClient, publish: Any, make_token: Any, catalog_url: str, objects_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    version = await off(publish, 1, [ROWS, ROWS, ROWS])
    admin = make_token("root", demo="administrator")
    await post(client, f"/api/v1/versions/{version}/erase", admin, {"reason": "licence"}, 202)
    folder = import_module("dataplatform.storage.folder").FolderStore
    really, deleted = folder.delete, list[str]()

    async def dying(self: Any, key: str) -> None:
        if len(deleted) == 2:
            raise asyncio.CancelledError
        deleted.append(key)
        await really(self, key)

    before = len(stored(objects_folder))
    with monkeypatch.context() as patch:
        patch.setattr(folder, "delete", dying)
        with pytest.raises(asyncio.CancelledError):
            await erase_all(catalog_url)
    assert 0 < len(stored(objects_folder)) < before
    (pending,) = (await get(client, f"{API}/erasures"))["items"]
    assert pending["completed_at"] is None
    assert await erase_all(catalog_url) == (1, 0)
    assert stored(objects_folder) == []
    (done,) = (await get(client, f"{API}/erasures"))["items"]
    assert done["completed_at"] is not None


async def test_what_ends_after_an_erasure_is_erased_as_well(
    client: httpx.AsyncClient, publisher: Any, make_token: Any, catalog_url: str, objects_folder: Path,
    catalog: psycopg.Connection[Any],
) -> None:  # fmt: skip
    story, inbox = publisher.story, publisher.inbox
    version = await off(publisher.publish, 1, [ROWS])
    admin = make_token("root", demo="administrator")
    await post(client, f"/api/v1/versions/{version}/erase", admin, {"reason": "licence"}, 202)
    assert await erase_all(catalog_url) == (1, 0)
    # an examination that was under way
    upload, late = story.upload(number=1), datetime.now(UTC) + timedelta(minutes=1)
    examined = await off(publisher.examined, upload, [["station"]])
    await off(inbox.receive, story.enclose(*(event.model_copy(update={"completed_at": late}) for event in examined)))
    assert len(stored(objects_folder)) == 1
    assert (await erase_all(catalog_url))[0] == 1
    assert stored(objects_folder) == []
    # and a run that somebody had asked for
    again = UUID(int=7)
    events, assessment = rerun(story, upload, again)
    await off(inbox.receive, story.enclose(*events, assessment))
    assert catalog.execute("SELECT count(*) FROM versions").fetchone() == (1,)
    found = catalog.execute("SELECT original_erased, completed_at FROM erasures WHERE erasure_id = %s", [again])
    assert found.fetchone() == (True, None)


async def test_the_original_stays_while_another_version_is_made_of_it(
    client: httpx.AsyncClient, publisher: Any, make_token: Any, catalog_url: str, objects_folder: Path
) -> None:
    story, upload, again = publisher.story, publisher.story.upload(number=1), UUID(int=7)
    version = await off(publisher.publish, 1, [ROWS])
    events, assessment = rerun(story, upload, again)
    await off(publisher.inbox.receive, story.enclose(*events, assessment))
    admin = make_token("root", demo="administrator")
    first = await post(client, f"/api/v1/versions/{version}/erase", admin, {"reason": "licence"}, 202)
    assert first["original_erased"] is False
    await erase_all(catalog_url)
    assert stored(objects_folder) == [upload.original.key]
    await get(client, f"/api/v1/versions/{again}/download")
    second = await post(client, f"/api/v1/versions/{again}/erase", admin, {"reason": "licence"}, 202)
    assert second["original_erased"] is True
    await erase_all(catalog_url)
    assert stored(objects_folder) == []


async def test_all_that_a_dataset_holds_is_erased_at_once_and_its_name_may_be_used_again(
    client: httpx.AsyncClient, publisher: Any, make_token: Any, catalog_url: str, objects_folder: Path
) -> None:
    story = publisher.story
    old = datetime.now(UTC) - timedelta(days=1)
    versions = [await off(publisher.publish, number, [ROWS]) for number in (1, 2)]
    failed = story.upload(number=3, received_at=old)
    await off(publisher.inbox.receive, story.enclose(failed, story.run_failed(failed)))
    admin = make_token("root", demo="administrator")
    body = {"reason": "court_order", "confirm": "demo/other"}
    assert code(await post(client, f"{API}/erase", admin, body, 422)) == (422, "not_confirmed")
    await post(client, f"{API}/erase", admin, body | {"confirm": "demo/air-quality"}, 202)
    shown = await get(client, API)
    assert (shown["version_id"], shown["version_count"]) == (None, 0)
    for version in versions:
        assert code(await get(client, f"/api/v1/versions/{version}", 410)) == (410, "version_erased")
    assert await erase_all(catalog_url) == (3, 0)
    assert stored(objects_folder) == []
    publisher.story.upload = lambda number, made=story.upload: made(
        number=number, received_at=datetime.now(UTC) + timedelta(minutes=1)
    )
    new = await off(publisher.publish, 4, [ROWS])
    assert (await get(client, API))["version_id"] == str(new)


async def test_every_read_answers_as_of_a_moment_of_a_dataset_that_changed(
    client: httpx.AsyncClient, publisher: Any, make_token: Any, catalog: psycopg.Connection[Any]
) -> None:
    steward, admin = make_token("anna", demo="steward"), make_token("root", demo="administrator")
    first = await off(publisher.publish, 1, [ROWS])

    async def describe(**changes: Any) -> None:
        answer = await client.patch(API, json=changes, headers=steward)
        assert answer.status_code == 200, answer.text

    async def now() -> str:
        """The event that happened last."""
        rows = catalog.execute("SELECT event_id FROM events ORDER BY position DESC LIMIT 1").fetchone()
        assert rows
        return str(rows[0])

    moments = {"published": await now()}
    await describe(title="Air", tags=["pm"])
    moments["described"] = await now()
    second = await off(publisher.publish, 2, [ROWS])
    moments["second"] = await now()
    await describe(title="Air of today", licence="CC-BY-4.0")
    await post(client, f"/api/v1/versions/{second}/withdraw", steward, {"reason": "outdated"})
    moments["withdrawn"] = await now()
    await post(client, f"/api/v1/versions/{second}/restore", steward)
    moments["restored"] = await now()
    await post(client, f"/api/v1/versions/{first}/erase", admin, {"reason": "personal_data"}, 202)
    moments["erased"] = await now()

    expected = {
        "published": ("Air quality", [], None, None, 0),  # what was erased is erased at every moment
        "described": ("Air", ["pm"], None, None, 0),
        "second": ("Air", ["pm"], None, second, 1),
        "withdrawn": ("Air of today", ["pm"], "CC-BY-4.0", None, 0),
        "restored": ("Air of today", ["pm"], "CC-BY-4.0", second, 1),
        "erased": ("Air of today", ["pm"], "CC-BY-4.0", second, 1),
    }
    for name, (title, tags, licence, served, count) in expected.items():
        shown = await get(client, API, as_of=moments[name])
        assert shown == await get(client, "/api/v1/institutions/demo/datasets/air-quality", as_of=moments[name])
        (listed,) = (await get(client, "/api/v1/datasets", as_of=moments[name]))["items"]
        assert shown | {"details": None} == listed | {"details": None}
        told = (shown["title"], shown["tags"], shown["licence"], shown["version_id"], shown["version_count"])
        assert told == (title, tags, licence, str(served) if served else None, count), name
        croissant = await get(client, f"{API}/croissant.json", as_of=moments[name])
        assert croissant["name"] == title
        assert (str(second) in str(croissant)) is (served is not None), name
    states = {
        name: [
            (item["number"], item["withdrawn_reason"])
            for item in (await get(client, f"{API}/versions", as_of=moments[name]))["items"]
        ]
        for name in ("described", "second", "withdrawn", "restored")
    }
    assert states == {
        "described": [(1, "personal_data")],
        "second": [(2, None), (1, "personal_data")],
        "withdrawn": [(2, "outdated"), (1, "personal_data")],
        "restored": [(2, None), (1, "personal_data")],
    }
    for read in everywhere(second)[:2] + everywhere(second)[3:]:
        await get(client, read, as_of=moments["second"])
        assert code(await get(client, read, 404, as_of=moments["described"])) == (404, "not_found"), read
        assert code(await get(client, read, 410, as_of=moments["withdrawn"])) == (410, "version_withdrawn"), read
        assert code(await get(client, everywhere(first)[0], 410, as_of=moments["published"])) == (410, "version_erased")
    asked = {"sql": 'SELECT count(*) AS n FROM "demo"."air-quality"'}
    answer = await client.post("/api/v1/sql", json=asked, params={"as_of": moments["restored"]})
    assert answer.json()["items"] == [{"n": 2}]
    answer = await client.post("/api/v1/sql", json=asked, params={"as_of": moments["withdrawn"]})
    assert answer.status_code == 404


async def test_a_time_is_a_moment_too_and_what_is_none_is_refused(client: httpx.AsyncClient, publisher: Any) -> None:
    await off(publisher.publish, 1, [ROWS])
    published = (await get(client, f"{API}/versions"))["items"][0]["published_at"]
    assert (await get(client, API, as_of=published))["version_count"] == 1
    assert (await get(client, API, as_of="2026-03-01T12:00:00+00:00"))["version_count"] == 1
    assert (await client.get(f"{API}?as_of=2026-03-01T13:00:00+01:00")).json()["version_count"] == 1
    assert code(await get(client, API, 404, as_of="2020-01-01T00:00:00Z")) == (404, "not_found")
    assert (await get(client, "/api/v1/datasets", as_of="2020-01-01T00:00:00Z"))["items"] == []
    for nonsense in ("yesterday", "2026-03-01T12:00:00", "2026-03-01", str(UUID(int=5)), "", "x" * 90):
        assert code(await get(client, API, 422, as_of=nonsense)) == (422, "invalid_as_of"), nonsense
    for today in (f"{API}/uploads", "/api/v1/institutions", f"{API}/alerts"):
        assert code(await get(client, today, 422, as_of=published)) == (422, "invalid_as_of"), today
    assert code(await get(client, "/api/v1/datasets", 422, as_of=published, q="air")) == (422, "invalid_as_of")
