"""The database: the log's own tables, and the contracts that hold."""

from pathlib import Path
from typing import Final

from dataplatform.log.postgres import migrate as bring_up
from quality_svc.settings import QualitySettings

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def migrate(settings: QualitySettings) -> None:
    """Bring the database to the newest schema; safe twice, and twice at once."""
    bring_up(settings.database_url, MIGRATIONS)
