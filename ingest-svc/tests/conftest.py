"""An ingest service over real PostgreSQL and S3, with tokens of a local issuer. Test files hold the questions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import psycopg
import pytest
from psycopg import sql
from starlette.types import ASGIApp

from dataplatform.identity import TokenVerifier
from dataplatform.identity.testing import LocalIssuer
from dataplatform.log.postgres import migrate, open_pool
from dataplatform.storage import ObjectStore, open_store
from dataplatform.telemetry import Health, serve
from dataplatform_stack.testing import TestPostgres, TestS3
from ingest_svc.app import create_app
from ingest_svc.migrating import MIGRATIONS
from ingest_svc.settings import IngestSettings
from ingest_svc.tus.testing import Kept, TusClient

UPLOADER = UUID(int=7)
Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


@asynccontextmanager
async def _served(app: ASGIApp) -> AsyncIterator[str]:
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(app, "127.0.0.1", 0, stop, on_listening=port.set_result))
    yield f"http://127.0.0.1:{await asyncio.wait_for(port, 30)}"
    stop.set()
    await asyncio.wait_for(task, 30)


@pytest.fixture
def serving() -> Callable[[ASGIApp], AbstractAsyncContextManager[str]]:
    """Serve an application while a block runs, and give its address."""
    return _served


@pytest.fixture
async def issuer() -> AsyncIterator[LocalIssuer]:
    local = LocalIssuer()
    async with _served(local.app) as address:
        local.issuer = address
        yield local


@pytest.fixture(scope="session")
def migrated_url(postgres_server: TestPostgres) -> str:
    """Give a database at the newest schema, for the whole run: making one takes longer than most tests."""
    postgres_server.start()
    url = postgres_server.create_database()
    migrate(url, MIGRATIONS)
    return url


@pytest.fixture
def database_url(postgres_server: TestPostgres, migrated_url: str) -> str:
    """Give that database with nothing in it."""
    postgres_server.start()  # a test before this one may have left it stopped
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                           "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                           "AND backend_type = 'client backend'")  # fmt: skip
        names = connection.execute(_TABLES).fetchall()
        tables = sql.SQL(", ").join(sql.Identifier(name) for (name,) in names)
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(tables))
    return migrated_url


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '%yoyo%'"


@pytest.fixture
def settings(database_url: str, s3_server: TestS3, issuer: LocalIssuer) -> IngestSettings:
    s3_server.start()
    stored: dict[str, Any] = {
        name.lower(): value for name, value in s3_server.settings(s3_server.create_bucket()).items()
    }
    return IngestSettings(
        database_url=database_url,
        kafka_bootstrap_servers="127.0.0.1:1",
        issuer=issuer.issuer,
        max_upload_bytes=64 * 1024 * 1024,
        commit_patience_seconds=0.5,
        body_idle_seconds=5.0,
        **stored,
    )


@pytest.fixture
async def pool(settings: IngestSettings) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(settings.database_url, min_size=0) as pool:
        yield pool


@pytest.fixture
async def store(settings: IngestSettings) -> AsyncIterator[ObjectStore]:
    async with open_store(settings, max_attempts=1, read_timeout_seconds=5) as store:
        yield store


@pytest.fixture
async def address(settings: IngestSettings, pool: asyncpg.Pool, store: ObjectStore) -> AsyncIterator[str]:
    """Where the service listens; its relay is not running."""
    health = Health()
    health.add("postgresql", lambda: pool.fetchval("SELECT 1"))
    health.add("object_store", store.check)
    app = create_app(settings, pool, store, TokenVerifier(settings.jwks_address, settings.issuer), health)
    async with _served(app) as address:
        yield address


@pytest.fixture
async def client(address: str, issuer: LocalIssuer) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose bearer is an uploader of the institution `aq`, and known at `bz`."""
    token = issuer.token({"aq": ["uploader"], "bz": ["reader"]}, subject=UPLOADER)
    async with httpx.AsyncClient(
        base_url=address, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30
    ) as client:
        yield client


@pytest.fixture
def tus(client: httpx.AsyncClient) -> TusClient:
    """A tus client for the dataset `air-quality` of the institution `aq`."""
    return TusClient(client)


@pytest.fixture
def kept(pool: asyncpg.Pool, store: ObjectStore) -> Kept:
    """What is in the store and the log."""
    return Kept(pool, store)
