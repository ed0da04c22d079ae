"""Events a second through append, relay, Kafka, inbox and a projection, against the same appends without the rest.

    make bench BENCH=events [ARGS="--count 20000"]

Prints the rate of the whole path, the rate of appending alone (its ceiling), their ratio and the peak memory.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from dataplatform.events.ingest import UPLOADS, UploadWithdrawn
from dataplatform.log import store, topics
from dataplatform.log.consumer import ConsumerRole
from dataplatform.log.envelope import Context, Envelope
from dataplatform.log.inbox import Inbox
from dataplatform.log.postgres import migrate, open_pool
from dataplatform.log.relay import Relay
from dataplatform_stack.ports import free_ports
from dataplatform_stack.services import Kafka
from dataplatform_stack.testing import TestPostgres

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PROJECT = """INSERT INTO projection SELECT * FROM unnest($1::text[], $2::bigint[])
             ON CONFLICT (stream) DO UPDATE SET n = excluded.n"""
WRITERS = 4
BATCH = 20


async def append_all(pool: asyncpg.Pool, count: int) -> None:
    """Append `count` events to streams of their own, `BATCH` in a transaction, from several writers."""

    async def write(share: int) -> None:
        for _ in range(share // BATCH):
            async with pool.acquire() as connection, connection.transaction():
                for _ in range(BATCH):
                    event = UploadWithdrawn(
                        dataset_id=uuid4(),
                        upload_id=uuid4(),
                        reason_code="by_owner",
                        withdrawn_at=NOW,
                        withdrawn_by=UUID(int=1),
                    )
                    await store.append(connection, 0, [event], service="ingest-svc", now=NOW, context=Context(uuid4()))

    await asyncio.gather(*(write(count // WRITERS) for _ in range(WRITERS)))


async def project(connection: Any, envelopes: Sequence[Envelope]) -> None:
    """Write one row for each stream."""
    await connection.execute(PROJECT, [e.stream for e in envelopes], [e.version for e in envelopes])


async def run(url: str, bootstrap_servers: str, count: int) -> None:
    """Measure both and print."""
    await topics.apply(bootstrap_servers)
    pool = await open_pool(url, max_size=WRITERS + 4)
    await pool.execute("CREATE TABLE projection (stream text PRIMARY KEY, n bigint)")
    began = time.monotonic()
    await append_all(pool, count)
    alone = count / (time.monotonic() - began)
    await pool.execute("TRUNCATE events")

    stop = asyncio.Event()
    role = ConsumerRole(bootstrap_servers, "bench", [UPLOADS], Inbox(pool, "bench", project))
    running = [asyncio.create_task(task) for task in (role.run(stop), Relay(url, bootstrap_servers).run(stop))]
    await append_all(pool, BATCH * WRITERS)
    await reach(pool, BATCH * WRITERS)  # the group has formed
    began = time.monotonic()
    await append_all(pool, count)
    appended = time.monotonic()
    await reach(pool, count + BATCH * WRITERS)
    whole = count / (time.monotonic() - began)
    stop.set()
    await asyncio.gather(*running)
    await pool.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"append alone {alone:,.0f} events/s; append, relay, Kafka, inbox, projection {whole:,.0f} events/s")
    print(
        f"ratio {whole / alone:.2f}; {count / (appended - began):,.0f} appends/s meanwhile; peak memory {peak:.0f} MiB"
    )


async def reach(pool: asyncpg.Pool, count: int) -> None:
    """Wait until the projection has `count` rows."""
    async with asyncio.timeout(300):
        while await pool.fetchval("SELECT count(*) FROM projection") < count:
            await asyncio.sleep(0.02)


def main(arguments: Any = None) -> None:
    """Start a broker and a database, measure, stop them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        port, controller = free_ports(2)
        kafka = Kafka(Path(folder) / "kafka", port=port, controller_port=controller)
        postgres = TestPostgres(Path(folder) / "postgres")
        try:
            kafka.start()
            postgres.start()
            url = postgres.create_database()
            migrate(url)
            asyncio.run(run(url, kafka.bootstrap_servers, chosen.count))
        finally:
            kafka.kill()
            postgres.kill()


if __name__ == "__main__":
    main()
