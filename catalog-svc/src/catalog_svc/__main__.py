"""`python -m catalog_svc web|data|projector|migrate|bootstrap|rotate-keys`: every way to start this service."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Final

from catalog_svc.settings import SERVICE, CatalogSettings, settings
from dataplatform import telemetry


def _django() -> None:
    import django  # noqa: PLC0415 - the projector does without

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "catalog_svc.django_settings")
    django.setup()


def _serve(role: str) -> Callable[[CatalogSettings], None]:
    def run(found: CatalogSettings) -> None:
        _django()
        from catalog_svc import serving  # noqa: PLC0415

        asyncio.run(serving.serve(found, role))

    return run


def _projector(found: CatalogSettings) -> None:
    from catalog_svc import projector  # noqa: PLC0415

    asyncio.run(projector.run(found))


def _migrate(found: CatalogSettings) -> None:
    _django()
    from catalog_svc import migrating  # noqa: PLC0415

    migrating.migrate(found)


def _bootstrap(found: CatalogSettings) -> None:
    _django()
    from catalog_svc import bootstrapping  # noqa: PLC0415

    bootstrapping.bootstrap(found)


def _rotate_keys(found: CatalogSettings) -> None:
    _django()
    from catalog_svc import rotation  # noqa: PLC0415

    rotation.rotate(found)


ROLES: Final[dict[str, Callable[[CatalogSettings], None]]] = {
    "web": _serve("web"),
    "data": _serve("data"),
    "projector": _projector,
    "migrate": _migrate,
    "bootstrap": _bootstrap,
    "rotate-keys": _rotate_keys,
}


def main(arguments: list[str]) -> int:
    """Run one role; return the exit code."""
    if len(arguments) != 1 or arguments[0] not in ROLES:
        sys.stderr.write(f"usage: python -m catalog_svc {'|'.join(ROLES)}\n")
        return 2
    role = arguments[0]
    found = settings()
    telemetry.configure(SERVICE, role, log_level=found.log_level, otlp_endpoint=found.otel_exporter_otlp_endpoint)
    ROLES[role](found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
