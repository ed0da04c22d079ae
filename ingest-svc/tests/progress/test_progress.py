"""What is shown of an upload: the same whatever came first, step by step, and through to an end."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from dataplatform.events.heartbeats import JobHeartbeat, Progress, TableProgress
from dataplatform.identity.testing import LocalIssuer
from dataplatform.log import store
from dataplatform.log.postgres import open_connection
from ingest_svc.progress.beats import hear
from ingest_svc.progress.listening import Listener
from ingest_svc.progress.watchdog import Patience, Watchdog
from ingest_svc.settings import IngestSettings

from .story import NOW, Story, happen

pytestmark = pytest.mark.integration

Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]
PATH = "/v1/institutions/aq/datasets/air-quality/uploads"


async def upload(client: httpx.AsyncClient, content: bytes = b"a,b\n1,2\n") -> str:
    answer = await client.post(PATH, content=content)
    return str(answer.json()["upload_id"])


async def progress_of(client: httpx.AsyncClient, upload_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await client.get(f"/v1/uploads/{upload_id}")).json()["progress"]
    return shown


def beat(story: Story, stage: str, seconds: float, rows: int, attempt: int = 1) -> bytes:
    table = TableProgress(index=0, name="t0", rows=rows, bytes=8 * rows)
    progress = Progress(rows=rows, bytes=8 * rows, table_count=1, tables=(table,))
    return JobHeartbeat.model_validate(
        {**story.ids, "stage": stage, "attempt": attempt, "beat_at": NOW + timedelta(seconds=seconds),
         "progress": progress}
    ).model_dump_json().encode()  # fmt: skip


async def events_of(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if not line:
            if "event" in event:
                yield event
            event = {}
        elif name == "data":
            event["data"] = json.loads(value)
        elif name:
            event[name] = value


async def follow(client: httpx.AsyncClient, upload_id: str, last: int | None = None) -> list[dict[str, Any]]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    async with client.stream("GET", f"/v1/uploads/{upload_id}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [event async for event in events_of(answer.aiter_lines())]


async def test_every_order_of_the_topics_shows_the_same_in_the_end(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    ends = []
    for number, order in enumerate(itertools.permutations(range(3))):
        story = Story(await upload(client, b"a,b\n%d,2\n" % number))
        topics = [[story.started(), story.completed()], [story.assessed()], [story.held(), story.published()]]
        await happen(pool, *itertools.chain.from_iterable(topics[index] for index in order))
        shown = await progress_of(client, str(story.upload))
        ends.append({name: shown[name] for name in ("stage", "final", "version")})
        assert shown["run"]["rows"] == 30
        ends[-1]["version"] = shown["version"]["number"]
    assert ends == [{"stage": "published", "final": True, "version": 1}] * 6


async def test_the_stages_of_an_upload_with_rows_and_bytes_table_by_table(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    upload_id = await upload(client)
    story = Story(upload_id)
    assert (await progress_of(client, upload_id))["stage"] == "stored"
    await happen(pool, story.started())
    assert (await progress_of(client, upload_id))["stage"] == "parsing"
    await hear(pool, [beat(story, "parsing", 2, 500), beat(story, "parsing", 1, 300), b"nonsense"])
    run = (await progress_of(client, upload_id))["run"]
    assert (run["rows"], run["bytes"], run["attempt"]) == (500, 4000, 1)
    assert run["tables"] == [{"index": 0, "name": "t0", "rows": 500, "bytes": 4000, "done": False}]
    await hear(pool, [beat(story, "parsing", 1, 300)])
    assert (await progress_of(client, upload_id))["run"]["rows"] == 500
    await happen(pool, story.completed())
    run = (await progress_of(client, upload_id))["run"]
    assert [(table["name"], table["rows"], table["done"]) for table in run["tables"]] == [
        ("t0", 10, True), ("t1", 20, True),
    ]  # fmt: skip
    await hear(pool, [beat(story, "assessing", 3, 10)])
    shown = await progress_of(client, upload_id)
    assert (shown["stage"], shown["run"]["rows"], shown["run"]["assessed_rows"]) == ("assessing", 30, 10)
    await happen(pool, story.assessed())
    assert (await progress_of(client, upload_id))["stage"] == "publishing"
    await happen(pool, story.published(7))
    shown = await progress_of(client, upload_id)
    assert (shown["stage"], shown["final"], shown["version"]["number"]) == ("published", True, 7)


@pytest.mark.parametrize("failing", ["failed", "not_assessed"])
async def test_a_failure_is_told_with_its_reason_and_a_later_success_takes_its_place(
    client: httpx.AsyncClient, pool: asyncpg.Pool, failing: str
) -> None:
    upload_id = await upload(client)
    story = Story(upload_id)
    await happen(pool, story.started())
    if failing == "not_assessed":
        await happen(pool, story.completed())
    await happen(pool, getattr(story, failing)())
    shown = await progress_of(client, upload_id)
    assert (shown["stage"], shown["final"]) == ("failed", True)
    assert shown["reason"]["code"] == {"failed": "needs_ocr", "not_assessed": "timed_out"}[failing]
    await happen(pool, story.started(), story.completed(), story.assessed(), story.published())
    shown = await progress_of(client, upload_id)
    assert shown["stage"] == "published"
    assert "reason" not in shown


async def test_a_stream_tells_every_stage_ends_by_itself_and_is_resumed_without_a_gap(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    upload_id = await upload(client)
    story = Story(upload_id)
    following = asyncio.create_task(follow(client, upload_id))
    await happen(pool, story.started())
    await hear(pool, [beat(story, "parsing", 1, 5)])
    await happen(pool, story.completed(), story.assessed(), story.published())
    whole = await asyncio.wait_for(following, 30)
    assert whole[-1]["event"] == "end"
    numbers = [int(event["id"]) for event in whole[:-1]]
    stages = [event["data"]["stage"] for event in whole[:-1]]
    assert numbers == sorted(set(numbers))
    assert [stage for stage, _ in itertools.groupby(stages)][-4:] == ["parsing", "assessing", "publishing", "published"]
    assert [event["data"]["final"] for event in whole[:-1]] == [False] * (len(whole) - 2) + [True]
    for last in numbers[:-1]:
        rest = await follow(client, upload_id, last)
        kept = [int(event["id"]) for event in rest if "id" in event]
        assert kept == [number for number in numbers if number > last and number in kept]
        assert kept[-1] == numbers[-1]
    seen = await client.get(f"/v1/uploads/{upload_id}/events", headers={"Last-Event-ID": str(numbers[-1])})
    assert (seen.status_code, seen.content) == (204, b"")


async def test_a_listening_replica_tells_at_once_and_lets_go_when_it_ends(
    client: httpx.AsyncClient, pool: asyncpg.Pool, settings: IngestSettings, eventually: Eventually
) -> None:
    listener, stop = Listener(), asyncio.Event()
    running = asyncio.create_task(listener.run(settings.database_url, stop))
    upload_id = await upload(client)

    async def connected() -> bool:
        return listener.connected

    await eventually(connected)
    async with asyncio.timeout(20):
        with listener.listening(upload_id) as woken, listener.listening(uuid4()) as other:
            await happen(pool, Story(upload_id).started())
            await woken.wait()
            assert not other.is_set()
            stop.set()
            await other.wait()
    await asyncio.wait_for(running, 20)
    assert listener.ending


async def test_a_stream_of_a_foreign_or_unknown_upload_is_no_stream(
    client: httpx.AsyncClient, address: str, issuer: LocalIssuer
) -> None:
    upload_id = await upload(client)
    headers = {"Authorization": f"Bearer {issuer.token({'bz': ['administrator']})}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False) as foreign:
        for path in (f"/v1/uploads/{upload_id}", f"/v1/uploads/{upload_id}/events"):
            answer = await foreign.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_upload")
    assert (await client.get(f"/v1/uploads/{uuid4()}/events")).status_code == 404
    assert (await client.get(f"/v1/uploads/{upload_id}/events", headers={"Last-Event-ID": "x"})).status_code == 422


async def test_the_list_of_an_institution_in_pages_by_stage_and_dataset(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    ids = [await upload(client, b"a,b\n%d,2\n" % number) for number in range(5)]
    await happen(pool, Story(ids[3]).failed())
    found: list[str] = []
    params: dict[str, Any] = {"institution": "aq", "limit": 2}
    while True:
        page = (await client.get("/v1/uploads", params=params)).json()
        found += [item["upload_id"] for item in page["items"]]
        if "next" not in page:
            break
        params["cursor"] = page["next"]
    assert found == ids[::-1]
    failed = (await client.get("/v1/uploads", params={"institution": "aq", "stage": "failed"})).json()["items"]
    assert [(item["upload_id"], item["reason"]["code"]) for item in failed] == [(ids[3], "needs_ocr")]
    other = await client.get("/v1/uploads", params={"institution": "aq", "dataset": "other"})
    assert other.json() == {"items": []}
    for bad in ("institution=aq&cursor=!", "institution=aq&limit=0", "institution=a%20b", ""):
        assert (await client.get(f"/v1/uploads?{bad}")).status_code == 422
    assert (await client.get("/v1/uploads", params={"institution": "zz"})).status_code == 404


class Watching:
    def __init__(self, settings: IngestSettings) -> None:
        self.now = datetime.now(UTC)
        patience = Patience(timedelta(minutes=30), timedelta(hours=12))
        self.dog = Watchdog(settings.database_url, patience, lambda: self.now)
        self.since = self.now
        self.url = settings.database_url

    async def look(self, **later: float) -> list[UUID]:
        self.now = self.since + timedelta(**later)
        connection = await open_connection(self.url)
        try:
            return await self.dog.look(connection, self.since)
        finally:
            await connection.close()


async def test_a_stuck_upload_fails_with_its_reason_once_and_a_late_outcome_still_counts(
    client: httpx.AsyncClient, pool: asyncpg.Pool, settings: IngestSettings
) -> None:
    upload_id = await upload(client)
    story, watching = Story(upload_id), Watching(settings)
    await happen(pool, story.started())
    assert await watching.look(minutes=29) == []
    assert await watching.look(minutes=31) == [UUID(upload_id)]
    assert await watching.look(minutes=62) == []
    shown = await progress_of(client, upload_id)
    assert (shown["stage"], shown["final"], shown["reason"]["code"]) == ("failed", True, "parsing_went_silent")
    async with pool.acquire() as connection:
        history = await store.load(connection, f"upload:{upload_id}")
    assert [envelope.type for envelope in history] == ["upload.received.v1", "upload.stalled.v1"]
    await happen(pool, story.completed())
    assert (await progress_of(client, upload_id))["stage"] == "assessing"
    await happen(pool, story.assessed(), story.published())
    assert (await progress_of(client, upload_id))["stage"] == "published"


async def test_what_a_steward_has_to_publish_waits_without_end_and_is_no_failure(
    client: httpx.AsyncClient, pool: asyncpg.Pool, settings: IngestSettings
) -> None:
    upload_id = await upload(client)
    story, watching = Story(upload_id), Watching(settings)
    await happen(pool, story.started(), story.completed(), story.assessed(), story.held())
    assert await watching.look(days=30) == []
    shown = await progress_of(client, upload_id)
    assert (shown["stage"], shown["final"], shown["reason"]["code"]) == ("held", True, "awaiting_publication")
    assert [event["event"] for event in await follow(client, upload_id)][-1] == "end"
    await happen(pool, story.held("critical_rule_failed"))
    assert (await progress_of(client, upload_id))["reason"]["code"] == "critical_rule_failed"
    await happen(pool, story.published())
    shown = await progress_of(client, upload_id)
    assert (shown["stage"], shown.get("reason")) == ("published", None)


async def test_who_was_given_up_and_is_heard_of_as_held_is_held(
    client: httpx.AsyncClient, pool: asyncpg.Pool, settings: IngestSettings
) -> None:
    upload_id = await upload(client)
    story, watching = Story(upload_id), Watching(settings)
    await happen(pool, story.started(), story.completed(), story.assessed())
    assert await watching.look(minutes=31) == [UUID(upload_id)]
    await happen(pool, story.held())
    assert (await progress_of(client, upload_id))["stage"] == "held"


async def test_who_waits_in_a_queue_is_given_more_time_and_who_is_heard_of_is_left(
    client: httpx.AsyncClient, pool: asyncpg.Pool, settings: IngestSettings
) -> None:
    waiting, alive = await upload(client), await upload(client, b"a,b\n7,7\n")
    watching = Watching(settings)
    await happen(pool, Story(alive).started())
    assert await watching.look(minutes=29) == []
    watching.since = watching.now = datetime.now(UTC)
    await hear(pool, [beat(Story(alive), "parsing", 5, 10)])
    await pool.execute("UPDATE upload_progress SET heard_at = $1", watching.since + timedelta(minutes=5))
    assert await watching.look(minutes=34) == []
    assert await watching.look(minutes=36) == [UUID(alive)]
    assert await watching.look(hours=12, minutes=6) == [UUID(waiting)]
    assert (await progress_of(client, waiting))["reason"]["code"] == "run_never_started"


async def test_nothing_is_judged_that_nobody_watched(
    client: httpx.AsyncClient, pool: asyncpg.Pool, settings: IngestSettings
) -> None:
    upload_id = await upload(client)
    await happen(pool, Story(upload_id).started())
    watching = Watching(settings)
    watching.since = watching.now = watching.now + timedelta(days=2)  # the watch was down for two days
    assert await watching.look(minutes=29) == []
    assert await watching.look(minutes=31) == [UUID(upload_id)]


async def test_a_withdrawn_upload_is_shown_so_whatever_comes_later(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    upload_id = await upload(client)
    assert (await client.delete(f"/v1/uploads/{upload_id}")).status_code == 204
    assert (await client.delete(f"/v1/uploads/{upload_id}")).status_code == 204
    await happen(pool, Story(upload_id).started(), Story(upload_id).failed("upload_withdrawn"))
    shown = await progress_of(client, upload_id)
    assert (shown["stage"], shown["reason"]["code"]) == ("withdrawn", "requested")
    assert [event["data"].get("stage") for event in await follow(client, upload_id)] == ["stored", "withdrawn", None]


async def test_an_erased_upload_is_shown_so_and_its_bytes_may_be_sent_again(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    upload_id = await upload(client)
    story = Story(upload_id)
    whole = (story.started(), story.completed(), story.assessed(), story.published())
    await happen(pool, *whole, story.withdrawn())
    assert "version" not in await progress_of(client, upload_id)
    await happen(pool, story.restored())
    assert (await progress_of(client, upload_id))["version"]["number"] == 1
    assert await upload(client) == upload_id
    await happen(pool, story.erased())
    shown = await progress_of(client, upload_id)
    assert (shown["stage"], shown["reason"]["code"], "version" in shown) == ("withdrawn", "personal_data", False)
    assert await upload(client) != upload_id


async def test_a_resumable_upload_is_seen_moving_and_then_as_any_other(client: httpx.AsyncClient) -> None:
    tus = {"Tus-Resumable": "1.0.0"}
    begun = await client.post(
        "/v1/institutions/aq/datasets/air-quality/tus",
        headers={**tus, "Upload-Length": "12", "Upload-Metadata": "filename YS5jc3Y="},
    )
    upload_id = begun.headers["location"].rpartition("/")[2]
    shown = (await client.get(f"/v1/uploads/{upload_id}")).json()
    assert (shown["state"], shown["file"], shown["progress"]["received_bytes"]) == (
        "receiving", {"name": "a.csv", "size_bytes": 12}, 0,
    )  # fmt: skip
    octets = {**tus, "Content-Type": "application/offset+octet-stream"}
    for offset, piece in ((0, b"a,b\n1"), (5, b",2\n3,4\n")):
        sent = await client.patch(
            f"/v1/tus/{upload_id}", content=piece, headers={**octets, "Upload-Offset": str(offset)}
        )
        assert sent.status_code == 204
        progress = await progress_of(client, upload_id)
        assert progress["received_bytes"] == offset + len(piece)
    assert (progress["stage"], progress["size_bytes"]) == ("stored", 12)
    listed = (await client.get("/v1/uploads", params={"institution": "aq"})).json()["items"]
    assert [item["upload_id"] for item in listed] == [upload_id]


async def test_a_resumable_upload_that_is_ended_has_an_end_here_too(client: httpx.AsyncClient) -> None:
    tus = {"Tus-Resumable": "1.0.0"}
    begun = await client.post("/v1/institutions/aq/datasets/air-quality/tus", headers={**tus, "Upload-Length": "12"})
    upload_id = begun.headers["location"].rpartition("/")[2]
    assert (await client.delete(f"/v1/tus/{upload_id}", headers=tus)).status_code == 204
    whole = await follow(client, upload_id)
    assert [event["data"].get("stage") for event in whole] == ["receiving", "failed", None]
    assert whole[1]["data"]["reason"]["code"] == "upload_terminated"
    limits = (await client.get("/v1/institutions/aq/limits")).json()
    assert limits["uploads_in_flight"]["used"] == 0
