"""A page taken apart by PDFium: characters as words, paths as ruled lines, turned so that the text is upright."""

import ctypes
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pypdfium2.raw as pdfium_c

from processing_svc.pages.geometry import Box, PageContent, Rule, Word, turn

MAX_CHARACTERS: Final = 200_000
"""Of one page. A page of a book has 3,000; beyond this something else than text was written as text."""
MAX_OBJECTS: Final = 100_000
MAX_SEGMENTS: Final = 200_000
SPACE: Final = 0.19
"""Gap, in font sizes, from which on characters belong to different words: half of the narrowest space of a font."""
_BOLD: Final = re.compile(rb"bold|black|heavy|demi", re.IGNORECASE)
_FORCE_BOLD: Final = 1 << 18
_NAME_BYTES: Final = 128
_THIN: Final = 3.0
"""Points below which a filled rectangle is a line."""
_SLANT: Final = 0.6
_SHORT: Final = 4.0
"""Points below which a line is a dot, a tick or a part of a drawn letter."""
_SUPERSCRIPT: Final = 0.85


class PageTooLargeError(Exception):
    """The page holds more than any page that a person reads."""


@dataclass(frozen=True, slots=True)
class _Character:
    text: str
    box: Box
    x: float
    y: float
    quarter: int
    size: float
    index: int


def read_page(page: Any) -> PageContent:
    """Return what stands on a page of pypdfium2; raises `PageTooLargeError` and `PdfiumError`."""
    width, height = _stored_size(page)
    left, bottom = page.get_mediabox()[:2]
    textpage = page.get_textpage()
    try:
        count = pdfium_c.FPDFText_CountChars(textpage.raw)
        characters = list(_characters(textpage.raw, count, left, bottom))
        turns = _turns(characters)
        words = tuple(_words(textpage.raw, characters, turns, width, height))
    finally:
        textpage.close()
    drawn = _drawn(page, turns, (left, bottom, width, height))
    if turns % 2:
        width, height = height, width
    shown = drawn.shown or (count > 0 and not words)
    return PageContent(words, tuple(drawn.across), tuple(drawn.upright), width, height, turns, shown, drawn.pictured)


def _stored_size(page: Any) -> tuple[float, float]:
    left, bottom, right, top = page.get_mediabox()
    return abs(right - left), abs(top - bottom)


def _characters(raw: Any, count: int, left: float, bottom: float) -> Iterator[_Character]:
    if count > MAX_CHARACTERS:
        raise PageTooLargeError(f"the page has {count} characters")
    box = pdfium_c.FS_RECTF()
    x, y = ctypes.c_double(), ctypes.c_double()
    box_at, x_at, y_at = ctypes.byref(box), ctypes.byref(x), ctypes.byref(y)
    for index in range(count):
        code = pdfium_c.FPDFText_GetUnicode(raw, index)
        if pdfium_c.FPDFText_IsGenerated(raw, index) == 1:
            continue
        text = _text_of(code)
        if not text:
            continue
        if not pdfium_c.FPDFText_GetLooseCharBox(raw, index, box_at):
            continue
        pdfium_c.FPDFText_GetCharOrigin(raw, index, x_at, y_at)
        quarter = -round(pdfium_c.FPDFText_GetCharAngle(raw, index) / (math.pi / 2)) % 4  # PDFium turns clockwise
        size = box.top - box.bottom if quarter % 2 == 0 else box.right - box.left
        place = Box(box.left - left, box.bottom - bottom, box.right - left, box.top - bottom)
        yield _Character(text, place, x.value - left, y.value - bottom, quarter, size, index)


def _text_of(code: int) -> str:
    """Return a character, a space for every kind of white space, and nothing for what is not shown."""
    if code in (0x02, 0xAD):  # PDFium's and Unicode's soft hyphen
        return "-"
    if code < 0x20 or code == 0xFFFE or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        return " " if code in (0x09, 0x0A, 0x0D) else ""
    text = chr(code)
    return " " if text.isspace() else text


def _turns(characters: list[_Character]) -> int:
    """Return by how many quarters, clockwise, the page has to be turned for most of its text to be upright."""
    if not characters:
        return 0
    counts = Counter(character.quarter for character in characters if character.text != " ")
    return counts.most_common(1)[0][0] if counts else 0


def _words(raw: Any, characters: list[_Character], turns: int, width: float, height: float) -> Iterator[Word]:
    """Put characters together that follow each other on a line."""
    for held, glued in _runs(characters):
        yield _word(held, turns, (width, height), glued=glued, bold=_is_bold(raw, held[0].index))


def _is_bold(raw: Any, index: int) -> bool:
    name, flags = ctypes.create_string_buffer(_NAME_BYTES), ctypes.c_int()
    pdfium_c.FPDFText_GetFontInfo(raw, index, name, _NAME_BYTES, ctypes.byref(flags))
    return bool(_BOLD.search(name.value)) or bool(flags.value & _FORCE_BOLD)


def _runs(characters: list[_Character]) -> Iterator[tuple[list[_Character], bool]]:
    """Yield the characters of each word, and whether it touches the one before."""
    held: list[_Character] = []
    spaced = True
    for character in characters:
        if character.text == " ":
            if held:
                yield held, not spaced
            held, spaced = [], True
            continue
        if held and _doubles(held[-1], character):
            continue
        if held and not _follows(held[-1], character):
            yield held, not spaced
            spaced = not _touches(held[-1], character)
            held = []
        held.append(character)
    if held:
        yield held, not spaced


def _along(character: _Character) -> tuple[float, float, float]:
    """Return where a character begins and ends on its line, and at which height across the line that is."""
    box = character.box
    match character.quarter:
        case 0:
            return box.left, box.right, character.y
        case 1:
            return box.bottom, box.top, -character.x
        case 2:
            return -box.right, -box.left, -character.y
        case _:
            return -box.top, -box.bottom, character.x


def _follows(before: _Character, character: _Character) -> bool:
    """Whether a character stands close behind another, on the same line and of the same size."""
    if before.quarter != character.quarter or not 0.8 <= before.size / max(character.size, 0.1) <= 1.25:
        return False
    start, end, line = _along(character)
    before_start, before_end, before_line = _along(before)
    size = max(before.size, 0.1)
    return (
        abs(line - before_line) < 0.12 * size and -0.5 * size < start - before_end < SPACE * size and end > before_start
    )


def _touches(before: _Character, character: _Character) -> bool:
    """Whether a character of another size or height stands right behind: a superscript, a footnote's mark."""
    if before.quarter != character.quarter:
        return False
    start, _, line = _along(character)
    _, before_end, before_line = _along(before)
    size = max(before.size, character.size)
    return abs(line - before_line) < 0.6 * size and -0.2 * size < start - before_end < 0.12 * size


def _doubles(before: _Character, character: _Character) -> bool:
    """Whether a character is the one before once more, moved a little: how some writers make letters bold."""
    return (
        before.text == character.text
        and abs(before.x - character.x) < 0.12 * before.size
        and abs(before.y - character.y) < 0.12 * before.size
    )


def _word(held: list[_Character], turns: int, extent: tuple[float, float], *, glued: bool, bold: bool) -> Word:
    width, height = extent
    corners = [
        turn(turns, x, y, width, height)
        for box in (character.box for character in held)
        for x, y in ((box.left, box.bottom), (box.right, box.top))
    ]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    first = held[0]
    baseline = turn(turns, first.x, first.y, width, height)[1]
    return Word(
        "".join(character.text for character in held),
        Box(min(xs), min(ys), max(xs), max(ys)),
        baseline,
        first.size,
        bold=bold,
        turned=first.quarter != turns,
        glued=glued,
    )


@dataclass(slots=True)
class _Drawn:
    """What a page shows beside text: lines, and the share of the page that its largest picture covers."""

    across: list[Rule] = field(default_factory=list)
    upright: list[Rule] = field(default_factory=list)
    shown: bool = False
    pictured: float = 0.0


def _drawn(page: Any, turns: int, frame: tuple[float, float, float, float]) -> _Drawn:
    found = _Drawn()
    segments = 0
    area = max(frame[2] * frame[3], 1.0)
    for number, item in enumerate(page.get_objects(max_depth=4)):
        if number > MAX_OBJECTS or segments > MAX_SEGMENTS:
            break
        if item.type == pdfium_c.FPDF_PAGEOBJ_PATH:
            lines = list(_path(item))
            segments += len(lines)
            found.shown = found.shown or bool(lines)
            for start, end, soft in lines:
                _sort_in(start, end, turns, frame, found, soft=soft)
        elif item.type != pdfium_c.FPDF_PAGEOBJ_TEXT:
            found.shown = True
            if item.type == pdfium_c.FPDF_PAGEOBJ_IMAGE:
                left, bottom, right, top = item.get_bounds()
                found.pictured = max(found.pictured, (right - left) * (top - bottom) / area)
    return found


Point = tuple[float, float]


def _path(item: Any) -> Iterator[tuple[Point, Point, bool]]:
    """Yield a path's straight lines, from point to point, on the page; of thin filled areas the line in the middle."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium_c.FPDFPath_GetDrawMode(item.raw, ctypes.byref(fill), ctypes.byref(stroke))
    if not fill.value and not stroke.value:
        return
    for points, closed in _outlines(item):
        if stroke.value:
            yield from ((start, end, False) for start, end in itertools.pairwise(points))
            if closed and len(points) > 2:
                yield points[-1], points[0], False
        elif len(points) >= 3:
            yield from _area(points)


def _area(points: list[Point]) -> Iterator[tuple[Point, Point, bool]]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, right, bottom, top = min(xs), max(xs), min(ys), max(ys)
    width, height = right - left, top - bottom
    if height < _THIN and width > height:
        yield (left, (bottom + top) / 2), (right, (bottom + top) / 2), False
    elif width < _THIN and height > width:
        yield ((left + right) / 2, bottom), ((left + right) / 2, top), False
    elif len(points) <= 6:
        yield (left, bottom), (right, bottom), True
        yield (left, top), (right, top), True
        yield (left, bottom), (left, top), True
        yield (right, bottom), (right, top), True


def _outlines(item: Any) -> Iterator[tuple[list[Point], bool]]:
    """Yield the points of each figure of a path, on the page, and whether it is closed. Curves end a figure."""
    a, b, c, d, e, f = item.get_matrix().get()
    for container in _containers(item):
        a, b, c, d, e, f = _chained((a, b, c, d, e, f), container)
    x, y = ctypes.c_float(), ctypes.c_float()
    points: list[Point] = []
    for index in range(pdfium_c.FPDFPath_CountSegments(item.raw)):
        segment = pdfium_c.FPDFPath_GetPathSegment(item.raw, index)
        kind = pdfium_c.FPDFPathSegment_GetType(segment)
        pdfium_c.FPDFPathSegment_GetPoint(segment, ctypes.byref(x), ctypes.byref(y))
        point = (a * x.value + c * y.value + e, b * x.value + d * y.value + f)
        if kind != pdfium_c.FPDF_SEGMENT_LINETO:
            if points:
                yield points, False
            points = []
        points.append(point)
        if pdfium_c.FPDFPathSegment_GetClose(segment):
            yield points, True
            points = []
    if points:
        yield points, False


Matrix = tuple[float, float, float, float, float, float]


def _containers(item: Any) -> Iterator[Matrix]:
    """Yield the matrices of the forms around an object, from the inside."""
    container = getattr(item, "container", None)
    while container is not None:
        yield container.get_matrix().get()
        container = getattr(container, "container", None)


def _chained(one: Matrix, other: Matrix) -> Matrix:
    """Return the matrix that applies one, then the other."""
    a, b, c, d, e, f = one
    g, h, i, j, k, m = other
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _sort_in(
    start: Point,
    end: Point,
    turns: int,
    frame: tuple[float, float, float, float],
    drawn: _Drawn,
    *,
    soft: bool,
) -> None:
    left, bottom, width, height = frame
    x0, y0 = turn(turns, start[0] - left, start[1] - bottom, width, height)
    x1, y1 = turn(turns, end[0] - left, end[1] - bottom, width, height)
    if abs(y1 - y0) <= _SLANT and abs(x1 - x0) >= _SHORT:
        drawn.across.append(Rule((y0 + y1) / 2, min(x0, x1), max(x0, x1), soft))
    elif abs(x1 - x0) <= _SLANT and abs(y1 - y0) >= _SHORT:
        drawn.upright.append(Rule((x0 + x1) / 2, min(y0, y1), max(y0, y1), soft))
