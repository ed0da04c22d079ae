"""The tables of a run from object storage into a folder, each part verified by its hash."""

import asyncio
from pathlib import Path
from typing import Any, Final

from dataplatform.events.base import ObjectRef
from dataplatform.events.processing import RunCompleted, TableSummary
from dataplatform.storage import ObjectStore

_DOWNLOADS: Final = 4


async def fetch_tables(store: ObjectStore, run: RunCompleted, folder: Path) -> list[dict[str, Any]]:
    """Download and verify every part; return the tables as the sandbox takes them."""
    slots = asyncio.Semaphore(_DOWNLOADS)

    async def fetch(part: ObjectRef, path: Path) -> str:
        async with slots:
            await store.get_file(part.key, path, sha256=part.sha256)
        return str(path)

    async def table(summary: TableSummary) -> dict[str, Any]:
        paths = (folder / f"{summary.index}-{number}.parquet" for number in range(len(summary.parts)))
        parts = await asyncio.gather(*map(fetch, summary.parts, paths))
        identity = {"table_id": str(summary.table_id), "index": summary.index, "name": summary.name}
        return {**identity, "parts": list(parts)}

    return list(await asyncio.gather(*map(table, run.tables)))
