"""A worker of its own process for the kill tests: each job writes one row of `effects` when it completes."""

import asyncio
import sys
from typing import Any

from dataplatform.jobs.worker import Conclude, Heart, Worker
from dataplatform.log.postgres import open_pool
from dataplatform.telemetry import stop_on_signals


async def main(url: str) -> None:
    stop = stop_on_signals()
    pool = await open_pool(url)

    async def perform(job: Any, _heart: Heart) -> Conclude:
        await asyncio.sleep(job.payload["seconds"])

        async def conclude(connection: Any) -> None:
            await connection.execute("INSERT INTO effects VALUES ($1, 'done')", job.dedup_key)

        return conclude

    async def conclude_failure(connection: Any, job: Any, code: str, _detail: str) -> None:
        await connection.execute("INSERT INTO effects VALUES ($1, $2)", job.dedup_key, code)

    await Worker(pool, url, "work", perform, conclude_failure, concurrency=2, lease_seconds=1.5).run(stop)
    await pool.close()


asyncio.run(main(sys.argv[1]))
