"""Rotation of the signing key while tokens are used: here and at another service, no request notices."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
import pytest
from asgiref.sync import sync_to_async

from dataplatform import telemetry
from dataplatform.identity import TokenVerifier
from dataplatform.identity.jwks import KeySet
from dataplatform.log.postgres import migrate, open_pool
from dataplatform.storage import open_store
from dataplatform.telemetry import Health
from ingest_svc.app import create_app
from ingest_svc.migrating import MIGRATIONS
from ingest_svc.settings import IngestSettings

pytestmark = pytest.mark.integration
SECRET = "a secret of at least thirty-two characters"


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(telemetry.serve(app, "127.0.0.1", 0, stop, on_listening=port.set_result))
    yield f"http://127.0.0.1:{await asyncio.wait_for(port, 30)}"
    stop.set()
    await asyncio.wait_for(serving, 30)


@pytest.fixture
async def services(client: httpx.AsyncClient, postgres_server: Any) -> AsyncIterator[list[str]]:
    """Addresses where the bearer of a token is known: of the catalog, and of ingest, which fetches our keys."""
    url = postgres_server.create_database()
    await asyncio.to_thread(migrate, url, MIGRATIONS)
    async with served(import_module("catalog_svc.serving").application(Health())) as catalog:
        settings = IngestSettings(database_url=url, jwks_url=f"{catalog}/.well-known/jwks.json")
        # unknown keys are looked for at once: a minute between publishing and signing is enough, the test has none
        import_module("catalog_svc.access.principals").verifier()._refetch = timedelta(0)
        verifier = TokenVerifier("", settings.issuer, keys=KeySet(settings.jwks_address, refetch_seconds=0))
        async with (
            await open_pool(url, min_size=0) as pool,
            open_store(settings, max_attempts=1) as store,
            served(create_app(settings, pool, store, verifier, Health())) as ingest,
        ):
            yield [f"{catalog}/api/v1/me", f"{ingest}/v1/uploads/{uuid4()}"]


async def test_tokens_of_the_old_key_and_of_the_new_are_accepted_everywhere_during_rotation_and_after(
    services: list[str], make_account: Callable[..., Any], catalog: psycopg.Connection[Any]
) -> None:
    account = make_account("ada", demo="uploader")
    keys, tokens = (import_module(f"catalog_svc.accounts.{name}") for name in ("keys", "tokens"))

    @sync_to_async
    def issued() -> str:
        options = {"issuer": "http://issuer.test", "secret": SECRET, "lifetime": timedelta(hours=1)}
        return str(tokens.issue(account, now=datetime.now(UTC), **options))

    async def answers(token: str) -> list[int]:
        async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {token}"}) as bearer:
            return [(await bearer.get(url)).status_code for url in services]

    accepted = [200, 404]  # ingest knows the bearer, and no such upload
    old = await issued()
    assert await answers(old) == accepted
    await sync_to_async(keys.rotate)(SECRET, datetime.now(UTC), timedelta(hours=1))
    during = await issued()
    assert jwt.get_unverified_header(during)["kid"] == jwt.get_unverified_header(old)["kid"]
    assert await answers(during) == accepted
    catalog.execute("UPDATE signing_keys SET retired_at = now() WHERE retired_at IS NOT NULL")  # a minute has passed
    new = await issued()
    assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    for token in (new, old, during, new):
        assert await answers(token) == accepted
    stranger = jwt.encode(jwt.decode(new, options={"verify_signature": False}), "k" * 64, "HS256", {"kid": "x"})
    assert await answers(stranger) == [401, 401]
