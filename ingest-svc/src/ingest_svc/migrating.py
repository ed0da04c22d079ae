"""The role `migrate`: the event store's tables and this service's own, brought to the newest schema."""

from pathlib import Path

from dataplatform.log.postgres import migrate as apply
from dataplatform.settings import CommonSettings

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(settings: CommonSettings) -> None:
    """Apply the migrations; safe twice, and twice at once."""
    apply(settings.database_url, MIGRATIONS)
