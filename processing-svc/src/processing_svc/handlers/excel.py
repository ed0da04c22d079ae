"""Workbooks (xlsx, xlsm, xlsb, xls, ods): every table of every sheet, hidden ones too, by the values last computed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from processing_svc.grid.cells import SheetEntry, SheetFacts
from processing_svc.grid.spool import CellSpool
from processing_svc.grid.tables import SheetTables
from processing_svc.handlers.interface import Extracted, HandlerError, Origin, Original, Unextracted
from processing_svc.unpack import unpacked
from processing_svc.workbook.open import Workbook, open_workbook

_WITHOUT_CELLS: Final = {
    "chart_sheet": "a chart sheet holds no cells",
    "dialog_sheet": "a dialog sheet holds no cells of a table",
    "macro_sheet": "a macro sheet holds formulas of a program, no table",
    "corrupt_sheet": "the workbook lists this sheet, but its part is missing",
}


class ExcelHandler:
    """Microsoft Excel and OpenDocument workbooks."""

    name = "excel"
    version = "3"
    formats = frozenset({"xlsx", "xlsm", "xlsb", "xls", "ods"})

    def extract(self, original: Original) -> Iterable[Extracted]:
        """Yield every table of every sheet; name every sheet that has none with the reason."""
        path = unpacked(original)
        with open_workbook(path, original) as workbook:
            sheets = _chosen(workbook.sheets, original)
            if len(sheets) > original.budget.tables:
                raise HandlerError("too_many_sheets", f"the workbook has {len(sheets)} sheets")
            found = 0
            for number, sheet in enumerate(sheets):
                original.on_read(number / len(sheets))
                for item in _extract(workbook, sheet, original):
                    found += 1
                    if found > original.budget.tables + len(sheets):
                        raise HandlerError("too_many_tables", f"the workbook has more than {found - 1} tables")
                    yield item


def _chosen(sheets: list[SheetEntry], original: Original) -> list[SheetEntry]:
    wanted = original.options.sheet
    if wanted is None:
        return sheets
    chosen = [sheet for sheet in sheets if sheet.name == wanted]
    chosen = chosen or [sheet for sheet in sheets if sheet.name.strip().lower() == wanted.strip().lower()]
    if not chosen:
        raise HandlerError(
            "unknown_sheet", f"the workbook has no sheet of the name that was asked for, but {len(sheets)} others"
        )
    return chosen


def _extract(workbook: Workbook, sheet: SheetEntry, original: Original) -> Iterator[Extracted]:
    origin = Origin(kind="sheet", name=sheet.name[:1024], sheet=sheet.name[:255], hidden=sheet.hidden)
    if sheet.kind != "worksheet":
        yield Unextracted(origin=origin, reason_code=sheet.kind, detail=_WITHOUT_CELLS[sheet.kind])
        return
    facts = SheetFacts()
    with _spool(original.scratch) as spool:
        try:
            spool.fill(workbook.read(sheet, facts))
            made = SheetTables(spool, workbook.shared, facts, original.budget.columns)
            found = False
            for table in made.tables(sheet.name, sheet.hidden, original.options.header_row):
                found = True
                if facts.damage:
                    table.findings.add("damaged_sheet", f"the sheet was read up to its damage: {facts.damage}")
                yield table
        except HandlerError as error:
            yield Unextracted(origin=origin, reason_code=error.code, detail=error.detail[:2000])
            return
    if facts.damage:
        yield Unextracted(
            origin=origin, reason_code="corrupt_sheet", detail=f"the sheet is damaged: {facts.damage}"[:2000]
        )
    elif not found:
        yield Unextracted(origin=origin, reason_code="empty_sheet", detail="no cell of this sheet holds anything")


@contextmanager
def _spool(scratch: Path) -> Iterator[CellSpool]:
    with CellSpool(scratch / "cells") as spool:
        yield spool
