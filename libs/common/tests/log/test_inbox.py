import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplatform.log.dispatch import Dispatcher
from dataplatform.log.envelope import Envelope
from dataplatform.log.inbox import Inbox, TooManyFailuresError
from dataplatform.log.postgres import open_pool

Streams = Callable[..., list[Envelope]]
TABLE = "CREATE TABLE IF NOT EXISTS effects (consumer text, stream text, version bigint, n bigserial)"


class Effects:
    """A consumer whose only effect is a row for each event, written in the inbox's transaction."""

    def __init__(self, consumer: str) -> None:
        self.consumer = consumer
        self.bad: set[tuple[str, int]] = set()
        self.error: Exception = ValueError("cannot be applied")

    async def apply(self, connection: Any, envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            if (envelope.stream, envelope.version) in self.bad:
                raise self.error
            await connection.execute(
                "INSERT INTO effects VALUES ($1, $2, $3)", self.consumer, envelope.stream, envelope.version
            )

    async def applied(self, pool: asyncpg.Pool) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for row in await pool.fetch("SELECT * FROM effects WHERE consumer = $1 ORDER BY n", self.consumer):
            found[row["stream"]].append(row["version"])
        return dict(found)


@pytest.fixture
async def effects(pool: asyncpg.Pool) -> Effects:
    await pool.execute(TABLE)
    return Effects(str(uuid4()))


async def failed(pool: asyncpg.Pool, consumer: str) -> list[tuple[str, int, str]]:
    rows = await pool.fetch(
        "SELECT stream_id, version, error_code FROM parked_events WHERE consumer = $1 AND error_code IS NOT NULL",
        consumer,
    )
    return [tuple(row) for row in rows]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    seed=st.integers(0, 2**32),
    copies=st.integers(1, 3),
    batch=st.integers(1, 9),
)
def test_any_order_any_duplicates_and_any_batches_apply_every_event_once_in_order(
    log_url: str, stream_of: Streams, lengths: list[int], seed: int, copies: int, batch: int
) -> None:
    async def deliver() -> tuple[dict[str, list[int]], int]:
        pool = await open_pool(log_url, max_size=4)
        try:
            await pool.execute(TABLE)
            effects = Effects(str(uuid4()))
            inbox = Inbox(pool, effects.consumer, effects.apply)
            for part in _batched(records, batch):
                await inbox.receive(part)
            parked = await pool.fetchval("SELECT count(*) FROM parked_events WHERE consumer = $1", effects.consumer)
            return await effects.applied(pool), parked
        finally:
            await pool.close()

    streams = [stream_of(length) for length in lengths]
    records = [envelope for stream in streams for envelope in stream] * copies
    random.Random(seed).shuffle(records)
    applied, parked = asyncio.run(deliver())
    assert applied == {stream[0].stream: list(range(1, len(stream) + 1)) for stream in streams}
    assert parked == 0


def _batched(records: Sequence[Envelope], size: int) -> list[Sequence[Envelope]]:
    return [records[start : start + size] for start in range(0, len(records), size)]


async def test_an_event_ahead_of_its_turn_waits_and_no_failure_is_shown(
    pool: asyncpg.Pool, effects: Effects, stream_of: Streams
) -> None:
    inbox, stream = Inbox(pool, effects.consumer, effects.apply), stream_of(3)
    await inbox.receive(stream[1:])
    assert await effects.applied(pool) == {}
    assert await failed(pool, effects.consumer) == []
    await inbox.receive(stream[:1])
    assert await effects.applied(pool) == {stream[0].stream: [1, 2, 3]}


async def test_poison_stops_only_its_stream_and_redrive_continues_in_order(
    pool: asyncpg.Pool, effects: Effects, stream_of: Streams
) -> None:
    inbox, poisoned, healthy = Inbox(pool, effects.consumer, effects.apply), stream_of(4), stream_of(4)
    effects.bad = {(poisoned[1].stream, 2)}
    await inbox.receive([event for pair in zip(poisoned, healthy, strict=True) for event in pair])
    assert await effects.applied(pool) == {poisoned[0].stream: [1], healthy[0].stream: [1, 2, 3, 4]}
    assert await failed(pool, effects.consumer) == [(poisoned[0].stream, 2, "handler_failed")]

    assert not await inbox.redrive(poisoned[0].stream)
    attempts = await pool.fetchval("SELECT attempts FROM parked_events WHERE error_code IS NOT NULL")
    assert attempts == 2

    effects.bad = set()
    assert await inbox.redrive(poisoned[0].stream)
    assert (await effects.applied(pool))[poisoned[0].stream] == [1, 2, 3, 4]
    assert await pool.fetchval("SELECT count(*) FROM parked_events") == 0


async def test_a_failed_event_that_is_delivered_again_stays_parked(
    pool: asyncpg.Pool, effects: Effects, stream_of: Streams
) -> None:
    inbox, stream = Inbox(pool, effects.consumer, effects.apply), stream_of(2)
    effects.bad = {(stream[0].stream, 1)}
    for _ in range(3):
        await inbox.receive(stream)
    assert await failed(pool, effects.consumer) == [(stream[0].stream, 1, "handler_failed")]
    assert await effects.applied(pool) == {}


async def test_a_fault_of_the_surroundings_parks_nothing_and_keeps_nothing(
    pool: asyncpg.Pool, effects: Effects, stream_of: Streams
) -> None:
    inbox, stream = Inbox(pool, effects.consumer, effects.apply), stream_of(2)
    effects.bad, effects.error = {(stream[1].stream, 2)}, ConnectionResetError("broker away")
    with pytest.raises(ConnectionResetError):
        await inbox.receive(stream)
    assert await effects.applied(pool) == {}
    assert await pool.fetchval("SELECT count(*) FROM parked_events") == 0
    effects.bad = set()
    await inbox.receive(stream)
    assert await effects.applied(pool) == {stream[0].stream: [1, 2]}


async def test_an_unknown_type_parks_its_stream_with_that_reason(pool: asyncpg.Pool, stream_of: Streams) -> None:
    inbox = Inbox(pool, "reader", Dispatcher("reader").apply)
    envelope = replace(stream_of(1)[0], type="upload.withdrawn.v9")
    await inbox.receive([envelope])
    assert await failed(pool, "reader") == [(envelope.stream, 1, "unknown_event_type")]


async def test_twenty_failures_in_a_row_stop_the_consumer_and_one_success_starts_the_count_again(
    pool: asyncpg.Pool, effects: Effects, stream_of: Streams
) -> None:
    inbox = Inbox(pool, effects.consumer, effects.apply, max_failures_in_a_row=3)
    bad = [stream_of(1)[0] for _ in range(5)]
    effects.bad = {(envelope.stream, 1) for envelope in bad}
    await inbox.receive(bad[:2])
    await inbox.receive(stream_of(1))
    await inbox.receive(bad[2:4])
    with pytest.raises(TooManyFailuresError):
        await inbox.receive(bad[4:])


async def test_two_members_that_hold_the_same_events_apply_them_once(
    pool: asyncpg.Pool, effects: Effects, stream_of: Streams
) -> None:
    streams = [stream_of(5) for _ in range(6)]
    inboxes = [Inbox(pool, effects.consumer, effects.apply) for _ in range(4)]
    batches = [[envelope for stream in random.Random(n).sample(streams, 6) for envelope in stream] for n in range(4)]
    await asyncio.gather(*(inbox.receive(batch) for inbox, batch in zip(inboxes, batches, strict=True)))
    assert await effects.applied(pool) == {stream[0].stream: [1, 2, 3, 4, 5] for stream in streams}
