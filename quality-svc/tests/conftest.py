"""A quality service over real PostgreSQL and S3; runs to assess, made on the spot. Test files hold the questions."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataplatform.events.base import ObjectRef
from dataplatform.events.identity import run_id, table_id
from dataplatform.events.processing import RunCompleted, TableSummary
from dataplatform.log.postgres import migrate, open_pool
from dataplatform.storage import ObjectStore, open_store
from dataplatform_stack.testing import TestS3
from quality_svc.migrating import MIGRATIONS
from quality_svc.settings import QualitySettings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]
MakeRun = Callable[..., Awaitable[RunCompleted]]


@pytest.fixture
def settings(database_url: str, s3_server: TestS3, tmp_path: Path) -> QualitySettings:
    migrate(database_url, MIGRATIONS)
    s3_server.start()
    stored = {name.lower(): value for name, value in s3_server.settings(s3_server.create_bucket()).items()}
    return QualitySettings(
        database_url=database_url, kafka_bootstrap_servers="127.0.0.1:1", scratch_dir=tmp_path / "scratch", **stored
    )


@pytest.fixture
async def pool(settings: QualitySettings) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(settings.database_url, min_size=0) as opened:
        yield opened


@pytest.fixture
async def store(settings: QualitySettings) -> AsyncIterator[ObjectStore]:
    async with open_store(settings) as opened:
        yield opened


def placed(table: pa.Table) -> pa.Table:
    """Return the table as processing writes it: each column knows its place, but for `computed` ones."""
    fields = []
    for place, field in enumerate(table.schema):
        known: dict[Any, Any] = {**(field.metadata or {}), b"position": str(place)}
        fields.append(field if field.name == "computed" else field.with_metadata(known))
    return pa.Table.from_arrays(table.columns, schema=pa.schema(fields))


@pytest.fixture
def make_run(store: ObjectStore, tmp_path: Path) -> MakeRun:
    """Stores tables, each in the parts given, and returns the event of the run that made them."""

    async def make(*tables: list[pa.Table]) -> RunCompleted:
        upload = uuid4()
        run, dataset = run_id(upload), UUID(int=99)
        summaries = []
        for index, parts in enumerate(tables):
            stored = []
            for number, part in enumerate(parts):
                path = tmp_path / f"{index}-{number}.parquet"
                pq.write_table(placed(part), path)
                kept = await store.put_file(f"tables/{dataset}/{run}/1/{index}/part-{number:05}.parquet", path)
                stored.append(ObjectRef(key=kept.key, sha256=kept.sha256, size_bytes=kept.size_bytes))
            rows, columns = sum(part.num_rows for part in parts), parts[0].num_columns
            summaries.append(
                TableSummary(
                    table_id=table_id(run, index),
                    index=index,
                    name=f"table {index}",
                    parts=tuple(stored),
                    row_count=rows,
                    column_count=columns,
                )
            )
        original = ObjectRef(key="originals/x", sha256="0" * 64, size_bytes=1)
        return RunCompleted(
            dataset_id=dataset,
            run_id=run,
            upload_id=upload,
            handler="csv",
            handler_version="1",
            original=original,
            tables=tuple(summaries),
            completed_at=NOW,
        )

    return make
