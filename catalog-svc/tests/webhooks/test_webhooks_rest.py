"""Webhooks through REST: who may look after them, what is refused, secrets shown once and kept sealed."""

from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from catalog_svc.projections.inbox import ProjectionInbox

pytestmark = pytest.mark.integration
ENDPOINT = {"url": "https://hooks.example.org/in", "event_types": ["version.published.v1"]}


@pytest.fixture
def registered(inbox: ProjectionInbox, story: Any, make_story: Any, catalog: psycopg.Connection[Any]) -> Any:
    """The institutions `demo` and `other`, each with a published dataset."""
    for each in (story, make_story("other")):
        catalog.execute(
            """INSERT INTO institutions (institution_id, slug, name, homepage, registered_at)
               VALUES (%s, %s, %s, '', now())""",
            [each.institution_id, each.institution, each.institution],
        )
        inbox.receive(each.published())
    return story


async def test_a_steward_makes_shows_changes_and_deletes_a_webhook(
    client: httpx.AsyncClient, registered: Any, make_token: Any, catalog: psycopg.Connection[Any]
) -> None:
    steward = make_token("sue", demo="steward")
    made = await client.post("/api/v1/institutions/demo/webhooks", json=ENDPOINT, headers=steward)
    assert made.status_code == 201, made.text
    endpoint = made.json()
    path = f"/api/v1/webhooks/{endpoint['endpoint_id']}"
    assert made.headers["location"] == path
    assert endpoint["secret"].startswith("whsec_")
    kept = catalog.execute("SELECT secret FROM webhook_endpoints").fetchone()
    assert kept
    assert endpoint["secret"].encode() not in kept[0]
    shown = (await client.get(path, headers=steward)).json()
    assert "secret" not in shown
    assert (shown["active"], shown["health"]["state"], shown["health"]["dead_letters"]) == (True, "healthy", 0)
    listed = (await client.get("/api/v1/institutions/demo/webhooks?limit=1", headers=steward)).json()
    assert ([item["endpoint_id"] for item in listed["items"]], listed["next"]) == ([endpoint["endpoint_id"]], None)
    off = await client.patch(path, json={"active": False, "description": "off"}, headers=steward)
    assert (off.json()["health"]["state"], off.json()["health"]["disabled_reason"]) == ("disabled", "by_request")
    refused = await client.post(f"{path}/ping", headers=steward)
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")
    assert (await client.patch(path, json={"active": True}, headers=steward)).json()["active"] is True
    rotated = (await client.post(f"{path}/secret", json={"overlap_seconds": 60}, headers=steward)).json()
    assert rotated["secret"] != endpoint["secret"]
    assert rotated["previous_secret_until"] is not None
    again = (await client.post(f"{path}/secret", json={"overlap_seconds": 0}, headers=steward)).json()
    assert again["previous_secret_until"] is None
    assert (await client.delete(path, headers=steward)).status_code == 204
    assert (await client.get(path, headers=steward)).status_code == 404
    told = [row[0] for row in catalog.execute("SELECT action FROM audit_entries ORDER BY occurred_at, id")]
    assert [action for action in told if action.startswith("webhook.")] == [
        "webhook.created", "webhook.revised", "webhook.revised", "webhook.secret_rotated", "webhook.secret_rotated",
        "webhook.deleted",
    ]  # fmt: skip


async def test_others_do_not_find_a_webhook_and_readers_may_not_look_after_it(
    client: httpx.AsyncClient, registered: Any, make_token: Any
) -> None:
    steward, reader, stranger = (
        make_token("sue", demo="steward"),
        make_token("rae", demo="reader"),
        make_token("oto", other="steward"),
    )
    made = await client.post("/api/v1/institutions/demo/webhooks", json=ENDPOINT, headers=steward)
    path = f"/api/v1/webhooks/{made.json()['endpoint_id']}"
    calls: list[tuple[str, str, Any]] = [
        ("GET", path, None),
        ("PATCH", path, {"active": False}),
        ("DELETE", path, None),
        ("POST", f"{path}/secret", {}),
        ("POST", f"{path}/ping", None),
        ("GET", f"{path}/deliveries", None),
        ("GET", f"{path}/deliveries/{uuid4()}", None),
        ("POST", f"{path}/deliveries/{uuid4()}/redeliver", None),
        ("POST", f"{path}/redeliver", {"dead": True}),
    ]
    for method, url, body in calls:
        missing = await client.request(
            method, url.replace(path, f"/api/v1/webhooks/{uuid4()}"), json=body, headers=stranger
        )
        answers = {}
        for name, headers in (("reader", reader), ("stranger", stranger), ("nobody", {})):
            answers[name] = await client.request(method, url, json=body, headers=headers)
        assert {name: answer.status_code for name, answer in answers.items()} == {
            "reader": 403, "stranger": 404, "nobody": 401,
        }, url  # fmt: skip
        assert answers["stranger"].json()["detail"] == missing.json()["detail"]
    for headers, status in ((reader, 403), (stranger, 403), ({}, 401)):
        assert (await client.get("/api/v1/institutions/demo/webhooks", headers=headers)).status_code == status
        made = await client.post("/api/v1/institutions/demo/webhooks", json=ENDPOINT, headers=headers)
        assert made.status_code == status


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"url": "http://hooks.example.org/"}, "webhook_url_refused"),
        ({"url": "https://user:word@hooks.example.org/"}, "webhook_url_refused"),
        ({"url": "https://127.0.0.1/"}, "webhook_url_refused"),
        ({"url": "https://hooks.example.org:22/"}, "webhook_url_refused"),
        ({"event_types": ["no.such.v1"]}, "unknown_event_type"),
        ({"event_types": []}, "invalid_request"),
        ({"datasets": [str(uuid4())]}, "unknown_dataset"),
        ({"surprise": 1}, "invalid_request"),
    ],
    ids=["http", "credentials", "loopback", "port", "type", "no_type", "dataset", "unknown_field"],
)
async def test_a_wrong_webhook_is_refused_with_the_reason(
    client: httpx.AsyncClient, registered: Any, make_token: Any, change: dict[str, Any], code: str
) -> None:
    steward = make_token("sue", demo="steward")
    answer = await client.post("/api/v1/institutions/demo/webhooks", json={**ENDPOINT, **change}, headers=steward)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_event_types_are_listed_and_described(client: httpx.AsyncClient) -> None:
    page = (await client.get("/api/v1/webhooks/event-types?limit=200")).json()
    found = {item["type"]: item for item in page["items"]}
    assert found["version.published.v1"]["public"]
    assert not found["upload.received.v1"]["public"]
    assert all(item["description"] for item in found.values())
