"""The report of a parse, `report.json`: what was found in a file, what was made of it, what could not be.

Its JSON Schema, `report.schema.json`, is generated from these models. Values of the data appear in one place only: the
samples of casts that failed. So the report is a document in object storage, and no part of an event.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from dataplatform.events.base import Origin, ParseOptions, ReasonCode
from dataplatform.schema_file import SchemaFile

Status = Literal["tables", "nothing", "refused", "limit"]

NOTHING: Final = frozenset({"no_tables", "empty_file", "empty_sheet", "needs_ocr", "chart_sheet", "macro_sheet",
                            "dialog_sheet"})  # fmt: skip
"""Reason codes of files that were read and hold nothing that is a table."""
LIMITS: Final = frozenset({
    "memory_limit_exceeded", "cpu_limit_exceeded", "output_limit_exceeded", "timed_out", "decompression_limit_exceeded",
    "line_too_long", "too_many_columns", "too_many_sheets", "too_many_pages", "too_many_tables", "oversized_archive",
    "open_files_limit_exceeded",
    "too_many_members", "nesting_limit_exceeded",
})  # fmt: skip
"""Reason codes of files that are beyond what one parse may use or one file may have."""
_LINE: Final = re.compile(r"(?:line|row)s? (\d+)")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


class Sample(_Part):
    """A value that its column's type does not accept."""

    row: int = Field(ge=1, description="Row of the table, from 1")
    value: str = Field(max_length=200, description="The text as it stands in the file, cut to 200 characters")


class FailedCasts(_Part):
    """Values that became null because they do not fit the type of their column."""

    count: int = Field(default=0, ge=0)
    samples: tuple[Sample, ...] = ()


class ColumnReport(_Part):
    """One column of a table."""

    name: str = Field(description="Name in the Parquet file: safe and unique")
    source_name: str | None = Field(default=None, description="Name in the original, as it stands there")
    position: int = Field(ge=0, description="Position in the table, from 0")
    type: str = Field(description="Arrow type, for example `int64` or `timestamp[us]`")
    inferred_type: str | None = Field(default=None, description="The kind of value that was found in the text")
    overridden_type: str | None = Field(default=None, description="The type that a person set, where it was applied")
    unit: str | None = Field(default=None, description="Unit of measure, where the header or the values name one")
    format: str | None = Field(default=None, description="How the values are written in the original")
    nulls: int = Field(ge=0)
    nullable: bool = True
    null_spellings: dict[str, int] = Field(
        default_factory=dict, description="Texts that were read as null, and how often each stands in the column"
    )
    failed_casts: FailedCasts = FailedCasts()
    note: str | None = Field(default=None, description="Why the column is what it is, as a code")


class Source(Origin):
    """Where in the original a table was found."""

    page: int | None = Field(default=None, ge=1, description="First page, for a table of a PDF")
    last_page: int | None = Field(default=None, ge=1)
    line_range: tuple[int, int] | None = Field(default=None, description="First and last line, for a table of a text")


class Repair(_Part):
    """Something that was changed so that the file could be read."""

    kind: str
    line: int | None = Field(default=None, ge=0, description="Line of the text or row of the sheet, from 1")
    what: str = Field(description="What was done, in words")
    position: str | None = Field(default=None, description="Where it was done: a line, a cell, a page")


class Finding(_Part):
    """Something that a person should know."""

    kind: str
    detail: str
    position: str | None = None


class TableReport(_Part):
    """One table."""

    index: int = Field(ge=0)
    name: str
    path: str | None = Field(default=None, description="Parquet file, relative to the report; absent: not written")
    source: Source
    n_rows: int = Field(ge=0)
    columns: tuple[ColumnReport, ...]
    header_rows: tuple[int, ...] = Field(default=(), description="Lines or sheet rows that the names were made of")
    repairs: tuple[Repair, ...] = Field(default=(), description="At most 1,000 of a kind; all are counted")
    repair_counts: dict[str, int] = Field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    finding_counts: dict[str, int] = Field(default_factory=dict)


class UnextractedReport(_Part):
    """A part of the file that gave no table, and why."""

    source: Source
    reason_code: ReasonCode
    detail: str = ""


class Confidences(_Part):
    """How sure the detection is of each answer, from 0 to 1; 1: a signature, a proof, or a person's word."""

    format: float | None = Field(default=None, ge=0, le=1)
    encoding: float | None = Field(default=None, ge=0, le=1)
    dialect: float | None = Field(default=None, ge=0, le=1)


class Detected(_Part):
    """What the file is, by its content."""

    format: str | None = None
    media_type: str | None = None
    compression: str | None = None
    encoding: str | None = Field(default=None, description="IANA name, for text")
    name_mismatch: str | None = Field(default=None, description="What the file's name claims where it is not that")
    dialect: dict[str, Any] = Field(default_factory=dict, description="Delimiter, quote, escape and so on, for text")
    confidences: Confidences = Confidences()


class Outcome(_Part):
    """What the parse came to. Anything but `tables` has a reason code and words for it."""

    status: Status
    reason_code: ReasonCode | None = None
    detail: str = ""


class Report(_Part):
    """What one parse of one file came to."""

    version: Literal[1] = 1
    outcome: Outcome
    handler: str | None = None
    handler_version: str | None = None
    detected: Detected = Detected()
    metadata: dict[str, Any] = Field(default_factory=dict, description="The document's own words: title, author, dates")
    options: ParseOptions = ParseOptions()
    tables: tuple[TableReport, ...] = ()
    unextracted: tuple[UnextractedReport, ...] = ()
    findings: tuple[Finding, ...] = Field(default=(), description="About the file as a whole")
    repair_count: int = Field(default=0, ge=0)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON; what is absent is left out."""
        return self.model_dump(mode="json", exclude_none=True)


def outcome_of_refusal(code: str, detail: str) -> Outcome:
    """Return what a refusal with this code comes to."""
    status: Status = "nothing" if code in NOTHING else "limit" if code in LIMITS else "refused"
    return Outcome(status=status, reason_code=code, detail=detail)


def refusal(code: str, detail: str, detected: Detected, options: ParseOptions) -> dict[str, Any]:
    """Return the report on a file whose parse did not even give one."""
    return Report(outcome=outcome_of_refusal(code, detail), detected=detected, options=options).to_json()


def source_of(origin: Origin) -> Source:
    """Return an origin with its place spelled out for its kind."""
    known = origin.model_dump(exclude_none=True)
    first, last = origin.first, origin.last if origin.last is not None else origin.first
    if origin.kind == "sheet":
        known.setdefault("sheet", (origin.name or "")[:255])
    if origin.kind == "page" and first:
        known |= {"page": first, "last_page": last}
    elif first is not None and last is not None and origin.sheet is None and origin.kind != "sheet":
        known["line_range"] = (first, last)
    return Source.model_validate(known)


def line_of(position: str | None) -> int | None:
    """Return the line or row that a remark's position names, if it names one."""
    found = _LINE.match(position or "")
    return int(found[1]) if found else None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    schema = Report.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def detected_of(argument: Mapping[str, Any]) -> Detected:
    """Return what the detection before the parse knew, as the parse's argument names it."""
    known = argument.get("detected") or {}
    return Detected.model_validate({"format": argument.get("format"), "compression": argument.get("compression"),
                                    "encoding": argument.get("encoding"), **known})  # fmt: skip


FILE: Final = SchemaFile("processing_svc.report", Path(__file__).with_name("report.schema.json"), json_schema)
SCHEMA_FILE, schema_text, main = FILE.path, FILE.text, FILE.main

if __name__ == "__main__":
    sys.exit(main())
