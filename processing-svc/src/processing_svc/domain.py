"""Runs as facts and decisions. Pure: no I/O, no framework; time and ids come in as arguments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from dataplatform.events.base import Column, Event, ObjectRef, Origin, ParseOptions, Unextracted
from dataplatform.events.identity import run_id, table_id
from dataplatform.events.ingest import ProcessingRequested, UploadReceived
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
    "open_files_limit_exceeded": "reading the file needed more open files than it may have",
    "timed_out": "reading the file took longer than it may",
    "crashed": "the process that read the file died",
    "object_not_found": "the original is missing from object storage",
    "object_corrupt": "the original is not what its hash says",
    "object_store_unavailable": "object storage did not answer",
    "upload_withdrawn": "the upload was taken back before its tables were made",
    "request_cancelled": "the processing request was taken back before its tables were made",
    "invalid_overrides": "what was decided about the dataset's columns is no options of a parse",
    "lease_expired": "the worker died or hung: its lease ran out",
    "internal_error": "a fault of the platform",
}
"""Reason codes of `run.failed` that no handler gives, and their sentences; a handler's own come with its words."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be done: tables of an upload, as it is or as a processing request asks for."""

    upload: UploadReceived
    request: ProcessingRequested | None = None

    @property
    def run_id(self) -> UUID:
        """The run's id, and that of the version it may become."""
        return self.request.run_id if self.request else run_id(self.upload.upload_id)

    @property
    def options(self) -> ParseOptions:
        """How the file is to be read."""
        return self.request.options if self.request else ParseOptions()

    @property
    def handler_version(self) -> str | None:
        """The only version of the handler that may do it, if one is asked for."""
        return self.request.handler_version if self.request else None

    @property
    def dedup_key(self) -> str:
        """The name of the one job that does it."""
        return str(self.run_id)

    @property
    def stream(self) -> str:
        """The name of its stream."""
        return f"run:{self.run_id}"

    def folder(self, fence: int) -> str:
        """Return the key prefix of an attempt's objects: a late attempt cannot overwrite those that counted."""
        return f"tables/{self.upload.dataset_id}/{self.run_id}/{fence}"

    def payload(self) -> dict[str, Any]:
        """Return what its job has to know; `upload_id` and `dataset_id` are members of it."""
        return self.request.to_data() if self.request else self.upload.to_data()


def run_of(payload: Mapping[str, Any]) -> Run:
    """Undo `Run.payload`."""
    if "request_id" in payload:
        request = ProcessingRequested.from_data(dict(payload))
        return Run(request.upload, request)
    return Run(UploadReceived.from_data(dict(payload)))


def pulse_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return whose heartbeat the job of this payload has."""
    return {
        "run_id": payload.get("run_id") or run_id(UUID(payload["upload_id"])),
        "upload_id": payload["upload_id"],
        "dataset_id": payload["dataset_id"],
        "stage": "parsing",
    }


def started(run: Run, handler: Mapping[str, str], at: datetime) -> RunStarted:
    """Return the event of a worker taking a run on."""
    return RunStarted(
        dataset_id=run.upload.dataset_id,
        run_id=run.run_id,
        upload_id=run.upload.upload_id,
        handler=handler["name"],
        handler_version=handler["version"],
        started_at=at,
    )


def completed(
    run: Run,
    report: Mapping[str, Any],
    stored: Sequence["StoredTable"],
    document: ObjectRef,
    at: datetime,
) -> list[Event]:
    """Return a run's last events: one for each table, and that it is complete; `document` is the stored report."""
    tables = [table.standardized(run) for table in stored]
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
        dataset_id=run.upload.dataset_id,
        run_id=run.run_id,
        upload_id=run.upload.upload_id,
        handler=report["handler"],
        handler_version=report["handler_version"],
        original=run.upload.original,
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


def failed(run: Run, code: str, detail: str, attempts: int, at: datetime) -> RunFailed:
    """Return the event of an upload that gave no table."""
    return RunFailed(
        dataset_id=run.upload.dataset_id,
        run_id=run.run_id,
        upload_id=run.upload.upload_id,
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

    def standardized(self, run: Run) -> TableStandardized:
        """Return the event that tells of it."""
        columns = self._report["columns"]
        return TableStandardized(
            dataset_id=run.upload.dataset_id,
            run_id=run.run_id,
            upload_id=run.upload.upload_id,
            table_id=table_id(run.run_id, self._report["index"]),
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
