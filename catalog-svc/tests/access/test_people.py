"""Members, groups, grants and requests for access, through the REST interface."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from catalog_svc.projections import writing
from dataplatform.events import identity
from dataplatform.events.catalog import DatasetRevised, InstitutionRegistered
from dataplatform.log.envelope import Context

pytestmark = pytest.mark.integration
API = "/api/v1"
DATASET = identity.dataset_id(identity.institution_id("demo"), "air-quality")


@pytest.fixture
def restricted(catalog: psycopg.Connection[Any], inbox: Any, story: Any) -> UUID:
    """The institution `demo` with a published, restricted dataset, and one that is public."""
    registered = InstitutionRegistered(
        institution_id=story.institution_id, slug="demo", name="Demo", registered_at=story.tick()
    )
    inbox.receive([*story.enclose(registered), *story.published(), *story.published("open-data")])
    revised = DatasetRevised(dataset_id=DATASET, visibility="restricted", revised_at=story.tick())
    with catalog.transaction(), catalog.cursor() as cursor:
        writing.append(cursor, [revised], now=story.tick(), context=Context.begin(UUID(int=1)))
        writing.refresh(cursor, {DATASET}, ())
    return DATASET


def account_id(catalog: psycopg.Connection[Any], username: str) -> str:
    row = catalog.execute("SELECT id FROM accounts WHERE username = %s", [username]).fetchone()
    assert row
    return str(row[0])


def actions(catalog: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    return catalog.execute("SELECT action, outcome FROM audit_entries ORDER BY id").fetchall()


async def test_administrators_keep_members_and_each_change_counts_at_once(
    catalog: psycopg.Connection[Any], client: httpx.AsyncClient, make_token: Callable[..., Any], restricted: UUID
) -> None:
    boss, bob = make_token("boss", demo="administrator"), make_token("bob", demo="steward")
    make_token("carl")
    members = f"{API}/institutions/demo/members"
    added = await client.post(members, json={"account": "Carl", "role": "uploader"}, headers=boss)
    assert (added.status_code, added.json()["role"]) == (201, "uploader")
    again = await client.post(members, json={"account": added.json()["account_id"], "role": "reader"}, headers=boss)
    assert again.json()["code"] == "already_member"
    listed = (await client.get(members, params={"fields": "username,role"}, headers=boss)).json()["items"]
    assert [tuple(item.values()) for item in listed] == [
        ("bob", "steward"), ("boss", "administrator"), ("carl", "uploader"),
    ]  # fmt: skip
    first = (await client.get(members, params={"limit": "1", "role[ne]": "steward"}, headers=boss)).json()
    second = (
        await client.get(members, params={"limit": "1", "role[ne]": "steward", "cursor": first["next"]}, headers=boss)
    ).json()
    assert [page["items"][0]["username"] for page in (first, second)] == ["boss", "carl"]

    # a role that is taken away is gone for the token that names it
    assert (await client.get(f"{API}/datasets/{restricted}", headers=bob)).status_code == 200
    bobs = f"{members}/{account_id(catalog, 'bob')}"
    assert (await client.patch(bobs, json={"role": "reader"}, headers=boss)).json()["role"] == "reader"
    assert (await client.get(f"{API}/datasets/{restricted}", headers=bob)).status_code == 404
    assert (await client.get(f"{API}/me", headers=bob)).json()["institutions"] == {"demo": ["reader"]}
    assert (await client.delete(bobs, headers=boss)).status_code == 204
    assert (await client.get(f"{API}/me", headers=bob)).json()["institutions"] == {}
    assert (await client.delete(bobs, headers=boss)).status_code == 404

    # somebody always administers, and nobody raises themselves
    own = f"{members}/{account_id(catalog, 'boss')}"
    assert (await client.patch(own, json={"role": "reader"}, headers=boss)).json()["code"] == "last_administrator"
    assert (await client.delete(own, headers=boss)).json()["code"] == "last_administrator"
    root = make_token("root", is_admin=True)
    raised = await client.post(members, json={"account": "root", "role": "reader"}, headers=root)
    assert (raised.status_code, raised.json()["code"]) == (403, "forbidden")
    assert (await client.post(members, json={"account": "nobody", "role": "reader"}, headers=boss)).status_code == 422
    assert actions(catalog) == [
        ("member.added", "done"), ("member.changed", "done"), ("member.removed", "done"),
        ("request.refused", "refused"),
    ]  # fmt: skip


async def test_a_group_gives_its_role_and_its_datasets_to_whoever_is_in_it(
    catalog: psycopg.Connection[Any], client: httpx.AsyncClient, make_token: Callable[..., Any], restricted: UUID
) -> None:
    boss, carl = make_token("boss", demo="administrator"), make_token("carl")
    made = await client.post(f"{API}/institutions/demo/groups", json={"slug": "lab", "name": "The lab"}, headers=boss)
    group = made.json()
    assert (made.status_code, group["role"], group["member_count"]) == (201, None, 0)
    members, itself = (f"{API}/groups/{group['group_id']}{rest}" for rest in ("/members", ""))
    assert (await client.post(members, json={"account": "carl"}, headers=boss)).status_code == 201
    grants = f"{API}/datasets/{restricted}/grants"
    granted = await client.post(grants, json={"group_id": group["group_id"]}, headers=boss)
    assert granted.status_code == 201
    assert (await client.get(f"{API}/datasets/{restricted}", headers=carl)).status_code == 200
    # it is no role at the institution
    assert (await client.get(members, headers=carl)).status_code == 404
    assert (await client.delete(itself, headers=boss)).json()["code"] == "group_in_use"
    assert (await client.delete(f"{members}/{account_id(catalog, 'carl')}", headers=boss)).status_code == 204
    assert (await client.get(f"{API}/datasets/{restricted}", headers=carl)).status_code == 404

    await client.patch(itself, json={"role": "steward"}, headers=boss)
    await client.post(members, json={"account": "carl"}, headers=boss)
    anew = {"username": "carl", "password": "correct horse battery staple"}
    token = (await client.post(f"{API}/tokens", json=anew)).json()["access_token"]
    fresh = {"Authorization": f"Bearer {token}"}
    assert (await client.get(members, headers=fresh)).json()["items"][0]["username"] == "carl"
    await client.patch(itself, json={"role": None}, headers=boss)
    assert (await client.get(members, headers=fresh)).status_code == 404

    assert (await client.delete(f"{grants}/{granted.json()['grant_id']}", headers=boss)).status_code == 204
    assert (await client.delete(itself, headers=boss)).status_code == 204
    rows = catalog.execute("SELECT type, data::text FROM events WHERE type LIKE 'group_access%'").fetchall()
    assert [row[0] for row in rows] == ["group_access.granted.v1", "group_access.revoked.v1"]
    assert not any(account_id(catalog, "carl") in row[1] for row in rows)


async def test_a_grant_counts_for_one_dataset_until_it_expires_or_is_revoked(
    catalog: psycopg.Connection[Any], client: httpx.AsyncClient, make_token: Callable[..., Any], restricted: UUID
) -> None:
    sue, carl = make_token("sue", demo="steward"), make_token("carl")
    dataset, grants = f"{API}/datasets/{restricted}", f"{API}/datasets/{restricted}/grants"
    soon = datetime.now(UTC) + timedelta(hours=1)
    body = {"account": "carl", "role": "reader", "expires_at": soon.isoformat()}
    assert (await client.post(grants, json=body, headers=carl)).status_code == 404
    first = (await client.post(grants, json=body, headers=sue)).json()
    assert first["role"] == "reader"
    assert (await client.get(dataset, headers=carl)).status_code == 200
    found = await client.get(f"{API}/datasets", params={"q": "air"}, headers=carl)
    assert [item["slug"] for item in found.json()["items"]] == ["air-quality"]
    assert (await client.patch(dataset, json={"title": "Mine"}, headers=carl)).status_code == 403
    # the newer one replaces it; who stewards by a grant does not hand it on
    second = (await client.post(grants, json={**body, "role": "steward"}, headers=sue)).json()
    assert second["grant_id"] == first["grant_id"]
    assert (await client.patch(dataset, json={"title": "Mine"}, headers=carl)).status_code == 200
    assert (await client.get(grants, headers=carl)).status_code == 403
    assert len((await client.get(grants, headers=sue)).json()["items"]) == 1

    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    refused = await client.post(grants, json={**body, "expires_at": past}, headers=sue)
    assert refused.json()["code"] == "expiry_passed"
    catalog.execute("UPDATE grants SET expires_at = now()")
    assert (await client.get(dataset, headers=carl)).status_code == 404
    await client.post(grants, json=body, headers=sue)
    assert (await client.get(dataset, headers=carl)).status_code == 200
    assert (await client.delete(f"{grants}/{first['grant_id']}", headers=sue)).status_code == 204
    assert (await client.get(dataset, headers=carl)).status_code == 404
    types = [row[0] for row in catalog.execute("SELECT type FROM events WHERE type LIKE 'access%' ORDER BY position")]
    assert types == ["access.granted.v1"] * 3 + ["access.revoked.v1"]


async def test_asking_for_access_tells_nothing_and_stewards_decide(
    catalog: psycopg.Connection[Any], client: httpx.AsyncClient, make_token: Callable[..., Any], restricted: UUID
) -> None:
    sue, carl, dora = make_token("sue", demo="steward"), make_token("carl"), make_token("dora")
    requests = f"{API}/access-requests"
    there, not_there = [
        await client.post(requests, json={"institution": "demo", "dataset": name, "message": "please"}, headers=carl)
        for name in ("air-quality", "no-such-thing")
    ]
    assert (there.status_code, not_there.status_code) == (202, 202)
    told, nothing = there.json(), not_there.json()
    differing = {name for name in told if told[name] != nothing[name]}
    assert differing == {"request_id", "dataset", "requested_at", "links"}
    again = await client.post(requests, json={"institution": "demo", "dataset": "air-quality"}, headers=carl)
    assert again.json() == told
    public = await client.post(requests, json={"institution": "demo", "dataset": "open-data"}, headers=carl)
    assert public.json()["code"] == "already_accessible"
    assert (await client.post(requests, json={"institution": "demo", "dataset": "x"})).status_code == 401

    # stewards see those that there is a dataset for
    listed = (await client.get(f"{API}/institutions/demo/access-requests", headers=sue)).json()["items"]
    assert [(item["dataset"], item["username"]) for item in listed] == [("air-quality", "carl")]
    assert (await client.get(f"{API}/institutions/demo/access-requests", headers=carl)).status_code == 403
    itself = f"{requests}/{told['request_id']}"
    assert (await client.get(itself, headers=dora)).status_code == 404
    assert (await client.post(f"{itself}/accept", json={}, headers=dora)).status_code == 404
    assert (await client.post(f"{itself}/accept", json={}, headers=carl)).status_code == 403
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    accepted = await client.post(f"{itself}/accept", json={"role": "reader", "expires_at": until}, headers=sue)
    assert accepted.json()["state"] == "accepted"
    assert (await client.get(f"{API}/datasets/{restricted}", headers=carl)).status_code == 200
    assert (await client.post(f"{itself}/decline", json={"reason": "no"}, headers=sue)).status_code == 409

    second = (await client.post(requests, json={"institution": "demo", "dataset": "air-quality"}, headers=dora)).json()
    itself = f"{requests}/{second['request_id']}"
    declined = await client.post(f"{itself}/decline", json={"reason": "ask your boss"}, headers=sue)
    assert declined.json()["state"] == "declined"
    own = (await client.get(requests, headers=dora)).json()["items"]
    assert [(item["state"], item["reason"]) for item in own] == [("declined", "ask your boss")]
    assert (await client.delete(f"{requests}/{nothing['request_id']}", headers=sue)).status_code == 404
    assert (await client.delete(f"{requests}/{nothing['request_id']}", headers=carl)).status_code == 204


async def test_the_audit_log_is_read_by_administrators_each_their_own_and_exported(
    catalog: psycopg.Connection[Any], client: httpx.AsyncClient, make_token: Callable[..., Any], restricted: UUID
) -> None:
    sue, boss = make_token("sue", demo="steward"), make_token("boss", demo="administrator")
    other, root = make_token("eve", other="administrator"), make_token("root", is_admin=True)
    dataset, entries = f"{API}/datasets/{restricted}", f"{API}/audit-entries"
    make_token("carl", demo="reader")
    await client.post(f"{dataset}/grants", json={"account": "carl"}, headers=sue)
    audit = import_module("catalog_svc.audit.services")
    base = {"by": None, "subject": "thing", "institution": "other", "correlation_id": UUID(int=1)}
    now = datetime.now(UTC)

    def write() -> None:
        audit.record(action="thing.done", subject_id="=1+1", now=now, **base)

    await import_module("asgiref.sync").sync_to_async(write)()
    refused = await client.post(
        f"{API}/institutions/demo/members", json={"account": "x", "role": "reader"}, headers=sue
    )
    assert refused.status_code == 403

    async def seen(headers: Any, **asked: str) -> list[tuple[str, str]]:
        answer = await client.get(entries, params=asked, headers=headers)
        assert answer.status_code == 200, answer.text
        return [(item["action"], item["outcome"]) for item in answer.json()["items"]]

    mine = [("request.refused", "refused"), ("access.granted", "done")]
    assert await seen(boss) == mine
    assert await seen(other) == [("thing.done", "done")]
    assert await seen(root) == [mine[0], ("thing.done", "done"), mine[1]]
    assert await seen(root, **{"outcome[eq]": "refused"}) == mine[:1]
    assert await seen(boss, **{"by[eq]": account_id(catalog, "sue"), "action[eq]": "access.granted"}) == mine[1:]
    assert (await client.get(entries, headers=sue)).status_code == 403
    assert (await client.get(entries)).status_code == 401

    lines = await client.get(f"{entries}/export", headers={**boss, "Accept": "application/x-ndjson"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [line.split('"action":"')[1].split('"')[0] for line in lines.text.splitlines()] == [
        "access.granted", "request.refused",
    ]  # fmt: skip
    table = await client.get(f"{entries}/export", headers={**other, "Accept": "text/csv"})
    assert table.text.splitlines()[0].startswith("id,occurred_at,by,action")
    assert ",'=1+1,other," in table.text.splitlines()[1]
    assert (await client.get(f"{entries}/export", headers={**boss, "Accept": "image/png"})).status_code == 406
