"""Old binary workbooks (xls, BIFF2 to BIFF8), read by xlrd: values, formats, merged cells, errors, frozen rows."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import xlrd

from dataplatform_formats.detection.ole import detect_ole
from dataplatform_formats.detection.outcome import UnacceptableError
from processing_svc.grid import labels, serials
from processing_svc.grid.arrow import ArrowArray
from processing_svc.grid.cells import (
    ERRORS,
    MAX_COLUMNS,
    MAX_ROWS,
    NO_TEXTS,
    Area,
    Block,
    Bytes,
    Floats,
    Kind,
    SheetEntry,
    SheetFacts,
    strings,
)
from processing_svc.handlers.interface import HandlerError
from processing_svc.workbook.package import OLE_MAGIC, sentence
from processing_svc.workbook.styles import Styles, styles_of

BLOCK_CELLS: Final = 50_000
_BOUND_SHEET, _END, _BOF = 0x0085, 0x000A, 0x0809
_KINDS: Final = {0: "worksheet", 1: "macro_sheet", 2: "chart_sheet", 6: "macro_sheet"}
_TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR = 1, 2, 3, 4, 5
_BOLD: Final = 600
_ERROR_NUMBERS: Final = {0x00: 0, 0x07: 1, 0x0F: 2, 0x17: 3, 0x1D: 4, 0x24: 5, 0x2A: 6, 0x2B: 7}


@dataclass(slots=True)
class XlsWorkbook:
    """An open xls."""

    sheets: list[SheetEntry]
    shared: ArrowArray
    book: Any
    styles: Styles

    def read(self, sheet: SheetEntry, facts: SheetFacts) -> Iterator[Block]:
        """Yield the cells of a sheet."""
        try:
            opened = self.book.sheet_by_index(int(sheet.part))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - xlrd raises whatever a damaged record leads to
            facts.damage = sentence(error)
            return
        try:
            _facts(self.book, opened, facts)
            yield from _blocks(opened, _Cells(self.styles, facts, date_1904=bool(self.book.datemode)))
        finally:
            self.book.unload_sheet(int(sheet.part))


def open_xls(path: Path) -> XlsWorkbook:
    """Open an xls; raises `HandlerError`."""
    with path.open("rb") as file:
        if file.read(len(OLE_MAGIC)) == OLE_MAGIC:
            _refuse_others(file)
    try:
        book = _opened(path, formatting=True)
    except HandlerError:
        raise
    except xlrd.XLRDError as error:
        raise _refusal(error) from error
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - formats may be damaged where values are not
        try:
            book = _opened(path, formatting=False)
        except MemoryError:
            raise
        except Exception as error:
            raise _refusal(error) from error
    return XlsWorkbook(_entries(book), NO_TEXTS, book, _styles(book))


def _refuse_others(file: BinaryIO) -> None:
    """Refuse an OLE file that is an encrypted workbook or no workbook at all."""
    try:
        detect_ole(file)
    except UnacceptableError as error:
        if error.code == "encrypted_workbook":
            raise HandlerError("encrypted_workbook", "the workbook has a password; save it without one") from error
        if error.code == "unsupported_format":
            raise HandlerError("unsupported_format", str(error)) from error


def _opened(path: Path, *, formatting: bool) -> Any:
    # a file given by name is mapped into memory, which pages it in as needed
    return xlrd.open_workbook(str(path), logfile=io.StringIO(), formatting_info=formatting, on_demand=True,
                              ragged_rows=True)  # fmt: skip


def _refusal(error: Exception) -> HandlerError:
    text = str(error).lower()
    if "encrypt" in text or "password" in text:
        return HandlerError("encrypted_workbook", "the workbook has a password; save it without one")
    return HandlerError("corrupt_file", f"the workbook is damaged: {sentence(error)}")


def _entries(book: Any) -> list[SheetEntry]:
    """List the sheets. xlrd forgets charts and macros; the workbook's own list of sheets names them."""
    known = [SheetEntry(name, bool(book._sheet_visibility[index]), part=str(index))  # noqa: SLF001 - no public way without loading the sheet
             for index, name in enumerate(book.sheet_names())]  # fmt: skip
    others = [entry for entry in _bound_sheets(book) if entry.kind != "worksheet"]
    return known + others


def _bound_sheets(book: Any) -> Iterator[SheetEntry]:
    if book.biff_version < 80:  # noqa: PLR2004 - BIFF8; older versions are named by the sheets themselves
        return
    data, at = book.mem, book.base
    while at + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, at)
        if code == _END:
            return
        if code == _BOUND_SHEET and length > 8:  # noqa: PLR2004 - position, state, type, name
            state, kind, count, wide = struct.unpack_from("<BBBB", data, at + 8)
            raw = bytes(data[at + 12 : at + 12 + count * (1 + (wide & 1))])
            name = raw.decode("utf-16-le" if wide & 1 else "latin-1", "replace")
            yield SheetEntry(name, bool(state & 3), _KINDS.get(kind, "macro_sheet"))
        at += 4 + length


def _styles(book: Any) -> Styles:
    formats: list[str | int] = []
    emphasized = []
    for xf in book.xf_list:
        known = book.format_map.get(xf.format_key)
        formats.append((known.format_str if known is not None else None) or int(xf.format_key))
        font = book.font_list[xf.font_index] if 0 <= xf.font_index < len(book.font_list) else None
        bold = font is not None and (bool(font.bold) or font.weight >= _BOLD)
        emphasized.append(bold or bool(getattr(xf.background, "fill_pattern", 0)))
    return styles_of(formats, emphasized)


def _facts(book: Any, sheet: Any, facts: SheetFacts) -> None:
    for top, bottom, left, right in sheet.merged_cells:
        if top < bottom and left < right:
            facts.merges.append(Area(top, left, bottom - 1, right - 1))
    if getattr(sheet, "panes_are_frozen", 0):
        facts.frozen_rows = int(getattr(sheet, "horz_split_pos", 0) or 0)
    _hidden(sheet, facts)
    for name in book.name_obj_list:
        try:
            target, top, bottom, left, right = name.area2d()
        except Exception:  # noqa: BLE001, S112 - most names are no plain range
            continue
        if target is not sheet or bottom <= top or right <= left:
            continue
        area = Area(top, left, bottom - 1, right - 1)
        if name.builtin and "FilterDatabase" in str(name.name):
            facts.filters.append(area)
        elif not name.builtin:
            facts.names.append((str(name.name), area))


def _hidden(sheet: Any, facts: SheetFacts) -> None:
    for row, info in sorted(sheet.rowinfo_map.items()):
        if info.hidden:
            facts.hide_rows(row, row)
    for column, info in sorted(sheet.colinfo_map.items()):
        if info.hidden:
            facts.hide_columns(column, column)


class _Cells:
    """Collects the cells of some rows as xlrd gives them."""

    def __init__(self, styles: Styles, facts: SheetFacts, *, date_1904: bool) -> None:
        self._styles = styles
        self._facts = facts
        self._date_1904 = date_1904
        self.rows: list[int] = []
        self.columns: list[int] = []
        self.types: list[int] = []
        self.values: list[Any] = []
        self.xfs: list[int] = []

    def block(self) -> Block:
        """Return what was collected and forget it."""
        of_type = np.array(self.types, np.uint8)
        style = np.array(self.xfs, np.int64)
        style[(style < 0) | (style >= len(self._styles.kinds))] = len(self._styles.kinds) - 1
        kinds, numbers = np.zeros(len(of_type), np.uint8), np.zeros(len(of_type), np.float64)
        columns = np.array(self.columns, np.int32)
        at = np.flatnonzero((of_type == _NUMBER) | (of_type == _DATE))
        if len(at):
            numbers[at], kinds[at] = self._numbers(at, of_type, style)
            money = at[(kinds[at] == Kind.CURRENCY) | (kinds[at] == Kind.WHOLE_CURRENCY)]
            self._facts.note_currencies(columns[money], style[money], self._styles.signs)
        at = np.flatnonzero(of_type == _TEXT)
        texts = strings([str(self.values[index]) for index in at.tolist()]) if len(at) else NO_TEXTS
        if len(at):
            numbers[at], kinds[at] = -1 - np.arange(len(at)), labels.kinds_of(texts)
        for index in np.flatnonzero(of_type == _BOOLEAN).tolist():
            numbers[index], kinds[index] = float(bool(self.values[index])), Kind.BOOLEAN
        for index in np.flatnonzero(of_type == _ERROR).tolist():
            numbers[index] = _ERROR_NUMBERS.get(self.values[index], ERRORS.index("#VALUE!"))
            kinds[index] = Kind.ERROR
        kept = kinds != Kind.EMPTY
        kinds |= self._styles.emphasis[style]
        found = Block(np.array(self.rows, np.int32)[kept], columns[kept], kinds[kept], numbers[kept], texts)
        self.rows, self.columns, self.types, self.values, self.xfs = [], [], [], [], []
        return found

    def _numbers(self, at: npt.NDArray[np.int64], of_type: Bytes, style: npt.NDArray[np.int64]) -> tuple[Floats, Bytes]:
        plain = len(self._styles.kinds) - 1
        shown = self._styles.kinds[style[at]]
        # without formats, xlrd's own judgement
        shown = np.where((of_type[at] == _DATE) & (style[at] == plain), np.uint8(Kind.MOMENT), shown)
        found = np.array([self.values[index] for index in at.tolist()], np.float64)
        finite = np.isfinite(found)
        numbers, kinds = serials.typed(np.where(finite, found, 0.0), shown, self._date_1904)
        kinds[~finite] = Kind.ERROR
        return numbers, kinds


def _blocks(sheet: Any, cells: _Cells) -> Iterator[Block]:
    for row in range(min(sheet.nrows, MAX_ROWS)):
        formats = sheet._cell_xf_indexes[row] if sheet.formatting_info else None  # noqa: SLF001 - cells one by one are three times slower
        for column, (kind, value) in enumerate(zip(sheet.row_types(row), sheet.row_values(row), strict=True)):
            if 0 < kind <= _ERROR and column < MAX_COLUMNS:
                cells.rows.append(row)
                cells.columns.append(column)
                cells.types.append(kind)
                cells.values.append(value)
                cells.xfs.append(formats[column] if formats is not None else -1)
        if len(cells.rows) >= BLOCK_CELLS:
            yield cells.block()
    if cells.rows:
        yield cells.block()
