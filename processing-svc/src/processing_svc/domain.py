"""Runs as facts and decisions. Pure: no I/O, no framework; time and ids come in as arguments."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from dataplatform.events.base import Column, Event, ObjectRef, Origin, Unextracted
from dataplatform.events.identity import run_id, table_id
from dataplatform.events.ingest import UploadReceived
from dataplatform.events.processing import (
    INLINE_COLUMNS,
    RunCompleted,
    RunFailed,
    RunStarted,
    TableStandardized,
    TableSummary,
)

SERVICE: Final = "processing-svc"
CONSUMER: Final = "processing"
QUEUE: Final = "parse"

FAILURES: Final[dict[str, str]] = {
    "memory_limit_exceeded": "reading the file needed more memory than it may use",
    "cpu_limit_exceeded": "reading the file needed more processor time than it may use",
    "output_limit_exceeded": "the tables of the file are larger than they may be",
    "timed_out": "reading the file took longer than it may",
    "crashed": "the process that read the file died",
    "object_not_found": "the original is missing from object storage",
    "object_corrupt": "the original is not what its hash says",
    "object_store_unavailable": "object storage did not answer",
    "lease_expired": "the worker died or hung: its lease ran out",
    "internal_error": "a fault of the platform",
}
"""Reason codes of `run.failed` that no handler gives, and their sentences; a handler's own come with its words."""


def upload_of(payload: Mapping[str, Any]) -> UploadReceived:
    """Return the upload that a job's payload is about."""
    return UploadReceived.from_data(dict(payload))


def dedup_key(upload: UUID) -> str:
    """Return the name of the one job that parses an upload."""
    return str(run_id(upload))


def stream_of(upload: UUID) -> str:
    """Return the name of the stream of the run that an upload gives."""
    return f"run:{run_id(upload)}"


def folder_of(upload: UploadReceived, fence: int) -> str:
    """Return the key prefix of an attempt's objects: a late attempt cannot overwrite those that counted."""
    return f"tables/{upload.dataset_id}/{run_id(upload.upload_id)}/{fence}"


def started(upload: UploadReceived, handler: Mapping[str, str], at: datetime) -> RunStarted:
    """Return the event of a worker taking an upload on."""
    return RunStarted(
        dataset_id=upload.dataset_id,
        run_id=run_id(upload.upload_id),
        upload_id=upload.upload_id,
        handler=handler["name"],
        handler_version=handler["version"],
        started_at=at,
    )


def completed(
    upload: UploadReceived,
    report: Mapping[str, Any],
    stored: Sequence["StoredTable"],
    document: ObjectRef,
    at: datetime,
) -> list[Event]:
    """Return a run's last events: one for each table, and that it is complete; `document` is the stored report."""
    tables = [table.standardized(upload) for table in stored]
    summaries = (
        TableSummary(
            table_id=table.table_id,
            index=table.index,
            name=table.name,
            parts=table.parts,
            row_count=table.row_count,
            column_count=table.column_count,
        )
        for table in tables
    )
    done = RunCompleted(
        dataset_id=upload.dataset_id,
        run_id=run_id(upload.upload_id),
        upload_id=upload.upload_id,
        handler=report["handler"],
        handler_version=report["handler_version"],
        original=upload.original,
        tables=tuple(summaries),
        unextracted=tuple(_unextracted(part) for part in report["unextracted"]),
        repair_count=report["repair_count"],
        report=document,
        completed_at=at,
    )
    return [*tables, done]


def _unextracted(part: Mapping[str, Any]) -> Unextracted:
    return Unextracted(
        origin=Origin.model_validate(part["source"]), reason_code=part["reason_code"], detail=part["detail"]
    )


def failed(upload: UploadReceived, code: str, detail: str, attempts: int, at: datetime) -> RunFailed:
    """Return the event of an upload that gave no table."""
    return RunFailed(
        dataset_id=upload.dataset_id,
        run_id=run_id(upload.upload_id),
        upload_id=upload.upload_id,
        reason_code=code,
        detail=FAILURES.get(code, detail)[:2000],
        attempts=attempts,
        failed_at=at,
    )


def admits(history: Iterable[Event], outcome: Event) -> bool:
    """Whether `outcome` still has something to say: what is completed stays so, and a failure is not told twice."""
    last = next(iter(reversed(tuple(history))), None)
    if isinstance(last, RunFailed) and isinstance(outcome, RunFailed):
        return outcome.reason_code != last.reason_code
    return not isinstance(last, RunCompleted)


class StoredTable:
    """A table of the report whose Parquet (and, if wide, schema document) is in object storage."""

    def __init__(self, report: Mapping[str, Any], parquet: ObjectRef, schema_object: ObjectRef | None) -> None:
        self._report = report
        self._parquet = parquet
        self._schema_object = schema_object

    def standardized(self, upload: UploadReceived) -> TableStandardized:
        """Return the event that tells of it."""
        columns = self._report["columns"]
        run = run_id(upload.upload_id)
        return TableStandardized(
            dataset_id=upload.dataset_id,
            run_id=run,
            upload_id=upload.upload_id,
            table_id=table_id(run, self._report["index"]),
            index=self._report["index"],
            name=self._report["name"][:255],
            origin=Origin.model_validate(self._report["source"]),
            parts=(self._parquet,),
            row_count=self._report["n_rows"],
            column_count=len(columns),
            columns=() if is_wide(self._report) else tuple(Column.model_validate(column) for column in columns),
            schema_object=self._schema_object,
        )


def is_wide(table: Mapping[str, Any]) -> bool:
    """Whether a reported table has more columns than an event names itself."""
    return len(table["columns"]) > INLINE_COLUMNS
