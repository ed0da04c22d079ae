"""The roles that need Django: it is set up first, and only then is anything imported that has models in it."""

import os
from collections.abc import Coroutine
from typing import Any

import django

from catalog_svc.settings import CatalogSettings


def set_up() -> None:
    """Set Django up; raises `pydantic.ValidationError` where settings are missing."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "catalog_svc.django_settings")
    django.setup()


def web(settings: CatalogSettings) -> Coroutine[Any, Any, None]:
    """Serve pages and the REST interface."""
    set_up()
    from catalog_svc import serving  # noqa: PLC0415

    return serving.serve(settings, "web")


def data(settings: CatalogSettings) -> Coroutine[Any, Any, None]:
    """Serve rows and downloads."""
    set_up()
    from catalog_svc import serving  # noqa: PLC0415

    return serving.serve(settings, "data")


def migrate(settings: CatalogSettings) -> None:
    """Bring the database to the newest schema."""
    set_up()
    from catalog_svc import migrating  # noqa: PLC0415

    migrating.migrate(settings)


def bootstrap(settings: CatalogSettings) -> None:
    """Make the first administrator and the demo institution."""
    set_up()
    from catalog_svc import bootstrapping  # noqa: PLC0415

    bootstrapping.bootstrap(settings)


def rotate_keys(settings: CatalogSettings) -> None:
    """Let a new key sign tokens."""
    set_up()
    from catalog_svc import rotation  # noqa: PLC0415

    rotation.rotate(settings)
