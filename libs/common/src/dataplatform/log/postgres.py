"""PostgreSQL as the log uses it: pools, migrations, and which errors mean "later" rather than "never"."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psycopg
from yoyo import get_backend, read_migrations

MIGRATIONS: Final = Path(__file__).parent / "migrations"

_TRANSIENT_CLASSES: Final = ("08", "40", "53", "57", "58", "25006", "55P03")
"""SQLSTATE prefixes of faults that pass: connection, rollback, resources, operator intervention, system, read-only
standby, lock not available (PostgreSQL documentation, Appendix A)."""


if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

Executor: TypeAlias = "asyncpg.Connection | PoolConnectionProxy | asyncpg.Pool"
"""What runs SQL: a connection, one borrowed from a pool, or the pool itself (each statement its own transaction)."""


def is_infrastructure_error(error: BaseException) -> bool:
    """Whether the same work may succeed later with nothing about it changed: wait and try again, never park.

    An error class of ours says so by an attribute `is_transient = True`.
    """
    if isinstance(error, (OSError, asyncio.TimeoutError, asyncpg.InterfaceError, psycopg.InterfaceError)):
        return True
    # asyncpg's word for a connection that broke in the middle of something; the pool drops it
    if isinstance(error, asyncpg.InternalClientError):
        return True
    code = getattr(error, "sqlstate", None)
    if isinstance(code, str):
        return code.startswith(_TRANSIENT_CLASSES)
    # psycopg has no SQLSTATE when the connection itself broke
    if isinstance(error, psycopg.OperationalError):
        return True
    cause = error.__cause__
    return getattr(error, "is_transient", False) or (cause is not None and is_infrastructure_error(cause))


async def _set_codecs(connection: Any) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def _keep(_connection: Any) -> None:
    """Reset nothing: nobody leaves settings, cursors or locks behind, and a round trip at every release costs."""


async def open_pool(url: str, *, min_size: int = 1, max_size: int = 10) -> asyncpg.Pool:
    """Return a pool whose connections speak JSON as Python objects.

    A transaction that was left open is rolled back when a connection is given back, nothing else is: whoever wants a
    setting sets it for a transaction, who wants a lock for longer takes `session_lock` or a connection of its own.
    """
    return await asyncpg.create_pool(
        url, min_size=min_size, max_size=max_size, init=_set_codecs, reset=_keep, command_timeout=60, timeout=10
    )


@asynccontextmanager
async def session_lock(pool: asyncpg.Pool, key: int) -> AsyncIterator["PoolConnectionProxy | None"]:
    """Give a connection that holds an advisory lock, None where another holds it; it is free again afterwards."""
    async with pool.acquire(timeout=5) as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", key):
            yield None
            return
        try:
            yield connection
        finally:
            try:
                await connection.execute("SELECT pg_advisory_unlock($1)", key)
            except BaseException as fault:
                # the server frees the lock with the session; one that broke is gone already
                with suppress(asyncpg.InterfaceError):
                    connection.terminate()
                if isinstance(fault, asyncpg.InternalClientError):
                    # what the driver says where the end of the session arrives together with the question
                    raise asyncpg.ConnectionDoesNotExistError(str(fault)) from fault
                raise


async def open_connection(url: str) -> asyncpg.Connection:
    """Return one connection of its own, for a lock or for notifications."""
    connection: asyncpg.Connection = await asyncpg.connect(url, timeout=10, command_timeout=60)
    await _set_codecs(connection)
    return connection


def migrate(url: str, *folders: Path) -> None:
    """Bring a database to the newest schema: the log's own migrations, then those in `folders`. Safe at once twice."""
    backend = get_backend(urlunsplit(urlsplit(url)._replace(scheme="postgresql+psycopg")))
    try:
        migrations = read_migrations(*(str(folder) for folder in (MIGRATIONS, *folders)))
        with backend.lock():
            backend.apply_migrations(backend.to_apply(migrations))
    finally:
        backend.connection.close()
