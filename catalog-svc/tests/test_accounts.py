"""Signing in, tokens and keys: what is accepted, and every way it is refused."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import httpx
import jwt
import psycopg
import pytest
from asgiref.sync import sync_to_async
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dataplatform.identity import TokenVerifier
from dataplatform.identity.jwks import KeySet

pytestmark = pytest.mark.integration
PASSWORD = "correct horse battery staple"
SECRET = "a secret of at least thirty-two characters"


async def sign_in(client: httpx.AsyncClient, username: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return await client.post("/api/v1/tokens", json={"username": username, "password": password}, headers=headers)


async def test_a_token_from_the_catalog_is_accepted_by_the_verifier_of_the_other_services(
    make_account: Callable[..., Any], client: httpx.AsyncClient
) -> None:
    account = make_account("Ada", demo="uploader")
    answer = await sign_in(client, "aDA")
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 3600
    keys = KeySet("http://testserver/.well-known/jwks.json", transport=client._transport)
    principal = await TokenVerifier("", "http://issuer.test", keys=keys).verify(answer.json()["access_token"])
    assert principal.subject == account.pk
    assert principal.may("uploader", "demo")
    assert not principal.may("steward", "demo")
    assert not principal.admin


async def test_me_tells_what_the_token_says(client: httpx.AsyncClient, make_token: Callable[..., Any]) -> None:
    headers = make_token("ada", is_admin=True, demo="steward")
    me = (await client.get("/api/v1/me", headers=headers)).json()
    assert me["admin"] is True
    assert me["institutions"] == {"demo": ["steward"]}


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(
    make_account: Callable[..., Any], client: httpx.AsyncClient
) -> None:
    make_account("ada")
    wrong, unknown = await sign_in(client, "ada", "x"), await sign_in(client, "nobody", "x")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.headers["content-type"] == "application/problem+json"
    assert wrong.json()["code"] == "wrong_credentials"


async def test_guessing_is_throttled_even_with_the_right_password_and_only_from_there(
    make_account: Callable[..., Any], client: httpx.AsyncClient
) -> None:
    make_account("ada")
    for _ in range(10):
        assert (await sign_in(client, "ada", "guess")).status_code == 401
    refused = await sign_in(client, "ada")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 900
    elsewhere = await sign_in(client, "ada", **{"X-Forwarded-For": "6.6.6.6, 192.0.2.7"})
    assert elsewhere.status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"username": "a"}', b'{"username": "a\\u0000", "password": "b"}', b"[1]"]
)
async def test_malformed_credentials_are_told_apart_from_wrong_ones(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/api/v1/tokens", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


def forged(token: str, **claims: Any) -> str:
    """The same claims but for `claims`, signed by somebody else under the same key id."""
    header = jwt.get_unverified_header(token)
    body = jwt.decode(token, options={"verify_signature": False}) | claims
    return jwt.encode(body, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": header["kid"]})


def unsigned(token: str) -> str:
    head = base64.urlsafe_b64encode(
        json.dumps({"alg": "none", "kid": jwt.get_unverified_header(token)["kid"]}).encode()
    )
    return f"{head.decode().rstrip('=')}.{token.split('.')[1]}."


def symmetric(token: str) -> str:
    body = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(body, "k" * 64, algorithm="HS256", headers={"kid": jwt.get_unverified_header(token)["kid"]})


FORGERIES: list[Callable[[str], str]] = [
    lambda token: forged(token, admin=True),
    unsigned,
    symmetric,
    lambda token: token[:-6] + "AAAAAA",
    lambda _: "not.a.token",
    lambda _: "é",
    lambda token: token + "." + token,
]


@pytest.mark.parametrize("forge", FORGERIES)
async def test_a_forged_token_is_refused(
    client: httpx.AsyncClient, make_token: Callable[..., Any], forge: Callable[[str], str]
) -> None:
    token = make_token("ada")["Authorization"].removeprefix("Bearer ")
    answer = await client.get("/api/v1/me", headers={b"Authorization": f"Bearer {forge(token)}".encode()})
    assert answer.status_code == 401
    assert answer.json()["code"] == "token_invalid"
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "http://elsewhere"}, "token_invalid"),
        ({"aud": "another"}, "token_invalid"),
        ({"exp": 1}, "token_expired"),
        ({"sub": "not an id"}, "token_invalid"),
        ({"sub": "00000000-0000-0000-0000-000000000000"}, "token_revoked"),
    ],
)
async def test_a_token_with_wrong_claims_is_refused_though_we_signed_it(
    client: httpx.AsyncClient, make_token: Callable[..., Any], claims: dict[str, Any], code: str
) -> None:
    token = make_token("ada")["Authorization"].removeprefix("Bearer ")
    answer = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {await _resigned(token, claims)}"})
    assert (answer.status_code, answer.json()["code"]) == (401, code)


async def _resigned(token: str, claims: dict[str, Any]) -> str:
    signer = await sync_to_async(import_module("catalog_svc.accounts.keys").current)(SECRET, datetime.now(UTC))
    body = jwt.decode(token, options={"verify_signature": False}) | claims
    return jwt.encode(body, signer.private, algorithm="EdDSA", headers={"kid": signer.kid})


async def test_no_token_and_another_scheme_are_refused_where_one_is_needed(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/me")).json()["code"] == "token_missing"
    assert (await client.get("/api/v1/me", headers={"Authorization": "Basic YTpi"})).json()["code"] == "token_invalid"
    # a bad token is refused even where none is needed: its bearer believes to be somebody
    assert (await client.get("/api/v1/datasets", headers={"Authorization": "Bearer x"})).status_code == 401


async def test_a_deactivated_account_s_tokens_end_at_once(
    catalog: psycopg.Connection[Any], client: httpx.AsyncClient, make_token: Callable[..., Any]
) -> None:
    headers = make_token("ada")
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 200
    catalog.execute("UPDATE accounts SET is_active = false")
    assert (await client.get("/api/v1/me", headers=headers)).json()["code"] == "token_revoked"
    assert (await sign_in(client, "ada")).status_code == 401


def test_rotation_signs_with_a_new_key_and_the_old_tokens_go_on(
    catalog: psycopg.Connection[Any], make_account: Callable[..., Any]
) -> None:
    keys, tokens = (import_module(f"catalog_svc.accounts.{name}") for name in ("keys", "tokens"))
    account = make_account("ada")
    now = datetime.now(UTC) - timedelta(minutes=5)

    def issue() -> str:
        return str(
            tokens.issue(account, issuer="http://issuer.test", secret=SECRET, lifetime=timedelta(hours=1), now=now)
        )

    old = issue()
    verifier = tokens.Verifier("http://issuer.test")
    assert verifier.verify(old, now)[0].subject == account.pk
    keys.rotate(SECRET, now, timedelta(hours=1))
    assert len(keys.published(now)) == 2
    assert (
        jwt.get_unverified_header(issue())["kid"] == jwt.get_unverified_header(old)["kid"]
    )  # published before it signs
    now += timedelta(minutes=2)
    new = issue()
    assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    assert verifier.verify(new, now)[0].subject == account.pk
    assert verifier.verify(old, now)[0].subject == account.pk
    assert len(keys.published(now + timedelta(hours=2))) == 1


def test_private_keys_are_sealed_and_open_with_our_secret_only(catalog: psycopg.Connection[Any]) -> None:
    keys = import_module("catalog_svc.accounts.keys")
    signer = keys.current(SECRET, datetime.now(UTC))
    (stored,) = catalog.execute("SELECT private_key FROM signing_keys").fetchone() or (b"",)
    assert signer.private.private_bytes_raw() not in bytes(stored)
    with pytest.raises(keys.SealedKeyError):
        keys.current("another secret of thirty-two characters!", datetime.now(UTC))


async def test_jwks_names_public_keys_only(client: httpx.AsyncClient, make_token: Callable[..., Any]) -> None:
    make_token("ada")
    (key,) = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}


def test_passwords_are_hashed_with_argon2id_and_weak_ones_refused(
    catalog: psycopg.Connection[Any], make_account: Callable[..., Any]
) -> None:
    services = import_module("catalog_svc.accounts.services")
    assert make_account("ada").password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    with pytest.raises(services.WeakPasswordError):
        services.create("bob", "password1234", now=datetime.now(UTC))
