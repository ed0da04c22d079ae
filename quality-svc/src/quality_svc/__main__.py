"""`python -m quality_svc consumer | worker | migrate`: every way this service is started."""

import sys
from collections.abc import Sequence

from dataplatform.entry import Role
from dataplatform.entry import main as run
from quality_svc.domain import SERVICE
from quality_svc.settings import QualitySettings

ROLES = {
    "consumer": Role("turn completed runs into jobs, relay this service's events", "quality_svc.consumer:run"),
    "worker": Role("profile and score versions", "quality_svc.worker:run"),
    "migrate": Role("bring the database to the newest schema", "quality_svc.migrating:migrate"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role; return the exit status."""
    return run(SERVICE, ROLES, QualitySettings, arguments)


if __name__ == "__main__":
    sys.exit(main())
