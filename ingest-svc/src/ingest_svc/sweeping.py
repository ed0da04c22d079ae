"""The command `sweep`: what the role `api` does by itself every while, at once, and told to who asked."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from dataplatform.log.postgres import open_pool
from dataplatform.storage import open_store
from ingest_svc.settings import IngestSettings
from ingest_svc.uploads.sweep import Sweep


async def sweep(settings: IngestSettings, hours: float | None = None) -> None:
    """Sweep once, with an orphan's age in `hours` where that is given, and say what was removed."""
    ages = timedelta(hours=settings.orphan_hours if hours is None else hours), timedelta(days=settings.idempotency_days)
    async with await open_pool(settings.database_url) as pool, open_store(settings) as store:
        swept = await Sweep(pool, store, *ages).run(datetime.now(UTC))
    removed = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in asdict(swept).items())
    sys.stdout.write(f"removed {removed}\n")
