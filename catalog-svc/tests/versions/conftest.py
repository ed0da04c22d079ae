"""Versions of the dataset `air-quality` with real files, and what is asked about them."""

import asyncio
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from pyarrow import parquet

from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.settings import settings
from dataplatform.events.base import Column, ObjectRef
from dataplatform.events.identity import run_id, table_id
from dataplatform.events.processing import RunCompleted, TableStandardized
from dataplatform.events.quality import ExaminationCompleted
from dataplatform.storage import open_store


def store_object(key: str, body: bytes) -> ObjectRef:
    async def chunks() -> Any:
        yield body

    async def run() -> None:
        async with open_store(settings()) as store:
            await store.put(key, chunks())

    asyncio.run(run())
    return ObjectRef(key=key, sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body))


class Publisher:
    """Publishes versions whose original, tables, profile and examination are stored."""

    def __init__(self, story: Any, inbox: ProjectionInbox) -> None:
        self.story = story
        self.inbox = inbox

    def publish(
        self,
        number: int,
        tables: Sequence[pa.Table],
        *,
        names: Sequence[str] = (),
        profile: Any = None,
        keys: Sequence[Sequence[str]] = (),
    ) -> UUID:
        """Publish version `number`; return its id. `keys` are candidate keys of its first table."""
        story = self.story
        upload = story.upload(number=number)
        upload = upload.model_copy(update={"original": store_object(upload.original.key, f"file {number}".encode())})
        run = run_id(upload.upload_id)
        events = story.run(upload, tables=len(tables))
        told = [self._table(event, tables, names) for event in events]
        document = {
            "tables": [
                {"columns": [], **table, "index": index, "table_id": str(table_id(run, index))}
                for index, table in enumerate(profile or [{}])
            ]
        }
        assessed = story.assessment(upload)
        assessed = assessed.model_copy(update={"profile": store_object(assessed.profile.key, _json(document))})
        self.inbox.receive(story.enclose(upload, *told, assessed, *self.examined(upload, keys)))
        return run

    def _table(self, event: Any, tables: Sequence[pa.Table], names: Sequence[str]) -> Any:
        if isinstance(event, RunCompleted):
            report = store_object(f"tables/{event.dataset_id}/{event.run_id}/1/report.json", b'{"tables": []}')
            return event.model_copy(update={"report": report})
        if not isinstance(event, TableStandardized):
            return event
        table, sink = tables[event.index], io.BytesIO()
        parquet.write_table(table, sink)
        columns = tuple(Column(name=f.name, position=at, type=str(f.type)) for at, f in enumerate(table.schema))
        return event.model_copy(
            update={
                "parts": (store_object(event.parts[0].key, sink.getvalue()),),
                "columns": columns,
                "column_count": len(columns),
                "row_count": table.num_rows,
                "name": names[event.index] if names else event.name,
            }
        )

    def examined(self, upload: Any, keys: Sequence[Sequence[str]]) -> list[ExaminationCompleted]:
        if not keys:
            return []
        found = {"candidates": [{"columns": list(key), "exact": True} for key in keys]}
        body = _json({"tables": [{"index": 0, "relations": {"keys": found}}]})
        examined: ExaminationCompleted = self.story.examination(upload, body)
        assert examined.document is not None
        return [examined.model_copy(update={"document": store_object(examined.document.key, body)})]


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


@pytest.fixture
def publisher(story: Any, inbox: ProjectionInbox) -> Publisher:
    return Publisher(story, inbox)


@pytest.fixture
def publish(publisher: Publisher) -> Callable[..., UUID]:
    """Publish a version with stored files; return its id."""
    return publisher.publish
