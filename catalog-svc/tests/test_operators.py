"""The operators' site: who comes in, what is shown there, and that what is done there is written down."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from typing import Any

import httpx
import psycopg
import pytest

from dataplatform import telemetry
from dataplatform.telemetry import Health

pytestmark = pytest.mark.integration
PASSWORD = "correct horse battery staple"


async def form(client: httpx.AsyncClient, page: str, path: str, **fields: Any) -> httpx.Response:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found is not None, page
    return await client.post(path, data={"csrfmiddlewaretoken": found[1], **fields})


async def sign_in(client: httpx.AsyncClient, username: str, target: str = "/") -> httpx.Response:
    page = (await client.get("/sign-in")).text
    return await form(client, page, "/sign-in", username=username, password=PASSWORD, next=target)


async def test_only_administrators_of_the_platform_come_in_by_our_own_page(
    client: httpx.AsyncClient, make_account: Callable[..., Any], make_token: Callable[..., dict[str, str]]
) -> None:
    make_account("ada", is_admin=True)
    make_account("bob", demo="administrator")
    token = make_token("carla", is_admin=True)
    assert (await client.get("/admin")).headers["location"] == "/admin/"
    for headers in ({}, token):
        refused = await client.get("/admin/accounts/account/", headers=headers)
        assert refused.status_code == 302
        asked = await client.get(refused.headers["location"])
        assert asked.headers["location"] == "/sign-in?next=%2Fadmin%2Faccounts%2Faccount%2F"
    await sign_in(client, "bob")
    assert (await client.get("/admin/")).status_code == 403
    assert (await sign_in(client, "ada", "/admin/")).headers["location"] == "/admin/"
    index = await client.get("/admin/")
    assert index.status_code == 200
    assert "unsafe" not in index.headers["content-security-policy"]
    assert "no-store" in index.headers["cache-control"]


async def test_every_page_opens_and_everything_it_needs_is_served_by_us(
    client: httpx.AsyncClient,
    make_account: Callable[..., Any],
    inbox: Any,
    story: Any,
    catalog: psycopg.Connection[Any],
) -> None:
    make_account("ada", is_admin=True, demo="steward")
    inbox.receive(story.published())
    await sign_in(client, "ada")
    index = (await client.get("/admin/")).text
    lists = sorted(set(re.findall(r'href="(/admin/[a-z]+/[a-z]+/)"', index)))
    assert len(lists) > 12
    opened = 0
    for path in lists:
        page = await client.get(path)
        assert page.status_code == 200, path
        assert all(word not in page.text for word in ("argon2", "private_key"))
        shown = re.search(rf'href="({path}[^"/]+/change/)[^"]*"', page.text)
        if shown is not None:
            assert (await client.get(shown[1])).status_code == 200, shown[1]
            opened += 1
    assert opened > 6
    needed = set(re.findall(r'(?:href|src)="(/admin/static/[^"]+)"', index + page.text))
    assert len(needed) > 5
    for path in needed:
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("admin/../../__init__.py", "admin/%2e%2e/x", "nothing.css"):
        assert (await client.get(f"/admin/static/{path}")).status_code == 404


async def test_projections_are_not_written_and_accounts_are_with_an_entry_in_the_log(
    client: httpx.AsyncClient,
    make_account: Callable[..., Any],
    inbox: Any,
    story: Any,
    catalog: psycopg.Connection[Any],
) -> None:
    ada, bob = make_account("ada", is_admin=True), make_account("bob")
    inbox.receive(story.published())
    await sign_in(client, "ada")
    dataset = (await client.get("/admin/datasets/dataset/")).text
    path = re.search(r'href="(/admin/datasets/dataset/[^"]+/change/)', dataset)
    assert path is not None
    account = f"/admin/accounts/account/{bob.pk}/change/"
    page = (await client.get(account)).text
    assert (await form(client, page, path[1], title="mine")).status_code == 403
    assert (await form(client, page, "/admin/datasets/dataset/add/")).status_code == 403
    assert (await client.post(account, data={"name": "Bob"})).status_code == 403
    changed = await form(client, page, account, name="Bob")
    assert changed.status_code == 302, changed.text
    assert catalog.execute("SELECT name, is_active FROM accounts WHERE username = 'bob'").fetchone() == ("Bob", False)
    own = await form(client, page, f"/admin/accounts/account/{ada.pk}/change/", name="", is_active="on")
    assert own.json()["code"] == "last_administrator"
    entries = catalog.execute(
        "SELECT by, subject_id, details FROM audit_entries WHERE action = 'account.revised' ORDER BY id"
    ).fetchall()
    assert entries == [(ada.pk, str(bob.pk), {"fields": ["is_active", "name"]})]
    history = await client.get(f"/admin/accounts/account/{bob.pk}/history/")
    assert "account.revised" in (await client.get(history.headers["location"])).text


async def test_tokens_are_ended_and_members_come_and_go(
    client: httpx.AsyncClient, make_account: Callable[..., Any], catalog: psycopg.Connection[Any]
) -> None:
    make_account("ada", is_admin=True)
    bob = make_account("bob")
    identity = import_module("dataplatform.events.identity").institution_id("demo")
    catalog.execute(
        "INSERT INTO institutions (institution_id, slug, name, homepage, registered_at)"
        " VALUES (%s, 'demo', 'D', '', now())",
        [identity],
    )
    await sign_in(client, "ada")
    wish = {"name": "script", "scopes": ["upload"]}
    headers = {"X-CSRFToken": client.cookies["csrftoken"]}
    token = (await client.post("/api/v1/me/tokens", json=wish, headers=headers)).json()
    page = (await client.get("/admin/accounts/personaltoken/")).text
    action = {"action": "revoke", "_selected_action": token["token_id"]}
    assert (await form(client, page, "/admin/accounts/personaltoken/", **action)).status_code == 302
    bearing = {"Authorization": f"Bearer {token['token']}"}
    assert (await client.get("/api/v1/me", headers=bearing)).json()["code"] == "token_revoked"
    fields = {"account": str(bob.pk), "institution_slug": "demo", "role": "administrator"}
    assert (await form(client, page, "/admin/institutions/membership/add/", **fields)).status_code == 302
    (held,) = catalog.execute("SELECT id, institution_slug, role, institution_id FROM memberships").fetchall()
    assert held[1:] == ("demo", "administrator", identity)
    deleted = await form(client, page, f"/admin/institutions/membership/{held[0]}/delete/", post="yes")
    assert deleted.json()["code"] == "last_administrator"
    actions = {action for (action,) in catalog.execute("SELECT action FROM audit_entries")}
    assert {"token.revoked", "member.added"} <= actions


@pytest.fixture
async def address(client: httpx.AsyncClient) -> AsyncIterator[str]:
    """Where the application listens; `client` closes what it opened."""
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    app = import_module("catalog_svc.serving").application(Health())
    serving = asyncio.create_task(telemetry.serve(app, "127.0.0.1", 0, stop, on_listening=port.set_result))
    yield f"http://127.0.0.1:{await asyncio.wait_for(port, 30)}"
    stop.set()
    await asyncio.wait_for(serving, 30)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_real_browser_signs_in_works_in_the_admin_and_signs_out(
    address: str, make_account: Callable[..., Any], catalog: psycopg.Connection[Any], browser: Any
) -> None:
    make_account("ada", is_admin=True)
    make_account("bob")

    def visit() -> None:
        with browser.open(f"{address}/admin/") as page:
            assert page.url == f"{address}/sign-in?next=%2Fadmin%2F"
            page.fill("#username", "ada")
            page.fill("#password", PASSWORD)
            page.click("main button")
            page.wait("text=For operators")
            assert page.url == f"{address}/admin/"
            page.go(f"{address}/admin/accounts/account/")
            page.click("text=bob")
            page.wait("#id_name")
            page.fill("#id_name", "Bob")
            page.click("input[name=_save]")
            page.wait(".messagelist .success")
            page.go(f"{address}/sign-out")
            page.click("main button")
            page.wait("text=Search datasets")
            page.go(f"{address}/admin/")
            assert "/sign-in" in page.url
            assert page.errors == ()
            assert page.failed_requests == ()
            assert page.foreign_requests == ()

    await asyncio.to_thread(visit)
    assert catalog.execute("SELECT name FROM accounts WHERE username = 'bob'").fetchone() == ("Bob",)
