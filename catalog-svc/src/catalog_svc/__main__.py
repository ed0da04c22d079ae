"""`python -m catalog_svc web|data|projector|worker|migrate|bootstrap|rotate-keys`: how this service is started."""

import sys
from collections.abc import Sequence

from catalog_svc.settings import SERVICE, CatalogSettings
from dataplatform.entry import Role
from dataplatform.entry import main as run

ROLES = {
    "web": Role("serve pages and the REST interface", "catalog_svc.roles:web"),
    "data": Role("serve rows and downloads", "catalog_svc.roles:data"),
    "projector": Role("turn events into rows, publish, relay this service's events", "catalog_svc.projector:run"),
    "worker": Role("run jobs: webhooks, exports, erasures", "catalog_svc.worker:run"),
    "migrate": Role("bring the database to the newest schema", "catalog_svc.roles:migrate"),
    "bootstrap": Role("make the first administrator and the demo institution", "catalog_svc.roles:bootstrap"),
    "rotate-keys": Role("let a new key sign tokens", "catalog_svc.roles:rotate_keys"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role; return the exit status."""
    return run(SERVICE, ROLES, CatalogSettings, arguments)


if __name__ == "__main__":
    sys.exit(main())
