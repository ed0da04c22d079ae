"""The tables of one sheet: regions are found, taken apart, named, typed and handed out in reading order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from processing_svc.grid.anatomy import Anatomist, Anatomy
from processing_svc.grid.body import Body, Remarks, batches, filled_cells
from processing_svc.grid.cells import KIND_MASK, Area, Ints, Kind, Mark, SheetFacts, column_letters
from processing_svc.grid.heads import Texts
from processing_svc.grid.map import chart
from processing_svc.grid.names import column_names, group_columns
from processing_svc.grid.regions import CLASSES, TEXT, Region, find_regions
from processing_svc.grid.spool import CellSpool
from processing_svc.grid.values import Shape, as_text, shape_of
from processing_svc.grid.values import Texts as SharedTexts
from processing_svc.handlers.interface import Casts, ExtractedTable, HandlerError, Notes, Origin, SourceColumn

SMALLEST_LIST: Final = 3
"""A single column with fewer rows is no table."""
NEAR_ROWS: Final = 1_000_000


@dataclass(slots=True)
class _Found:
    """A table of the sheet, and the ranges that belong to it without being data."""

    region: Region
    anatomy: Anatomy
    remarks: list[tuple[str, str, Area]] = field(default_factory=list)


class SheetTables:
    """Makes the tables of one sheet. The spool must stay until the last batch of the last table was taken."""

    def __init__(self, spool: CellSpool, shared: SharedTexts, facts: SheetFacts, most_columns: int) -> None:
        self._spool = spool
        self._shared = shared
        self._facts = facts
        self._most_columns = most_columns
        self._sheet = chart(spool, facts.merges)
        self._tall = [merge for merge in facts.merges if merge.bottom > merge.top]

    def tables(self, name: str, hidden: bool, header_row: int | None = None) -> Iterator[ExtractedTable]:
        """Yield the tables of the sheet `name`. `header_row` is a sheet row from 1; 0 says that there is none."""
        if not len(self._sheet.rows):
            return
        found = self._found(None if header_row is None else header_row - 1)
        for one in found:
            yield self._table(one, name, hidden, alone=len(found) == 1)

    def _found(self, header_row: int | None) -> list[_Found]:
        anatomist = Anatomist(self._sheet, self._facts, self.read)
        regions = find_regions(self._sheet, self._facts)
        chosen = [region for region in regions if self._is_table(region)]
        if not chosen:
            everything = Region(0, len(self._sheet.rows), 0, len(self._sheet.columns))
            chosen, regions = [everything], []
        found = [_Found(region, anatomist.examine(region, self._told(region, header_row))) for region in chosen]
        for region in regions:
            if region not in chosen:
                self._attach(region, found)
        return found

    def _told(self, region: Region, header_row: int | None) -> int | None:
        """Return a header row that a person named, for the regions that it can be meant for."""
        if header_row is None or header_row < 0:
            return header_row
        rows = self._sheet.rows
        return header_row if int(rows[region.top]) <= header_row <= int(rows[region.bottom - 1]) else None

    def _is_table(self, region: Region) -> bool:
        if region.defined is not None:
            return True
        codes = self._sheet.seen[region.top : region.bottom, region.left : region.right]
        if region.width == 1:
            words = CLASSES[codes & KIND_MASK] == TEXT
            prose = words.all() and float(((codes & Mark.LONG) != 0).mean()) > 0.5  # noqa: PLR2004 - most of it
            return int(np.count_nonzero(codes)) >= SMALLEST_LIST and not prose
        counts = np.count_nonzero(codes, axis=1)
        return int(np.count_nonzero(counts)) > 1 and int(counts.max()) > 1

    def _attach(self, region: Region, found: list[_Found]) -> None:
        """Note cells that are no table with the nearest one: a title above it, a note below, or something beside."""
        area = self._sheet.area(region.top, region.bottom, region.left, region.right)
        below = [one for one in found if one.region.top >= region.bottom]
        above = [one for one in found if one.region.bottom <= region.top]
        nearest_below = min(below, key=lambda one: self._distance(one, region), default=None)
        nearest_above = min(above, key=lambda one: self._distance(one, region), default=None)
        codes = self._sheet.seen[region.top : region.bottom, region.left : region.right]
        if bool((CLASSES[codes[codes != 0] & KIND_MASK] != TEXT).any()):
            nearest_below = nearest_above = None  # values, no words about a table
        if nearest_below and (not nearest_above or self._distance(nearest_below, region)
                              <= self._distance(nearest_above, region)):  # fmt: skip
            nearest_below.remarks.append(("preamble", "text above the table is no part of it", area))
        elif nearest_above:
            nearest_above.remarks.append(("footnote", "text below the table is no part of it", area))
        else:
            nearest = min(found, key=lambda one: self._distance(one, region))
            nearest.remarks.append(("loose_cells", "these cells are no table and no part of one", area))

    def _distance(self, one: _Found, region: Region) -> tuple[int, int]:
        rows = self._sheet.rows
        if one.region.top >= region.bottom:
            gap = int(rows[one.region.top]) - int(rows[region.bottom - 1])
        else:
            gap = int(rows[region.top]) - int(rows[one.region.bottom - 1])
        beside = max(0, region.left - one.region.right + 1, one.region.left - region.right + 1)
        return gap, beside

    # One table ----------------------------------------------------------------------------------------------------

    def _table(self, one: _Found, name: str, hidden: bool, *, alone: bool) -> ExtractedTable:
        region, anatomy = one.region, one.anatomy
        if region.width > self._most_columns:
            raise HandlerError("too_many_columns", f"a table of the sheet has {region.width} columns")
        columns = self._sheet.columns[region.left : region.right]
        rows = self._body_rows(region, anatomy)
        shapes = self._shapes(region, rows)
        names, kept = self._names(region, anatomy, columns, shapes)
        columns, shapes, names = columns[kept], [shapes[index] for index in kept], [names[index] for index in kept]
        filled = filled_cells(self._spool, self._tall, rows, columns) if self._tall and len(rows) else None
        body = Body(rows, columns, shapes, filled)
        header_rows = tuple(int(self._sheet.rows[index]) + 1 for index in anatomy.header)
        findings, repairs, casts = Notes(), Notes(), [Casts() for _ in shapes]
        self._remark(one, rows, findings, repairs)
        if filled is not None:
            repairs.add("merged_filled", "merged cells were filled downwards", count=len(filled))
        area = self._sheet.area(region.top, region.bottom, region.left, region.right)
        return ExtractedTable(
            name=self._name(name, one, area, alone=alone),
            origin=Origin(kind="sheet" if alone else "region", name=name[:1024], sheet=name[:255], hidden=hidden,
                          region=str(area), first=area.top + 1, last=area.bottom + 1),
            columns=[SourceColumn(name, shape.inferred, unit=self._unit(int(column), shape), casts=cast)
 for name, column, shape, cast in zip(names, columns, shapes, casts, strict=True)],
            schema=body.schema,
            batches=batches(body, self._spool, self._shared, Remarks(findings, casts)),
            findings=findings,
            repairs=repairs,
            header_rows=header_rows,
        )  # fmt: skip

    def _body_rows(self, region: Region, anatomy: Anatomy) -> Ints:
        """Return the sheet rows of the data: those with content that are neither totals nor repeated headers."""
        codes = self._sheet.codes[anatomy.first : anatomy.last, region.left : region.right]
        kept = np.asarray(codes.any(axis=1), np.bool_)
        for row in (*anatomy.totals, *anatomy.subtotals, *anatomy.repeated):
            if anatomy.first <= row < anatomy.last:
                kept[row - anatomy.first] = False
        rows: Ints = self._sheet.rows[anatomy.first : anatomy.last][kept]
        if self._sheet.complete or region.bottom < len(self._sheet.rows):
            return rows
        return np.concatenate([rows, self._unmapped_rows(region)])

    def _unmapped_rows(self, region: Region) -> Ints:
        left, right = int(self._sheet.columns[region.left]), int(self._sheet.columns[region.right - 1])
        found = [np.zeros(0, np.int32)]
        for block in self._spool.blocks(first_row=int(self._sheet.rows[-1]) + 1):
            inside = (block.columns >= left) & (block.columns <= right) & (block.kinds & KIND_MASK != Kind.BLANK)
            found.append(np.unique(block.rows[inside]))
        return np.unique(np.concatenate(found))

    def _shapes(self, region: Region, rows: Ints) -> list[Shape]:
        counts = np.zeros((region.width, KIND_MASK + 1), np.int64)
        mapped = rows[: int(np.searchsorted(rows, self._sheet.rows[-1], side="right"))]
        index = np.searchsorted(self._sheet.rows, mapped)
        if len(index):
            codes = self._sheet.codes[:, region.left : region.right]
            whole = int(index[-1]) - int(index[0]) == len(index) - 1
            part = codes[int(index[0]) : int(index[-1]) + 1] if whole else codes[index]
            for slot in range(region.width):
                counts[slot] = np.bincount(part[:, slot] & KIND_MASK, minlength=KIND_MASK + 1)
        if len(mapped) < len(rows):
            self._count_unmapped(region, counts)
        return [shape_of(one) for one in counts]

    def _count_unmapped(self, region: Region, counts: npt.NDArray[np.int64]) -> None:
        columns = self._sheet.columns[region.left : region.right]
        for block in self._spool.blocks(first_row=int(self._sheet.rows[-1]) + 1):
            slots = np.minimum(np.searchsorted(columns, block.columns), len(columns) - 1)
            inside = columns[slots] == block.columns
            np.add.at(counts, (slots[inside], block.kinds[inside] & KIND_MASK), 1)

    def _names(self, region: Region, anatomy: Anatomy, columns: Ints, shapes: list[Shape]
               ) -> tuple[list[str | None], list[int]]:  # fmt: skip
        """Return the names of all columns, and the indexes of those that are columns of the table."""
        if not anatomy.header:
            return [None] * region.width, list(range(region.width))
        area = self._sheet.area(anatomy.header[0], anatomy.header[-1] + 1, region.left, region.right)
        rows = [int(self._sheet.rows[index]) for index in anatomy.header]
        texts = self.read(area)
        valueless = [index for index, shape in enumerate(shapes) if not shape.kinds]
        merges = [merge for merge in self._facts.merges if merge.top <= rows[-1] and merge.bottom >= rows[0]]
        groups = group_columns(rows, columns.tolist(), texts, valueless) if not merges else set()
        names = column_names(rows, columns.tolist(), texts, merges, groups)
        return names, [index for index in range(region.width) if index not in groups]

    def _unit(self, column: int, shape: Shape) -> str | None:
        signs = self._facts.currencies.get(column, set())
        return next(iter(signs)) if shape.inferred == "currency" and len(signs) == 1 else None

    def _name(self, sheet: str, one: _Found, area: Area, *, alone: bool) -> str:
        defined = one.region.defined.name if one.region.defined else ""
        named = defined or next((name for name, range_ in self._facts.names if range_ == area), "")
        if alone:
            return (named if defined else sheet)[:255] if not sheet else sheet[:255]
        return f"{sheet[:150]} {named or area}"[:255]

    def _remark(self, one: _Found, rows: Ints, findings: Notes, repairs: Notes) -> None:
        region, anatomy = one.region, one.anatomy
        for kind, detail, indexes in (
            ("preamble", "rows above the table are no part of it", anatomy.above),
            ("total_row", "a total is kept out of the data", anatomy.totals),
            ("subtotal_row", "a subtotal is kept out of the data", anatomy.subtotals),
            ("footnote", "text below the table is no part of it", anatomy.notes),
        ):
            for index in indexes:
                findings.add(kind, detail, str(self._used(region, index)))
        for index in anatomy.repeated:
            repairs.add("repeated_header", "a row that repeats the header was left out", str(self._used(region, index)))
        for kind, detail, area in one.remarks:
            findings.add(kind, detail, str(area))
        if not anatomy.header:
            findings.add("no_header", "the first row holds values; the columns are numbered")
        self._remark_hidden(region, rows, findings)
        blank = self._blank_rows(rows)
        if blank:
            findings.add("blank_rows", f"{blank} blank rows inside the table were left out", count=blank)

    def _remark_hidden(self, region: Region, rows: Ints, findings: Notes) -> None:
        """Say which rows of the data and which columns are not shown in the sheet; they are data all the same."""
        for first, last in self._facts.hidden_rows:
            begin, end = np.searchsorted(rows, (first, last + 1)).tolist()
            if begin < end:
                area = Area(int(rows[begin]), 0, int(rows[end - 1]), 0)
                how = (
                    "by a filter or by hand" if any(area.top > one.top for one in self._filters(region)) else "by hand"
                )
                text = f"rows {area.top + 1} to {area.bottom + 1} are hidden {how}; they are kept"
                findings.add("hidden_rows", text, f"{area.top + 1}:{area.bottom + 1}", end - begin)
        columns = self._sheet.columns[region.left : region.right]
        for first, last in self._facts.hidden_columns:
            begin, end = np.searchsorted(columns, (first, last + 1)).tolist()
            if begin < end:
                names = f"{column_letters(int(columns[begin]))}:{column_letters(int(columns[end - 1]))}"
                findings.add("hidden_columns", f"columns {names} are hidden; they are kept", names, end - begin)

    def _filters(self, region: Region) -> list[Area]:
        area = self._sheet.area(region.top, region.bottom, region.left, region.right)
        return [one for one in self._facts.filters if one.overlaps(area)]

    def _blank_rows(self, rows: Ints) -> int:
        """Count the rows between the first and the last that hold nothing at all in any column of the sheet."""
        if not len(rows):
            return 0
        span = int(rows[-1]) - int(rows[0]) + 1
        between = np.searchsorted(self._sheet.rows, [rows[0], rows[-1] + 1])
        return max(0, span - int(between[1] - between[0])) if self._sheet.complete else 0

    def _used(self, region: Region, index: int) -> Area:
        used = np.flatnonzero(self._sheet.codes[index, region.left : region.right])
        first, last = (int(used[0]), int(used[-1])) if len(used) else (0, region.width - 1)
        return self._sheet.area(index, index + 1, region.left + first, region.left + last + 1)

    def read(self, area: Area) -> Texts:
        """Return the cells of an area that show something, as text."""
        found: dict[tuple[int, int], str] = {}
        for block in self._spool.blocks(area.top, area.bottom):
            inside = (block.columns >= area.left) & (block.columns <= area.right)
            kinds, numbers = block.kinds[inside], block.numbers[inside]
            texts = as_text(kinds, numbers, block.texts, self._shared)
            places = zip(block.rows[inside].tolist(), block.columns[inside].tolist(), texts, strict=True)
            found.update({(row, column): text for row, column, text in places if text})
        return found
