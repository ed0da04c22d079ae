"""The cells of an OOXML sheet, tokenized a chunk at a time with arrays instead of one event for each tag.

It reads what spreadsheet programs write: tags without prefix, double quotes, the reference as a cell's first attribute.
Anything else raises `UnusualError`, and `sheetsax` reads the sheet instead, slowly and by the letter of XML.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing_svc.grid.arrow import ArrowArray, arrow, compute
from processing_svc.grid.cells import MAX_COLUMNS, MAX_ROWS, Floats, Ints
from processing_svc.workbook.xmltext import unescaped

LT: Final = ord("<")
QUOTE: Final = ord('"')
SPACE: Final = ord(" ")
SLASH: Final = ord("/")
GT: Final = ord(">")
_PAD: Final = b"\0" * 64
_PRESERVED: Final = len('<t xml:space="preserve">')
_MOST_ATTRIBUTES: Final = 8
_HIDDEN_ROW: Final = re.compile(rb'<row r="(\d{1,7})"[^>]*? hidden="(?:1|true)"')


class UnusualError(Exception):
    """The XML is not written as spreadsheet programs write it; it may be right all the same."""


@dataclass(frozen=True, slots=True)
class RawCells:
    """Cells as the XML has them. `types` are the first letters of the type attribute, `S` for `str`, 0 for none."""

    rows: Ints
    columns: Ints
    types: npt.NDArray[np.uint8]
    styles: Ints
    formulas: npt.NDArray[np.bool_]
    values: ArrowArray
    """The text of `<v>` or `<is>` without entities resolved; null where there is none."""
    entities: bool
    """Whether some value may hold entities."""
    hidden: tuple[int, ...] = ()
    """Rows that are not shown, from 0, whether or not they have cells."""


def tokenize(
    read: Callable[[int], bytes], chunk_bytes: int, first: bytes, prefix: bytes = b""
) -> Iterator[RawCells | bytes]:
    """Yield the cells of a sheet, a chunk of XML at a time, and at the end, as bytes, what follows the sheet data.

    `first` is what was read so far from behind `<sheetData>`; `read` gives more. Raises `UnusualError`.
    """
    if prefix:
        raise UnusualError("tags with a prefix")
    rest, row, ended, searched = first, -1, False, 0
    while not ended:
        fresh = read(chunk_bytes)
        text = rest + fresh
        end = text.find(b"</sheetData", searched)
        if end >= 0:
            body, rest, ended = text[:end], text[end:], True
        else:
            cut = _cut(text) if fresh else len(text)
            body, rest, ended = text[:cut], text[cut:], not fresh
            searched = max(0, len(rest) - len(b"</sheetData"))
        if not body:
            continue
        cells, row = _cells(body, row)
        if cells is not None:
            yield cells
    yield rest


def _cut(text: bytes) -> int:
    """Return where the last row begins, or the last cell of a row that is longer than the chunk."""
    cut = text.rfind(b"<row ")
    return cut if cut > 0 else max(text.rfind(b"<c "), 0)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of XML: its bytes, where its tags begin, and the two characters behind each `<`."""

    body: bytes
    data: npt.NDArray[np.uint8]
    tags: Ints
    one: npt.NDArray[np.uint8]
    two: npt.NDArray[np.uint8]


def _cells(body: bytes, row: int) -> tuple[RawCells | None, int]:
    """Return the cells of a piece that begins with a tag, and the row that it ends in."""
    data = np.frombuffer(body + _PAD, np.uint8)
    tags = np.flatnonzero(data == LT).astype(np.int32)
    if not len(tags):
        return None, row
    one, two = data[tags + 1], data[tags + 2]
    if bool(np.any((one == ord("!")) | (one == ord("?")))):
        raise UnusualError("comments, CDATA or instructions")
    is_row = (one == ord("r")) & (two == ord("o"))
    is_cell = (one == ord("c")) & ((two == SPACE) | (two == GT) | (two == SLASH))
    if int(np.count_nonzero(one == ord("c"))) != int(np.count_nonzero(is_cell)):
        raise UnusualError("unknown elements")
    row_numbers = _row_numbers(data, tags[is_row])
    at = np.flatnonzero(is_cell).astype(np.int32)
    last = int(row_numbers[-1]) if len(row_numbers) else row
    if not len(at):
        return None, last
    places = np.concatenate([np.array([row], np.int32), row_numbers])
    rows = places[np.cumsum(is_row, dtype=np.int32)[at]]
    if rows[0] < 0:
        raise UnusualError("cells outside rows")
    hidden = tuple(int(row) - 1 for row in _HIDDEN_ROW.findall(body)) if b' hidden="' in body else ()
    return _raw_cells(_Piece(body, data, tags, one, two), at, rows, hidden), last


def _row_numbers(data: npt.NDArray[np.uint8], starts: Ints) -> Ints:
    """Read the `r` of `<row r="12" ...>`; the rows must ascend."""
    if not len(starts):
        return starts
    if not (np.all(data[starts + 5] == ord("r")) and np.all(data[starts + 7] == QUOTE)):
        raise UnusualError("rows without a number in front")
    numbers, _ = _digits(data, starts + 8, 7)
    if int(numbers.min()) < 1 or int(numbers.max()) > MAX_ROWS or bool(np.any(np.diff(numbers) <= 0)):
        raise UnusualError("rows out of order")
    return numbers - 1


def _digits(data: npt.NDArray[np.uint8], starts: Ints, most: int) -> tuple[Ints, Ints]:
    """Read decimal numbers up to a quote; return them and where the quotes are."""
    numbers = np.zeros(len(starts), np.int32)
    at = starts.copy()
    going = np.ones(len(starts), np.bool_)
    for _ in range(most + 1):
        byte = data[at]
        going &= byte != QUOTE
        if not going.any():
            return numbers, at
        digit = byte.astype(np.int32) - 48
        if bool(np.any(going & ((digit < 0) | (digit > 9)))):  # noqa: PLR2004 - decimal digits
            break
        numbers = np.where(going, numbers * 10 + digit, numbers)
        at = at + going
    raise UnusualError("a number is none")


def _raw_cells(piece: _Piece, at: Ints, rows: Ints, hidden: tuple[int, ...]) -> RawCells:
    """Read the cells whose tags are at some indexes of a piece's tags."""
    columns, ends = _references(piece.data, piece.tags[at], rows)
    types, styles = _attributes(piece.data, ends)
    valued, begins, finishes, formulas = _values(piece, at)
    inline = types == ord("i")
    if inline.any():
        simple, text_begins, text_ends = _inline(piece, at, inline)
        begins, finishes = np.where(inline, text_begins, begins), np.where(inline, text_ends, finishes)
        valued = np.where(inline, simple, valued)
    values = _slices(piece.body, begins, finishes, valued)
    if inline.any():
        values = _rich(values, piece, at, inline & ~valued)
    return RawCells(rows, columns, types, styles, formulas, values, _may_escape(piece.body), hidden)


def _may_escape(body: bytes) -> bool:
    return b"&" in body or b"_x" in body or b"\r" in body


def _references(data: npt.NDArray[np.uint8], starts: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Read `<c r="AB12"`; return the columns and where the references' closing quotes are."""
    if not (np.all(data[starts + 3] == ord("r")) and np.all(data[starts + 5] == QUOTE)):
        raise UnusualError("cells without a reference in front")
    letters = [data[starts + 6 + place].astype(np.int32) - 64 for place in range(3)]
    second = letters[1] > 0
    third = second & (letters[2] > 0)
    columns = letters[0]
    columns = np.where(second, columns * 26 + letters[1], columns)
    columns = np.where(third, columns * 26 + letters[2], columns)
    counted = 1 + second.astype(np.int32) + third
    ends = starts + 6 + counted + np.searchsorted(_POWERS, rows + 1, side="right").astype(np.int32)
    known = (columns > 0) & (columns <= MAX_COLUMNS) & (letters[0] > 0) & (letters[0] <= 26)  # noqa: PLR2004 - letters
    # the last digit too, so that a reference to another row shows in nine of ten cases
    if not (np.all(known) and np.all(data[ends] == QUOTE) and np.all((rows + 1) % 10 == data[ends - 1] - 48)):
        raise UnusualError("references unlike their rows")
    columns = (columns - 1).astype(np.int32)
    if bool(np.any((np.diff(columns) <= 0) & (np.diff(rows) == 0))):
        raise UnusualError("cells out of order")
    return columns, ends


_POWERS: Final = np.array([10**power for power in range(7)], np.int32)


def _attributes(data: npt.NDArray[np.uint8], ends: Ints) -> tuple[npt.NDArray[np.uint8], Ints]:
    """Read the attributes behind the reference, whose closing quotes are at `ends`."""
    types = np.zeros(len(ends), np.uint8)
    styles = np.zeros(len(ends), np.int32)
    cells = np.arange(len(ends), dtype=np.int32)
    at = ends + 1
    for _ in range(_MOST_ATTRIBUTES):
        more = (data[at] == SPACE) & (data[at + 1] != SLASH) & (data[at + 1] != GT)
        if not more.any():
            if bool(np.all((data[at] == GT) | (data[at] == SLASH) | (data[at] == SPACE))):
                return types, styles
            break
        cells, at = cells[more], at[more]
        short = data[at + 2] == ord("=")
        name = np.where(short, data[at + 1], 0)
        at = at + np.where(short, 4, 5)
        styled, typed = name == ord("s"), name == ord("t")
        # cm, vm and ph say nothing about the value
        other = ~short & (data[at - 2] == ord("="))
        if not bool(np.all((data[at - 1] == QUOTE) & (styled | typed | other))):
            break
        ends_of = np.zeros(len(at), np.int32)
        if other.any():
            _, ends_of[other] = _digits(data, at[other], 6)
        if styled.any():
            styles[cells[styled]], ends_of[styled] = _digits(data, at[styled], 6)
        if typed.any():
            begins = at[typed]
            kinds, closed = _types(data, begins)
            types[cells[typed]] = kinds
            ends_of[typed] = closed
        at = ends_of + 1
    raise UnusualError("other attributes")


def _types(data: npt.NDArray[np.uint8], begins: Ints) -> tuple[npt.NDArray[np.uint8], Ints]:
    first, short = data[begins], data[begins + 1] == QUOTE
    formula_text = (first == ord("s")) & ~short
    inline = (first == ord("i")) & ~short
    ends = np.where(short, begins + 1, np.where(formula_text, begins + 3, begins + len("inlineStr")))
    if not bool(np.all(data[ends] == QUOTE)):
        raise UnusualError("unknown types")
    if bool(np.any(~(short | formula_text | inline))):
        raise UnusualError("unknown types")
    return np.where(formula_text, np.uint8(ord("S")), first), ends


def _values(piece: _Piece, at: Ints) -> tuple[npt.NDArray[np.bool_], Ints, Ints, npt.NDArray[np.bool_]]:
    """Return for every cell whether it has a value, where that begins and ends, and whether it has a formula."""
    data, tags, one, two = piece.data, piece.tags, piece.one, piece.two
    count = len(at)
    is_value = (one == ord("v")) & ((two == GT) | (two == SPACE) | (two == SLASH))
    is_formula = (one == ord("f")) & ((two == GT) | (two == SPACE) | (two == SLASH))
    begins, ends = np.zeros(count, np.int32), np.zeros(count, np.int32)
    valued, formulas = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    found = np.flatnonzero(is_value & (two == GT))
    if int(np.count_nonzero(is_value)) != len(found):
        rest = np.flatnonzero(is_value & (two != GT))
        if bool(np.any(data[tags[rest] + 2] == SPACE) and np.any(data[tags[rest] + 3] != SLASH)):
            raise UnusualError("values with attributes")
    if len(found):
        owners = np.searchsorted(at, found, side="right") - 1
        if found[-1] + 1 >= len(tags) or owners[0] < 0 or not np.all(one[found + 1] == SLASH):
            raise UnusualError("values outside cells, or with elements in them")
        valued[owners] = True
        begins[owners], ends[owners] = tags[found] + 3, tags[found + 1]
    if is_formula.any():
        formulas[np.searchsorted(at, np.flatnonzero(is_formula), side="right") - 1] = True
    return valued, begins, ends, formulas


def _inline(piece: _Piece, at: Ints, inline: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.bool_], Ints, Ints]:
    """Find the text of `<is><t>text</t></is>`; cells whose text has parts are left to `_rich`."""
    data, tags, one, two = piece.data, piece.tags, piece.one, piece.two
    inside = np.minimum(at + 1, len(tags) - 5)
    following = tags[inside + 1]
    shaped = (one[inside] == ord("i")) & (one[inside + 1] == ord("t")) & (one[inside + 2] == SLASH)
    shaped &= (one[inside + 3] == SLASH) & (data[tags[inside + 3] + 2] == ord("i")) & inline
    plain = shaped & (two[inside + 1] == GT)
    kept = shaped & ~plain & (data[following + _PRESERVED - 1] == GT) & (two[inside + 1] == SPACE)
    begins = np.where(plain, following + 3, following + _PRESERVED).astype(np.int32)
    begins, ends = trimmed(data, begins, tags[inside + 2], plain)
    return plain | kept, begins, ends


def trimmed(data: npt.NDArray[np.uint8], begins: Ints, ends: Ints, which: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Leave out the white space around some texts: without `xml:space="preserve"` it is none of the text."""
    begins, ends = begins.copy(), ends.copy()
    left = right = np.flatnonzero(which & (begins < ends))
    while len(left):
        left = left[(data[begins[left]] <= SPACE) & (begins[left] < ends[left])]
        begins[left] += 1
    while len(right):
        right = right[(begins[right] < ends[right]) & (data[np.maximum(ends[right] - 1, 0)] <= SPACE)]
        ends[right] -= 1
    return begins, ends


def _slices(body: bytes, begins: Ints, ends: Ints, valued: npt.NDArray[np.bool_]) -> ArrowArray:
    """Cut the values out: an array over the whole text in which every second element is a value."""
    chosen = np.flatnonzero(valued)
    if not len(chosen):
        return arrow.nulls(len(valued), pa.binary())
    offsets = np.empty(2 * len(chosen), np.int32)
    offsets[0::2], offsets[1::2] = begins[chosen], ends[chosen]
    if bool(np.any(np.diff(offsets) < 0)):
        raise UnusualError("values out of order")
    every = arrow.Array.from_buffers(
        pa.binary(), len(offsets) - 1, [None, arrow.py_buffer(offsets), arrow.py_buffer(body)]
    )
    if len(chosen) == len(valued):
        return every.take(arrow.array(np.arange(0, len(offsets), 2, dtype=np.int32)))
    places = np.zeros(len(valued), np.int32)
    places[chosen] = np.arange(0, len(offsets), 2, dtype=np.int32)
    return every.take(arrow.array(places, mask=~valued))


_TEXT_RUNS: Final = re.compile(rb"<rPh[ >].*?</rPh>", re.DOTALL)


def _rich(values: ArrowArray, piece: _Piece, at: Ints, missing: npt.NDArray[np.bool_]) -> ArrowArray:
    """Read inline text of several runs, one cell at a time; phonetic runs are left out."""
    body, tags = piece.body, piece.tags
    cells = np.flatnonzero(missing)
    if not len(cells):
        return values
    texts = values.to_pylist()
    for cell in cells:
        begin = int(tags[at[cell]])
        end = int(tags[at[cell + 1]]) if cell + 1 < len(at) else len(body)
        texts[cell] = _joined(body[begin:end])
    return arrow.array(texts, pa.binary())


def _joined(cell: bytes) -> bytes | None:
    end = cell.rfind(b"</c>")
    if end < 0:
        return None
    try:
        root = ET.fromstring(b"<x xmlns:x14ac='x' xmlns:xml='http://www.w3.org/XML/1998/namespace'>"  # noqa: S314 - a DOCTYPE cannot stand inside an element
                             + _TEXT_RUNS.sub(b"", cell[: end + 4]) + b"</x>")  # fmt: skip
    except ET.ParseError as error:
        raise UnusualError("damaged inline text") from error
    runs = list(root.iter("t"))
    text = "".join(item.text or "" for item in runs)
    if len(runs) == 1 and not any(value == "preserve" for value in runs[0].attrib.values()):
        text = text.strip()
    # the caller resolves entities in every value of the chunk, so what ElementTree resolved is escaped again
    return text.replace("&", "&amp;").encode("utf-8", "replace")


def numbers_of(values: ArrowArray) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the numbers that values are, and which are none. Nulls are none."""
    text = values.cast(pa.string(), safe=False) if values.type != pa.string() else values
    missing = np.asarray(compute.is_null(text))
    try:
        found = compute.cast(text, pa.float64())
    except pa.ArrowInvalid:
        found = arrow.array([_number(item) for item in text.to_pylist()], pa.float64())
        missing = np.asarray(compute.is_null(found))
    return np.nan_to_num(found.to_numpy(zero_copy_only=False), nan=0.0), missing


def _number(text: str | None) -> float | None:
    try:
        return None if text is None or "_" in text else float(text)
    except ValueError:
        return None


def texts_of(values: ArrowArray, entities: bool) -> ArrowArray:
    """Return values as text: UTF-8 checked, entities and OOXML escapes resolved where there may be some."""
    try:
        text = values.cast(pa.string())
    except pa.ArrowInvalid:
        text = arrow.array([None if item is None else item.decode("utf-8", "replace") for item in values.to_pylist()],
                        pa.string())  # fmt: skip
    return unescaped(text) if entities else text
