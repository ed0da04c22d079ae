"""Events that the other services say of an upload, in the envelopes that Kafka would bring."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from dataplatform.events.base import Event, ObjectRef
from dataplatform.events.catalog import VersionErased, VersionHeld, VersionPublished, VersionRestored, VersionWithdrawn
from dataplatform.events.identity import assessment_id, run_id, table_id
from dataplatform.events.processing import RunCompleted, RunFailed, RunStarted, TableSummary
from dataplatform.events.quality import AssessmentCompleted, AssessmentFailed
from dataplatform.log.envelope import Context, Envelope, enclose
from ingest_svc.progress.projection import apply

NOW = datetime(2030, 3, 1, 12, tzinfo=UTC)
SOMETHING = ObjectRef(key="k", sha256="0" * 64, size_bytes=1)
DATASET = UUID(int=3)


class Story:
    """What may happen to one run."""

    def __init__(self, upload_id: str, variant: str = "") -> None:
        self.upload = UUID(upload_id)
        self.run = run_id(self.upload, variant)
        self.ids = {"dataset_id": DATASET, "run_id": self.run, "upload_id": self.upload}

    def started(self) -> Event:
        return RunStarted(**self.ids, handler="csv", handler_version="3", started_at=NOW)

    def completed(self) -> Event:
        tables = tuple(
            TableSummary(table_id=table_id(self.run, index), index=index, name=f"t{index}", parts=(SOMETHING,),
                         row_count=10 * (index + 1), column_count=2)
            for index in range(2)
        )  # fmt: skip
        return RunCompleted(
            **self.ids, handler="csv", handler_version="3", original=SOMETHING, tables=tables,
            completed_at=NOW + timedelta(seconds=2),
        )  # fmt: skip

    def failed(self, code: str = "needs_ocr") -> Event:
        return RunFailed(**self.ids, reason_code=code, detail="why", attempts=1, failed_at=NOW)

    def assessed(self) -> Event:
        return AssessmentCompleted(
            dataset_id=DATASET, assessment_id=assessment_id(self.run), run_id=self.run, profile=SOMETHING,
            completed_at=NOW,
        )  # fmt: skip

    def not_assessed(self) -> Event:
        return AssessmentFailed(
            dataset_id=DATASET, assessment_id=assessment_id(self.run), run_id=self.run, reason_code="timed_out",
            attempts=3, failed_at=NOW,
        )  # fmt: skip

    def withdrawn(self) -> Event:
        return VersionWithdrawn(
            dataset_id=DATASET, version_id=self.run, reason_code="outdated", withdrawn_at=NOW
        )  # fmt: skip

    def restored(self) -> Event:
        return VersionRestored(dataset_id=DATASET, version_id=self.run, restored_at=NOW, restored_by=self.upload)

    def erased(self) -> Event:
        return VersionErased(
            dataset_id=DATASET, version_id=self.run, upload_id=self.upload, original_erased=True,
            reason_code="personal_data", erased_at=NOW,
        )  # fmt: skip

    def held(self, reason_code: str = "awaiting_publication") -> Event:
        return VersionHeld(
            dataset_id=DATASET, version_id=self.run, upload_id=self.upload, reason_code=reason_code, held_at=NOW
        )  # fmt: skip

    def published(self, number: int = 1) -> Event:
        return VersionPublished(
            dataset_id=DATASET, institution_id=UUID(int=4), institution="aq", dataset="d", version_id=self.run,
            number=number, upload_id=self.upload, run_id=self.run, assessment_id=assessment_id(self.run),
            original=SOMETHING, format="csv", handler="csv", handler_version="3", tables=(), table_count=2,
            published_at=NOW,
        )  # fmt: skip


def envelopes(events: Sequence[Event]) -> list[Envelope]:
    return [enclose([event], 0, service="other-svc", now=NOW, context=Context(UUID(int=1)))[0] for event in events]


async def happen(pool: asyncpg.Pool, *events: Event) -> None:
    """Let the projection hear of events, one transaction each."""
    for envelope in envelopes(events):
        async with pool.acquire() as connection, connection.transaction():
            await apply(connection, [envelope])
