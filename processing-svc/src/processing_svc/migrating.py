"""The database of this service: the log's own tables, and what it keeps of other services' events."""

from pathlib import Path
from typing import Final

from dataplatform.log.postgres import migrate as bring_up
from processing_svc.settings import ProcessingSettings

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def migrate(settings: ProcessingSettings) -> None:
    """Bring the database to the newest schema; safe twice, and twice at once."""
    bring_up(settings.database_url, MIGRATIONS)
