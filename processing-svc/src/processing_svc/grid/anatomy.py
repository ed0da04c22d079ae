"""The parts of a region: titles above, header rows, body, totals, repeated headers, notes below.

Declared tables, and a header row that a person names, are obeyed; `heads` finds the header of any other region.
"""

import re
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from processing_svc.grid.cells import KIND_MASK, Area, Kind, Mark, SheetFacts
from processing_svc.grid.heads import MOST, NEARLY_ALL, REPEAT_ROWS, SAMPLE_ROWS, HeaderFinder, ReadTexts
from processing_svc.grid.labels import TOTAL
from processing_svc.grid.map import Codes, SheetMap
from processing_svc.grid.regions import ANYTHING, CLASSES, DATES, NUMBERS, TEXT, Region, usual_classes

MAX_MARKED_ROWS: Final = 20_000
"""Rows that may be totals or repeated headers are looked at one by one up to here."""
_EXACT_TOTAL: Final = re.compile(TOTAL)
Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Anatomy:
    """Indexes of rows of the map, by what they are."""

    header: list[int] = field(default_factory=list)
    above: list[int] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    subtotals: list[int] = field(default_factory=list)
    notes: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    first: int = 0
    """First row of the body."""
    last: int = 0
    """Behind the last row of the body; rows between may be totals."""


class Anatomist:
    """Finds the parts of the regions of one sheet."""

    def __init__(self, sheet: SheetMap, facts: SheetFacts, read: ReadTexts) -> None:
        self._sheet = sheet
        self._read = read
        self._headers = HeaderFinder(sheet, facts, read)

    def examine(self, region: Region, header_row: int | None = None) -> Anatomy:
        """Return the parts of a region. `header_row` is a row of the sheet, from 0, or -1 for none."""
        found = Anatomy(first=region.top, last=region.bottom)
        if header_row is not None:
            self._told(region, header_row, found)
        elif region.defined is not None:
            self._declared(region, found)
        else:
            self._guess(region, found)
        if region.defined is None:
            self._notes(region, found)
        self._totals(region, found)
        self._repeated(region, found)
        return found

    # Header -------------------------------------------------------------------------------------------------------

    def _told(self, region: Region, header_row: int, found: Anatomy) -> None:
        if header_row < 0:
            return
        at = self._sheet.row_index(header_row)
        if region.top <= at < region.bottom and int(self._sheet.rows[at]) == header_row:
            found.above = list(range(region.top, at))
            found.header, found.first = [at], at + 1

    def _declared(self, region: Region, found: Anatomy) -> None:
        table = region.defined
        assert table is not None  # noqa: S101 - the caller asked
        found.first = max(region.top, min(region.bottom, self._sheet.row_index(table.area.top + table.header_rows)))
        found.header = list(range(region.top, found.first))
        if table.totals_rows:
            found.last = max(found.first, self._sheet.row_index(table.area.bottom + 1 - table.totals_rows))
            found.totals = list(range(found.last, region.bottom))

    def _guess(self, region: Region, found: Anatomy) -> None:
        begin, end = self._headers.find(region)
        found.above = list(range(region.top, region.top + begin))
        found.header = list(range(region.top + begin, region.top + end))
        found.first = region.top + end

    # Below the body -----------------------------------------------------------------------------------------------

    def _notes(self, region: Region, found: Anatomy) -> None:
        """Take single lines of text off the end: remarks, sources, legends."""
        if region.width < 2 or found.last - found.first < 2:  # noqa: PLR2004 - nothing to compare with
            return
        sample = self._sheet.seen[found.first : min(found.last, found.first + SAMPLE_ROWS), region.left : region.right]
        counts = np.count_nonzero(sample, axis=1)
        typical = float(np.median(counts[counts > 1])) if (counts > 1).any() else 1.0
        below_total = self._rows_below_total(region, found)
        while found.last - found.first > 1:
            if found.last <= below_total:
                return
            if below_total > found.first:
                found.last -= 1
                found.notes.insert(0, found.last)
                continue
            row = self._sheet.seen[found.last - 1, region.left : region.right]
            used = np.flatnonzero(row)
            if len(used) != 1 or typical < 2 or int(row[used[0]]) & KIND_MASK != Kind.TEXT:  # noqa: PLR2004 - as above
                return
            if not self._is_note(region, found.last - 1, int(used[0]), int(row[used[0]]), typical):
                return
            found.last -= 1
            found.notes.insert(0, found.last)

    def _rows_below_total(self, region: Region, found: Anatomy) -> int:
        """Return the row behind a total that only single texts follow, or 0: what stands below a total is a note."""
        at = found.last
        while at - 1 > found.first:
            row = self._sheet.seen[at - 1, region.left : region.right]
            used = np.flatnonzero(row)
            if len(used) > 1:
                kinds = row[used] & KIND_MASK
                labelled = bool(((row[used] & Mark.TOTAL) != 0)[kinds == Kind.TEXT].any())
                return at if at < found.last and labelled and bool((CLASSES[kinds] == NUMBERS).any()) else 0
            if int(row[used[0]]) & KIND_MASK != Kind.TEXT if len(used) else False:
                return 0
            at -= 1
        return 0

    def _is_note(self, region: Region, at: int, column: int, code: int, typical: float) -> bool:
        if code & Mark.LONG and not self._are_long(region, at, column):
            return True
        if code & Mark.TOTAL:
            return False
        text = (self._texts(region, at - region.top) or [""])[0].lstrip().lower()
        if text.startswith(_NOTE_MARKS):
            return True
        if int(self._sheet.rows[at]) - int(self._sheet.rows[at - 1]) > 1:
            return True
        # a label without values is still a row, unless it is much longer than the other labels
        return column == 0 and typical >= MOST * region.width and len(text) > 2 * self._label_length(region, at)

    def _are_long(self, region: Region, at: int, column: int) -> bool:
        """Whether long texts are what a column holds, so that one more is none about the table."""
        codes = self._sheet.seen[max(region.top + 1, at - REPEAT_ROWS) : at, region.left + column]
        return bool(((codes & Mark.LONG) != 0).mean() > 1 - NEARLY_ALL)

    def _label_length(self, region: Region, at: int) -> int:
        first = max(region.top, at - REPEAT_ROWS)
        lengths = sorted(
            len(text) for text in self._read(self._sheet.area(first, at, region.left, region.left + 1)).values()
        )
        return max(lengths[len(lengths) // 2] if lengths else 0, 10)

    def _totals(self, region: Region, found: Anatomy) -> None:
        """Find the rows that sum up others: a label that names a total, and no other text beside numbers."""
        if found.last - found.first < 2:  # noqa: PLR2004 - something must be summed up
            return
        body = self._sheet.seen[found.first : found.last, region.left : region.right]
        marked = (body & Mark.TOTAL).astype(np.bool_) & (body & KIND_MASK == Kind.TEXT)
        rows = np.flatnonzero(marked.any(axis=1))
        if len(rows) <= min(MAX_MARKED_ROWS, max(2, len(body) * MOST)):
            chosen = [int(row) for row in rows if self._is_total(region, found, body, int(row), marked[row])]
        else:
            chosen = []
        if self._is_unnamed_total(body) and len(body) - 1 not in chosen:
            chosen.append(len(body) - 1)
        for row in sorted(chosen):
            if self._is_last(body, row, chosen):
                found.totals.append(found.first + row)
            else:
                found.subtotals.append(found.first + row)
        found.totals.sort()
        while found.last > found.first and found.last - 1 in found.totals:
            found.last -= 1

    def _is_total(self, region: Region, found: Anatomy, body: Codes, row: int, marked: Mask) -> bool:
        codes = body[row]
        classes = CLASSES[codes & KIND_MASK]
        words, label = np.flatnonzero(classes == TEXT), int(np.flatnonzero(marked)[0])
        values = np.flatnonzero((classes == NUMBERS) | (classes == ANYTHING) | (classes == DATES))
        if not len(values) or (len(words) > 1 and not self._are_placeholders(region, found.first + row, words, label)):
            return False
        if bool((classes[:label] != 0).any()) and not bool((codes[label + 1 :] & Mark.FORMULA).any()):
            return False  # a number or date before the label: a row of data in which a total is one category
        text = (self._texts(region, found.first + row - region.top, label) or [""])[0]
        if _EXACT_TOTAL.match(text):
            return True
        return bool((codes[values] & Mark.FORMULA).any() and not (body[:, values] & Mark.FORMULA).all()) or bool(
            codes[label] & Mark.EMPHASIS and not (body[:, label] & Mark.EMPHASIS).all()
        )

    def _are_placeholders(self, region: Region, at: int, words: npt.NDArray[np.int64], label: int) -> bool:
        """Whether the texts of a row, but for its label, are dashes and the like."""
        read = self._read(self._row_area(region, at - region.top))
        row = int(self._sheet.rows[at])
        others = (
            read.get((row, int(self._sheet.columns[region.left + int(word)])), "") for word in words if word != label
        )
        return not any(character.isalnum() for text in others for character in text)

    @staticmethod
    def _is_unnamed_total(body: Codes) -> bool:
        """Whether the last row holds nothing but formulas below columns of plain numbers."""
        if len(body) < 4:  # noqa: PLR2004 - three rows to sum up
            return False
        last = body[-1]
        used = np.flatnonzero(last)
        classes = CLASSES[last[used] & KIND_MASK]
        if not len(used) or not bool((last[used] & Mark.FORMULA).all()) or not bool((classes == NUMBERS).all()):
            return False
        above = body[:-1, used]
        plain = ((above & Mark.FORMULA) == 0) & (CLASSES[above & KIND_MASK] == NUMBERS)
        empty_elsewhere = np.delete(body[:-1], used, axis=1)
        return (
            bool(plain.mean() > NEARLY_ALL)
            and empty_elsewhere.size > 0
            and bool(((empty_elsewhere != 0).mean(axis=0) > MOST).any())
        )

    @staticmethod
    def _is_last(body: Codes, row: int, chosen: list[int]) -> bool:
        """Whether nothing but totals follows."""
        return all(other in chosen for other in range(row, len(body))) if len(body) - row <= len(chosen) else False

    def _repeated(self, region: Region, found: Anatomy) -> None:
        """Find rows that repeat the header, as long printed tables do."""
        if not found.header or region.width < 2 or found.last - found.first < 3:  # noqa: PLR2004 - room for one
            return
        body = self._sheet.seen[found.first : found.last, region.left : region.right]
        header = self._sheet.seen[found.header[-1], region.left : region.right]
        words = header & KIND_MASK == Kind.TEXT
        usual = usual_classes(CLASSES[body[:SAMPLE_ROWS] & KIND_MASK])
        typed = words & (usual != TEXT) & (usual != 0)
        if not typed.any():
            return
        candidates = np.flatnonzero((body[:, typed] & KIND_MASK == Kind.TEXT).all(axis=1))
        if len(candidates) > MAX_MARKED_ROWS:
            return
        names = self._texts(region, found.header[-1] - region.top)
        found.repeated = [found.first + int(row) for row in candidates
                          if self._texts(region, found.first + int(row) - region.top) == names]  # fmt: skip

    # Text ---------------------------------------------------------------------------------------------------------

    def _row_area(self, region: Region, at: int) -> Area:
        return self._sheet.area(region.top + at, region.top + at + 1, region.left, region.right)

    def _texts(self, region: Region, at: int, first: int = 0) -> list[str]:
        """Return the cells of a region's row as text, from some column on, empty ones left out."""
        area = self._sheet.area(region.top + at, region.top + at + 1, region.left + first, region.right)
        read = self._read(area)
        return [read[place].strip() for place in sorted(read) if read[place].strip()]


_NOTE_MARKS: Final = (
    "*", "†", "‡", "note", "source", "remark", "footnote", "legend", "disclaimer", "quelle", "anmerkung", "hinweis",
    "fuente", "nota", "remarque", "fonte", "bron", "opmerking", "примечани", "источник", "注", "資料", "资料", "备注",
    "出典",
    "1)", "(1)", "¹", "a)", "(a)", "[1]", "prepared by", "last updated", "©", "stand:", "erstellt",
)  # fmt: skip
