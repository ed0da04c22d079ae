"""OpenDocument spreadsheets, after OpenDocument 1.3 part 3: the sheets of `content.xml` as a stream of events."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from xml.parsers import expat

import numpy as np

from processing_svc.grid import labels, serials
from processing_svc.grid.arrow import ArrowArray
from processing_svc.grid.cells import (
    ERRORS,
    MAX_COLUMNS,
    MAX_ROWS,
    NO_TEXTS,
    Area,
    Block,
    DefinedTable,
    Kind,
    Mark,
    SheetEntry,
    SheetFacts,
    parse_area,
    strings,
)
from processing_svc.handlers.interface import HandlerError
from processing_svc.workbook.package import DAMAGE, Container, damage_is_typed, sentence

CHUNK_BYTES: Final = 1 << 18
BLOCK_CELLS: Final = 50_000
MAX_CELLS: Final = 200_000_000
"""Most cells of a sheet, repeated ones counted; a few bytes can claim billions."""
MAX_REPEATED_TEXT: Final = 1_000_000
_DURATION: Final = re.compile(r"(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?")
_IGNORED: Final = frozenset(
    [
        "office:annotation",
        "text:ruby-text",
        "table:shapes",
        "draw:frame",
        "draw:custom-shape",
        "table:tracked-changes",
        "table:dde-links",
        "table:table-source",
        "draw:control",
        "office:forms",
        "table:cell-range-source",
        "table:scenario",
        "table:detective",
    ]
)
"""Elements that may hold text or cells which are none of the sheet's."""
_DAY: Final = 86_400.0


@dataclass(slots=True)
class _Style:
    """What a cell style says: durations differ from times of day in nothing else."""

    emphasis: bool = False
    data: str = ""
    parent: str = ""


@dataclass(frozen=True, slots=True)
class _Range:
    """A range with a name. A database range declares a table (9.4.15), `headed` if its first row names columns."""

    name: str
    address: str
    database: bool
    headed: bool
    buttons: bool


@dataclass(slots=True)
class _Structure:
    """What `content.xml` says around its cells."""

    sheets: list[SheetEntry] = field(default_factory=list)
    ranges: list["_Range"] = field(default_factory=list)


def open_ods(container: Container) -> "OdsWorkbook":
    """Read the list of sheets; raises `HandlerError`."""
    with damage_is_typed():
        if "meta-inf/manifest.xml" in container and b"encryption-data" in container.read("meta-inf/manifest.xml"):
            raise HandlerError("encrypted_workbook", "the workbook has a password; save it without one")
        structure = _survey(container)
        if not structure.sheets:
            raise HandlerError("corrupt_file", "the document holds no sheets")
        return OdsWorkbook(container, structure.sheets, NO_TEXTS, structure)


def _parser() -> Any:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    return parser


def _refuse(*_declaration: object) -> None:
    raise HandlerError("corrupt_file", "the document declares XML entities, which no workbook needs")


def _survey(container: Container) -> _Structure:
    """Pass over the content once for its sheets and ranges; damage in it is for the reader of the cells to find."""
    found = _Structure()
    displayed: dict[str, bool] = {}
    path: list[str] = []
    style = ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal style
        path.append(tag)
        if tag == "style:style":
            style = attributes.get("style:name", "")
        elif tag == "style:table-properties":
            displayed[style] = attributes.get("table:display", "true") != "false"
        elif tag == "table:table" and len(path) > 1 and path[-2] == "office:spreadsheet":
            hidden = not displayed.get(attributes.get("table:style-name", ""), True)
            name = attributes.get("table:name", "")
            found.sheets.append(SheetEntry(name, hidden, "worksheet", str(len(found.sheets))))
        elif tag in {"table:database-range", "table:named-range"}:
            address = attributes.get("table:target-range-address") or attributes.get("table:cell-range-address") or ""
            database = tag == "table:database-range"
            headed = attributes.get("table:contains-header", "true") != "false"
            buttons = attributes.get("table:display-filter-buttons") == "true"
            found.ranges.append(_Range(attributes.get("table:name", ""), address, database, headed, buttons))

    parser = _parser()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _tag: path.pop()
    try:
        with container.open("content.xml") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                parser.Parse(chunk, False)  # noqa: FBT003 - expat takes no names
    except DAMAGE:
        if not found.sheets:
            raise
    return found


@dataclass(slots=True)
class OdsWorkbook:
    """An open document. Sheets are read one after the other in one pass; another order begins a new pass."""

    container: Container
    sheets: list[SheetEntry]
    shared: ArrowArray
    structure: _Structure
    _content: "_Content | None" = None

    def read(self, sheet: SheetEntry, facts: SheetFacts) -> Iterator[Block]:
        """Yield the cells of a sheet."""
        _ranges(self.structure, sheet, facts)
        wanted = int(sheet.part)
        if self._content is None or self._content.sheet > wanted:
            self._content = _Content(self.container)
        content = self._content
        yield from content.blocks(wanted)
        facts.merges += content.facts.merges
        facts.currencies.update(content.facts.currencies)
        facts.hidden_rows += content.facts.hidden_rows
        facts.hidden_columns += content.facts.hidden_columns
        facts.damage = content.damage


def _ranges(structure: _Structure, sheet: SheetEntry, facts: SheetFacts) -> None:
    for declared in structure.ranges:
        name, address = declared.name, declared.address
        target, _, cells = address.split(":")[0].rpartition(".")
        if target.lstrip("$").strip("'").replace("''", "'") != sheet.name:
            continue
        last = address.partition(":")[2].rpartition(".")[2]
        area = parse_area(f"{cells}:{last}" if last else cells)
        if area is None:
            continue
        if declared.buttons:
            facts.filters.append(area)
        if name.startswith("__"):
            continue
        if declared.database:
            facts.tables.append(DefinedTable(name, area, int(declared.headed), 0))
        else:
            facts.names.append((name, area))


class _Content:
    """One pass over the content: cells are collected from events while the file is fed in pieces."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._parser = _parser()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data
        self.sheet = -1
        self.facts = SheetFacts()
        self.damage: str | None = None
        self._ready: list[tuple[int, Block]] = []
        self._pieces = self._fed()
        self._depth = 0
        self._ignored = 0
        self._table_depth = 0
        self._styles: dict[str, _Style] = {}
        self._style = _Style()
        self._overflowing: set[str] = set()
        self._finished_facts: dict[int, SheetFacts] = {}
        self._row = self._repeated_rows = self._column = 0
        self._begin_sheet()

    def blocks(self, wanted: int) -> Iterator[Block]:
        """Yield the blocks of a sheet, reading on as far as needed."""
        self.facts, self.damage = SheetFacts(), None
        while True:
            while self._ready:
                if self._ready[0][0] > wanted:
                    self._facts_of(wanted)
                    return
                sheet, block = self._ready.pop(0)
                if sheet == wanted:
                    yield block
            if self.sheet > wanted:
                self._facts_of(wanted)
                return
            try:
                if not next(self._pieces, False):
                    self._facts_of(wanted)
                    return
            except DAMAGE as error:
                self._finish_block()
                self.damage = sentence(error)
                self._pieces = iter(())
                yield from (block for sheet, block in self._ready if sheet == wanted)
                self._ready.clear()
                self._facts_of(wanted)
                return

    def _facts_of(self, wanted: int) -> None:
        self.facts = self._finished_facts.get(wanted, SheetFacts())

    def _fed(self) -> Iterator[bool]:
        with self._container.open("content.xml") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                self._parser.Parse(chunk, False)  # noqa: FBT003 - expat takes no names
                yield True
        self._parser.Parse(b"", True)  # noqa: FBT003 - expat takes no names
        yield True

    # Events -------------------------------------------------------------------------------------------------------

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._ignored:
            self._ignored += 1
        elif tag in _IGNORED:
            self._ignored = 1
        elif tag in {"table:table-cell", "table:covered-table-cell"}:
            self._begin_cell(tag, attributes)
        elif self._cell is not None:
            self._begin_text(tag, attributes)
        elif tag == "table:table-row":
            self._begin_row(attributes)
        elif tag == "table:table":
            self._table_depth += 1
            if self._table_depth == 1:
                self._finish_block()
                self.sheet += 1
                self._begin_sheet()
        elif tag == "table:table-column":
            self._begin_columns(attributes)
        elif not self._table_depth:
            self._begin_style(tag, attributes)

    def _begin_row(self, attributes: dict[str, str]) -> None:
        self._row += self._repeated_rows
        self._repeated_rows = _count(attributes.get("table:number-rows-repeated"))
        self._column = 0
        self._line.clear()
        if attributes.get("table:visibility", "visible") != "visible" and self._row < MAX_ROWS:
            last = min(self._row + self._repeated_rows, MAX_ROWS) - 1
            self._finished_facts[self.sheet].hide_rows(self._row, last)

    def _begin_columns(self, attributes: dict[str, str]) -> None:
        style = attributes.get("table:default-cell-style-name", "")
        count = min(_count(attributes.get("table:number-columns-repeated")), MAX_COLUMNS - len(self._defaults))
        if count and attributes.get("table:visibility", "visible") != "visible":
            self._finished_facts[self.sheet].hide_columns(len(self._defaults), len(self._defaults) + count - 1)
        self._defaults += [style] * count

    def _begin_style(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "style:style":
            self._style = _Style(data=attributes.get("style:data-style-name", ""),
                                 parent=attributes.get("style:parent-style-name", ""))  # fmt: skip
            self._styles[attributes.get("style:name", "")] = self._style
        elif tag == "style:text-properties":
            self._style.emphasis |= attributes.get("fo:font-weight", "normal") in {"bold", "600", "700", "800", "900"}
        elif tag == "style:table-cell-properties":
            self._style.emphasis |= attributes.get("fo:background-color", "transparent") not in {
                "transparent",
                "#ffffff",
            }
        elif tag == "number:time-style" and attributes.get("number:truncate-on-overflow") == "false":
            self._overflowing.add(attributes.get("style:name", ""))

    def _begin_sheet(self) -> None:
        self._row = self._repeated_rows = self._column = 0
        self._cells = 0
        self._cell: dict[str, str] | None = None
        self._covered = False
        self._text: list[str] = []
        self._paragraphs = 0
        self._in_text = 0
        self._defaults: list[str] = []
        self._line: list[tuple[int, int, int, float, str | None]] = []
        self._rows: list[int] = []
        self._columns: list[int] = []
        self._kinds: list[int] = []
        self._numbers: list[float] = []
        self._texts: list[str] = []
        self._finished_facts[self.sheet] = SheetFacts()

    def _begin_cell(self, tag: str, attributes: dict[str, str]) -> None:
        self._cell = attributes
        self._covered = tag == "table:covered-table-cell"
        self._text.clear()
        self._paragraphs = self._in_text = 0

    def _begin_text(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in {"text:p", "text:h"}:
            if self._paragraphs and not self._in_text:
                self._text.append("\n")
            self._paragraphs += 1
            self._in_text += 1
        elif tag == "text:s":
            self._text.append(" " * min(_count(attributes.get("text:c")), 10_000))
        elif tag == "text:tab":
            self._text.append("\t")
        elif tag == "text:line-break":
            self._text.append("\n")

    def _data(self, text: str) -> None:
        if self._in_text and not self._ignored:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if self._ignored:
            self._ignored -= 1
        elif tag in {"text:p", "text:h"}:
            self._in_text = max(0, self._in_text - 1)
        elif tag in {"table:table-cell", "table:covered-table-cell"} and self._cell is not None:
            self._end_cell(self._cell)
            self._cell = None
        elif tag == "table:table-row":
            self._end_row()
        elif tag == "table:table":
            self._table_depth -= 1
            if not self._table_depth:
                self._finish_block()

    # Cells --------------------------------------------------------------------------------------------------------

    def _end_cell(self, attributes: dict[str, str]) -> None:
        repeated = _count(attributes.get("table:number-columns-repeated"))
        column = self._column
        self._column += repeated
        if column >= MAX_COLUMNS or self._covered:
            return
        wide, tall = (
            _count(attributes.get("table:number-columns-spanned")),
            _count(attributes.get("table:number-rows-spanned")),
        )
        if wide > 1 or tall > 1:
            merge = Area(self._row, column, min(self._row + tall, MAX_ROWS) - 1, min(column + wide, MAX_COLUMNS) - 1)
            if len(merges := self._finished_facts[self.sheet].merges) < 200_000:  # noqa: PLR2004 - as in the other formats
                merges.append(merge)
        name = attributes.get("table:style-name") or (self._defaults[column] if column < len(self._defaults) else "")
        kind, number, text = self._value(attributes, name)
        if kind == Kind.EMPTY:
            return
        marks = (Mark.FORMULA if "table:formula" in attributes else 0) | (
            Mark.EMPHASIS if self._emphasized(name) else 0
        )
        if kind in {Kind.CURRENCY, Kind.WHOLE_CURRENCY} and (sign := attributes.get("office:currency")):
            self._finished_facts[self.sheet].currencies.setdefault(column, set()).add(sign)
        last = min(column + repeated, MAX_COLUMNS)
        self._line += [(place, kind, marks, number, text) for place in range(column, last)]

    def _emphasized(self, name: str) -> bool:
        for _ in range(4):
            style = self._styles.get(name)
            if style is None:
                return False
            if style.emphasis:
                return True
            name = style.parent
        return False

    def _value(self, attributes: dict[str, str], style: str) -> tuple[int, float, str | None]:
        kind = attributes.get("office:value-type", "")
        shown = "".join(self._text)
        formula = "table:formula" in attributes
        if attributes.get("calcext:value-type") == "error" or (formula and _is_error(shown)):
            return Kind.ERROR, float(ERRORS.index(shown) if shown in ERRORS else 2), None
        try:
            number, of_kind = self._typed(kind, attributes, style)
        except (ValueError, OverflowError):
            of_kind, number = Kind.EMPTY, 0.0
        if of_kind != Kind.EMPTY:
            return of_kind, number, None
        text = shown if self._paragraphs else attributes.get("office:string-value", "")
        if formula and not kind and not self._paragraphs:
            return Kind.UNCACHED, 0.0, None
        return (Kind.TEXT, 0.0, text) if text else (Kind.EMPTY, 0.0, None)

    def _typed(self, kind: str, attributes: dict[str, str], style: str) -> tuple[float, int]:
        match kind:
            case "float" | "percentage" | "currency":
                return _number(kind, float(attributes["office:value"]))
            case "date":
                return serials.from_iso(attributes["office:date-value"])
            case "boolean":
                return float(attributes["office:boolean-value"] == "true"), Kind.BOOLEAN
            case "time":
                return self._time(attributes["office:time-value"], style)
            case _:
                return 0.0, Kind.EMPTY

    def _time(self, text: str, style: str) -> tuple[float, int]:
        found = _DURATION.fullmatch(text)
        if found is None:
            return 0.0, Kind.EMPTY
        sign, days, hours, minutes, seconds = found.groups()
        total = int(days or 0) * _DAY + int(hours or 0) * 3600.0 + int(minutes or 0) * 60.0
        total += float((seconds or "0").replace(",", "."))
        known = self._styles.get(style)
        overflowing = known is not None and known.data in self._overflowing
        if sign or overflowing or total >= _DAY:
            return (-total if sign else total) / _DAY, Kind.DURATION
        return total / _DAY, Kind.TIME

    def _end_row(self) -> None:
        if not self._line or self._row >= MAX_ROWS:
            return
        count = min(self._repeated_rows, MAX_ROWS - self._row)
        self._cells += len(self._line) * count
        if self._cells > MAX_CELLS or (count > 1 and sum(len(text or "") for *_, text in self._line) * count > 1 << 28):
            raise HandlerError("decompression_limit_exceeded", "repeated cells claim more than a sheet may hold")
        for row in range(self._row, self._row + count):
            for column, kind, marks, number, text in self._line:
                if text is not None:
                    self._texts.append(text)
                    number = float(-len(self._texts))  # noqa: PLW2901 - the place of the text
                self._rows.append(row)
                self._columns.append(column)
                self._kinds.append(kind | marks)
                self._numbers.append(number)
            if len(self._rows) >= BLOCK_CELLS:
                self._finish_block()

    def _finish_block(self) -> None:
        if not self._rows:
            return
        kinds, numbers = np.array(self._kinds, np.uint8), np.array(self._numbers, np.float64)
        texts = strings(self._texts) if self._texts else NO_TEXTS
        words = kinds & 0x0F == Kind.TEXT
        if words.any():
            known = labels.kinds_of(texts)[(-1 - numbers[words]).astype(np.int64)]
            kinds[words] = (kinds[words] & 0xF0) | known
        block = Block(np.array(self._rows, np.int32), np.array(self._columns, np.int32), kinds, numbers, texts)
        self._ready.append((self.sheet, block))
        for held in (self._rows, self._columns, self._kinds, self._numbers, self._texts):
            held.clear()


def _number(kind: str, number: float) -> tuple[float, int]:
    if not math.isfinite(number):
        return 0.0, Kind.EMPTY
    if kind == "percentage":
        return number, Kind.PERCENT
    whole = number.is_integer() and abs(number) <= serials.EXACT_INTEGER
    if kind == "currency":
        return number, Kind.WHOLE_CURRENCY if whole else Kind.CURRENCY
    return number, Kind.WHOLE if whole else Kind.FRACTION


def _is_error(shown: str) -> bool:
    return shown in ERRORS or bool(re.fullmatch(r"Err:\d{3}|#[A-Z/0!?]+[!?]", shown))


def _count(text: str | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 10 and int(text) > 0 else 1  # noqa: PLR2004 - fits an int32
