"""The cells of an OOXML sheet by the letter of XML, one event at a time: for what `sheetxml` does not know."""

from collections.abc import Callable, Iterator
from typing import Final
from xml.parsers import expat

import numpy as np
import pyarrow as pa

from processing_svc.grid.arrow import arrow
from processing_svc.grid.cells import MAX_COLUMNS, MAX_ROWS, parse_area
from processing_svc.handlers.interface import HandlerError
from processing_svc.workbook.sheetxml import RawCells

BLOCK_CELLS: Final = 50_000
_TYPES: Final = {"s": ord("s"), "n": ord("n"), "b": ord("b"), "e": ord("e"), "d": ord("d"), "str": ord("S"),
                 "inlineStr": ord("i")}  # fmt: skip
WHITE: Final = " \t\r\n"


class _Cells:
    """Collects cells from parser events. Cells and rows without a reference follow the one before."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data
        self.parser.StartDoctypeDeclHandler = _refuse
        self._clear()
        self._row = self._column = -1
        self._cell: list[object] | None = None
        self._parts: list[str] = []
        self._wanted = False
        self._phonetic = self._texts = 0
        self._preserved = self._in_run = False

    def _clear(self) -> None:
        self.rows: list[int] = []
        self.columns: list[int] = []
        self.types: list[int] = []
        self.styles: list[int] = []
        self.formulas: list[bool] = []
        self.hidden: list[int] = []
        self.values: list[str | None] = []

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "c":
            self._begin_cell(attributes)
        elif name == "row":
            number = attributes.get("r", "")
            self._row = int(number) - 1 if number.isdigit() else self._row + 1
            self._column = -1
            if attributes.get("hidden") in {"1", "true"}:
                self.hidden.append(self._row)
        elif self._cell is not None:
            if name in {"v", "t"}:
                self._wanted = not self._phonetic
                self._preserved = self._in_run or attributes.get("xml:space") == "preserve"
            elif name == "r":
                self._in_run = True
            elif name == "f":
                self._cell[4] = True
            elif name == "rPh":
                self._phonetic += 1

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        area = parse_area(attributes.get("r", ""))
        row, column = (area.top, area.left) if area is not None and "r" in attributes else (self._row, self._column + 1)
        self._column = column
        style = attributes.get("s", "")
        self._cell = [
            row, column, _TYPES.get(attributes.get("t", "n"), ord("n")),
            int(style) if style.isdigit() and len(style) < 9 else 0, False, None,  # noqa: PLR2004 - fits an int32
        ]  # fmt: skip
        self._phonetic = self._texts = 0

    def _data(self, text: str) -> None:
        if self._wanted:
            self._parts.append(text)

    def _end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name in {"v", "t"} and self._cell is not None and self._wanted:
            self._take_text(self._cell, name, "".join(self._parts))
            self._parts.clear()
            self._wanted = False
        elif name == "r":
            self._in_run = False
        elif name == "rPh":
            self._phonetic = max(0, self._phonetic - 1)
        elif name == "c" and self._cell is not None:
            self._keep(self._cell)
            self._cell = None

    def _take_text(self, cell: list[object], name: str, text: str) -> None:
        """Take the text of `v` or `t`; where a cell has both, its type says which one counts."""
        inline = cell[2] == _TYPES["inlineStr"]
        if name == "v":
            if not inline or cell[5] is None:
                cell[5] = text
        elif not inline:
            return
        elif self._texts:
            cell[5] = str(cell[5]) + text
        else:
            cell[5] = text if self._preserved else text.strip(WHITE)
        self._texts += name == "t"

    def _keep(self, cell: list[object]) -> None:
        row, column, kind, style, formula, value = cell
        if not (0 <= row < MAX_ROWS and 0 <= column < MAX_COLUMNS):  # type: ignore[operator]
            raise ValueError("a cell lies outside the sheet")
        self.rows.append(row)  # type: ignore[arg-type]
        self.columns.append(column)  # type: ignore[arg-type]
        self.types.append(kind)  # type: ignore[arg-type]
        self.styles.append(style)  # type: ignore[arg-type]
        self.formulas.append(bool(formula))
        self.values.append(value)  # type: ignore[arg-type]

    def take(self) -> RawCells:
        """Return what was collected and forget it."""
        # the caller resolves entities; those that the parser resolved are written again
        texts = [
            None if value is None else value.replace("&", "&amp;").encode("utf-8", "replace") for value in self.values
        ]
        found = RawCells(
            np.array(self.rows, np.int32), np.array(self.columns, np.int32), np.array(self.types, np.uint8),
            np.array(self.styles, np.int32), np.array(self.formulas, np.bool_), arrow.array(texts, pa.binary()),
            entities=True, hidden=tuple(self.hidden),
        )  # fmt: skip
        self._clear()
        return _in_order(found)


def _in_order(cells: RawCells) -> RawCells:
    """Sort cells by row and column; of several cells in one place the last counts."""
    if not len(cells.rows):
        return cells
    places = cells.rows.astype(np.int64) * MAX_COLUMNS + cells.columns
    if bool(np.all(np.diff(places) > 0)):
        return cells
    _, last = np.unique(places[::-1], return_index=True)
    order = len(places) - 1 - last
    values = cells.values.take(arrow.array(order))
    return RawCells(cells.rows[order], cells.columns[order], cells.types[order], cells.styles[order],
                    cells.formulas[order], values, cells.entities, cells.hidden)  # fmt: skip


def _refuse(*_declaration: object) -> None:
    raise HandlerError("corrupt_sheet", "the sheet declares XML entities, which no workbook needs")


def tokenize_slowly(
    read: Callable[[int], bytes], chunk_bytes: int, first: bytes, prefix: bytes = b""
) -> Iterator[RawCells | bytes]:
    """Do what `sheetxml.tokenize` does, for all XML: a damaged sheet gives what stands before the damage."""
    reader = _Cells()
    declared = f' xmlns:{prefix[:-1].decode()}="p"'.encode() if prefix else b""
    closing = b"</" + prefix + b"sheetData"
    reader.parser.Parse(b"<" + prefix + b"sheetData" + declared + b' xmlns:x14ac="x" xmlns:mc="m" xmlns:xr="r">', False)  # noqa: FBT003 - expat takes no names
    text, rest = first, b""
    while text:
        text = rest + text
        end = text.find(closing)
        keep = 0 if end >= 0 else len(closing)
        body, rest = (text[:end], text[end:]) if end >= 0 else (text[: len(text) - keep], text[len(text) - keep :])
        try:
            reader.parser.Parse(body, False)  # noqa: FBT003 - expat takes no names
        except (expat.ExpatError, ValueError):
            yield reader.take()
            raise
        if len(reader.rows) >= BLOCK_CELLS or end >= 0:
            yield reader.take()
        if end >= 0:
            yield rest
            return
        text = read(chunk_bytes)
    yield reader.take()
    raise EOFError("the sheet ends before its data does")
