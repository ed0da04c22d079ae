"""Which rectangles of a sheet are tables of their own: blank rows and columns part them, like content joins them.

The rule: a sheet is cut at its blank rows and then at its blank columns, again and again. Some cuts are taken back,
because a person sees one table there: a column, or values without labels, beside a block whose rows they share (the
column between is empty for looks); a block below a blank row that goes on in the columns and kinds of the block above
without a header of its own; a total below a blank row; values below a header and a blank row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from processing_svc.grid.cells import KIND_MASK, Area, DefinedTable, Kind, Mark, SheetFacts
from processing_svc.grid.map import Codes, SheetMap

MAX_DEPTH: Final = 16
MAX_BANDS: Final = 5_000
"""Blocks under one another that are looked at one by one; what follows belongs to the last."""
SHARED_ROWS: Final = 0.7
"""A column is a part of the block beside it if it fills so many of its rows."""
NEARLY_ALL: Final = 0.9
HALF: Final = 0.5
NEARLY_AS_WIDE: Final = 0.75
LEAST_SHARED: Final = 3
SPACERS: Final = 2
"""Most empty columns for looks, and, where exactly the same rows are filled, `WIDE_GAP`."""
WIDE_GAP: Final = 4
SAMPLE_ROWS: Final = 200
MAX_NAMES: Final = 500
"""Named ranges of a sheet that may be regions."""
HEADER_ROWS: Final = 12

CLASSES: Final = np.array([0, 1, 1, 1, 2, 4, 3, 3, 3, 3, 5, 5, 1, 1, 0, 0], np.uint8)
"""Kinds of a kind: 1 numbers, 2 text, 3 dates and times, 4 booleans, 5 what may be anything (errors)."""
NUMBERS, TEXT, DATES, BOOLEANS, ANYTHING = 1, 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the map's indexes, ends exclusive; `defined` where the workbook itself declares it."""

    top: int
    bottom: int
    left: int
    right: int
    defined: DefinedTable | None = None

    @property
    def height(self) -> int:
        """Rows with content."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns with content."""
        return self.right - self.left


def find_regions(sheet: SheetMap, facts: SheetFacts) -> list[Region]:
    """Return the regions of a sheet in reading order: declared tables, named ranges, and what lies around them."""
    found = list(_declared(sheet, facts))
    found += named_regions(sheet, facts, found)
    saved = [sheet.codes[region.top : region.bottom, region.left : region.right].copy() for region in found]
    for region in found:
        sheet.codes[region.top : region.bottom, region.left : region.right] = 0
    try:
        rest = list(_Cutter(sheet).cut(Region(0, len(sheet.rows), 0, len(sheet.columns)), 0))
    finally:
        for region, codes in zip(found, saved, strict=True):
            sheet.codes[region.top : region.bottom, region.left : region.right] = codes
    return sorted(found + rest, key=lambda region: (region.top, region.left))


def named_regions(sheet: SheetMap, facts: SheetFacts, taken: list[Region]) -> list[Region]:
    """Return the ranges with a name that are a region by themselves, larger ones first.

    A name is one if it covers two rows and columns or more, without blank rows that part tables in it, and if nothing
    goes on beside it: what adjoins it belongs to other names or declared tables, or is a single cell (a title, a note).
    Names of columns, of a table's body, or of a part of it are made for formulas, and cut nothing.
    """
    bounds = [bound for _, area in facts.names[:MAX_NAMES] if (bound := _bound(sheet, area)) is not None]
    bounds.sort(key=lambda bound: -bound.height * bound.width)
    owned = np.zeros(sheet.codes.shape, np.bool_)
    for other in (*taken, *bounds):
        owned[other.top : other.bottom, other.left : other.right] = True
    found: list[Region] = []
    for bound in bounds:
        if any(_clash(bound, other) for other in (*taken, *found)):
            continue
        if not _is_adjoined(sheet, bound, owned) and _is_whole(sheet, bound):
            found.append(bound)
    return found


def _bound(sheet: SheetMap, area: Area) -> Region | None:
    """Return a named range as far as it holds something, or None where that is less than two rows and columns."""
    top, bottom = sheet.row_index(area.top), sheet.row_index(area.bottom + 1)
    left, right = sheet.column_index(area.left), sheet.column_index(area.right + 1)
    if bottom <= top or right <= left:
        return None
    bound = _trimmed(sheet.codes, Region(top, bottom, left, right))
    return bound if bound is not None and bound.height > 1 and bound.width > 1 else None


def _is_adjoined(sheet: SheetMap, bound: Region, owned: npt.NDArray[np.bool_]) -> bool:
    """Whether cells that belong to no name go on beside a range: more than one cell right above, below or beside it."""
    rows, columns = sheet.rows, sheet.columns
    sides = []
    if bound.top and rows[bound.top - 1] == rows[bound.top] - 1:
        sides.append((slice(bound.top - 1, bound.top), slice(bound.left, bound.right)))
    if bound.bottom < len(rows) and rows[bound.bottom] == rows[bound.bottom - 1] + 1:
        sides.append((slice(bound.bottom, bound.bottom + 1), slice(bound.left, bound.right)))
    if bound.left and columns[bound.left - 1] == columns[bound.left] - 1:
        sides.append((slice(bound.top, bound.bottom), slice(bound.left - 1, bound.left)))
    if bound.right < len(columns) and columns[bound.right] == columns[bound.right - 1] + 1:
        sides.append((slice(bound.top, bound.bottom), slice(bound.right, bound.right + 1)))
    return any(int(np.count_nonzero((sheet.codes[side] != 0) & ~owned[side])) > 1 for side in sides)


def _is_whole(sheet: SheetMap, bound: Region) -> bool:
    """Whether a range is one table: nothing in it is parted by blanks, or what is keeps to the same columns."""
    parts = [part for part in _Cutter(sheet).cut(bound, 0) if part.height > 1 and part.width > 1]
    return all(
        (part.left, part.right) == (parts[0].left, parts[0].right)
        and not _has_header(sheet.codes[part.top : part.bottom, part.left : part.right])
        for part in parts[1:]
    )


def _clash(one: Region, other: Region) -> bool:
    return one.top < other.bottom and other.top < one.bottom and one.left < other.right and other.left < one.right


def _declared(sheet: SheetMap, facts: SheetFacts) -> Iterator[Region]:
    taken: list[Region] = []
    for table in facts.tables:
        top, bottom = sheet.row_index(table.area.top), sheet.row_index(table.area.bottom + 1)
        left, right = sheet.column_index(table.area.left), sheet.column_index(table.area.right + 1)
        if bottom <= top or right <= left:
            continue
        region = _trimmed(sheet.codes, Region(top, bottom, left, right, table))
        if region is not None and not any(_clash(region, other) for other in taken):
            taken.append(region)
            yield region


def _trimmed(codes: Codes, region: Region) -> Region | None:
    """Return a region without the blank rows and columns around it."""
    part = codes[region.top : region.bottom, region.left : region.right]
    rows, columns = np.flatnonzero(_any(part, 1)), np.flatnonzero(_any(part, 0))
    if not len(rows):
        return None
    return Region(region.top + int(rows[0]), region.top + int(rows[-1]) + 1, region.left + int(columns[0]),
                  region.left + int(columns[-1]) + 1, region.defined)  # fmt: skip


def _any(codes: Codes, axis: int) -> npt.NDArray[np.bool_]:
    """Return which rows (axis 1) or columns (axis 0) hold something."""
    return np.asarray(codes.any(axis=axis), np.bool_)


def _runs(used: npt.NDArray[np.bool_], numbers: npt.NDArray[np.int32]) -> list[tuple[int, int]]:
    """Return the runs of used indexes whose row or column numbers follow one another, ends exclusive."""
    index = np.flatnonzero(used)
    if not len(index):
        return []
    breaks = np.flatnonzero(np.diff(numbers[index]) > 1) + 1
    begins = [0, *breaks.tolist()]
    ends = [*breaks.tolist(), len(index)]
    return [(int(index[begin]), int(index[end - 1]) + 1) for begin, end in zip(begins, ends, strict=True)]


class _Cutter:
    """Cuts one sheet into regions."""

    def __init__(self, sheet: SheetMap) -> None:
        self._sheet = sheet

    def cut(self, region: Region, depth: int) -> Iterator[Region]:
        """Yield the regions that a rectangle falls into."""
        trimmed = _trimmed(self._sheet.codes, region)
        if trimmed is None:
            return
        if depth >= MAX_DEPTH:
            yield trimmed
            return
        bands = self._bands(trimmed)
        if len(bands) > 1:
            for top, bottom in bands:
                yield from self.cut(Region(top, bottom, trimmed.left, trimmed.right), depth + 1)
            return
        groups = self._columns(trimmed)
        if len(groups) > 1:
            for left, right in groups:
                yield from self.cut(Region(trimmed.top, trimmed.bottom, left, right), depth + 1)
            return
        yield trimmed

    def _columns(self, region: Region) -> list[tuple[int, int]]:
        """Return the groups of columns that blank columns part."""
        part = self._sheet.codes[region.top : region.bottom, region.left : region.right]
        runs = _runs(_any(part, 0), self._sheet.columns[region.left : region.right])
        groups = [(region.left + begin, region.left + end) for begin, end in runs]
        merged = groups[:1]
        for group in groups[1:]:
            if self._share_rows(region, merged[-1], group):
                merged[-1] = (merged[-1][0], group[1])
            else:
                merged.append(group)
        return merged

    def _share_rows(self, region: Region, one: tuple[int, int], two: tuple[int, int]) -> bool:
        """Whether two neighbours are parts of one table, with an empty column between for looks."""
        columns = self._sheet.columns
        gap = int(columns[two[0]]) - int(columns[one[1] - 1]) - 1
        codes = self._sheet.codes[region.top : region.bottom]
        left, right = codes[:, one[0] : one[1]], codes[:, two[0] : two[1]]
        rows_of_one, rows_of_two = _any(left, 1), _any(right, 1)
        both = int(np.count_nonzero(rows_of_one & rows_of_two))
        most = max(int(np.count_nonzero(rows_of_one)), int(np.count_nonzero(rows_of_two)))
        if both < LEAST_SHARED or gap > WIDE_GAP:
            return False
        if 1 in {left.shape[1], right.shape[1]}:
            if left.shape[1] == right.shape[1]:
                return gap == 1 and both == most and not _named_apart(left, right, rows_of_one & rows_of_two)
            near = gap <= SPACERS or both == most
            return near and both >= SHARED_ROWS * most and not _named_apart(left, right, rows_of_one & rows_of_two)
        apart = _named_apart(left, right, rows_of_one & rows_of_two)
        return gap <= SPACERS and both >= NEARLY_ALL * most and not apart and _lacks_labels(left, right)

    def _bands(self, region: Region) -> list[tuple[int, int]]:
        """Return the groups of rows that blank rows part, each as one range of rows."""
        part = self._sheet.codes[region.top : region.bottom, region.left : region.right]
        bands = _runs(_any(part, 1), self._sheet.rows[region.top : region.bottom])
        if len(bands) == 1:
            return [(region.top, region.bottom)]
        groups = _grouped(part, bands)
        return [(region.top + begin, region.top + end) for begin, end in groups]


def _grouped(part: Codes, bands: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join bands of rows that a person sees as one table."""
    groups = [bands[0]]
    open_title = _is_title(part, bands[0])
    for number, band in enumerate(bands[1:], start=1):
        previous = groups[-1]
        if number > MAX_BANDS:
            groups[-1] = (previous[0], bands[-1][1])
            break
        title = _is_title(part, band)
        if not open_title and _goes_on(part, previous, band, title=title):
            groups[-1] = (previous[0], band[1])
        else:
            groups.append(band)
            open_title = title
    return groups


def _is_title(part: Codes, band: tuple[int, int]) -> bool:
    """Whether a band holds no more than a line or two of text, one cell in each."""
    rows = part[band[0] : band[1]]
    if len(rows) > 3 or rows.shape[1] == 1:  # noqa: PLR2004 - more lines are a list
        return False
    filled = rows != 0
    return int(filled.sum(axis=1).max()) == 1 and bool((CLASSES[rows[filled] & KIND_MASK] == TEXT).all())


def _goes_on(part: Codes, above: tuple[int, int], band: tuple[int, int], *, title: bool) -> bool:
    """Whether a band continues the block above the blank rows, having no header of its own."""
    rows = part[band[0] : band[1]][:SAMPLE_ROWS]
    first = rows[0]
    used = np.flatnonzero(first)
    if _names_total(first, used) or (not title and _is_header_alone(part[above[0] : above[1]], rows)):
        return True
    left, right = _extent(part[above[0] : above[1]])
    if title or int(used[0]) < left or int(used[-1]) >= right:
        return False
    filled = np.count_nonzero(rows, axis=1)
    titled = int(filled[0]) == 1 and int(filled.max()) > 1
    if titled:
        first = rows[int(np.argmax(filled > 1))]
    usual = usual_classes(_values_of(part[above[0] : above[1]]))
    classes = CLASSES[first & KIND_MASK]
    typed = (usual != 0) & (classes != 0) & ((usual != TEXT) | (classes != TEXT))
    if typed.any():
        least = HALF if above[1] - above[0] > 1 else 1 - 1 / len(first)  # one row alone must be the same throughout
        return bool(((classes[typed] == usual[typed]) | (classes[typed] == ANYTHING)).mean() > least)
    if titled or above[1] - above[0] == 1 or bool(((usual != TEXT) & (usual != 0)).any()) or _has_header(rows):
        return False
    band_left, band_right = _extent(rows)
    wide = band_left == left and (band_right - band_left) > (right - left) * NEARLY_AS_WIDE
    return wide and _same_text_block(part[above[0] + 1 : above[1]], rows)


def _has_header(rows: Codes) -> bool:
    """Whether the first row is text above values."""
    words = CLASSES[rows[0] & KIND_MASK] == TEXT
    return bool((words & np.isin(usual_classes(CLASSES[rows[1:] & KIND_MASK]), (NUMBERS, DATES, BOOLEANS))).any())


def _values_of(block: Codes) -> Codes:
    """Return the classes of a block's rows without its titles and its header, as far as text above values tells."""
    if len(block) == 1:
        return np.asarray(CLASSES[block & KIND_MASK], np.uint8)
    classes: Codes = CLASSES[block & KIND_MASK]
    typed = np.isin(classes[:HEADER_ROWS], (NUMBERS, DATES, BOOLEANS)).any(axis=1)
    first = int(np.argmax(typed)) if typed.any() else 1
    return classes[first:][-SAMPLE_ROWS:]


def _is_header_alone(above: Codes, rows: Codes) -> bool:
    """Whether the block above is a header that a blank row parts from its values."""
    filled = above != 0
    if len(above) > 3 or len(rows) < 2 or int(filled[-1].sum()) < 2:  # noqa: PLR2004 - a header of few rows and names
        return False
    if not bool((CLASSES[above[filled] & KIND_MASK] == TEXT).all()):
        return False
    left, right = _extent(above)
    band_left, band_right = _extent(rows)
    if band_right > right or band_left < left - 1 or int(filled[-1].sum()) * 2 < band_right - band_left:
        return False
    if _has_header(rows):
        return False
    first = rows[0]
    stands_out = bool((first[first != 0] & Mark.EMPHASIS).all()) and not bool(
        (rows[1:][rows[1:] != 0] & Mark.EMPHASIS).all()
    )
    return not stands_out


def _same_text_block(body: Codes, rows: Codes) -> bool:
    """Tell blocks of text of the same width apart: one whose first row stands out is a table of its own."""
    first = rows[0]
    stands_out = bool((first[first != 0] & Mark.EMPHASIS).all())
    return not stands_out or bool(((body & Mark.EMPHASIS) != 0)[body != 0].mean() > HALF)


def _names_total(first: Codes, used: npt.NDArray[np.int64]) -> bool:
    words = [index for index in used if int(first[index]) & KIND_MASK == Kind.TEXT]
    return len(words) == 1 and len(used) > 1 and bool(first[words[0]] & Mark.TOTAL)


def _named_apart(left: Codes, right: Codes, both: npt.NDArray[np.bool_]) -> bool:
    """Whether one neighbour has a header in the first row that both fill, and the other has a value there."""
    first = int(np.flatnonzero(both)[0])
    sides = [CLASSES[side[first] & KIND_MASK] for side in (left, right)]
    words = [bool((side[side != 0] == TEXT).all()) for side in sides]
    below = [CLASSES[side[first + 1 :][:SAMPLE_ROWS] & KIND_MASK] for side in (left, right)]
    header = [word and bool((usual_classes(rows)[side != 0] != TEXT).any())
              for word, rows, side in zip(words, below, sides, strict=True)]  # fmt: skip
    return (header[0] and not words[1]) or (header[1] and not words[0])


def _lacks_labels(left: Codes, right: Codes) -> bool:
    """Whether the block on the right has values only, and too few names for its columns, beside a column of labels."""
    body = usual_classes(CLASSES[right[1 : SAMPLE_ROWS + 1] & KIND_MASK])
    labels = usual_classes(CLASSES[left[1 : SAMPLE_ROWS + 1] & KIND_MASK])
    if bool((body == TEXT).any()) or not bool((labels == TEXT).any()):
        return False
    # a row that names every column makes the values a table of their own, titles above it or not
    first = right[_any(right, 1)][:HEADER_ROWS]
    return not bool((CLASSES[first & KIND_MASK] == TEXT).all(axis=1).any())


def _extent(rows: Codes) -> tuple[int, int]:
    columns = np.flatnonzero(_any(rows, 0))
    return int(columns[0]), int(columns[-1]) + 1


def usual_classes(body: Codes) -> Codes:
    """Return the class that most cells of each column have, errors and blanks aside; 0 where there are none."""
    if not len(body):
        return np.zeros(body.shape[1], np.uint8)
    counts = np.stack([(body == kind).sum(axis=0) for kind in (1, 2, 3, 4)])
    usual: Codes = (counts.argmax(axis=0) + 1).astype(np.uint8)
    usual[counts.sum(axis=0) == 0] = 0
    return usual
