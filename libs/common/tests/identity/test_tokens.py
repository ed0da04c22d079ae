import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dataplatform.identity import IdentityUnavailableError, InvalidTokenError, TokenVerifier
from dataplatform.identity.jwks import KeySet

ISSUER = "http://issuer.test"
SUBJECT = UUID(int=7)
Claims = dict[str, Any]


class Issuer:
    """Keys by kid, a JWKS endpoint that counts its calls, and a switch to break it."""

    def __init__(self) -> None:
        self.keys = {"one": Ed25519PrivateKey.generate()}
        self.fetches = 0
        self.down = False

    def document(self) -> dict[str, Any]:
        return {
            "keys": [
                {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}
                for kid, key in self.keys.items()
            ]
        }

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.fetches += 1
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, json=self.document())

    def token(self, kid: str = "one", key: Any = None, algorithm: str = "EdDSA", **changes: Any) -> str:
        now = datetime.now(UTC)
        claims: Claims = {
            "iss": ISSUER,
            "aud": "dataplatform",
            "sub": str(SUBJECT),
            "iat": now,
            "exp": now + timedelta(minutes=5),
            "institutions": {"aq": ["uploader", "future-role"]},
        }
        claims |= changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, key or self.keys[kid], algorithm, headers={"kid": kid})


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(issuer: Issuer, clock: Clock) -> TokenVerifier:
    keys = KeySet(ISSUER, clock=clock, transport=httpx.MockTransport(issuer.answer))
    return TokenVerifier(ISSUER, ISSUER, keys=keys)


async def test_a_good_token_names_its_bearer(issuer: Issuer, verifier: TokenVerifier) -> None:
    principal = await verifier.verify(issuer.token(name="Ada", admin=True))
    assert principal.subject == SUBJECT
    assert principal.institutions == {"aq": frozenset({"uploader"})}
    assert (principal.admin, principal.name) == (True, "Ada")


async def test_keys_are_fetched_once(issuer: Issuer, verifier: TokenVerifier) -> None:
    for _ in range(5):
        await verifier.verify(issuer.token())
    assert issuer.fetches == 1


def _none_algorithm(issuer: Issuer) -> str:
    parts = [{"alg": "none", "kid": "one"}, {"sub": str(SUBJECT)}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def _public_key_as_hmac_secret(issuer: Issuer) -> str:
    return issuer.token(key=json.dumps(issuer.document()["keys"][0]) * 2, algorithm="HS256")


FORGERIES: dict[str, tuple[str, Callable[[Issuer], str]]] = {
    "not a token": ("token_invalid", lambda _: "garbage"),
    "empty": ("token_invalid", lambda _: ""),
    "another's key under a known kid": ("token_invalid", lambda i: i.token(key=Ed25519PrivateKey.generate())),
    "an unpublished key": ("token_invalid", lambda i: i.token(kid="two", key=Ed25519PrivateKey.generate())),
    "algorithm none": ("token_invalid", _none_algorithm),
    "algorithm confusion": ("token_invalid", _public_key_as_hmac_secret),
    "a changed payload": ("token_invalid", lambda i: i.token().replace(".", ".e30", 1)),
    "another issuer": ("token_invalid", lambda i: i.token(iss="http://evil.test")),
    "another audience": ("token_invalid", lambda i: i.token(aud="elsewhere")),
    "no expiry": ("token_invalid", lambda i: i.token(exp=None)),
    "a subject that is no account": ("token_invalid", lambda i: i.token(sub="root")),
    "institutions that are no mapping": ("token_invalid", lambda i: i.token(institutions=["aq"])),
    "expired": ("token_expired", lambda i: i.token(exp=datetime.now(UTC) - timedelta(minutes=1))),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_bad_token_is_refused(forgery: str, issuer: Issuer, verifier: TokenVerifier) -> None:
    code, make = FORGERIES[forgery]
    with pytest.raises(InvalidTokenError) as caught:
        await verifier.verify(make(issuer))
    assert caught.value.code == code


async def test_a_new_key_is_found_without_a_restart(issuer: Issuer, verifier: TokenVerifier, clock: Clock) -> None:
    await verifier.verify(issuer.token())
    issuer.keys["two"] = Ed25519PrivateKey.generate()
    clock.now += 6
    assert (await verifier.verify(issuer.token("two"))).subject == SUBJECT


async def test_unknown_kids_cannot_flood_the_issuer(issuer: Issuer, verifier: TokenVerifier) -> None:
    stranger = Ed25519PrivateKey.generate()
    for number in range(20):
        with pytest.raises(InvalidTokenError):
            await verifier.verify(issuer.token(f"kid-{number}", key=stranger))
    assert issuer.fetches == 1


async def test_a_withdrawn_key_stops_being_trusted(issuer: Issuer, verifier: TokenVerifier, clock: Clock) -> None:
    token = issuer.token()
    await verifier.verify(token)
    issuer.keys = {"two": Ed25519PrivateKey.generate()}
    clock.now += 301
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token)


async def test_known_keys_outlive_an_outage_of_the_issuer(
    issuer: Issuer, verifier: TokenVerifier, clock: Clock
) -> None:
    await verifier.verify(issuer.token())
    issuer.down = True
    clock.now += 301
    assert (await verifier.verify(issuer.token())).subject == SUBJECT


async def test_without_any_key_the_answer_is_try_later(issuer: Issuer, verifier: TokenVerifier, clock: Clock) -> None:
    issuer.down = True
    for _ in range(3):
        with pytest.raises(IdentityUnavailableError):
            await verifier.verify(issuer.token())
    assert issuer.fetches == 1
    issuer.down = False
    clock.now += 6
    assert (await verifier.verify(issuer.token())).subject == SUBJECT
