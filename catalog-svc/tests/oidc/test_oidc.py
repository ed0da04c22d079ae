"""Signing in with a real OpenID provider: what it vouches for, and every answer of it that proves nothing."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import psycopg
import pytest
from joserfc import jwk, jwt

from catalog_svc.accounts.oidc.providers import OidcProvider
from catalog_svc.settings import settings
from dataplatform_stack.builds import build_once, default_build_dir
from dataplatform_stack.node import NODE, install_locked
from dataplatform_stack.ports import free_ports

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

HERE = Path(__file__).parent
PASSWORD = "correct horse battery staple"
CLIENT_ID, CLIENT_SECRET = "catalog", "a secret between the two of them"
ANSWER = "http://127.0.0.1:8080/sign-in/with/{name}/answer"
HMAC, UNSIGNED = b'{"alg":"HS256","kid":"one"}', b'{"alg":"none"}'
ROLES = {
    "stewards": [{"institution": "demo", "role": "steward"}],
    "guests": [{"institution": "demo", "role": "reader"}],
}


def signing_key() -> dict[str, Any]:
    return jwk.RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"}).as_dict(
        private=True
    )


@dataclass
class Provider:
    """A provider as a process, on a port that stays."""

    folder: Path
    scratch: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[str] | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def say(self, **groups: list[str]) -> None:
        """Say from now on who is in which groups."""
        (self.scratch / "groups.json").write_text(json.dumps(groups))

    def start(self, *, clock_offset_seconds: int = 0) -> None:
        """Start with a key of its own, whatever was before."""
        self.stop()
        client = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uris": [ANSWER.format(name=name) for name in ("closed", "invited", "claims")],
        }
        given = {
            "issuer": self.issuer,
            "port": self.port,
            "clients": [client],
            "jwks": {"keys": [signing_key()]},
            "clock_offset_seconds": clock_offset_seconds,
            "groups": str(self.scratch / "groups.json"),
        }
        file = self.scratch / "provider.json"
        file.write_text(json.dumps(given))
        argv = [str(NODE), str(HERE / "provider.mjs"), str(file), str(self.folder)]
        with (self.scratch / "provider.log").open("w") as log:
            self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said == "listening\n", (self.scratch / "provider.log").read_text()

    def stop(self) -> None:
        if self.process is not None:
            assert self.process.stdout is not None
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None


def packages() -> Path:
    """Install the provider once for all runs."""
    edition = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]

    def make(folder: Path) -> None:
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        install_locked(folder)

    return build_once(default_build_dir(), "identity-provider", edition, make)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    made = Provider(packages(), tmp_path_factory.mktemp("provider"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def provider(running: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The provider, known to the catalog by three names: one for each policy."""
    known = [
        {
            "name": policy,
            "title": "Real Provider",
            "issuer": running.issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "provisioning": policy,
            "clock_skew_seconds": 30,
            "roles": ROLES if policy == "claims" else {},
        }
        for policy in ("closed", "invited", "claims")
    ]
    monkeypatch.setenv("DATAPLATFORM_OIDC_PROVIDERS", json.dumps(known))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    settings.cache_clear()
    running.say(grace=["stewards", "others"], mallory=["others"])
    yield running
    monkeypatch.undo()
    settings.cache_clear()


async def asked(client: httpx.AsyncClient, name: str, query: str = "") -> str:
    """Begin at the catalog; return where it sends the browser."""
    answer = await client.get(f"/sign-in/with/{name}{query}")
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def vouched(url: str, login: str) -> str:
    """Sign in at the provider as a person does; return the path of its answer to the catalog."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(url)
        for _ in range(12):
            if answer.status_code in {302, 303}:
                url = str(httpx.URL(str(answer.url)).join(answer.headers["location"]))
                if url.startswith("http://127.0.0.1:8080/"):
                    return url.removeprefix("http://127.0.0.1:8080")
                answer = await browser.get(url)
                continue
            action = re.search(r'action="([^"]+)"', answer.text)
            prompt = re.search(r'name="prompt" value="([^"]+)"', answer.text)
            assert action, answer.text
            assert prompt, answer.text
            fields = {"prompt": prompt[1], "login": login, "password": "any"}
            answer = await browser.post(action[1], data=fields)
    raise AssertionError("the provider never answered")


async def signed_in(client: httpx.AsyncClient, name: str, login: str, query: str = "") -> httpx.Response:
    return await client.get(await vouched(await asked(client, name, query), login))


def changed(path: str, **parameters: str) -> str:
    """An address with other parameters."""
    parts = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | parameters
    return parts._replace(query=urlencode(query)).geturl()


async def test_claims_make_an_account_and_give_and_take_its_roles(
    client: httpx.AsyncClient, provider: Provider, catalog: psycopg.Connection[Any]
) -> None:
    url = await asked(client, "claims", "?next=/api/v1/me")
    sent = parse_qs(urlsplit(url).query)
    assert sent["code_challenge_method"] == ["S256"]
    assert sent["response_type"] == ["code"]
    assert len(sent["state"][0]) >= 20
    assert len(sent["nonce"][0]) >= 20
    answer = await client.get(await vouched(url, "grace"))
    assert (answer.status_code, answer.headers["location"]) == (302, "/api/v1/me")
    me = (await client.get("/api/v1/me")).json()
    assert (me["name"], me["institutions"]) == ("Dr. grace", {"demo": ["steward"]})
    client.cookies.clear()
    provider.say(grace=["guests"], mallory=["others"])
    await signed_in(client, "claims", "grace")
    again = (await client.get("/api/v1/me")).json()
    assert (again["account_id"], again["institutions"]) == (me["account_id"], {"demo": ["reader"]})
    client.cookies.clear()
    stranger = await signed_in(client, "claims", "mallory")
    assert stranger.status_code == 403
    assert catalog.execute("SELECT count(*) FROM accounts").fetchone() == (1,)
    actions = [action for (action,) in catalog.execute("SELECT action FROM audit_entries ORDER BY id")]
    first = ["account.provisioned", "account.linked", "account.roles_mapped", "session.begun"]
    assert actions == [*first, "account.roles_mapped", "session.begun"]


async def test_who_is_not_linked_has_no_way_in_and_no_name_or_mail_address_makes_one(
    client: httpx.AsyncClient, provider: Provider, make_account: Callable[..., Any]
) -> None:
    make_account("grace")
    for name in ("closed", "invited"):
        refused = await signed_in(client, name, "grace")
        assert refused.status_code == 403
        assert "no account belongs to this identity" in refused.text
    assert (await client.get("/api/v1/me")).status_code == 401


async def test_an_invitation_links_an_identity_once_where_the_policy_says_so(
    client: httpx.AsyncClient, provider: Provider, make_token: Callable[..., dict[str, str]]
) -> None:
    headers = make_token("ada", is_admin=True)
    made = (await client.post("/api/v1/invitations", json={"username": "grace"}, headers=headers)).json()
    query = f"?invitation={made['link'].rpartition('=')[2]}"
    page = (await client.get(made["link"].removeprefix("http://127.0.0.1:8080"))).text
    assert "/sign-in/with/invited?" in page
    assert "/sign-in/with/closed?" not in page
    assert (await signed_in(client, "closed", "grace", query)).status_code == 403
    assert (await signed_in(client, "invited", "grace", query)).status_code == 302
    assert (await client.get("/api/v1/me")).json()["account_id"] == made["account_id"]
    client.cookies.clear()
    assert (await client.get(f"/sign-in/with/invited{query}")).status_code == 410
    assert (await signed_in(client, "closed", "grace")).status_code == 302
    assert (await client.get("/api/v1/me")).json()["account_id"] == made["account_id"]


async def test_who_is_signed_in_links_an_identity_and_a_switched_off_account_stays_out(
    client: httpx.AsyncClient, provider: Provider, make_account: Callable[..., Any], catalog: psycopg.Connection[Any]
) -> None:
    account = make_account("ada")
    page = await client.get("/sign-in")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token is not None
    fields = {"csrfmiddlewaretoken": token[1], "username": "ada", "password": PASSWORD}
    assert (await client.get("/sign-in/with/closed?link=1")).headers["location"].startswith("/sign-in?next=")
    assert (await client.post("/sign-in", data=fields)).status_code == 302
    url = await asked(client, "closed", "?link=1")
    answer = await vouched(url, "ada.lovelace")
    assert (await client.get(answer)).status_code == 302
    client.cookies.clear()
    await signed_in(client, "closed", "ada.lovelace")
    assert (await client.get("/api/v1/me")).json()["account_id"] == str(account.pk)
    client.cookies.clear()
    catalog.execute("UPDATE accounts SET is_active = false")
    assert (await signed_in(client, "closed", "ada.lovelace")).status_code == 403


async def test_an_answer_counts_once_for_its_own_state_nonce_verifier_and_provider(
    client: httpx.AsyncClient, provider: Provider
) -> None:
    login = "grace"
    answer = await vouched(await asked(client, "claims"), login)
    wrong = [
        changed(answer, state="guessed"),
        changed(answer, iss="http://evil.test"),
        answer.replace("/claims/", "/closed/"),
        "/sign-in/with/claims/answer",
        "/sign-in/with/claims/answer?error=access_denied&state=x",
    ]
    for path in wrong:
        assert (await client.get(path)).status_code == 403, path
    other_browser = httpx.AsyncClient(transport=client._transport, base_url="http://testserver")
    assert (await other_browser.get(answer)).status_code == 403
    assert (await client.get(answer)).status_code == 302
    assert (await client.get(answer)).status_code == 403
    # the code that was used, with a state that is ours
    fresh = parse_qs(urlsplit(await asked(client, "claims")).query)["state"][0]
    assert (await client.get(changed(answer, state=fresh))).status_code == 403
    for tampered in ({"nonce": "another"}, {"code_challenge": "A" * 43}):
        url = changed(await asked(client, "claims"), **tampered)
        client_answer = await client.get(await vouched(url, login))
        assert client_answer.status_code == 403, tampered
    unknown = await client.get("/sign-in/with/nobody")
    assert unknown.status_code == 404


async def test_keys_may_be_rotated_clocks_be_wrong_and_providers_be_down(
    client: httpx.AsyncClient, provider: Provider
) -> None:
    login = "grace"
    try:
        assert (await signed_in(client, "claims", login)).status_code == 302
        provider.start()  # with another key
        assert (await signed_in(client, "claims", login)).status_code == 302
        provider.start(clock_offset_seconds=-3600)
        expired = await signed_in(client, "claims", login)
        assert expired.status_code == 403
        provider.start(clock_offset_seconds=20)  # within the skew that is tolerated
        assert (await signed_in(client, "claims", login)).status_code == 302
        answer = await vouched(await asked(client, "claims"), login)
        provider.stop()
        down = await client.get(answer)
        assert (down.status_code, down.headers["retry-after"]) == (503, "10")
        assert "does not answer" in down.text
        import_module("catalog_svc.accounts.oidc.conversation")._clients.clear()
        assert (await client.get("/sign-in/with/claims")).status_code == 503
    finally:
        provider.start()
    assert (await signed_in(client, "claims", login)).status_code == 302


@cache
def published() -> Any:
    return jwk.RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


def id_token(key: Any, algorithm: str = "RS256", **changes: Any) -> str:
    now = datetime.now(UTC)
    claims = {
        "iss": "http://127.0.0.1:1",
        "sub": "grace",
        "aud": CLIENT_ID,
        "nonce": "ours",
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=5)).timestamp()),
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": algorithm, "kid": "one"}, kept, key, algorithms=[algorithm])


PAST = int((datetime.now(UTC) - timedelta(minutes=10)).timestamp())
CLAIMS: dict[str, tuple[dict[str, Any], bool]] = {
    "as it should be": ({}, True),
    "for several, us among them": ({"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID}, True),
    "another issuer's": ({"iss": "http://127.0.0.1:2"}, False),
    "without issuer": ({"iss": None}, False),
    "for another": ({"aud": "other"}, False),
    "for several, of another": ({"aud": [CLIENT_ID, "other"], "azp": "other"}, False),
    "of another party": ({"azp": "other"}, False),
    "with another nonce": ({"nonce": "theirs"}, False),
    "without nonce": ({"nonce": None}, False),
    "expired": ({"exp": PAST}, False),
    "without an end": ({"exp": None}, False),
    "of the future": ({"nbf": PAST + 3600}, False),
    "of nobody": ({"sub": None}, False),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_an_id_token_is_accepted_only_if_all_it_says_is_right(catalog_url: str, case: str) -> None:
    changes, accepted = CLAIMS[case]
    assert judged(published(), id_token(published(), **changes)) is accepted


def test_an_id_token_signed_by_another_or_with_what_everybody_knows_is_refused(catalog_url: str) -> None:
    key = published()
    other = jwk.RSAKey.generate_key(2048, {"kid": "one"})
    assert not judged(key, id_token(other))
    body = id_token(key).split(".")[1]
    signed = f"{encoded(HMAC)}.{body}"
    mac = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
    assert not judged(key, f"{signed}.{encoded(mac)}")
    assert not judged(key, f"{encoded(UNSIGNED)}.{body}.")


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def judged(key: Any, token: str) -> bool:
    """Whether the conversation believes an id token of a provider that publishes `key`."""
    conversation = import_module("catalog_svc.accounts.oidc.conversation")
    given = OidcProvider(name="x", title="X", issuer="http://127.0.0.1:1", client_id=CLIENT_ID)
    client = conversation._new_client(given)
    client.server_metadata |= {
        "issuer": given.issuer,
        "jwks": {"keys": [key.as_dict(private=False)]},
        "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        "_loaded_at": 1,
    }
    expected = conversation._expected(given, conversation._restricted(given, client))
    sent = {"id_token": token, "access_token": "x"}
    try:
        client.parse_id_token(sent, nonce="ours", claims_options=expected, leeway=given.clock_skew_seconds)
    except conversation.JoseError:
        return False
    return True


@pytest.mark.parametrize("issuer", ["http://provider.example", "ftp://127.0.0.1", "provider"])
def test_a_provider_without_https_is_no_provider(issuer: str) -> None:
    right = OidcProvider(name="x", title="X", issuer="https://provider.example/", client_id="c")
    assert right.metadata_url == "https://provider.example/.well-known/openid-configuration"
    with pytest.raises(ValueError, match="https"):
        OidcProvider.model_validate({**right.model_dump(), "issuer": issuer})
