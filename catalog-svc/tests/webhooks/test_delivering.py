"""From an event to a receiver: once for each endpoint, signed, tried again, given up, sent again."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks.webhooks import Webhook

from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.settings import settings
from catalog_svc.webhooks import ledger, schedule, signing
from catalog_svc.webhooks.addresses import Rules
from catalog_svc.webhooks.dispatching import Dispatcher
from catalog_svc.webhooks.sending import Sender
from dataplatform.log.postgres import open_pool

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

Rows = list[tuple[Any, ...]]


@asynccontextmanager
async def dispatching(url: str, **changes: Any) -> AsyncIterator[None]:
    """Deliver for as long as the block lasts."""
    found = settings().model_copy(update={"database_url": url, "webhook_seconds": 5.0, **changes})
    pool = await open_pool(url, max_size=4)
    stop = asyncio.Event()
    sender = Sender(Rules(loopback=True), found.webhook_seconds)
    running = asyncio.create_task(Dispatcher(pool, found, sender, lambda: datetime.now(UTC), lambda: 0.5).run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, 20)
        await pool.close()


async def until(catalog: psycopg.Connection[Any], query: str, wanted: Any, seconds: float = 20) -> None:
    """Wait until a query gives this one value; the dispatcher tells nobody when it is done."""
    async with asyncio.timeout(seconds):
        while (found := catalog.execute(query).fetchone()) != (wanted,):
            await asyncio.sleep(0.02)
            assert found is not None


PENDING = "SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'"
DELIVERED = "SELECT count(*) FROM webhook_deliveries WHERE state = 'delivered'"
LOGGED = "SELECT count(*) FROM webhook_attempts"
STATES = "SELECT state, last_status, last_error, attempts FROM webhook_deliveries ORDER BY created_at"


async def test_an_event_arrives_once_at_each_endpoint_as_a_signed_cloudevent(
    catalog: psycopg.Connection[Any], catalog_url: str, inbox: ProjectionInbox, story: Any, make_receiver: Any,
    make_endpoint: Any,
) -> None:  # fmt: skip
    first, second = make_receiver(), make_receiver()
    endpoint_id, secret = make_endpoint(first.url)
    make_endpoint(second.url, types=["version.published.v1"])
    envelopes = story.published()
    inbox.receive(envelopes)
    inbox.receive(envelopes)  # as after a crash of the projector
    async with dispatching(catalog_url):
        await until(catalog, PENDING, 0)
    told = {json.loads(got.body)["id"]: json.loads(got.body) for got in first.got}
    assert (
        len(told) == len(first.got) == len(envelopes) + 2
    )  # and that the dataset is registered, the version published
    assert [json.loads(got.body)["type"] for got in second.got] == ["version.published.v1"]
    for got in first.got:
        Webhook(signing.shown(secret)).verify(got.body, got.headers)
        event = JSONFormat().read(None, got.body)
        assert str(event.get_subject()).split(":")[0] in ("upload", "run", "assessment", "dataset")
        assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert len({got.headers["webhook-id"] for got in first.got}) == len(first.got)
    original = next(envelope for envelope in envelopes if envelope.type == "run.completed.v1")
    assert told[str(original.id)]["data"] == original.data
    log = catalog.execute(
        "SELECT status, error_code, latency_ms >= 0, length(response_hash) FROM webhook_attempts"
    ).fetchall()
    assert set(log) == {(204, None, True, 16)}
    assert catalog.execute("SELECT count(*) FROM jobs WHERE state <> 'done'").fetchone() == (0,)
    assert catalog.execute("SELECT last_success_at IS NOT NULL FROM webhook_endpoints WHERE endpoint_id = %s",
                           [endpoint_id]).fetchone() == (True,)  # fmt: skip


async def test_others_hear_of_public_datasets_only_and_only_what_is_public_of_them(
    catalog: psycopg.Connection[Any], catalog_url: str, inbox: ProjectionInbox, story: Any, make_story: Any,
    make_receiver: Any, make_endpoint: Any,
) -> None:  # fmt: skip
    public, private = make_receiver(), make_receiver()
    make_endpoint(public.url, "other", include_public=True)
    make_endpoint(private.url, "other")
    inbox.receive(story.published("open"))
    secret = story.published("closed")
    inbox.receive(secret[:1])
    catalog.execute("UPDATE datasets SET visibility = 'restricted' WHERE slug = 'closed'")
    inbox.receive(secret[1:])
    async with dispatching(catalog_url):
        await until(catalog, PENDING, 0)
    # of the dataset that closed after its registration was enqueued, nothing is told either
    assert sorted(json.loads(got.body)["type"] for got in public.got) == [
        "dataset.registered.v1",
        "version.published.v1",
    ]
    assert not private.got
    assert catalog.execute(
        "SELECT state, last_error FROM webhook_deliveries WHERE state <> 'delivered'"
    ).fetchall() == [("cancelled", "not_visible")]
    inbox.receive(make_story("other").published())
    async with dispatching(catalog_url):
        await until(catalog, PENDING, 0)
    assert len(private.got) == 7


async def test_an_event_that_comes_before_its_dataset_is_known_is_not_lost(
    catalog: psycopg.Connection[Any], catalog_url: str, inbox: ProjectionInbox, story: Any, make_receiver: Any,
    make_endpoint: Any,
) -> None:  # fmt: skip
    receiver = make_receiver()
    make_endpoint(receiver.url, types=["run.completed.v1"])
    upload, *others = story.published()
    inbox.receive(others)
    assert catalog.execute("SELECT count(*) FROM webhook_unplaced").fetchone() == (1,)
    inbox.receive([upload])
    assert catalog.execute("SELECT count(*) FROM webhook_unplaced").fetchone() == (0,)
    async with dispatching(catalog_url):
        await until(catalog, DELIVERED, 1)
    assert json.loads(receiver.got[0].body)["type"] == "run.completed.v1"


def test_a_rebuild_enqueues_nothing(
    catalog: psycopg.Connection[Any], catalog_url: str, story: Any, make_endpoint: Any
) -> None:
    make_endpoint("https://hooks.example.org/")
    rebuilding = ProjectionInbox(catalog_url, lambda _cursor, _envelopes: None)  # as `rebuild.replay` has it
    rebuilding.receive(story.published())
    rebuilding.close()
    assert catalog.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    assert catalog.execute("SELECT count(*) FROM webhook_deliveries").fetchone() == (0,)


async def test_a_failure_is_tried_again_and_after_three_days_it_is_a_dead_letter_that_can_be_sent_again(
    client: httpx.AsyncClient, catalog: psycopg.Connection[Any], catalog_url: str, inbox: ProjectionInbox, story: Any,
    make_receiver: Any, make_endpoint: Any, make_token: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(schedule, "FIRST_DELAY", timedelta(hours=1))  # no second attempt before this test wants it
    steward = make_token("sue", demo="steward")
    receiver = make_receiver()
    receiver.answer = lambda handler: receiver.reply(handler, 500, b"our fault")
    endpoint_id, _ = make_endpoint(receiver.url, types=["version.published.v1"])
    path = f"/api/v1/webhooks/{endpoint_id}"
    inbox.receive(story.published())
    async with dispatching(catalog_url):
        await until(catalog, LOGGED, 1)
        ((state, status, _, attempts),) = catalog.execute(STATES).fetchall()
        assert (state, status, attempts) == ("pending", 500, 1)
        row = catalog.execute(
            "SELECT next_attempt_at - started_at FROM webhook_deliveries JOIN webhook_attempts USING (delivery_id)"
        ).fetchone()
        assert row == (timedelta(hours=1),)
        health = (await client.get(path, headers=steward)).json()["health"]
        assert (health["state"], health["last_failure"]) == ("failing", "status_500")
        catalog.execute("UPDATE webhook_deliveries SET asked_at = asked_at - interval '3 days'")
        catalog.execute("UPDATE jobs SET run_at = now()")
        await until(catalog, PENDING, 0)
    page = (await client.get(f"{path}/deliveries?state=dead", headers=steward)).json()
    (dead,) = page["items"]
    assert (dead["state"], dead["last_status"], dead["attempts"]) == ("dead", 500, 2)
    assert (await client.get(path, headers=steward)).json()["health"]["dead_letters"] == 1
    receiver.answer = lambda handler: receiver.reply(handler, 200)
    again = await client.post(f"{path}/redeliver", json={"dead": True}, headers=steward)
    assert (again.status_code, again.json()) == (202, {"enqueued": 1, "more": False, "next_since": None})
    assert (await client.post(f"{path}/redeliver", json={"dead": True}, headers=steward)).json()["enqueued"] == 0
    async with dispatching(catalog_url):
        await until(catalog, DELIVERED, 1)
    shown = (await client.get(dead["links"]["self"], headers=steward)).json()
    assert [(line["round"], line["attempt"], line["status"]) for line in shown["log"]] == [
        (2, 1, 200), (1, 2, 500), (1, 1, 500),
    ]  # fmt: skip
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert len({got.body for got in receiver.got}) == 1
    assert receiver.got[0].headers["webhook-id"] == shown["webhook_id"]
    assert (await client.get(path, headers=steward)).json()["health"]["state"] == "healthy"


async def test_past_events_are_sent_from_the_log_and_none_of_others(
    client: httpx.AsyncClient, catalog: psycopg.Connection[Any], catalog_url: str, inbox: ProjectionInbox, story: Any,
    make_story: Any, make_receiver: Any, make_endpoint: Any, make_token: Callable[..., dict[str, str]],
) -> None:  # fmt: skip
    steward = make_token("sue", demo="steward")
    inbox.receive(story.published())
    foreign = make_story("other").published()
    inbox.receive(foreign)
    receiver = make_receiver()
    endpoint_id, _ = make_endpoint(receiver.url, types=["upload.received.v1", "version.published.v1"])
    path = f"/api/v1/webhooks/{endpoint_id}"
    event = catalog.execute("SELECT event_id FROM event_index WHERE type = 'version.published.v1'").fetchone()
    assert event
    asked = {"event_ids": [str(event[0]), *(str(envelope.id) for envelope in foreign)]}
    assert (await client.post(f"{path}/redeliver", json=asked, headers=steward)).json()["enqueued"] == 1
    every = await client.post(f"{path}/redeliver", json={"since": "2020-01-01T00:00:00Z"}, headers=steward)
    assert every.json() == {"enqueued": 1, "more": False, "next_since": None}  # the other one waits already
    for wrong in ({}, {"dead": True, "event_ids": asked["event_ids"]}, {"since": "2020-01-01T00:00:00"}):
        answer = await client.post(f"{path}/redeliver", json=wrong, headers=steward)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_redelivery")
    ping = (await client.post(f"{path}/ping", headers=steward)).json()
    async with dispatching(catalog_url):
        await until(catalog, DELIVERED, 3)
    types = {got.headers["webhook-id"]: json.loads(got.body)["type"] for got in receiver.got}
    assert sorted(types.values()) == ["upload.received.v1", "version.published.v1", "webhook.pinged.v1"]
    assert types[ping["webhook_id"]] == "webhook.pinged.v1"


async def test_an_endpoint_that_is_gone_is_disabled_and_one_that_asks_for_a_pause_gets_it(
    catalog: psycopg.Connection[Any], catalog_url: str, inbox: ProjectionInbox, story: Any, make_receiver: Any,
    make_endpoint: Any,
) -> None:  # fmt: skip
    gone, busy, failing = make_receiver(), make_receiver(), make_receiver()
    gone.answer = lambda handler: gone.reply(handler, 410)
    busy.answer = lambda handler: busy.reply(handler, 429, retry_after="600")
    failing.answer = lambda handler: failing.reply(handler, 503)
    one = {"webhook_endpoint_concurrency": 1}
    for receiver in (gone, busy):
        make_endpoint(receiver.url)
    make_endpoint(failing.url, failing_since=datetime.now(UTC) - timedelta(days=6))
    inbox.receive(story.published())
    async with dispatching(catalog_url, **one):
        await until(catalog, LOGGED, 3)
        await until(catalog, "SELECT count(*) FROM webhook_endpoints WHERE disabled_at IS NOT NULL", 2)
    assert [len(receiver.got) for receiver in (gone, busy, failing)] == [1, 1, 1]
    reasons = dict(catalog.execute("SELECT url, disabled_reason FROM webhook_endpoints").fetchall())
    assert reasons == {gone.url: "gone", busy.url: None, failing.url: "failing"}
    row = catalog.execute("SELECT paused_until - now() FROM webhook_endpoints WHERE url = %s", [busy.url]).fetchone()
    assert row
    assert timedelta(seconds=580) < row[0] <= timedelta(seconds=600)
    states = set(catalog.execute(
        "SELECT w.disabled_reason, d.state FROM webhook_deliveries d JOIN webhook_endpoints w USING (endpoint_id)"
    ).fetchall())  # fmt: skip
    assert states == {("gone", "dead"), ("gone", "cancelled"), (None, "pending"), ("failing", "cancelled")}
    count = catalog.execute("SELECT count(*) FROM webhook_deliveries").fetchone()
    inbox.receive(story.published("another"))  # nothing piles up for endpoints that are disabled
    after = catalog.execute("SELECT count(*) FROM webhook_deliveries").fetchone()
    assert count
    assert after == (count[0] + 7,)


async def test_a_slow_endpoint_holds_no_other_up(
    catalog: psycopg.Connection[Any], catalog_url: str, inbox: ProjectionInbox, story: Any, make_receiver: Any,
    make_endpoint: Any,
) -> None:  # fmt: skip
    slow, quick, let_go = make_receiver(), make_receiver(), threading.Event()

    def hang(handler: Any) -> None:
        let_go.wait(20)
        with suppress(OSError):
            slow.reply(handler, 204)

    slow.answer = hang
    slow_id, _ = make_endpoint(slow.url)
    make_endpoint(quick.url)
    inbox.receive(story.published())
    try:
        async with dispatching(catalog_url, webhook_seconds=20.0, webhook_endpoint_concurrency=2):
            await until(catalog, DELIVERED, 7)
            running = catalog.execute("SELECT queue, count(*) FROM jobs WHERE state = 'running' GROUP BY 1").fetchall()
            assert running == [(f"webhook/{slow_id}", 2)]
            assert (len(quick.got), len(slow.got)) == (7, 2)
            let_go.set()
            await until(catalog, DELIVERED, 14)
    finally:
        let_go.set()


async def test_a_delivery_whose_worker_was_killed_is_made_again_with_the_same_id(
    catalog: psycopg.Connection[Any], catalog_url: str, inbox: ProjectionInbox, story: Any, make_receiver: Any,
    make_endpoint: Any,
) -> None:  # fmt: skip
    receiver, let_go = make_receiver(), threading.Event()

    def hang(handler: Any) -> None:
        let_go.wait(30)
        with suppress(OSError):
            receiver.reply(handler, 204)

    receiver.answer = hang
    make_endpoint(receiver.url, types=["version.published.v1"])
    inbox.receive(story.published())
    variables = {**os.environ, "DATAPLATFORM_DATABASE_URL": catalog_url, "DATAPLATFORM_WEBHOOK_LOOPBACK": "true"}

    def work() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "catalog_svc", "worker"], env=variables, stdout=subprocess.DEVNULL
        )

    first = work()
    try:
        assert await asyncio.to_thread(receiver.arrived.acquire, timeout=30)
        first.send_signal(signal.SIGKILL)
    finally:
        first.kill()
        first.wait()
        let_go.set()
    assert catalog.execute(STATES).fetchall() == [("pending", None, None, 0)]
    catalog.execute("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'running'")
    receiver.answer = lambda handler: receiver.reply(handler, 204)
    second = work()
    try:
        await until(catalog, DELIVERED, 1, 30)
        second.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(second.wait, 20) == 0
    finally:
        second.kill()
        second.wait()
    assert len(receiver.got) == 2
    assert len({(got.headers["webhook-id"], got.body) for got in receiver.got}) == 1


async def test_old_deliveries_are_forgotten_and_what_waits_is_not(
    catalog: psycopg.Connection[Any], catalog_url: str, inbox: ProjectionInbox, story: Any, make_receiver: Any,
    make_endpoint: Any,
) -> None:  # fmt: skip
    receiver = make_receiver()
    make_endpoint(receiver.url, types=["version.published.v1"])
    inbox.receive(story.published())
    async with dispatching(catalog_url):
        await until(catalog, DELIVERED, 1)
    inbox.receive(story.published("another"))
    pool = await open_pool(catalog_url, max_size=1)
    try:
        for late, left in ((ledger.KEPT - timedelta(days=1), 2), (ledger.KEPT + timedelta(days=1), 1)):
            async with pool.acquire() as connection, connection.transaction():
                await ledger.sweep(connection, datetime.now(UTC) + late)
            assert catalog.execute("SELECT count(*) FROM webhook_deliveries").fetchone() == (left,)
    finally:
        await pool.close()
    assert catalog.execute("SELECT count(*) FROM webhook_messages").fetchone() == (1,)
    assert UUID(str(catalog.execute("SELECT delivery_id FROM webhook_deliveries").fetchone()[0]))  # type: ignore[index]
