"""What the log says of a dataset's past: arrivals, declared frequency, published tables, versions that were withdrawn.

Kept from the events of processing and of the catalog, asked for when a version is assessed or examined. The caller owns
the connection and its transaction.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from dataplatform.events.base import ObjectRef
from dataplatform.events.catalog import DatasetRevised, VersionPublished
from dataplatform.events.processing import RunCompleted

MOST_ARRIVALS: Final = 1_000
"""Newest arrivals of a dataset that are looked at."""
_MINUTE: Final = 60.0
_DAY: Final = 86_400.0
FREQUENCIES: Final[dict[str, float]] = {
    "HOURLY": 60 * _MINUTE,
    "BIHOURLY": 120 * _MINUTE,
    "TRIHOURLY": 180 * _MINUTE,
    "DAILY": _DAY,
    "DAILY_2": _DAY / 2,
    "WEEKLY": 7 * _DAY,
    "WEEKLY_2": 3.5 * _DAY,
    "WEEKLY_3": 7 * _DAY / 3,
    "BIWEEKLY": 14 * _DAY,
    "MONTHLY": 31 * _DAY,
    "MONTHLY_2": 31 * _DAY / 2,
    "MONTHLY_3": 31 * _DAY / 3,
    "BIMONTHLY": 62 * _DAY,
    "QUARTERLY": 92 * _DAY,
    "ANNUAL": 366 * _DAY,
    "ANNUAL_2": 184 * _DAY,
    "ANNUAL_3": 123 * _DAY,
    "BIENNIAL": 731 * _DAY,
    "TRIENNIAL": 1_096 * _DAY,
    "QUADRENNIAL": 1_461 * _DAY,
    "QUINQUENNIAL": 1_827 * _DAY,
    "DECENNIAL": 3_653 * _DAY,
}
"""Longest pause in seconds that a code of the EU's frequency table allows, by the longest month, quarter or year.
Codes that are absent (IRREG, NEVER, UNKNOWN, ...) declare no pause."""

_ARRIVED: Final = """
INSERT INTO arrivals AS a (dataset_id, upload_id, arrived_at) VALUES ($1, $2, $3)
ON CONFLICT (dataset_id, upload_id) DO UPDATE SET arrived_at = least(a.arrived_at, excluded.arrived_at)
"""
_FREQUENCY: Final = """
INSERT INTO frequencies (dataset_id, update_frequency) VALUES ($1, $2)
ON CONFLICT (dataset_id) DO UPDATE SET update_frequency = excluded.update_frequency
"""
_PUBLISHED: Final = """
INSERT INTO published (version_id, institution, dataset, number, tables) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (version_id) DO NOTHING
"""
_NEWEST: Final = """
SELECT p.tables FROM published p WHERE p.institution = $1 AND p.dataset = $2
AND NOT EXISTS (SELECT 1 FROM withdrawn w WHERE w.version_id = p.version_id) ORDER BY p.number DESC LIMIT 1
"""
_ARRIVALS: Final = """
SELECT arrived_at FROM arrivals WHERE dataset_id = $1 AND arrived_at <= $2 ORDER BY arrived_at DESC LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Past:
    """When the versions of a dataset came, the latest last, and the longest pause that its steward declared."""

    arrivals: tuple[datetime, ...] = ()
    frequency_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table of a published version: its name, and its Parquet parts in row order."""

    name: str
    parts: tuple[ObjectRef, ...]


async def note_arrival(connection: Any, run: RunCompleted) -> None:
    """Keep when an upload came out of processing; made again from the same upload, it does not arrive again."""
    await connection.execute(_ARRIVED, run.dataset_id, run.upload_id, run.completed_at)


async def note_revision(connection: Any, event: DatasetRevised) -> None:
    """Keep the frequency that a steward declared, or that none is declared any more."""
    if event.update_frequency is not None:
        await connection.execute(_FREQUENCY, event.dataset_id, event.update_frequency)
    elif "update_frequency" in (event.cleared or ()):
        await connection.execute("DELETE FROM frequencies WHERE dataset_id = $1", event.dataset_id)


async def note_published(connection: Any, event: VersionPublished) -> None:
    """Keep where the tables of a version are; one whose tables are only in its manifest is not referred to."""
    tables = [
        {"name": table.name, "parts": [part.model_dump(mode="json") for part in table.parts]} for table in event.tables
    ]
    await connection.execute(_PUBLISHED, event.version_id, event.institution, event.dataset, event.number, tables)


async def note_withdrawn(connection: Any, version: UUID) -> None:
    """Keep that a version is served no more."""
    await connection.execute("INSERT INTO withdrawn VALUES ($1) ON CONFLICT DO NOTHING", version)


async def forget_published(connection: Any, version: UUID) -> None:
    """Keep no more where the tables of a version were."""
    await connection.execute("DELETE FROM published WHERE version_id = $1", version)


async def note_restored(connection: Any, version: UUID) -> None:
    """Keep that a version is served again."""
    await connection.execute("DELETE FROM withdrawn WHERE version_id = $1", version)


async def past_of(connection: Any, run: RunCompleted) -> Past:
    """Return the arrivals of a run's dataset up to the run, and the frequency declared for it."""
    rows = await connection.fetch(_ARRIVALS, run.dataset_id, run.completed_at, MOST_ARRIVALS)
    code = await connection.fetchval("SELECT update_frequency FROM frequencies WHERE dataset_id = $1", run.dataset_id)
    return Past(tuple(row["arrived_at"] for row in reversed(rows)), FREQUENCIES.get(code or ""))


async def newest_tables(connection: Any, institution: str, dataset: str) -> tuple[StoredTable, ...]:
    """Return the tables of the newest version of a dataset that is served, by the slugs of its names; perhaps none."""
    found = await connection.fetchval(_NEWEST, institution, dataset)
    return tuple(
        StoredTable(table["name"], tuple(map(ObjectRef.model_validate, table["parts"]))) for table in found or ()
    )


async def withdrawn_among(connection: Any, versions: Collection[UUID]) -> frozenset[UUID]:
    """Return which of the versions are served no more."""
    rows = await connection.fetch("SELECT version_id FROM withdrawn WHERE version_id = ANY($1)", list(versions))
    return frozenset(row["version_id"] for row in rows)
