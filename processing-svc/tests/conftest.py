"""One parse from bytes to tables, in this process; and a service over real PostgreSQL and S3 with uploads for it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.events.base import ObjectRef
from dataplatform.events.identity import dataset_id, institution_id
from dataplatform.events.ingest import UploadReceived
from dataplatform.log.postgres import migrate, open_pool
from dataplatform.storage import ObjectStore, open_store
from dataplatform_stack.testing import TestS3
from processing_svc.migrating import MIGRATIONS
from processing_svc.parse import parse
from processing_svc.settings import ProcessingSettings

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"


@dataclass(frozen=True)
class Parsed:
    """A report and the tables it names."""

    report: dict[str, Any]
    tables: list[pa.Table]

    @property
    def table(self) -> pa.Table:
        """The only table."""
        (table,) = self.tables
        return table

    @property
    def repairs(self) -> dict[str, int]:
        """Counts of repairs of the first table."""
        counts: dict[str, int] = self.report["tables"][0]["repair_counts"]
        return counts

    @property
    def findings(self) -> dict[str, int]:
        """Counts of findings of the first table."""
        counts: dict[str, int] = self.report["tables"][0]["finding_counts"]
        return counts


ParseBytes = Callable[..., Parsed]


@pytest.fixture
def parse_bytes(tmp_path: Path) -> ParseBytes:
    """`parse_bytes(data, format, **argument)` writes a file, parses it and reads its tables back."""

    def run(data: bytes | Path, file_format: str, **argument: Any) -> Parsed:
        path = data if isinstance(data, Path) else tmp_path / "original"
        if isinstance(data, bytes):
            path.write_bytes(data)
        scratch, out = tmp_path / "scratch", tmp_path / "out"
        scratch.mkdir(exist_ok=True)
        out.mkdir(exist_ok=True)
        report = parse({"path": str(path), "format": file_format, "scratch": str(scratch), "out": str(out), **argument})
        return Parsed(report, [pq.read_table(out / table["path"]) for table in report["tables"]])

    return run


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of files that no one here wrote; tests are skipped without it."""
    if not CORPUS.is_dir():
        pytest.skip("../shared/corpus is absent")
    return CORPUS


@pytest.fixture
def settings(database_url: str, s3_server: TestS3, tmp_path: Path) -> ProcessingSettings:
    """Settings of a service over a fresh database and bucket; Kafka is the test's matter."""
    migrate(database_url, MIGRATIONS)
    s3_server.start()
    stored = {name.lower(): value for name, value in s3_server.settings(s3_server.create_bucket()).items()}
    return ProcessingSettings(
        database_url=database_url, kafka_bootstrap_servers="127.0.0.1:1", scratch_dir=tmp_path / "scratch", **stored
    )


@pytest.fixture
async def pool(settings: ProcessingSettings) -> AsyncIterator[asyncpg.Pool]:
    """A pool on the service's database."""
    async with await open_pool(settings.database_url, min_size=0) as opened:
        yield opened


@pytest.fixture
async def store(settings: ProcessingSettings) -> AsyncIterator[ObjectStore]:
    """The service's object store."""
    async with open_store(settings) as opened:
        yield opened


@pytest.fixture
def make_upload(store: ObjectStore) -> Callable[..., Awaitable[UploadReceived]]:
    """`make_upload(data, format)` stores an original and returns the event that announces it."""

    async def make(data: bytes, file_format: str = "csv", **changes: Any) -> UploadReceived:
        async def chunks() -> AsyncIterator[bytes]:
            yield data

        upload = uuid4()
        kept = await store.put(f"originals/demo/things/{upload}/original", chunks())
        institution = institution_id("demo")
        event = UploadReceived(
            dataset_id=dataset_id(institution, "things"),
            upload_id=upload,
            institution_id=institution,
            institution="demo",
            dataset="things",
            original=ObjectRef(key=kept.key, sha256=kept.sha256, size_bytes=kept.size_bytes),
            file_name=f"things.{file_format}",
            format=file_format,
            media_type="application/octet-stream",
            received_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
            uploaded_by=UUID(int=1),
        )
        return event.model_copy(update=changes)

    return make
