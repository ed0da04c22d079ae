"""Signing in with a browser: sessions, what another site cannot do with them, passwords and invitations."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import httpx
import psycopg
import pytest
from asgiref.sync import sync_to_async

pytestmark = pytest.mark.integration
PASSWORD = "correct horse battery staple"
OTHER = "another horse, another battery"


async def form(client: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """Open a page and send its form, as a browser does."""
    page = await client.get(path)
    assert page.status_code == 200, page.text
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found is not None
    return await client.post(path, data={"csrfmiddlewaretoken": found[1], **fields})


async def sign_in(client: httpx.AsyncClient, username: str, password: str = PASSWORD, path: str = "/sign-in") -> Any:
    return await form(client, path, username=username, password=password)


async def test_a_session_is_accepted_by_the_rest_interface_until_signing_out(
    client: httpx.AsyncClient, make_account: Callable[..., Any], catalog: psycopg.Connection[Any]
) -> None:
    make_account("ada", demo="steward")
    answer = await sign_in(client, "Ada", path="/sign-in?next=/api/v1/me")
    assert (answer.status_code, answer.headers["location"]) == (302, "/api/v1/me")
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("session="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    me = await client.get("/api/v1/me")
    assert me.json()["institutions"] == {"demo": ["steward"]}
    assert "no-store" in me.headers["cache-control"]
    assert "Cookie" in me.headers["vary"]
    kept = client.cookies["session"]
    assert (await form(client, "/sign-out")).status_code == 302
    client.cookies.set("session", kept)
    assert (await client.get("/api/v1/me")).json()["code"] == "token_missing"
    actions = catalog.execute("SELECT action FROM audit_entries ORDER BY id").fetchall()
    assert actions == [("session.begun",), ("session.ended",)]


async def test_the_session_s_key_is_another_after_signing_in(
    client: httpx.AsyncClient, make_account: Callable[..., Any]
) -> None:
    make_account("ada")
    await sign_in(client, "ada")
    first = client.cookies["session"]
    await sign_in(client, "ada")
    assert client.cookies["session"] != first


async def test_a_write_with_a_cookie_needs_the_proof_of_our_own_page(
    client: httpx.AsyncClient, make_account: Callable[..., Any]
) -> None:
    make_account("ada", demo="steward")
    await sign_in(client, "ada")
    wish = {"name": "x", "scopes": ["upload"]}
    token = {"X-CSRFToken": client.cookies["csrftoken"]}
    refused = await client.post("/api/v1/me/tokens", json=wish)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    foreign = await client.post("/api/v1/me/tokens", json=wish, headers={**token, "Origin": "http://evil.test"})
    assert foreign.json()["code"] == "csrf_failed"
    assert (await client.post("/api/v1/me/tokens", json=wish, headers=token)).status_code == 201
    own = {**token, "Origin": "http://testserver"}
    assert (await client.post("/api/v1/me/tokens", json=wish, headers=own)).status_code == 201
    for path in ("/sign-in", "/sign-out", "/sign-in/password"):
        bare = await client.post(path, data={"username": "ada", "password": PASSWORD})
        assert (bare.status_code, bare.json()["code"]) == (403, "csrf_failed")


async def test_signing_in_leads_nowhere_else(client: httpx.AsyncClient, make_account: Callable[..., Any]) -> None:
    make_account("ada")
    for target in (
        "//evil.test/",
        "https://evil.test/",
        "/\\evil.test",
        "javascript:alert(1)",
        "evil",
        "/\t/evil.test",
    ):
        page = await client.get("/sign-in", params={"next": target})
        assert 'name="next" value="/">' in page.text, target
    answer = await form(client, "/sign-in", username="ada", password=PASSWORD, next="//evil.test/")
    assert answer.headers["location"] == "/"
    here = await form(client, "/sign-in", username="ada", password=PASSWORD, next="/api/v1/me?x=1")
    assert here.headers["location"] == "/api/v1/me?x=1"


async def test_wrong_credentials_are_told_on_the_page_and_throttled(
    client: httpx.AsyncClient, make_account: Callable[..., Any], catalog: psycopg.Connection[Any]
) -> None:
    make_account("ada")
    wrong = await sign_in(client, "ada", "guess")
    assert wrong.status_code == 401
    assert "the user name or the password is wrong" in wrong.text
    catalog.execute("UPDATE sign_in_attempts SET failures = 10 WHERE subject LIKE 'name:%'")
    refused = await sign_in(client, "ada")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0


async def test_a_changed_password_ends_other_sessions_and_tokens_and_spares_personal_ones(
    client: httpx.AsyncClient, make_token: Callable[..., dict[str, str]]
) -> None:
    headers = make_token("ada")
    wish = {"name": "x", "scopes": ["upload"]}
    personal = (await client.post("/api/v1/me/tokens", json=wish, headers=headers)).json()["token"]
    await sign_in(client, "ada")
    elsewhere = client.cookies["session"]
    client.cookies.clear()
    await sign_in(client, "ada")
    weak = await form(client, "/sign-in/password", current=PASSWORD, new="password1234")
    assert weak.status_code == 422
    wrong = await form(client, "/sign-in/password", current="wrong", new=OTHER)
    assert wrong.status_code == 401
    assert (await form(client, "/sign-in/password", current=PASSWORD, new=OTHER)).status_code == 302
    assert (await client.get("/api/v1/me")).status_code == 200
    client.cookies.set("session", elsewhere)
    assert (await client.get("/api/v1/me")).status_code == 401
    client.cookies.clear()
    assert (await client.get("/api/v1/me", headers={"Authorization": f"Bearer {personal}"})).status_code == 200
    assert (await sign_in(client, "ada")).status_code == 401


async def test_a_password_is_changed_by_rest_too_but_not_with_a_personal_token(
    client: httpx.AsyncClient, make_token: Callable[..., dict[str, str]]
) -> None:
    headers = make_token("ada")
    change = {"current": PASSWORD, "new": OTHER}
    wish = {"name": "x", "scopes": ["admin"]}
    personal = (await client.post("/api/v1/me/tokens", json=wish, headers=headers)).json()["token"]
    refused = await client.post("/api/v1/me/password", json=change, headers={"Authorization": f"Bearer {personal}"})
    assert refused.json()["code"] == "forbidden"
    assert (await client.post("/api/v1/me/password", json=change, headers=headers)).status_code == 204
    signed = await client.post("/api/v1/tokens", json={"username": "ada", "password": OTHER})
    assert signed.status_code == 200


async def test_a_hash_with_former_parameters_is_made_again_at_the_next_sign_in(
    client: httpx.AsyncClient, make_account: Callable[..., Any], catalog: psycopg.Connection[Any]
) -> None:
    make_account("ada")
    hashers = import_module("catalog_svc.accounts.passwords")
    weaker = type("Weaker", (hashers.Hasher,), {"memory_cost": 1024, "time_cost": 1})()
    catalog.execute("UPDATE accounts SET password = %s", [weaker.encode(PASSWORD, weaker.salt())])
    assert (await sign_in(client, "ada")).status_code == 302
    (stored,) = catalog.execute("SELECT password FROM accounts").fetchone() or ("",)
    assert stored.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await client.get("/api/v1/me")).status_code == 200


async def invited(client: httpx.AsyncClient, headers: dict[str, str], **wish: Any) -> httpx.Response:
    return await client.post("/api/v1/invitations", json={"username": "Grace", **wish}, headers=headers)


async def test_an_invitation_opens_an_account_once(
    client: httpx.AsyncClient, make_token: Callable[..., dict[str, str]], catalog: psycopg.Connection[Any]
) -> None:
    headers = make_token("ada", is_admin=True)
    answer = await invited(client, headers)
    assert answer.status_code == 201
    link = answer.json()["link"]
    assert link.startswith("http://127.0.0.1:8080/sign-in/invitation?invitation=dpin_")
    path = link.removeprefix("http://127.0.0.1:8080")
    (row,) = catalog.execute("SELECT invitations::text FROM invitations").fetchall()
    assert link.rpartition("=")[2] not in row[0]
    assert (await form(client, path, password="short")).status_code == 422
    assert (await form(client, path, password=OTHER)).status_code == 302
    assert (await client.get("/api/v1/me")).json()["account_id"] == answer.json()["account_id"]
    assert (await client.get(path)).status_code == 410
    again = {"invitation": link.rpartition("=")[2], "password": OTHER}
    assert (await client.post("/api/v1/invitations/accept", json=again)).json()["code"] == "invitation_ended"
    assert (await invited(client, headers)).json()["code"] == "account_exists"


async def test_an_invitation_expires_and_a_new_one_replaces_it(
    client: httpx.AsyncClient, make_token: Callable[..., dict[str, str]], catalog: psycopg.Connection[Any]
) -> None:
    headers = make_token("ada", is_admin=True)
    first = (await invited(client, headers)).json()
    again = await client.post(f"/api/v1/accounts/{first['account_id']}/invitation", headers=headers)
    body = {"password": OTHER, "invitation": first["link"].rpartition("=")[2]}
    assert (await client.post("/api/v1/invitations/accept", json=body)).status_code == 410
    body["invitation"] = again.json()["link"].rpartition("=")[2]
    catalog.execute("UPDATE invitations SET expires_at = now()")
    assert (await client.post("/api/v1/invitations/accept", json=body)).status_code == 410
    catalog.execute("UPDATE invitations SET expires_at = now() + interval '1 hour'")
    assert (await client.post("/api/v1/invitations/accept", json=body)).status_code == 204


async def test_administrators_of_an_institution_invite_to_it_only(
    client: httpx.AsyncClient, make_token: Callable[..., dict[str, str]], catalog: psycopg.Connection[Any]
) -> None:
    identity = import_module("dataplatform.events.identity").institution_id("demo")
    catalog.execute(
        "INSERT INTO institutions (institution_id, slug, name, homepage, registered_at)"
        " VALUES (%s, 'demo', 'D', '', now())",
        [identity],
    )
    headers = make_token("ada", demo="administrator")
    assert (await invited(client, headers)).status_code == 403
    assert (await invited(client, make_token("bob", demo="steward"), institution="demo")).status_code == 403
    account = (await invited(client, headers, institution="demo", roles=["steward"])).json()["account_id"]
    assert catalog.execute("SELECT role FROM memberships WHERE account_id = %s", [account]).fetchall() == [("steward",)]


async def test_administrators_switch_accounts_off_and_sign_them_out_but_not_the_last_of_themselves(
    client: httpx.AsyncClient, make_token: Callable[..., dict[str, str]], catalog: psycopg.Connection[Any]
) -> None:
    admin, bob = make_token("ada", is_admin=True), make_token("bob")
    accounts = (await client.get("/api/v1/accounts", headers=admin)).json()["items"]
    ids = {account["username"]: account["account_id"] for account in accounts}
    assert (await client.get("/api/v1/accounts", headers=bob)).status_code == 403
    path = f"/api/v1/accounts/{ids['bob']}"
    assert (await client.post(f"{path}/sign-out", json={}, headers=admin)).status_code == 204
    assert (await client.get("/api/v1/me", headers=bob)).json()["code"] == "token_revoked"
    await sign_in(client, "bob")
    assert (await client.get("/api/v1/me")).status_code == 200
    assert (await client.patch(path, json={"active": False}, headers=admin)).json()["active"] is False
    assert (await client.get("/api/v1/me")).status_code == 401
    own = await client.patch(f"/api/v1/accounts/{ids['ada']}", json={"admin": False}, headers=admin)
    assert own.json()["code"] == "last_administrator"
    fields = catalog.execute("SELECT details FROM audit_entries WHERE action = 'account.revised'").fetchall()
    assert fields == [({"fields": ["is_active"]},)]


async def test_the_signing_key_is_rotated_by_its_age_and_signs_only_when_it_is_known(
    client: httpx.AsyncClient, make_account: Callable[..., Any], catalog: psycopg.Connection[Any]
) -> None:
    make_account("ada")
    body = {"username": "ada", "password": PASSWORD}
    assert (await client.post("/api/v1/tokens", json=body)).status_code == 200
    catalog.execute("UPDATE signing_keys SET created_at = created_at - interval '91 days'")
    for _ in range(2):
        assert (await client.post("/api/v1/tokens", json=body)).status_code == 200
    keys = catalog.execute("SELECT kid, retired_at > now() FROM signing_keys ORDER BY created_at").fetchall()
    assert [soon for _, soon in keys] == [True, None]
    signer = import_module("catalog_svc.accounts.keys").current
    secret = "a secret of at least thirty-two characters"
    assert (await sync_to_async(signer)(secret, datetime.now(UTC))).kid == keys[0][0]
