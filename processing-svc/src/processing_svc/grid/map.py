"""A map of a sheet: one byte for every cell in the rows and columns that hold something, whatever lies between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from processing_svc.grid.cells import KIND_MASK, MAX_COLUMNS, MAX_ROWS, Area, Ints, Kind
from processing_svc.grid.spool import CellSpool

MAP_CELLS: Final = 128 * 1024 * 1024
"""Largest map. Of a larger sheet only the upper rows are mapped; tables that reach the last of them go on below."""

TALL_ROWS: Final = 2_000
MAX_TALL: Final = 50_000

Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SheetMap:
    """`codes[i, j]` is the kind and the marks of the cell in row `rows[i]` and column `columns[j]`; 0 is no content."""

    rows: Ints
    columns: Ints
    codes: Codes
    seen: Codes
    """The same without the marks of merged cells: the cells that show something."""
    last_row: int
    """Last row of the sheet with content; beyond `rows[-1]` where the sheet was too large to be mapped."""

    @property
    def complete(self) -> bool:
        """Whether all rows are mapped."""
        return not len(self.rows) or int(self.rows[-1]) == self.last_row

    def area(self, top: int, bottom: int, left: int, right: int) -> Area:
        """Return the sheet's cells of some indexes of the map, ends exclusive."""
        return Area(int(self.rows[top]), int(self.columns[left]), int(self.rows[bottom - 1]),
                    int(self.columns[right - 1]))  # fmt: skip

    def row_index(self, row: int) -> int:
        """Return the index of a row, or where it would be."""
        return int(np.searchsorted(self.rows, row))

    def column_index(self, column: int) -> int:
        """Return the index of a column, or where it would be."""
        return int(np.searchsorted(self.columns, column))


def chart(spool: CellSpool, merges: Sequence[Area] = (), most: int = MAP_CELLS) -> SheetMap:
    """Map the cells of a sheet. Blank text takes no place; the rows of a cell merged downwards are marked BLANK."""
    has_row, has_column = np.zeros(MAX_ROWS, np.bool_), np.zeros(MAX_COLUMNS, np.bool_)
    for block in spool.blocks():
        seen = block.kinds & KIND_MASK != Kind.BLANK
        has_row[block.rows[seen]] = True
        has_column[block.columns[seen]] = True
    tall = [merge for merge in merges if 0 < merge.bottom - merge.top <= TALL_ROWS and has_row[merge.top]][:MAX_TALL]
    for merge in tall:
        has_row[merge.top : merge.bottom + 1] = True
    rows, columns = np.flatnonzero(has_row).astype(np.int32), np.flatnonzero(has_column).astype(np.int32)
    last = int(rows[-1]) if len(rows) else -1
    rows = rows[: most // max(1, len(columns))]
    row_of = np.zeros(MAX_ROWS, np.int32)
    row_of[rows] = np.arange(len(rows), dtype=np.int32)
    column_of = np.zeros(MAX_COLUMNS, np.int32)
    column_of[columns] = np.arange(len(columns), dtype=np.int32)
    codes = np.zeros((len(rows), len(columns)), np.uint8)
    if len(rows):
        for block in spool.blocks(last_row=int(rows[-1])):
            seen = block.kinds & KIND_MASK != Kind.BLANK
            codes[row_of[block.rows[seen]], column_of[block.columns[seen]]] = block.kinds[seen]
        for merge in tall:
            _fill_downwards(codes, merge, row_of, column_of, has_column)
    seen = codes if not tall else np.where(codes == Kind.BLANK, np.uint8(0), codes)
    return SheetMap(rows, columns, codes, seen, last)


def _fill_downwards(
    codes: Codes, merge: Area, row_of: Ints, column_of: Ints, has_column: npt.NDArray[np.bool_]
) -> None:
    """Mark the empty cells below the first of a merged range, if that holds something."""
    top, column = int(row_of[merge.top]), int(column_of[merge.left])
    if has_column[merge.left] and top < len(codes) and codes[top, column]:
        part = codes[top + 1 : top + 1 + merge.bottom - merge.top, column]
        part[part == 0] = Kind.BLANK
