"""Brings the catalog's database to the newest schema: the log's tables first, then Django's. Safe at once twice."""

from typing import Final

import psycopg
import structlog
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from catalog_svc.settings import CatalogSettings
from dataplatform.log import postgres

_LOCK: Final = 0x6D696772617465
_log = structlog.get_logger(__name__)


def migrate(settings: CatalogSettings) -> None:
    """Apply what is not applied yet; costs little where nothing is."""
    with psycopg.connect(settings.database_url, autocommit=True) as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        postgres.migrate(settings.database_url)
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            call_command("migrate", interactive=False, verbosity=0)
        _log.info("migrated", applied=[f"{migration.app_label}.{migration.name}" for migration, _ in plan])
    connection.close()
