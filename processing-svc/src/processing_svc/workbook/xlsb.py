"""Binary OOXML workbooks (xlsb): what of [MS-XLSB] cells, formats, merged ranges, filters and tables are in."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from processing_svc.grid import labels, serials
from processing_svc.grid.arrow import ArrowArray, arrow
from processing_svc.grid.cells import (
    MAX_COLUMNS,
    MAX_ROWS,
    NO_TEXTS,
    Area,
    Block,
    Bytes,
    DefinedTable,
    Kind,
    Mark,
    SheetEntry,
    SheetFacts,
    strings,
)
from processing_svc.handlers.interface import HandlerError
from processing_svc.workbook.biff12 import records, rk_number, wide_string
from processing_svc.workbook.binary_names import BinaryNames
from processing_svc.workbook.names import defined_ranges
from processing_svc.workbook.ooxml import shared_kinds
from processing_svc.workbook.package import DAMAGE, Container, damage_is_typed, relations, sentence
from processing_svc.workbook.styles import Styles, styles_of

BLOCK_CELLS: Final = 50_000
MAX_MERGES: Final = 200_000
_ROW, _SST_ITEM, _FONT, _FORMAT, _FILL, _XF, _COLUMNS = 0, 19, 43, 44, 45, 47, 60
_PROPERTIES, _SHEET, _PANE, _FILTER, _MERGE, _TABLE = 153, 156, 151, 161, 176, 343
_BEGIN_CELL_XFS, _END_CELL_XFS = 617, 618
_BEGIN_DATA, _END_DATA = 145, 146
_CELL_RK, _CELL_ERROR, _CELL_BOOL, _CELL_REAL, _CELL_TEXT, _CELL_SHARED = 2, 3, 4, 5, 6, 7
_FORMULA_TEXT, _FORMULA_NUMBER, _FORMULA_BOOL, _FORMULA_ERROR, _CELL_RICH = 8, 9, 10, 11, 62
_CELLS: Final = frozenset({2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 62})
_BOLD: Final = 600
_ERROR_NUMBERS: Final = {0x00: 0, 0x07: 1, 0x0F: 2, 0x17: 3, 0x1D: 4, 0x24: 5, 0x2A: 6, 0x2B: 7}
_SHEET_PARTS: Final = (
    ("/chartsheets/", "chart_sheet"),
    ("/dialogsheets/", "dialog_sheet"),
    ("/macrosheets/", "macro_sheet"),
)


@dataclass(slots=True)
class XlsbWorkbook:
    """An open xlsb."""

    container: Container
    sheets: list[SheetEntry]
    shared: ArrowArray
    styles: Styles
    date_1904: bool
    names: dict[int, SheetFacts] = field(default_factory=dict)
    shared_kinds: Bytes = field(init=False)

    def __post_init__(self) -> None:
        self.shared_kinds = shared_kinds(self.shared)

    def read(self, sheet: SheetEntry, facts: SheetFacts) -> Iterator[Block]:
        """Yield the cells of a sheet."""
        known = self.names.get(self.sheets.index(sheet), SheetFacts())
        facts.names += known.names
        facts.filters += known.filters
        try:
            for part in relations(self.container, sheet.part).values():
                if "/tables/" in f"/{part}" and part in self.container:
                    facts.tables += _tables(self.container, part)
        except (*DAMAGE, HandlerError):
            facts.tables.clear()  # evidence, not content
        cells = _Cells(self, facts)
        try:
            with self.container.open(sheet.part) as stream:
                for code, data in records(stream):
                    cells.take(code, data)
                    if len(cells.rows) >= BLOCK_CELLS and code == _ROW:
                        yield cells.block()
        except DAMAGE as error:
            facts.damage = sentence(error)
        if cells.rows:
            yield cells.block()


class _Cells:
    """Collects the cells of one sheet."""

    def __init__(self, book: XlsbWorkbook, facts: SheetFacts) -> None:
        self._book = book
        self._facts = facts
        self._row = -1
        self._clear()

    def _clear(self) -> None:
        self.rows: list[int] = []
        self._columns: list[int] = []
        self._styles: list[int] = []
        self._numbers: list[float] = []
        self._kinds: list[int] = []
        self._formulas: list[bool] = []
        self._texts: list[str] = []

    def take(self, code: int, data: bytes) -> None:
        """Take one record."""
        if code in _CELLS:
            self._cell(code, data)
        elif code == _ROW:
            self._row = struct.unpack_from("<I", data)[0]
            if self._row >= MAX_ROWS or (self.rows and self._row <= self.rows[-1]):
                raise ValueError("rows out of order")
            if len(data) > 11 and data[11] & 0x10:  # noqa: PLR2004 - fDyZero of BrtRowHdr
                self._facts.hide_rows(self._row, self._row)
        elif code == _COLUMNS and len(data) >= 18 and data[16] & 1:  # noqa: PLR2004 - fHidden of BrtColInfo
            first, last = struct.unpack_from("<II", data)
            if first <= last:
                self._facts.hide_columns(first, last)
        elif code == _MERGE and len(self._facts.merges) < MAX_MERGES:
            self._facts.merges.append(_area(data))
        elif code == _FILTER:
            self._facts.filters.append(_area(data))
        elif code == _PANE and len(data) >= 29 and data[28] & 1:  # noqa: PLR2004 - the flags behind the positions
            self._facts.frozen_rows = int(struct.unpack_from("<d", data, 8)[0])

    def _cell(self, code: int, data: bytes) -> None:
        column, style = struct.unpack_from("<II", data)
        if (
            self._row < 0
            or column >= MAX_COLUMNS
            or (self.rows and self.rows[-1] == self._row and self._columns[-1] >= column)
        ):
            raise ValueError("cells out of order")
        number, kind = self._value(code, data)
        self.rows.append(self._row)
        self._columns.append(column)
        self._styles.append(style & 0xFFFFFF)
        self._numbers.append(number)
        self._kinds.append(kind)
        self._formulas.append(_FORMULA_TEXT <= code <= _FORMULA_ERROR)

    def _value(self, code: int, data: bytes) -> tuple[float, int]:
        if code == _CELL_RK:
            return rk_number(struct.unpack_from("<I", data, 8)[0]), Kind.FRACTION
        if code in {_CELL_REAL, _FORMULA_NUMBER}:
            return struct.unpack_from("<d", data, 8)[0], Kind.FRACTION
        if code in {_CELL_BOOL, _FORMULA_BOOL}:
            return float(data[8] != 0), Kind.BOOLEAN
        if code in {_CELL_ERROR, _FORMULA_ERROR}:
            return float(_ERROR_NUMBERS.get(data[8], 2)), Kind.ERROR
        if code == _CELL_SHARED:
            index = struct.unpack_from("<I", data, 8)[0]
            known = self._book.shared_kinds
            return (float(index), Kind.TEXT) if index < len(known) - 1 else (0.0, Kind.EMPTY)
        self._texts.append(wide_string(data, 9 if code == _CELL_RICH else 8)[0])
        return float(-len(self._texts)), Kind.TEXT

    def block(self) -> Block:
        """Return what was collected and forget it."""
        styles = self._book.styles
        kinds, numbers = np.array(self._kinds, np.uint8), np.array(self._numbers, np.float64)
        columns = np.array(self._columns, np.int32)
        style = np.minimum(np.array(self._styles, np.int64), len(styles.kinds) - 1)
        texts = strings(self._texts) if self._texts else NO_TEXTS
        number = kinds == Kind.FRACTION
        bad = number & ~np.isfinite(numbers)
        numbers[bad] = 0.0
        numbers[number], kinds[number] = serials.typed(
            numbers[number], styles.kinds[style[number]], self._book.date_1904
        )
        kinds[bad] = Kind.ERROR
        text = kinds == Kind.TEXT
        own = text & (numbers < 0)
        kinds[text & ~own] = self._book.shared_kinds[numbers[text & ~own].astype(np.int64)]
        kinds[own] = labels.kinds_of(texts)[(-1 - numbers[own]).astype(np.int64)]
        money = (kinds == Kind.CURRENCY) | (kinds == Kind.WHOLE_CURRENCY)
        self._facts.note_currencies(columns[money], style[money], styles.signs)
        kept = kinds != Kind.EMPTY
        kinds |= styles.emphasis[style] | np.where(np.array(self._formulas), np.uint8(Mark.FORMULA), np.uint8(0))
        found = Block(np.array(self.rows, np.int32)[kept], columns[kept], kinds[kept], numbers[kept], texts)
        self._clear()
        return found


def _area(data: bytes) -> Area:
    top, bottom, left, right = struct.unpack_from("<IIII", data)
    if not (top <= bottom < MAX_ROWS and left <= right < MAX_COLUMNS):
        raise ValueError("a range lies outside the sheet")
    return Area(top, left, bottom, right)


def open_xlsb(container: Container, scratch: Path) -> XlsbWorkbook:
    """Read the parts around the sheets; raises `HandlerError`."""
    del scratch  # shared strings are in memory: a part of them is at most as large as the budget lets it be
    with damage_is_typed():
        book = container.named("/workbook.bin") or ""
        targets = relations(container, book)
        sheets: list[SheetEntry] = []
        date_1904, names = False, BinaryNames()
        with container.open(book) as stream:
            for code, data in records(stream):
                if code == _SHEET:
                    sheets.append(_entry(data, targets, container))
                elif code == _PROPERTIES:
                    date_1904 = bool(data[0] & 1)
                else:
                    names.take(code, data)
        if not sheets:
            raise HandlerError("corrupt_file", "the workbook lists no sheets")
        titles = [sheet.name for sheet in sheets]
        return XlsbWorkbook(container, sheets, _shared(container, _part(container, targets, "sharedstrings.bin")),
                            _styles(container, _part(container, targets, "styles.bin")), date_1904,
                            defined_ranges(names.ranges(titles), titles))  # fmt: skip


def _part(container: Container, targets: dict[str, str], ending: str) -> str | None:
    found = next((name for name in targets.values() if name.endswith(ending) and name in container), None)
    return found or container.named("/" + ending)


def _entry(data: bytes, targets: dict[str, str], container: Container) -> SheetEntry:
    (state,) = struct.unpack_from("<I", data)
    relation, at = wide_string(data, 8)
    name, _ = wide_string(data, at)
    part = targets.get(relation, "")
    kind = "corrupt_sheet" if part not in container else "worksheet"
    kind = next((other for folder, other in _SHEET_PARTS if folder in f"/{part}"), kind)
    return SheetEntry(name, state != 0, kind, part)


def _shared(container: Container, part: str | None) -> ArrowArray:
    if part is None:
        return NO_TEXTS
    found: list[ArrowArray] = []
    held: list[str] = []
    with container.open(part) as stream:
        for code, data in records(stream):
            if code == _SST_ITEM:
                held.append(wide_string(data, 1)[0])
                if len(held) >= BLOCK_CELLS:
                    found.append(strings(held))
                    held = []
    return arrow.concat_arrays([*found, strings(held)])


def _styles(container: Container, part: str | None) -> Styles:
    if part is None:
        return Styles()
    custom: dict[int, str] = {}
    bold: list[bool] = []
    filled: list[bool] = []
    formats: list[str | int] = []
    emphasized: list[bool] = []
    inside = False
    with container.open(part) as stream:
        for code, data in records(stream):
            if code == _FORMAT:
                custom[struct.unpack_from("<H", data)[0]] = wide_string(data, 2)[0]
            elif code == _FONT:
                bold.append(struct.unpack_from("<H", data, 4)[0] >= _BOLD)
            elif code == _FILL:
                filled.append(struct.unpack_from("<I", data)[0] not in {0, 17})
            elif code in {_BEGIN_CELL_XFS, _END_CELL_XFS}:
                inside = code == _BEGIN_CELL_XFS
            elif code == _XF and inside:
                _, number, font, fill = struct.unpack_from("<HHHH", data)
                formats.append(custom.get(number, number))
                emphasized.append((font < len(bold) and bold[font]) or (fill < len(filled) and filled[fill]))
    return styles_of(formats, emphasized)


def _tables(container: Container, part: str) -> Iterator[DefinedTable]:
    with container.open(part) as stream:
        for code, data in records(stream):
            if code == _TABLE:
                headers, totals = struct.unpack_from("<II", data, 24)
                name, at = wide_string(data, 64)
                display, _ = wide_string(data, at)
                yield DefinedTable(display or name, _area(data), min(headers, 8), min(totals, 8))
                return
