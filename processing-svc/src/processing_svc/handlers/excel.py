"""Workbooks (xlsx, xlsm, xlsb, xls, ods): every sheet, hidden ones too, by the values that were last computed."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from processing_svc.grid.cells import Shape, batches, schema_of, survey
from processing_svc.grid.header import Header, Row, find_header, is_empty
from processing_svc.handlers.interface import (
    Extracted,
    ExtractedTable,
    HandlerError,
    Notes,
    Origin,
    Original,
    SourceColumn,
    Unextracted,
)
from processing_svc.unpack import unpacked
from processing_svc.workbook.package import Extent, Package, inspect
from processing_svc.workbook.streaming import StreamedRows

# pairs, because the library's enumerations cannot be keys
_NOT_A_TABLE: Final = (
    (SheetTypeEnum.ChartSheet, "chart_sheet"),
    (SheetTypeEnum.MacroSheet, "macro_sheet"),
    (SheetTypeEnum.DialogSheet, "dialog_sheet"),
    (SheetTypeEnum.Vba, "macro_sheet"),
)


class ExcelHandler:
    """Microsoft Excel and OpenDocument workbooks."""

    name = "excel"
    version = "1"
    formats = frozenset({"xlsx", "xlsm", "xlsb", "xls", "ods"})

    def extract(self, original: Original) -> Iterable[Extracted]:
        """Yield a table for every sheet with cells; name every other sheet with the reason."""
        path = unpacked(original)
        package = inspect(path, original.format, original.budget)
        with _open(path) as workbook:
            sheets = workbook.sheets_metadata
            if len(sheets) > original.budget.tables:
                raise HandlerError("too_many_sheets", f"the workbook has {len(sheets)} sheets")
            for sheet in sheets:
                yield _extract(workbook, path, sheet, package, original)


def _open(path: Path) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_path(path)
    except PasswordError as error:
        raise HandlerError("encrypted_workbook", "the workbook has a password; save it without one") from error
    except (CalamineError, OSError) as error:
        raise HandlerError("corrupt_file", f"the workbook is damaged: {_sentence(error)}") from error


def _extract(
    workbook: CalamineWorkbook, path: Path, sheet: SheetMetadata, package: Package, original: Original
) -> Extracted:
    hidden = sheet.visible != SheetVisibleEnum.Visible
    origin = Origin(kind="sheet", name=sheet.name[:1024], hidden=hidden)
    other = next((code for kind, code in _NOT_A_TABLE if kind == sheet.typ), None)
    if other:
        return Unextracted(origin=origin, reason_code=other, detail="this sheet holds no cells of a table")
    extent = package.extents.get(sheet.name)
    try:
        rows = _rows(workbook, path, sheet.name, extent, original)
        found = find_header(rows)
        if found is None:
            return Unextracted(origin=origin, reason_code="empty_sheet", detail="no cell of this sheet holds anything")
        return _table(rows, found, origin, extent, original)
    except HandlerError as error:
        return Unextracted(origin=origin, reason_code=error.code, detail=error.detail)


class _LoadedRows:
    """The rows of a sheet that is in memory, to be iterated as often as needed."""

    def __init__(self, sheet: CalamineSheet) -> None:
        self._sheet = sheet

    def __iter__(self) -> Iterator[Row]:
        return iter(self._sheet.iter_rows())


def _rows(
    workbook: CalamineWorkbook, path: Path, name: str, extent: Extent | None, original: Original
) -> Iterable[Row]:
    if extent is not None and extent.area > original.budget.cells:
        return StreamedRows(path, name)
    try:
        return _LoadedRows(workbook.get_sheet_by_name(name))
    except PasswordError as error:
        raise HandlerError("encrypted_workbook", "the sheet has a password") from error
    except (CalamineError, OSError) as error:
        raise HandlerError("corrupt_sheet", f"the sheet is damaged: {_sentence(error)}") from error


def _table(
    rows: Iterable[Row], header: Header, origin: Origin, extent: Extent | None, original: Original
) -> ExtractedTable:
    skipped = header.above + header.present
    named = [index for index, name in enumerate(header.names) if not is_empty(name)]
    shape = survey(islice(rows, skipped, None), named)
    if len(shape.columns) > original.budget.columns:
        raise HandlerError("too_many_columns", f"the sheet has {len(shape.columns)} columns")
    names = dict(enumerate(header.names))
    return ExtractedTable(
        name=(origin.name or original.name)[:255],
        origin=origin,
        columns=[SourceColumn(names.get(column.index)) for column in shape.columns],
        schema=schema_of(shape.columns),
        batches=batches(islice(rows, skipped, None), shape.columns),
        findings=_findings(header, shape, extent),
    )


def _findings(header: Header, shape: Shape, extent: Extent | None) -> Notes:
    findings = Notes()
    if header.above:
        findings.add("preamble", f"{header.above} rows above the table are no part of it", f"rows 1-{header.above}")
    if not header.present:
        findings.add("no_header", "the first row holds values; the columns are numbered")
    if shape.blank_rows:
        findings.add("blank_rows", f"{shape.blank_rows} blank rows inside the table were left out")
    if extent is not None and extent.errors:
        where = ", ".join(extent.error_cells)
        findings.add("error_cells", "cells with an error value are null", where, count=extent.errors)
    return findings


def _sentence(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
