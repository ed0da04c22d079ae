"""`python -m ingest_svc api | migrate | sweep`: every way this service is started."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from dataplatform.log.postgres import migrate, open_pool
from dataplatform.storage import open_store
from dataplatform.telemetry import configure
from ingest_svc.app import run_api
from ingest_svc.domain import SERVICE
from ingest_svc.settings import IngestSettings
from ingest_svc.uploads.sweep import Sweep, Swept

MIGRATIONS = Path(__file__).parent / "migrations"


async def run_sweep(settings: IngestSettings, hours: float) -> Swept:
    """Sweep once with an orphan's age in `hours`."""
    pool = await open_pool(settings.database_url)
    async with pool, open_store(settings) as store:
        ages = timedelta(hours=hours), timedelta(days=settings.idempotency_days)
        return await Sweep(pool, store, *ages).run(datetime.now(UTC))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role or command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ingest_svc", description="The ingest service")
    roles = parser.add_subparsers(dest="role", required=True)
    roles.add_parser("api", help="serve uploads and relay their events")
    roles.add_parser("consumer", help="turn what the other services say into progress, give up stuck uploads")
    roles.add_parser("migrate", help="bring the database to the newest schema")
    sweep = roles.add_parser("sweep", help="remove originals that were never announced")
    sweep.add_argument("--hours", type=float, help="how old an orphan must be (default: DATAPLATFORM_ORPHAN_HOURS)")
    chosen = parser.parse_args(arguments)
    try:
        settings = IngestSettings()
    except ValidationError as error:
        sys.stderr.write(f"settings: {error}\n")
        return 2
    return _run(chosen, settings)


def _run(chosen: argparse.Namespace, settings: IngestSettings) -> int:
    if chosen.role == "api":
        asyncio.run(run_api(settings))
    elif chosen.role == "consumer":
        _consume(settings)
    elif chosen.role == "migrate":
        migrate(settings.database_url, MIGRATIONS)
    else:
        configure(SERVICE, "sweep", log_level=settings.log_level)
        hours = settings.orphan_hours if chosen.hours is None else chosen.hours
        swept = asyncio.run(run_sweep(settings, hours))
        removed = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in asdict(swept).items())
        sys.stdout.write(f"removed {removed}\n")
    return 0


def _consume(settings: IngestSettings) -> None:
    # only this role carries the consuming side of the broker's client
    from ingest_svc.consumer import run  # noqa: PLC0415

    endpoint = settings.otel_exporter_otlp_endpoint
    configure(SERVICE, "consumer", log_level=settings.log_level, otlp_endpoint=endpoint)
    asyncio.run(run(settings))


if __name__ == "__main__":
    sys.exit(main())
