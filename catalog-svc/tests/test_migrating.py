"""The schema: complete, and migrated safely."""

from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from catalog_svc.migrating import migrate
from catalog_svc.settings import settings

pytestmark = pytest.mark.integration


def test_models_and_migrations_agree(catalog: psycopg.Connection[Any]) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_migrating_again_changes_nothing(catalog: psycopg.Connection[Any]) -> None:
    before = catalog.execute("SELECT count(*) FROM django_migrations").fetchone()
    migrate(settings())
    assert catalog.execute("SELECT count(*) FROM django_migrations").fetchone() == before
