import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import psycopg
import pytest

from dataplatform.events.ingest import UploadWithdrawn
from dataplatform.log import cursor, store
from dataplatform.log.envelope import Context, EventTooLargeError
from dataplatform.log.postgres import is_infrastructure_error, migrate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONTEXT = Context(UUID(int=3), UUID(int=4), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
Make = Callable[[UUID], UploadWithdrawn]


async def append(pool: asyncpg.Pool, expected: int, events: list[Any]) -> list[Any]:
    async with pool.acquire() as connection, connection.transaction():
        return await store.append(connection, expected, events, service="ingest-svc", now=NOW, context=CONTEXT)


async def test_what_was_appended_is_loaded_in_order_and_unchanged(pool: asyncpg.Pool, withdrawal: Make) -> None:
    event = withdrawal(uuid4())
    appended = await append(pool, 0, [event, event])
    appended += await append(pool, 2, [event])
    assert await store.load(pool, event.stream) == appended
    assert [envelope.version for envelope in appended] == [1, 2, 3]
    assert await store.version_of(pool, event.stream) == 3
    assert appended[0].event() == event


async def test_append_at_another_version_is_a_conflict_and_changes_nothing(
    pool: asyncpg.Pool, withdrawal: Make
) -> None:
    event = withdrawal(uuid4())
    await append(pool, 0, [event])
    for expected in (0, 2):
        with pytest.raises(store.VersionConflictError):
            await append(pool, expected, [event])
    assert await store.version_of(pool, event.stream) == 1


async def test_of_two_concurrent_appends_exactly_one_wins(pool: asyncpg.Pool, withdrawal: Make) -> None:
    event = withdrawal(uuid4())
    outcomes = await asyncio.gather(*(append(pool, 0, [event]) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(outcome, list) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, store.VersionConflictError) for outcome in outcomes) == 7
    assert await store.version_of(pool, event.stream) == 1


async def test_what_postgresql_cannot_keep_is_replaced_in_an_event(pool: asyncpg.Pool, withdrawal: Make) -> None:
    event = withdrawal(uuid4()).model_copy(update={"reason_code": "a\0b\ud800c"})
    (appended,) = await append(pool, 0, [event])
    assert appended.data["reason_code"] == "a\ufffdb?c"
    assert await store.load(pool, event.stream) == [appended]


async def test_events_of_two_streams_are_refused_in_one_append(pool: asyncpg.Pool, withdrawal: Make) -> None:
    with pytest.raises(ValueError, match="one stream"):
        await append(pool, 0, [withdrawal(uuid4()), withdrawal(uuid4())])


async def test_an_event_that_no_topic_would_take_is_refused_before_it_is_stored(
    pool: asyncpg.Pool, withdrawal: Make
) -> None:
    event = withdrawal(uuid4()).model_copy(update={"reason_code": "x" * 5_000_000})
    with pytest.raises(EventTooLargeError):
        await append(pool, 0, [event])


async def test_the_dbapi_client_and_the_asyncpg_client_store_the_same(
    pool: asyncpg.Pool, log_url: str, withdrawal: Make
) -> None:
    one, other = withdrawal(uuid4()), withdrawal(uuid4())
    by_asyncpg = await append(pool, 0, [one])
    with psycopg.connect(log_url) as connection, connection.cursor() as used:
        by_dbapi = cursor.append(used, 0, [other], service="ingest-svc", now=NOW, context=CONTEXT)
        assert cursor.load(used, one.stream) == by_asyncpg
        assert cursor.version_of(used, other.stream) == 1
    assert await store.load(pool, other.stream) == by_dbapi


async def test_the_dbapi_client_reports_the_same_conflict(log_url: str, withdrawal: Make) -> None:
    event = withdrawal(uuid4())
    with psycopg.connect(log_url) as connection, connection.cursor() as used, pytest.raises(store.VersionConflictError):
        cursor.append(used, 4, [event], service="ingest-svc", now=NOW, context=CONTEXT)


async def test_migrating_again_and_at_the_same_time_changes_nothing(database_url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(migrate, database_url) for _ in range(3)))
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM events") == 0
    finally:
        await connection.close()


async def test_a_server_that_goes_away_is_an_infrastructure_error_and_a_constraint_is_not(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(asyncpg.PostgresError) as constraint:
            await connection.execute("INSERT INTO stream_positions VALUES (NULL, NULL, 1)")
        assert not is_infrastructure_error(constraint.value)
        with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)) as gone:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        assert is_infrastructure_error(gone.value)


def test_a_connection_that_broke_in_the_middle_of_something_is_waited_for() -> None:
    assert is_infrastructure_error(asyncpg.InternalClientError("cannot switch to state 15"))
