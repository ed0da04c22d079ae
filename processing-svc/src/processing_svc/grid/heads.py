"""Where a region's header is: below titles, above values. What people laid out speaks first, then the kinds of cells.

Filter buttons and frozen rows point at a header; names merged over columns or rows belong to one; else a header is text
above values, or a row of text that stands out, or whose names are all different and occur nowhere below.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from processing_svc.grid.cells import KIND_MASK, Area, Kind, Mark, SheetFacts
from processing_svc.grid.map import Codes, SheetMap
from processing_svc.grid.regions import ANYTHING, CLASSES, DATES, NUMBERS, TEXT, Region, usual_classes

LOOK_ROWS: Final = 40
"""Titles and header rows are looked for in so many first rows of a region."""
SAMPLE_ROWS: Final = 300
MAX_HEADER_ROWS: Final = 6
NARROW: Final = 0.5
"""A row with fewer filled cells than this share of the widest stands above the table, not in it."""
MOST: Final = 0.5
NEARLY_ALL: Final = 0.8
MAX_NAME: Final = 120
"""A longer text is a sentence, not the name of a column."""
MAX_LIST_NAME: Final = 40
MAX_FORM_ROWS: Final = 40
REPEAT_ROWS: Final = 100
YEARS: Final = (1800, 2200)
MAX_YEARS: Final = 25
"""Years in a header are at most so far apart."""

Texts = Mapping[tuple[int, int], str]
"""Cells as text by row and column of the sheet."""
ReadTexts = Callable[[Area], Texts]


@dataclass(frozen=True, slots=True)
class _Head:
    """The first rows of a region, as arrays."""

    codes: Codes
    classes: Codes
    counts: npt.NDArray[np.int64]
    merges: tuple[Area, ...]
    """Merged ranges that begin in these rows, as indexes into `codes`."""


class HeaderFinder:
    """Finds the headers of the regions of one sheet."""

    def __init__(self, sheet: SheetMap, facts: SheetFacts, read: ReadTexts) -> None:
        self._sheet = sheet
        self._facts = facts
        self._read = read
        merges = [(merge.top, merge.left, merge.bottom, merge.right) for merge in facts.merges]
        self._bounds = np.array(merges, np.int32).reshape(-1, 4)

    def find(self, region: Region) -> tuple[int, int]:
        """Return the header's first row and the first row of the body; both counted from the region's top.

        Rows before the header are titles. Both are equal where there is no header.
        """
        head = self._head(region)
        start = self._start(head)
        begin, end = self._by_evidence(region, head, start) or self._by_kinds(region, head, start)
        # a row that is no title cannot stand above a table without header
        if end == begin and start and not _are_titles(head, begin):
            return 0, 0
        return begin, end

    def _head(self, region: Region) -> _Head:
        bottom = min(region.bottom, region.top + LOOK_ROWS)
        codes = self._sheet.seen[region.top : bottom, region.left : region.right]
        return _Head(codes, CLASSES[codes & KIND_MASK], np.count_nonzero(codes, axis=1),
                     tuple(self._merges(region, bottom)))  # fmt: skip

    def _merges(self, region: Region, bottom: int) -> list[Area]:
        rows, columns = self._sheet.rows, self._sheet.columns
        first, last = int(rows[region.top]), int(rows[bottom - 1])
        left, right = int(columns[region.left]), int(columns[region.right - 1])
        found = []
        bounds = self._bounds
        near = (bounds[:, 0] <= last) & (bounds[:, 2] >= first) & (bounds[:, 1] <= right) & (bounds[:, 3] >= left)
        for index in np.flatnonzero(near).tolist():
            merge = self._facts.merges[index]
            begin, end = self._sheet.row_index(merge.top), self._sheet.row_index(merge.bottom + 1)
            one = max(self._sheet.column_index(merge.left), region.left)
            two = min(self._sheet.column_index(merge.right + 1), region.right)
            if end > begin and two > one and (end - begin > 1 or two - one > 1):
                found.append(Area(begin - region.top, one - region.left, end - 1 - region.top, two - 1 - region.left))
        return found

    @staticmethod
    def _start(head: _Head) -> int:
        """Return the first row that is as wide as a table's, group headers above it included."""
        counts, width = head.counts, head.codes.shape[1]
        enough = max(1.0 if width == 1 else 2.0, float(counts.max()) * NARROW)
        wide = np.flatnonzero(counts >= enough)
        start = int(wide[0]) if len(wide) else 0
        while start and _is_group_row(head, start - 1):
            start -= 1
        return start

    def _by_evidence(self, region: Region, head: _Head, start: int) -> tuple[int, int] | None:
        """Take the header from filter buttons or frozen rows, where they point at a row that may be one."""
        rows = self._sheet.rows[region.top : region.top + len(head.codes)]
        for area in self._facts.filters:
            at = int(np.searchsorted(rows, area.top))
            inside = at < len(rows) and int(rows[at]) == area.top and self._shares_columns(region, area)
            if inside and _may_be_header(head, at):
                return _first_name_row(head, at), at + 1
        frozen = int(np.searchsorted(rows, self._facts.frozen_rows)) - 1
        if self._facts.frozen_rows and start <= frozen < start + MAX_HEADER_ROWS and frozen + 1 < region.height:
            follows = int(rows[frozen]) == self._facts.frozen_rows - 1
            if follows and _may_be_header(head, frozen) and not _is_body_row(head, frozen):
                return max(start, _first_name_row(head, frozen)), frozen + 1
        return None

    def _shares_columns(self, region: Region, area: Area) -> bool:
        left, right = int(self._sheet.columns[region.left]), int(self._sheet.columns[region.right - 1])
        return area.left <= right and area.right >= left

    def _by_kinds(self, region: Region, head: _Head, start: int) -> tuple[int, int]:
        body = self._sheet.seen[region.top : region.bottom, region.left : region.right]
        if not self._is_header(region, head, start, body):
            return start, start
        end = start + 1
        while end < min(len(head.codes), start + MAX_HEADER_ROWS) and end + 1 <= len(body) - 1 + (end == start):
            if not self._header_goes_on(head, start, end, body):
                break
            end += 1
        return start, end

    def _is_header(self, region: Region, head: _Head, at: int, body: Codes) -> bool:
        """Whether a row names the columns below it."""
        classes, used = head.classes[at], np.flatnonzero(head.codes[at])
        below = CLASSES[body[at + 1 : at + 1 + SAMPLE_ROWS] & KIND_MASK]
        if not len(below):
            return False
        usual = usual_classes(below)
        if bool((classes[used] != TEXT).any()):
            return self._is_header_of_values(region, head, at, usual)
        if head.codes.shape[1] == 2 and self._is_form(body, at):  # noqa: PLR2004 - labels and values
            return False
        if bool(((usual[used] != TEXT) & (usual[used] != 0)).any()):
            return True
        if len(used) < head.codes.shape[1] * NARROW and not _is_group_row(head, at):
            return False
        return _stands_out(body, at) or self._are_names(region, at)

    def _are_names(self, region: Region, at: int) -> bool:
        """Whether the texts of a row are short, all different, and none of their columns' values."""
        names = self._texts(region, at)
        longest = MAX_LIST_NAME if region.width == 1 else MAX_NAME
        unfit = len(set(names)) < len(names) or any(len(name) > longest for name in names)
        return not unfit and not self._occurs_below(region, at)

    @staticmethod
    def _is_form(body: Codes, at: int) -> bool:
        """Whether two columns are labels and values of all sorts, and the first row is one of them."""
        sorts = set(CLASSES[body[at:, 1] & KIND_MASK].tolist()) - {0, ANYTHING}
        labels = CLASSES[body[at:, 0] & KIND_MASK]
        few = len(body) - at <= MAX_FORM_ROWS
        return (
            few
            and len(sorts) > 1
            and bool((labels[labels != 0] == TEXT).all())
            and not _stands_out(body, at)
            and (
                len(sorts) > 2 or CLASSES[body[at + 1, 1] & KIND_MASK] == TEXT  # noqa: PLR2004 - text, numbers, dates
            )
        )

    def _occurs_below(self, region: Region, at: int) -> bool:
        """Whether a name occurs among the values of its own column, so that it is one of them."""
        last = min(region.height, at + 1 + REPEAT_ROWS)
        read = self._read(self._sheet.area(region.top + at, region.top + last, region.left, region.right))
        row = int(self._sheet.rows[region.top + at])
        names = {column: text for (place, column), text in read.items() if place == row}
        return any(place != row and names.get(column) == text for (place, column), text in read.items())

    def _is_header_of_values(self, region: Region, head: _Head, at: int, usual: Codes) -> bool:
        """Whether a row of years, dates or counting numbers (and words) names columns."""
        classes, codes = head.classes[at], head.codes[at]
        odd = np.flatnonzero((classes != TEXT) & (codes != 0)).tolist()
        numbers = [index for index in odd if classes[index] == NUMBERS]
        if len(odd) < 2 or any(classes[index] not in {NUMBERS, DATES} for index in odd):  # noqa: PLR2004 - one number is a value
            return _stands_out(self._sheet.seen[region.top : region.bottom, region.left : region.right], at) and bool(
                (classes[codes != 0] == TEXT).mean() > MOST
            )
        if any(codes[index] & KIND_MASK != Kind.WHOLE for index in numbers):
            return False
        if not numbers:  # dates across the top, numbers below them
            return bool((usual[odd] != DATES).all())
        read = self._read(self._row_area(region, at))
        row = int(self._sheet.rows[region.top + at])
        values = [read.get((row, int(self._sheet.columns[region.left + index])), "") for index in numbers]
        if not all(value.lstrip("-").isdigit() for value in values):
            return False
        steps = np.diff([int(value) for value in values])
        years = all(YEARS[0] <= int(value) <= YEARS[1] for value in values) and len(numbers) == len(odd)
        years = years and bool(
            ((steps > 0) & (steps <= MAX_YEARS)).all() or ((steps < 0) & (steps >= -MAX_YEARS)).all()
        )
        counting = len(values) > 2 and region.height - at > 3 and bool((steps == 1).all())  # noqa: PLR2004 - 1, 2 may be anything
        return (years or counting) and not self._goes_on_counting(region, at, numbers, values)

    def _goes_on_counting(self, region: Region, at: int, numbers: list[int], values: list[str]) -> bool:
        """Whether the next row holds numbers of the same sort, so that neither row is a header."""
        if at + 1 >= region.height:
            return True
        read = self._read(self._row_area(region, at + 1))
        row = int(self._sheet.rows[region.top + at + 1])
        below = [read.get((row, int(self._sheet.columns[region.left + index])), "") for index in numbers]
        whole = [value for value in below if value.lstrip("-").isdigit()]
        if not whole or len(whole) < len(values) * MOST:
            return False
        if all(YEARS[0] <= int(value) <= YEARS[1] for value in values):
            return all(YEARS[0] <= int(value) <= YEARS[1] for value in whole)
        return len(whole) > 2 and bool((np.diff([int(value) for value in whole]) == 1).all())  # noqa: PLR2004 - as above

    def _header_goes_on(self, head: _Head, start: int, at: int, body: Codes) -> bool:
        """Whether a row below header rows is one more."""
        classes, used = head.classes[at], head.codes[at] != 0
        above = [merge for merge in head.merges if start <= merge.top < at]
        reaches = any(merge.bottom >= at and merge.right == merge.left for merge in above)
        if reaches and (not used.any() or _may_be_header(head, at)):
            return True  # a name merged over several rows reaches here
        if not used.any() or not _may_be_header(head, at):
            return False
        words = bool((classes[used] == TEXT).all()) or bool(np.isin(classes[used], (TEXT, NUMBERS, DATES)).all())
        grouped = any(
            merge.bottom == at - 1 and int(np.count_nonzero(used[merge.left : merge.right + 1])) > 1 for merge in above
        )
        if grouped and words and not _is_body_row(head, at):
            return True
        below = CLASSES[body[at + 1 : at + 1 + SAMPLE_ROWS] & KIND_MASK]
        usual = usual_classes(below)
        if not bool((classes[used] == TEXT).all()) or not bool(((usual[used] != TEXT) & (usual[used] != 0)).any()):
            return False
        gaps = head.codes[at - 1] == 0
        return (
            bool((gaps & used).any())
            or (_stands_out(body, at) and bool((usual[used] == NUMBERS).mean() > MOST))
            or (
                # names of units, or a second line of names: text above values
                bool((usual[used] != TEXT).mean() >= MOST)
            )
        )

    # Text ---------------------------------------------------------------------------------------------------------

    def _row_area(self, region: Region, at: int) -> Area:
        return self._sheet.area(region.top + at, region.top + at + 1, region.left, region.right)

    def _texts(self, region: Region, at: int, first: int = 0) -> list[str]:
        """Return the cells of a region's row as text, from some column on, empty ones left out."""
        area = self._sheet.area(region.top + at, region.top + at + 1, region.left + first, region.right)
        read = self._read(area)
        return [read[place].strip() for place in sorted(read) if read[place].strip()]


def _is_group_row(head: _Head, at: int) -> bool:
    """Whether a row has names of groups of columns: words merged over some columns, or words with gaps between."""
    used = np.flatnonzero(head.codes[at])
    width = head.codes.shape[1]
    if not len(used) or not bool(np.isin(head.classes[at][used], (TEXT, NUMBERS, DATES)).all()):
        return False
    if bool((head.classes[at][used] != TEXT).all()) and len(used) < 2:  # noqa: PLR2004 - a number is no name
        return False
    if any(_spans_some(merge, width) for merge in head.merges if merge.top == at):
        return True
    words = bool((head.classes[at][used] == TEXT).all())
    if len(used) == 1:
        return words and _is_label_of_columns(head, at, int(used[0]))
    gaps = int(used[-1]) - int(used[0]) + 1 > len(used)
    return words and gaps and int(used[-1]) >= width * MOST


def _spans_some(merge: Area, width: int) -> bool:
    """Whether a merged cell spans several columns, but not (nearly) all as a title does."""
    return 1 < merge.width < width - (merge.left == 0)


def _is_label_of_columns(head: _Head, at: int, column: int) -> bool:
    """Whether a short text above a row of names, not at the left where titles stand, names columns below it."""
    if column == 0 or at + 1 >= len(head.codes) or any(merge.top == at for merge in head.merges):
        return False
    label, below = int(head.codes[at, column]), head.codes[at + 1]
    alike = (int(below[column]) ^ label) & Mark.EMPHASIS == 0
    return alike and not label & Mark.LONG and bool((head.classes[at + 1] == TEXT).all())


def _may_be_header(head: _Head, at: int) -> bool:
    """Whether a row has words and no value that cannot be a name."""
    used = head.codes[at] != 0
    classes = head.classes[at][used]
    kinds = head.codes[at][used] & KIND_MASK
    names = (classes == TEXT) | (classes == DATES) | (kinds == Kind.WHOLE)
    return (
        bool(used.any())
        and bool(names.all())
        and bool((classes == TEXT).any() or (classes == DATES).all() or len(classes) > 1)
    )


def _first_name_row(head: _Head, last: int) -> int:
    """Return the first of the rows of names that end with a row: names of groups, or more lines of the same names."""
    width = head.codes.shape[1]
    first = last
    while first and first > last - MAX_HEADER_ROWS:
        full = int(head.counts[first - 1]) >= NEARLY_ALL * width and _may_be_header(head, first - 1)
        if not full and not _is_group_row(head, first - 1):
            break
        first -= 1
    return first


def _is_body_row(head: _Head, at: int) -> bool:
    """Whether a row holds numbers that are no years, or the rows below look the same."""
    kinds = head.codes[at] & KIND_MASK
    below = head.classes[at + 1 : at + 20]
    usual = usual_classes(below)
    used = head.codes[at] != 0
    if bool(np.isin(kinds, (Kind.FRACTION, Kind.PERCENT, Kind.CURRENCY, Kind.WHOLE_CURRENCY, Kind.BOOLEAN)).any()):
        return True
    same = (head.classes[at] == usual) & used & (head.classes[at] != TEXT)
    return bool(same.any()) and bool((head.classes[at][used] == TEXT).mean() < 1)


def _stands_out(body: Codes, at: int) -> bool:
    """Whether a row is bold or filled and the rows below are not."""
    row, below = body[at], body[at + 1 : at + 1 + SAMPLE_ROWS]
    used = row != 0
    emphasized = bool(((row[used] & Mark.EMPHASIS) != 0).mean() > NEARLY_ALL) if used.any() else False
    cells = below[below != 0]
    return emphasized and (not len(cells) or bool(((cells & Mark.EMPHASIS) != 0).mean() < MOST))


def _are_titles(head: _Head, end: int) -> bool:
    """Whether rows hold a text, or a label and its value, and nothing more."""
    first = (head.classes[:end, 0] == TEXT) | (head.codes[:end, 0] == 0)
    return bool((head.counts[:end] <= 2).all()) and bool(first.all())  # noqa: PLR2004 - a label and its value
