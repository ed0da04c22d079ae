"""One parse from file to Parquet, as it runs inside the sandbox: JSON in, JSON out, no service in sight."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataplatform.events.base import Origin, ParseOptions
from dataplatform.jobs.progress import TablesProgress
from processing_svc.columns import safe_names
from processing_svc.handlers.interface import (
    Budget,
    Extracted,
    FileFacts,
    HandlerError,
    Notes,
    Original,
    Unextracted,
)
from processing_svc.handlers.registry import formats, handler_for
from processing_svc.report import (
    NOTHING,
    Confidences,
    Detected,
    Finding,
    Outcome,
    Repair,
    Report,
    TableReport,
    UnextractedReport,
    detected_of,
    line_of,
    outcome_of_refusal,
    source_of,
)
from processing_svc.standardize import StandardizedTable, standardize

NAME_CHARACTERS = 40
"""Of a table's name in the name of its file: 160 bytes at most, below what file systems take."""


def parse(argument: dict[str, Any]) -> dict[str, Any]:
    """Make the tables of one original.

    Takes `path`, `format`, `scratch` and `out` (folders that exist), `name`, and optionally `encoding`, `compression`,
    `detected` (what else the detection found), `budget`, `options`, and `write` (false: look, write nothing). Returns
    the `Report`; paths in it are relative to `out`. Raises `HandlerError`; one of code `no_tables` where nothing at all
    was found.
    """
    report = attempt(argument)
    outcome = report["outcome"]
    if outcome["status"] != "tables":
        raise HandlerError(outcome["reason_code"], outcome["detail"])
    return report


def attempt(argument: dict[str, Any]) -> dict[str, Any]:
    """Do as `parse` does, but return a report on a refusal too: what else was found is in it."""
    found = _Found(Path(argument["out"]), write=argument.get("write", True))
    original = Original(
        path=Path(argument["path"]),
        format=argument["format"],
        scratch=Path(argument["scratch"]),
        encoding=argument.get("encoding"),
        compression=argument.get("compression"),
        name=argument.get("name") or "table",
        budget=Budget(**argument.get("budget", {})),
        options=ParseOptions.model_validate(argument.get("options") or {}),
        on_read=found.progress.read,
    )
    name = version = None
    try:
        handler = handler_for(original.format)
        name, version = handler.name, handler.version
        found.collect(handler.extract(original), original)
    except HandlerError as error:
        found.end(error)
    return Report(
        outcome=found.outcome(),
        handler=name,
        handler_version=version,
        detected=_detected(argument, found.facts, original.options),
        metadata=dict(found.facts.metadata),
        options=original.options,
        tables=tuple(_described(index, table, write=found.write) for index, table in enumerate(found.tables)),
        unextracted=tuple(
            UnextractedReport(source=source_of(part.origin), reason_code=part.reason_code, detail=part.detail)
            for part in found.unextracted
        ),
        findings=tuple(_missed(found.tables, original.options)),
        repair_count=sum(table.table.repairs.total for table in found.tables),
    ).to_json()


def handlers(_argument: dict[str, Any]) -> dict[str, Any]:
    """Return the `name` and `version` of the handler of every format."""
    found = {name: handler_for(name) for name in formats()}
    return {name: {"name": handler.name, "version": handler.version} for name, handler in found.items()}


@dataclass(slots=True)
class _Found:
    """What a file has given so far. `out`: where its tables go, if `write`."""

    out: Path
    write: bool
    tables: list[StandardizedTable] = field(default_factory=list)
    unextracted: list[Unextracted] = field(default_factory=list)
    facts: FileFacts = field(default_factory=FileFacts)
    progress: TablesProgress = field(default_factory=TablesProgress)
    error: HandlerError | None = None

    def collect(self, extracted: Iterable[Extracted], original: Original) -> None:
        """Write every table as it comes. A table that fails in the middle is named, and leaves no file."""
        for item in extracted:
            if isinstance(item, FileFacts):
                self.facts = item
                continue
            if isinstance(item, Unextracted):
                self.unextracted.append(item)
                continue
            path = self.out / _file_name(len(self.tables), item.name)
            self.progress.begin(item.name)
            try:
                self.tables.append(standardize(item, path, write=self.write, progress=self.progress, original=original))
                self.progress.end(kept=True)
            except HandlerError as error:
                self.progress.end(kept=False)
                path.unlink(missing_ok=True)
                self.unextracted.append(_failed(error, item.origin))

    def end(self, error: HandlerError) -> None:
        """Take the refusal of the rest of the file: tables that are complete stay."""
        if self.tables:
            self.unextracted.append(_failed(error, Origin(kind="file")))
        else:
            self.error = error

    def outcome(self) -> Outcome:
        """Return what the parse came to; a file without tables has its parts' own reason where they have but one."""
        if self.tables:
            return Outcome(status="tables")
        if self.error is not None:
            return outcome_of_refusal(self.error.code, self.error.detail)
        reasons = sorted({part.reason_code for part in self.unextracted})
        whole = len(self.unextracted) == 1 and self.unextracted[0].origin.kind == "file"
        if whole or (len(reasons) == 1 and reasons[0] not in NOTHING):
            return outcome_of_refusal(reasons[0], self.unextracted[0].detail)
        named = f" ({', '.join(reasons)})" if reasons else ""
        return outcome_of_refusal("no_tables", f"nothing in the file is a table{named}")


def _file_name(index: int, name: str) -> str:
    (safe,) = safe_names([name])
    return f"{index}-{safe[:NAME_CHARACTERS]}.parquet"


def _failed(error: HandlerError, origin: Origin) -> Unextracted:
    return Unextracted(origin=origin, reason_code=error.code, detail=error.detail[:2000])


def _detected(argument: Mapping[str, Any], facts: FileFacts, options: ParseOptions) -> Detected:
    """Complete what was detected before the parse by what the handler learned; a person's word is certain."""
    known = detected_of(argument)
    confidences = known.confidences.model_dump()
    if facts.encoding is not None:
        confidences["encoding"] = facts.encoding_confidence
    if options.encoding is not None:
        confidences["encoding"] = 1.0
    dialect = dict(facts.dialect)
    confidences["dialect"] = dialect.pop("confidence", None)
    changes = {"encoding": facts.encoding or known.encoding, "dialect": dialect}
    return known.model_copy(update={**changes, "confidences": Confidences.model_validate(confidences)})


def _described(index: int, written: StandardizedTable, *, write: bool) -> TableReport:
    table = written.table
    return TableReport(
        index=index,
        name=table.name,
        path=written.path.name if write else None,
        source=source_of(table.origin),
        n_rows=written.row_count,
        columns=written.columns,
        header_rows=tuple(table.header_rows),
        repairs=tuple(_repairs(table.repairs)),
        repair_counts=table.repairs.counts,
        findings=tuple(
            Finding(kind=item.kind, detail=item.detail, position=item.position) for item in table.findings.listed
        ),
        finding_counts=table.findings.counts,
    )


def _missed(tables: Iterable[StandardizedTable], options: ParseOptions) -> Iterable[Finding]:
    """Yield a finding for every column that a person decided about and no table has."""
    present = {name for table in tables for column in table.columns for name in (column.source_name, column.name)}
    before = {name for table in tables for name in safe_names(column.source_name for column in table.columns)}
    for what, names in (("type", options.types), ("name", options.names)):
        for name in names:
            if name not in present | before:
                yield Finding(kind="override_missing_column", detail=f"a {what} is set for a column that is not there",
                              position=f"column {name}"[:200])  # fmt: skip


def _repairs(notes: Notes) -> Iterable[Repair]:
    for item in notes.listed:
        yield Repair(kind=item.kind, line=line_of(item.position), what=item.detail, position=item.position)
