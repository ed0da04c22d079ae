"""What belongs to a table and is no row of it: its title, in its first row or above it, and the notes under it."""

import re
from collections.abc import Sequence
from typing import Final

from processing_svc.pages.grids import Cell, Grid, trimmed
from processing_svc.pages.lines import Line, is_caption

_NOTE: Final = re.compile(r"\s*(?:[*†‡§¹²³]|\(?[0-9a-z]\)\s|\d\s+[A-Z])")
_LONG: Final = 60
_ABOVE: Final = 3.0
"""Distance of a title above its table, in font sizes."""
_MOST_TITLES: Final = 3


def without_notes(grid: Grid) -> Grid:
    """Return the grid without rows over its whole width at its top (its titles) and notes at its bottom."""
    while grid.height > 2 and (cell := _only(grid, 0)) is not None and _is_title(grid, cell):
        grid.titles.append(cell.text)
        _drop(grid, 0)
    while grid.height > 2 and (cell := _only(grid, grid.height - 1)) is not None and _is_note(grid, cell):
        grid.footnotes += 1
        _drop(grid, grid.height - 1)
    return trimmed(grid)


def titled(grid: Grid, lines: Sequence[Line]) -> Grid:
    """Return the grid with the caption that stands right above it, if one does."""
    above = [
        line
        for line in lines
        if line.baseline >= grid.box.top - 0.5 * line.size
        and line.box.left < grid.box.right
        and line.box.right > grid.box.left
    ]
    found: list[str] = []
    at = grid.box.top
    for line in sorted(above, key=lambda line: line.baseline)[:_MOST_TITLES]:
        if line.baseline - at > _ABOVE * line.size:
            break
        text = " ".join(segment.text for segment in line.segments)
        found.insert(0, text)
        at = line.baseline
        if is_caption(text):
            grid.titles = [" ".join(found), *grid.titles]
            break
    return grid


def _only(grid: Grid, row: int) -> Cell | None:
    """Return the one cell that a row holds, or None."""
    cells = [cell for cell in grid.cells if cell.row <= row < cell.row + cell.rows]
    return cells[0] if len(cells) == 1 and cells[0].rows == 1 else None


def _is_title(grid: Grid, cell: Cell) -> bool:
    """Whether a row's only cell stands over all columns, or is a caption by its words."""
    return is_caption(cell.text) or (cell.columns >= max(grid.width - 1, 2) and grid.width > 2)


def _is_note(grid: Grid, cell: Cell) -> bool:
    wide = cell.columns > 1 or cell.column == 0
    return wide and (
        is_caption(cell.text) or bool(_NOTE.match(cell.text)) or (len(cell.text) > _LONG and grid.width > 2)
    )


def _drop(grid: Grid, row: int) -> None:
    grid.cells = [cell for cell in grid.cells if cell.row != row]
    for cell in grid.cells:
        cell.row -= cell.row > row
    grid.height -= 1
