"""`python -m ingest_svc api | consumer | migrate | sweep`: every way this service is started."""

import sys
from collections.abc import Sequence

from dataplatform.entry import Option, Role
from dataplatform.entry import main as run
from ingest_svc.domain import SERVICE
from ingest_svc.settings import IngestSettings

HOURS = Option("how old an orphan must be (default: DATAPLATFORM_ORPHAN_HOURS)", float)
ROLES = {
    "api": Role("serve uploads and relay their events", "ingest_svc.app:run_api"),
    "consumer": Role(
        "turn what the other services say into progress, give up stuck uploads", "ingest_svc.consumer:run"
    ),
    "migrate": Role("bring the database to the newest schema", "ingest_svc.migrating:migrate"),
    "sweep": Role("remove originals that were never announced", "ingest_svc.sweeping:sweep", {"hours": HOURS}),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role or command; return the exit status."""
    return run(SERVICE, ROLES, IngestSettings, arguments)


if __name__ == "__main__":
    sys.exit(main())
