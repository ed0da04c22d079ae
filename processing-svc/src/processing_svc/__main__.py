"""`python -m processing_svc consumer | worker | migrate`: every way this service is started."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from processing_svc.settings import ProcessingSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role or command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m processing_svc", description="The processing service")
    roles = parser.add_subparsers(dest="role", required=True)
    roles.add_parser("consumer", help="turn uploads into jobs, relay this service's events")
    roles.add_parser("worker", help="make tables of originals")
    roles.add_parser("migrate", help="bring the database to the newest schema")
    chosen = parser.parse_args(arguments)
    try:
        settings = ProcessingSettings()
    except ValidationError as error:
        sys.stderr.write(f"settings: {error}\n")
        return 2
    _run(chosen.role, settings)
    return 0


def _run(role: str, settings: ProcessingSettings) -> None:
    # each role imports what it needs and no more: that is most of its memory
    if role == "consumer":
        from processing_svc import consumer  # noqa: PLC0415

        asyncio.run(consumer.run(settings))
    elif role == "worker":
        from processing_svc import worker  # noqa: PLC0415

        asyncio.run(worker.run(settings))
    else:
        from dataplatform.log.postgres import migrate  # noqa: PLC0415

        migrate(settings.database_url)


if __name__ == "__main__":
    sys.exit(main())
