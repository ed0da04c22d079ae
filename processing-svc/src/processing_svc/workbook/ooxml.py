"""OOXML workbooks (xlsx, xlsm), transitional and strict: the parts around the sheets, and the sheets as blocks."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing_svc.grid import labels, serials
from processing_svc.grid.arrow import ArrowArray, arrow, compute
from processing_svc.grid.cells import (
    ERRORS,
    KIND_MASK,
    NO_TEXTS,
    VOID,
    Block,
    Bytes,
    DefinedTable,
    Kind,
    Mark,
    SheetEntry,
    SheetFacts,
    parse_area,
)
from processing_svc.handlers.interface import HandlerError
from processing_svc.workbook.names import defined_ranges
from processing_svc.workbook.package import (
    DAMAGE,
    Container,
    attribute,
    damage_is_typed,
    elements,
    local,
    relations,
    sentence,
)
from processing_svc.workbook.sharedstrings import read_shared_strings
from processing_svc.workbook.sheetsax import tokenize_slowly
from processing_svc.workbook.sheetxml import RawCells, UnusualError, numbers_of, texts_of, tokenize
from processing_svc.workbook.styles import Styles, read_styles

CHUNK_BYTES: Final = 1 << 20
Mask = npt.NDArray[np.bool_]
HEAD_BYTES: Final = 8 << 20
MAX_TAIL_BYTES: Final = 1 << 27
MAX_MERGES: Final = 200_000
_SHEET_DATA: Final = re.compile(rb"<(\w+:)?sheetData\s*(/?)>")
_MERGE: Final = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?\bref\s*=\s*["\']([^"\']+)')
_FILTER: Final = re.compile(rb'<(?:\w+:)?autoFilter\s[^>]*?\bref\s*=\s*["\']([^"\']+)')
_PANE: Final = re.compile(rb"<(?:\w+:)?pane\s[^>]*>")
_COLUMN: Final = re.compile(rb"<(?:\w+:)?col\s[^>]*>")
_HIDDEN: Final = re.compile(rb'\bhidden\s*=\s*["\'](?:1|true)')
_SPAN: Final = re.compile(rb'\b(min|max)\s*=\s*["\'](\d{1,5})["\']')
_SPLIT: Final = re.compile(rb'\bySplit\s*=\s*["\'](\d+)')
_SHEET_KINDS: Final = {"chartsheet": "chart_sheet", "dialogsheet": "dialog_sheet", "xlmacrosheet": "macro_sheet"}
_ERROR_NUMBERS: Final = {name.encode(): number for number, name in enumerate(ERRORS)}


@dataclass(slots=True)
class OoxmlWorkbook:
    """An open xlsx or xlsm."""

    container: Container
    sheets: list[SheetEntry]
    styles: Styles
    date_1904: bool
    shared: ArrowArray
    names: dict[int, SheetFacts] = field(default_factory=dict)
    shared_kinds: Bytes = field(init=False)

    def __post_init__(self) -> None:
        self.shared_kinds = shared_kinds(self.shared)

    def read(self, sheet: SheetEntry, facts: SheetFacts) -> Iterator[Block]:
        """Yield the cells of a sheet, twice if need be: `VOID` says that what came before does not count."""
        _declared(self, sheet, facts)
        try:
            yield from self._blocks(sheet, facts, tokenize)
        except UnusualError:
            yield VOID
            facts.hidden_rows.clear()
            facts.hidden_columns.clear()
            yield from self._blocks(sheet, facts, tokenize_slowly)

    def _blocks(self, sheet: SheetEntry, facts: SheetFacts, tokens: Callable[..., Iterator[RawCells | bytes]]
                ) -> Iterator[Block]:  # fmt: skip
        try:
            with self.container.open(sheet.part) as stream:
                begun = _begin(stream, facts)
                if begun is None:
                    return
                for item in tokens(stream.read, CHUNK_BYTES, *begun):
                    if isinstance(item, bytes):
                        _tail(item, stream, facts)
                    else:
                        for row in item.hidden:
                            facts.hide_rows(row, row)
                        yield self._block(item, facts)
        except UnusualError:
            raise
        except DAMAGE as error:
            facts.damage = sentence(error)

    def _block(self, raw: RawCells, facts: SheetFacts) -> Block:
        return typed_block(self, raw, facts)


def shared_kinds(shared: ArrowArray) -> Bytes:
    """Return the kind of every shared string, and one more for what a wrong index gives."""
    chunks = shared.chunks if isinstance(shared, pa.ChunkedArray) else [shared]
    found = [labels.kinds_of(chunk) for chunk in chunks if len(chunk)]
    return np.concatenate([*found, np.array([Kind.EMPTY], np.uint8)])


def open_ooxml(container: Container, scratch: Path) -> OoxmlWorkbook:
    """Read the parts around the sheets; raises `HandlerError`."""
    with damage_is_typed():
        book = _main_part(container)
        root = container.tree(book)
        targets = relations(container, book)
        sheets = [_entry(item, targets, container) for item in elements(root, "sheet")]
        if not sheets:
            raise HandlerError("corrupt_file", "the workbook lists no sheets")
        properties = next(elements(root, "workbookPr"), None)
        date_1904 = properties is not None and (attribute(properties, "date1904") or "").lower() in {"1", "true", "on"}
        return OoxmlWorkbook(
            container,
            sheets,
            read_styles(container, _part(container, targets, "styles.xml")),
            date_1904,
            read_shared_strings(container, _part(container, targets, "sharedstrings.xml"), scratch),
            defined_ranges(((attribute(item, "name") or "", attribute(item, "localSheetId"), item.text or "")
                            for item in elements(root, "definedName")), [sheet.name for sheet in sheets]),
        )  # fmt: skip


def _main_part(container: Container) -> str:
    """Return the workbook's part by the package's relations, or by its usual names."""
    if "_rels/.rels" in container:
        for item in elements(container.tree("_rels/.rels"), "Relationship"):
            name = (item.get("Target") or "").lstrip("/")
            if (item.get("Type") or "").endswith("/officeDocument") and name in container:
                return name
    found = container.named("/workbook.xml")
    if found is None:
        raise HandlerError("corrupt_file", "the archive holds no workbook")
    return found


def _part(container: Container, targets: dict[str, str], ending: str) -> str | None:
    found = next((name for name in targets.values() if name.endswith(ending) and name in container), None)
    return found or container.named("/" + ending)


def _entry(item: ET.Element, targets: dict[str, str], container: Container) -> SheetEntry:
    part = targets.get(attribute(item, "id") or "", "")
    hidden = (attribute(item, "state") or "visible") != "visible"
    name = attribute(item, "name") or ""
    kind = "worksheet"
    if part not in container:
        kind = "corrupt_sheet"
    else:
        with container.open(part) as stream:
            kind = _kind_of(stream.read(4096))
    return SheetEntry(name, hidden, kind, part)


def _kind_of(head: bytes) -> str:
    """Tell a sheet by its root element; where that is not in sight, take it for a worksheet."""
    for found in re.finditer(rb"<(?:\w+:)?(\w+)[\s>/]", head):
        return _SHEET_KINDS.get(found[1].decode().lower(), "worksheet")
    return "worksheet"


def _declared(book: OoxmlWorkbook, sheet: SheetEntry, facts: SheetFacts) -> None:
    """Add what other parts say of a sheet: its names and its tables."""
    known = book.names.get(book.sheets.index(sheet))
    if known is not None:
        facts.names += known.names
        facts.filters += known.filters
    try:
        for part in relations(book.container, sheet.part).values():
            if "/tables/" in f"/{part}" and part in book.container:
                facts.tables += _tables(book.container, part)
    except (*DAMAGE, HandlerError):
        return  # a table definition is evidence, not content


def _tables(container: Container, part: str) -> Iterator[DefinedTable]:
    root = container.tree(part)
    area = parse_area(attribute(root, "ref") or "")
    if local(root.tag) == "table" and area is not None:
        name = attribute(root, "displayName") or attribute(root, "name") or ""
        headers, totals = attribute(root, "headerRowCount") or "1", attribute(root, "totalsRowCount") or "0"
        if headers.isdigit() and totals.isdigit():
            yield DefinedTable(name, area, int(headers), int(totals))


def _begin(stream: IO[bytes], facts: SheetFacts) -> tuple[bytes, bytes] | None:
    """Read up to the sheet data; return what was read of it and the tags' prefix, or None where there is none."""
    head = stream.read(CHUNK_BYTES)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise HandlerError("corrupt_sheet", "the sheet's XML is not UTF-8")
    while (found := _SHEET_DATA.search(head)) is None:
        more = stream.read(CHUNK_BYTES)
        if not more or len(head) > HEAD_BYTES:
            return None
        head += more
    if b"<!DOCTYPE" in head[: found.start()]:
        raise HandlerError("corrupt_sheet", "the sheet declares XML entities, which no workbook needs")
    for pane in _PANE.findall(head[: found.start()]):
        split = _SPLIT.search(pane)
        if split and b"frozen" in pane:
            facts.frozen_rows = int(split[1])
    for column in _COLUMN.findall(head[: found.start()]):
        span = dict(_SPAN.findall(column))
        if _HIDDEN.search(column) and len(span) == 2 and 0 < int(span[b"min"]) <= int(span[b"max"]):  # noqa: PLR2004 - both
            facts.hide_columns(int(span[b"min"]) - 1, int(span[b"max"]) - 1)
    if found[2]:
        _tail(head[found.end() :], stream, facts)
        return None
    return head[found.end() :], found[1] or b""


def _tail(rest: bytes, stream: IO[bytes], facts: SheetFacts) -> None:
    """Find merged ranges and filters behind the sheet data."""
    read = 0
    facts.merges.clear()
    while True:
        cut = rest.rfind(b"<") if len(rest) < CHUNK_BYTES * 2 else len(rest)
        whole, rest = (rest[:cut], rest[cut:]) if cut > 0 else (rest, b"")
        for pattern, areas in ((_MERGE, facts.merges), (_FILTER, facts.filters)):
            for found in pattern.findall(whole):
                area = parse_area(found.decode("ascii", "replace"))
                if area is not None and len(areas) < MAX_MERGES:
                    areas.append(area)
        fresh = stream.read(CHUNK_BYTES)
        read += len(fresh)
        if not fresh or read > MAX_TAIL_BYTES:
            return
        rest += fresh


def typed_block(book: OoxmlWorkbook, raw: RawCells, facts: SheetFacts) -> Block:
    """Give cells their kinds and values; cells without content are dropped."""
    return _Typing(book, raw).block(facts)


class _Typing:
    """Finds the kinds and values of some cells, one type of the file after the other."""

    def __init__(self, book: OoxmlWorkbook, raw: RawCells) -> None:
        self._book = book
        self._raw = raw
        self._style = np.minimum(raw.styles, len(book.styles.kinds) - 1)
        self._kinds = np.zeros(len(raw.rows), np.uint8)
        self._numbers = np.zeros(len(raw.rows), np.float64)
        lengths = compute.fill_null(compute.binary_length(raw.values), 0)
        self._missing = np.asarray(compute.equal(lengths, 0))
        self._texts = NO_TEXTS

    def block(self, facts: SheetFacts) -> Block:
        """Return the cells with content."""
        raw, kinds, numbers = self._raw, self._kinds, self._numbers
        for chosen, read in (
            ((raw.types == 0) | (raw.types == ord("n")), self._read_numbers),
            (raw.types == ord("s"), self._read_shared),
            (raw.types == ord("b"), self._read_booleans),
            (raw.types == ord("e"), self._read_errors),
            (raw.types == ord("d"), self._read_dates),
        ):
            chosen &= ~self._missing  # noqa: PLW2901 - its own array
            if chosen.any():
                read(chosen)
        # text of a formula, inline text, and what the file takes for a number or a date and is none
        words = (raw.types != ord("s")) & ~self._missing & (kinds == Kind.EMPTY)
        if words.any():
            self._read_texts(words)
        kinds[raw.formulas & self._missing & (raw.types != ord("S")) & (raw.types != ord("i"))] = Kind.UNCACHED
        kept = kinds != Kind.EMPTY
        kinds |= np.where(raw.formulas, np.uint8(Mark.FORMULA), np.uint8(0)) | self._book.styles.emphasis[self._style]
        self._note_currencies(facts)
        if kept.all():
            return Block(raw.rows, raw.columns, kinds, numbers, self._texts)
        return Block(raw.rows[kept], raw.columns[kept], kinds[kept], numbers[kept], self._texts)

    def _values(self, chosen: Mask) -> ArrowArray:
        return self._raw.values if chosen.all() else self._raw.values.filter(arrow.array(chosen))

    def _read_numbers(self, chosen: Mask) -> None:
        found, bad = numbers_of(self._values(chosen))
        shown = self._book.styles.kinds[self._style[chosen]]
        found, kinds = serials.typed(found, shown, self._book.date_1904)
        kinds[bad | ~np.isfinite(found)] = Kind.EMPTY
        self._numbers[chosen], self._kinds[chosen] = found, kinds

    def _read_shared(self, chosen: Mask) -> None:
        known = self._book.shared_kinds
        found, bad = numbers_of(self._values(chosen))
        bad |= (found < 0) | (found >= len(known) - 1)
        index = np.where(bad, len(known) - 1, found).astype(np.int64)
        self._numbers[chosen], self._kinds[chosen] = index, known[index]

    def _read_texts(self, chosen: Mask) -> None:
        self._texts = texts_of(self._values(chosen), self._raw.entities)
        self._numbers[chosen] = -1 - np.arange(len(self._texts))
        self._kinds[chosen] = labels.kinds_of(self._texts)

    def _read_booleans(self, chosen: Mask) -> None:
        lowered = compute.utf8_lower(self._values(chosen).cast(pa.string(), safe=False))
        self._numbers[chosen] = np.asarray(compute.is_in(lowered, arrow.array(["1", "true"])))
        self._kinds[chosen] = Kind.BOOLEAN

    def _read_errors(self, chosen: Mask) -> None:
        values = self._values(chosen).to_pylist()
        self._numbers[chosen] = [_ERROR_NUMBERS.get(item, ERRORS.index("#VALUE!")) for item in values]
        self._kinds[chosen] = Kind.ERROR

    def _read_dates(self, chosen: Mask) -> None:
        """Read cells of type `d`: ISO 8601 dates and times."""
        found = [serials.from_iso(item.decode("utf-8", "replace")) for item in self._values(chosen).to_pylist()]
        self._numbers[chosen] = [number for number, _ in found]
        self._kinds[chosen] = [kind for _, kind in found]

    def _note_currencies(self, facts: SheetFacts) -> None:
        if not self._book.styles.signs:
            return
        bare = self._kinds & KIND_MASK
        money = (bare == Kind.WHOLE_CURRENCY) | (bare == Kind.CURRENCY)
        if money.any():
            facts.note_currencies(self._raw.columns[money], self._style[money], self._book.styles.signs)
