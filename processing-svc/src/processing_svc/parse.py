"""One parse from file to Parquet, as it runs inside the sandbox: JSON in, JSON out, no service in sight."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dataplatform.events.base import ParseOptions
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
from processing_svc.standardize import StandardizedTable, standardize


def parse(argument: dict[str, Any]) -> dict[str, Any]:
    """Make the tables of one original.

    Takes `path`, `format`, `scratch` and `out` (folders that exist), `name`, and optionally `encoding`, `compression`,
    `budget`, `options`. Returns the report: `handler`, `handler_version`, `tables`, `unextracted`, `facts`,
    `repair_count`. Paths in it are relative to `out`. Raises `HandlerError`; one of code `no_tables` where nothing at
    all was found.
    """
    original = Original(
        path=Path(argument["path"]),
        format=argument["format"],
        scratch=Path(argument["scratch"]),
        encoding=argument.get("encoding"),
        compression=argument.get("compression"),
        name=argument.get("name") or "table",
        budget=Budget(**argument.get("budget", {})),
        options=ParseOptions.model_validate(argument.get("options") or {}),
    )
    handler = handler_for(original.format)
    tables, unextracted, facts = _collect(handler.extract(original), Path(argument["out"]))
    if not tables:
        raise _nothing(unextracted)
    return {
        "handler": handler.name,
        "handler_version": handler.version,
        "tables": [_described(index, table) for index, table in enumerate(tables)],
        "unextracted": [part.model_dump(mode="json", exclude_none=True) for part in unextracted],
        "facts": asdict(facts),
        "repair_count": sum(table.table.repairs.total for table in tables),
    }


def handlers(_argument: dict[str, Any]) -> dict[str, Any]:
    """Return the `name` and `version` of the handler of every format."""
    found = {name: handler_for(name) for name in formats()}
    return {name: {"name": handler.name, "version": handler.version} for name, handler in found.items()}


def _collect(extracted: Iterable[Extracted], out: Path) -> tuple[list[StandardizedTable], list[Unextracted], FileFacts]:
    """Write every table as it comes. A table that fails to the middle is named, and leaves no file."""
    tables: list[StandardizedTable] = []
    unextracted: list[Unextracted] = []
    facts = FileFacts()
    for item in extracted:
        if isinstance(item, FileFacts):
            facts = item
            continue
        if isinstance(item, Unextracted):
            unextracted.append(item)
            continue
        path = out / f"{len(tables)}.parquet"
        try:
            tables.append(standardize(item, path))
        except HandlerError as error:
            path.unlink(missing_ok=True)
            unextracted.append(Unextracted(origin=item.origin, reason_code=error.code, detail=error.detail[:2000]))
    return tables, unextracted, facts


def _nothing(unextracted: list[Unextracted]) -> HandlerError:
    """Say why there is no table: with the reason's own code where the whole file has one reason, else `no_tables`."""
    if len(unextracted) == 1 and unextracted[0].origin.kind == "file":
        return HandlerError(unextracted[0].reason_code, unextracted[0].detail)
    reasons = ", ".join(sorted({part.reason_code for part in unextracted}))
    return HandlerError("no_tables", f"nothing in the file is a table{f' ({reasons})' if reasons else ''}")


def _described(index: int, written: StandardizedTable) -> dict[str, Any]:
    return {
        "index": index,
        "name": written.table.name,
        "origin": written.table.origin.model_dump(mode="json", exclude_none=True),
        "path": written.path.name,
        "row_count": written.row_count,
        "columns": [{**asdict(column), "nullable": column.null_count > 0} for column in written.columns],
        "findings": _noted(written.table.findings),
        "repairs": _noted(written.table.repairs),
    }


def _noted(notes: Notes) -> dict[str, Any]:
    return {
        "counts": notes.counts,
        "listed": [{key: value for key, value in asdict(item).items() if value is not None} for item in notes.listed],
    }
