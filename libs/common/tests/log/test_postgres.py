"""Pools and locks, on real PostgreSQL."""

import asyncio

import asyncpg
import pytest

from dataplatform.log.postgres import open_pool, session_lock

pytestmark = pytest.mark.integration

KEY = 4711


async def is_free(pool: asyncpg.Pool) -> bool:
    async with session_lock(pool, KEY) as connection:
        return connection is not None


async def test_of_several_one_holds_a_lock_until_it_lets_go(pool: asyncpg.Pool) -> None:
    async with session_lock(pool, KEY) as connection:
        assert connection is not None
        assert not await is_free(pool)
    assert await is_free(pool)


async def test_a_lock_is_free_after_a_fault_a_cancellation_and_a_broken_session(log_url: str) -> None:
    pool = await open_pool(log_url, max_size=2)

    async def hold(held: asyncio.Event) -> None:
        async with session_lock(pool, KEY):
            held.set()
            await asyncio.Event().wait()

    async with pool:
        with pytest.raises(ZeroDivisionError):
            async with session_lock(pool, KEY):
                raise ZeroDivisionError
        assert await is_free(pool)
        held = asyncio.Event()
        holding = asyncio.create_task(hold(held))
        await held.wait()
        holding.cancel()
        await asyncio.wait((holding,))
        assert await is_free(pool)
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
            async with session_lock(pool, KEY) as connection:
                assert connection is not None
                other = await pool.fetchval("SELECT pg_terminate_backend($1)", connection.get_server_pid())
                assert other
        assert await is_free(pool)


async def test_a_transaction_left_open_is_gone_when_the_connection_comes_back(log_url: str) -> None:
    async with await open_pool(log_url, max_size=1) as pool:
        async with pool.acquire() as connection:
            await connection.execute("BEGIN; CREATE TABLE left_behind (); SET LOCAL lock_timeout = '3s'")
        assert await pool.fetchval("SELECT to_regclass('left_behind') IS NULL")
        assert await pool.fetchval("SHOW lock_timeout") == "0"
