"""`python -m processing_svc consumer | worker | migrate`: every way this service is started."""

import sys
from collections.abc import Sequence

from dataplatform.entry import Role
from dataplatform.entry import main as run
from processing_svc.domain import SERVICE
from processing_svc.settings import ProcessingSettings

ROLES = {
    "consumer": Role("turn uploads into jobs, relay this service's events", "processing_svc.consumer:run"),
    "worker": Role("make tables of originals", "processing_svc.worker:run"),
    "migrate": Role("bring the database to the newest schema", "processing_svc.migrating:migrate"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role; return the exit status."""
    return run(SERVICE, ROLES, ProcessingSettings, arguments)


if __name__ == "__main__":
    sys.exit(main())
