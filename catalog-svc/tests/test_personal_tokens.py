"""Personal access tokens and service accounts: what they open, for how long, and that nothing of them is kept."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import httpx
import psycopg
import pytest

from dataplatform.identity import TokenVerifier
from dataplatform.identity.jwks import KeySet

pytestmark = pytest.mark.integration

Headers = dict[str, str]


def bearing(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


async def made(client: httpx.AsyncClient, headers: Headers, path: str = "/api/v1/me/tokens", **wish: Any) -> Any:
    answer = await client.post(path, json={"name": "a script", "scopes": ["upload"], **wish}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_token_is_shown_once_kept_as_a_hash_and_known_to_scanners(
    catalog: psycopg.Connection[Any], client: httpx.AsyncClient, make_token: Callable[..., Headers]
) -> None:
    headers = make_token("ada", demo="steward")
    token = await made(client, headers)
    opaque = import_module("catalog_svc.accounts.opaque")
    assert re.fullmatch(r"dpat_[0-9A-Za-z]{36}", token["token"])
    assert opaque.is_well_formed(token["token"], "dpat_")
    changed = token["token"][:-7] + ("a" if token["token"][-7] != "a" else "b") + token["token"][-6:]
    assert not opaque.is_well_formed(changed, "dpat_")
    (row,) = catalog.execute("SELECT personal_tokens::text FROM personal_tokens").fetchall()
    assert token["token"] not in row[0]
    (listed,) = (await client.get("/api/v1/me/tokens", headers=headers)).json()["items"]
    assert "token" not in listed
    assert listed["ending"] == token["token"][-4:]
    (audit,) = catalog.execute("SELECT action, details::text FROM audit_entries").fetchall()
    assert audit[0] == "token.created"
    assert token["token"] not in audit[1]


async def test_a_token_has_the_roles_of_its_scopes_here_and_at_the_other_services(
    make_token: Callable[..., Headers], client: httpx.AsyncClient
) -> None:
    headers = make_token("ada", is_admin=True, demo="administrator", other="steward")
    token = (await made(client, headers, institutions=["demo"]))["token"]
    me = (await client.get("/api/v1/me", headers=bearing(token))).json()
    assert (me["admin"], me["institutions"]) == (False, {"demo": ["uploader"]})
    exchanged = (await client.post("/api/v1/tokens", json={"token": token})).json()
    assert exchanged["expires_in"] == 600
    keys = KeySet("http://testserver/.well-known/jwks.json", transport=client._transport)
    principal = await TokenVerifier("", "http://issuer.test", keys=keys).verify(exchanged["access_token"])
    assert dict(principal.institutions) == {"demo": frozenset({"uploader"})}
    assert not principal.admin
    assert not principal.allows("steward", "demo")
    again = (await client.get("/api/v1/me", headers=bearing(exchanged["access_token"]))).json()
    assert again["institutions"] == me["institutions"]


@pytest.mark.parametrize(
    "wish",
    [
        {"scopes": ["catalog:write"]},
        {"scopes": ["upload"], "institutions": None},
        {"scopes": ["upload"], "institutions": ["other"]},
        {"scopes": ["catalog:read"], "institutions": ["demo"], "days": 60},
    ],
)
async def test_a_token_made_with_a_token_has_no_more_than_that_one(
    make_token: Callable[..., Headers], client: httpx.AsyncClient, wish: dict[str, Any]
) -> None:
    token = (await made(client, make_token("ada", demo="administrator"), institutions=["demo"], days=30))["token"]
    exchanged = (await client.post("/api/v1/tokens", json={"token": token})).json()["access_token"]
    for bearer in (token, exchanged):
        answer = await client.post("/api/v1/me/tokens", json={"name": "more", **wish}, headers=bearing(bearer))
        assert (answer.status_code, answer.json()["code"]) == (422, "token_too_powerful")


async def test_revoking_ends_a_token_what_was_made_with_it_and_what_it_was_exchanged_for(
    make_token: Callable[..., Headers], client: httpx.AsyncClient, catalog: psycopg.Connection[Any]
) -> None:
    headers = make_token("ada", demo="steward")
    parent = await made(client, headers, days=30)
    child = await made(client, bearing(parent["token"]), days=20)
    exchanged = (await client.post("/api/v1/tokens", json={"token": child["token"]})).json()["access_token"]
    bearers = [parent["token"], child["token"], exchanged]
    for bearer in bearers:
        assert (await client.get("/api/v1/me", headers=bearing(bearer))).status_code == 200
    path = f"/api/v1/me/tokens/{parent['token_id']}"
    foreign = make_token("bob")
    assert (await client.delete(path, headers=foreign)).status_code == 404
    for _ in range(2):
        assert (await client.delete(path, headers=headers)).status_code == 204
    for bearer in bearers:
        assert (await client.get("/api/v1/me", headers=bearing(bearer))).json()["code"] == "token_revoked"
    actions = catalog.execute("SELECT action FROM audit_entries ORDER BY id").fetchall()
    assert actions == [("token.created",), ("token.created",), ("token.revoked",)]


async def test_an_expired_an_unknown_and_a_mistyped_token_are_refused(
    make_token: Callable[..., Headers], client: httpx.AsyncClient, catalog: psycopg.Connection[Any]
) -> None:
    headers = make_token("ada")
    token = (await made(client, headers))["token"]
    catalog.execute("UPDATE personal_tokens SET expires_at = now()")
    for path, options in (("/me", {"headers": bearing(token)}), ("/tokens", {"json": {"token": token}})):
        method = "GET" if path == "/me" else "POST"
        assert (await client.request(method, f"/api/v1{path}", **options)).json()["code"] == "token_expired"
    unknown = import_module("catalog_svc.accounts.opaque").mint("dpat_", lambda _: "x")
    for wrong in (unknown, token[:-1] + "?", "dpat_", "dpat_é"):
        answer = await client.get("/api/v1/me", headers={b"Authorization": f"Bearer {wrong}".encode()})
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


@pytest.mark.parametrize(
    "wish", [{"days": 367 * 9}, {"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": "2100-01-01T00:00:00Z"}]
)
async def test_how_long_a_token_lasts_is_bounded(
    make_token: Callable[..., Headers], client: httpx.AsyncClient, wish: dict[str, Any]
) -> None:
    headers = make_token("ada")
    answer = await client.post("/api/v1/me/tokens", json={"name": "x", "scopes": ["upload"], **wish}, headers=headers)
    if "days" in wish:
        assert datetime.fromisoformat(answer.json()["expires_at"]) <= datetime.now(UTC) + timedelta(days=366)
    else:
        assert answer.json()["code"] == "token_too_powerful"


async def test_the_last_use_is_noted_once_a_minute(
    make_token: Callable[..., Headers], client: httpx.AsyncClient, catalog: psycopg.Connection[Any]
) -> None:
    token = (await made(client, make_token("ada")))["token"]

    async def noted() -> Any:
        assert (await client.get("/api/v1/me", headers=bearing(token))).status_code == 200
        return catalog.execute("SELECT last_used_at, xmin::text FROM personal_tokens").fetchone()

    first = await noted()
    assert first[0] is not None
    assert await noted() == first
    catalog.execute("UPDATE personal_tokens SET last_used_at = now() - interval '61 seconds'")
    assert (await noted())[0] > first[0]


async def test_lists_of_tokens_are_pages(make_token: Callable[..., Headers], client: httpx.AsyncClient) -> None:
    headers = make_token("ada")
    ids = [(await made(client, headers))["token_id"] for _ in range(3)]
    seen, cursor = [], None
    for _ in range(3):
        page = (
            await client.get(
                "/api/v1/me/tokens", params={"limit": 1} | ({"cursor": cursor} if cursor else {}), headers=headers
            )
        ).json()
        seen += [token["token_id"] for token in page["items"]]
        cursor = page["next"]
    assert (seen, cursor) == (ids[::-1], None)
    assert (await client.get("/api/v1/me/tokens?cursor=WzEsMl0", headers=headers)).json()["code"] == "invalid_cursor"


@pytest.fixture
def institution(catalog: psycopg.Connection[Any]) -> str:
    identity = import_module("dataplatform.events.identity").institution_id("demo")
    catalog.execute(
        "INSERT INTO institutions (institution_id, slug, name, homepage, registered_at)"
        " VALUES (%s, 'demo', 'D', '', now())",
        [identity],
    )
    return "/api/v1/institutions/demo/service-accounts"


async def test_a_service_account_works_with_tokens_and_ends_at_once_when_switched_off(
    institution: str, make_token: Callable[..., Headers], client: httpx.AsyncClient, catalog: psycopg.Connection[Any]
) -> None:
    headers = make_token("ada", demo="administrator")
    wish = {"name": "nightly", "description": "uploads", "roles": ["uploader"]}
    service = (await client.post(institution, json=wish, headers=headers)).json()
    assert (service["roles"], service["active"]) == (["uploader"], True)
    path = f"{institution}/{service['account_id']}"
    token = (await made(client, headers, f"{path}/tokens", scopes=["admin"]))["token"]
    me = (await client.get("/api/v1/me", headers=bearing(token))).json()
    assert me["institutions"] == {"demo": ["uploader"]}
    credentials = {"grant_type": "client_credentials", "client_id": service["account_id"], "client_secret": token}
    exchanged = await client.post("/api/v1/tokens", json=credentials)
    assert exchanged.status_code == 200
    wrong = await client.post(
        "/api/v1/tokens", json={**credentials, "client_id": "00000000-0000-0000-0000-000000000001"}
    )
    assert wrong.json()["code"] == "token_invalid"
    assert (await client.patch(path, json={"active": False}, headers=headers)).json()["active"] is False
    for bearer in (token, exchanged.json()["access_token"]):
        assert (await client.get("/api/v1/me", headers=bearing(bearer))).json()["code"] == "token_revoked"
    assert (await client.patch(path, json={"active": True, "roles": ["reader"]}, headers=headers)).json()["roles"] == [
        "reader"
    ]
    assert (await client.get("/api/v1/me", headers=bearing(token))).json()["institutions"] == {"demo": ["reader"]}
    actions = {action for (action,) in catalog.execute("SELECT action FROM audit_entries")}
    assert actions == {"service_account.created", "service_account.revised", "token.created"}


async def test_only_the_institution_s_administrators_manage_its_service_accounts(
    institution: str, make_token: Callable[..., Headers], client: httpx.AsyncClient
) -> None:
    administrator, steward = make_token("ada", demo="administrator"), make_token("bob", demo="steward")
    wish = {"name": "nightly", "roles": ["uploader"]}
    assert (await client.post(institution, json=wish, headers=steward)).json()["code"] == "forbidden"
    assert (await client.get(institution, headers=steward)).status_code == 403
    service = (await client.post(institution, json=wish, headers=administrator)).json()
    assert (await client.post(institution, json=wish, headers=administrator)).json()["code"] == "account_exists"
    elsewhere = f"/api/v1/institutions/nowhere/service-accounts/{service['account_id']}"
    assert (await client.get(elsewhere, headers=administrator)).status_code == 404
    (listed,) = (await client.get(institution, headers=administrator)).json()["items"]
    assert listed == service
    refused = await client.patch(
        f"{institution}/{service['account_id']}", json={"owner": service["account_id"]}, headers=administrator
    )
    assert refused.json()["code"] == "unknown_account"
    limited = (await made(client, administrator, scopes=["catalog:write"]))["token"]
    assert (await client.post(institution, json=wish, headers=bearing(limited))).status_code == 403
