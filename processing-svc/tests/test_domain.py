from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from dataplatform.events.base import Event, ObjectRef
from dataplatform.events.identity import run_id, table_id
from dataplatform.events.ingest import UploadReceived
from dataplatform.events.processing import INLINE_COLUMNS, RunCompleted, TableStandardized
from processing_svc import domain
from processing_svc.domain import StoredTable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGINAL = ObjectRef(key="originals/a/b/c/original", sha256="a" * 64, size_bytes=10)
UPLOAD = UploadReceived(
    dataset_id=UUID(int=1),
    upload_id=UUID(int=2),
    institution_id=UUID(int=3),
    institution="a",
    dataset="b",
    original=ORIGINAL,
    file_name="c.csv",
    format="csv",
    media_type="text/csv",
    received_at=NOW,
    uploaded_by=UUID(int=4),
)
RUN = domain.Run(UPLOAD)
HANDLER = {"name": "csv", "version": "1"}


def report(columns: int = 2) -> dict[str, Any]:
    column = {"type": "int64", "source_name": "A", "inferred_type": "integer", "nulls": 0, "nullable": False}
    table = {
        "index": 0,
        "name": "c",
        "source": {"kind": "file"},
        "path": "0.parquet",
        "n_rows": 3,
        "columns": [{**column, "name": f"a{position}", "position": position} for position in range(columns)],
    }
    part = {"source": {"kind": "sheet", "name": "x"}, "reason_code": "empty_sheet", "detail": ""}
    return {
        "handler": "csv", "handler_version": "1", "tables": [table], "unextracted": [part], "repair_count": 4,
    }  # fmt: skip


def completed(columns: int = 2) -> list[Event]:
    found = report(columns)
    schema = ORIGINAL if columns > INLINE_COLUMNS else None
    return domain.completed(RUN, found, [StoredTable(found["tables"][0], ORIGINAL, schema)], ORIGINAL, NOW)


def test_a_job_carries_its_upload_whole() -> None:
    assert domain.run_of(UPLOAD.to_data()) == RUN


def test_the_stream_and_the_job_are_named_after_the_run() -> None:
    assert RUN.stream == f"run:{RUN.dedup_key}"
    assert domain.started(RUN, HANDLER, NOW).stream == RUN.stream


def test_attempts_write_to_folders_of_their_own() -> None:
    assert RUN.folder(1) != RUN.folder(2)
    assert RUN.folder(1) == f"tables/{UPLOAD.dataset_id}/{run_id(UPLOAD.upload_id)}/1"


def test_a_completed_run_tells_of_every_table_and_of_what_gave_none() -> None:
    standardized, done = completed()
    assert isinstance(standardized, TableStandardized)
    assert isinstance(done, RunCompleted)
    assert standardized.table_id == table_id(run_id(UPLOAD.upload_id), 0)
    assert [column.name for column in standardized.columns] == ["a0", "a1"]
    assert not standardized.columns[0].nullable
    assert done.tables[0].table_id == standardized.table_id
    assert done.unextracted[0].reason_code == "empty_sheet"
    assert (done.repair_count, done.report) == (4, ORIGINAL)
    assert done.original == ORIGINAL


def test_a_wide_table_names_its_columns_in_a_document_only() -> None:
    standardized = completed(INLINE_COLUMNS + 1)[0]
    assert isinstance(standardized, TableStandardized)
    assert standardized.columns == ()
    assert standardized.column_count == INLINE_COLUMNS + 1
    assert standardized.schema_object == ORIGINAL


def test_the_words_of_a_fault_of_the_platform_are_not_those_of_its_logs() -> None:
    event = domain.failed(RUN, "crashed", "Traceback: secret value", 3, NOW)
    assert event.detail == domain.FAILURES["crashed"]
    assert domain.failed(RUN, "needs_ocr", "no text", 1, NOW).detail == "no text"


@pytest.mark.parametrize(
    ("history", "outcome", "admitted"),
    [
        ([], "failed", True),
        (["started"], "completed", True),
        (["started", "completed"], "completed", False),
        (["started", "completed"], "failed", False),
        (["started", "failed"], "failed", False),
        (["started", "failed"], "completed", True),
    ],
)
def test_what_is_completed_stays_and_nothing_is_told_twice(history: list[str], outcome: str, admitted: bool) -> None:
    events: dict[str, Event] = {
        "started": domain.started(RUN, HANDLER, NOW),
        "completed": completed()[-1],
        "failed": domain.failed(RUN, "crashed", "", 3, NOW),
    }
    assert domain.admits([events[name] for name in history], events[outcome]) is admitted
