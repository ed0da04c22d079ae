"""The rows of a table that name its columns: which they are, how far their cells reach, and the names they give."""

from collections.abc import Sequence
from itertools import combinations
from typing import Final

from processing_svc.pages.grids import Cell, Grid
from processing_svc.pages.lines import is_number

_MOST: Final = 8
_SHORT_NAME: Final = 50
_MOST_WAYS: Final = 5_000
_YEARS: Final = range(1500, 2200)


def with_header(grid: Grid) -> Grid:
    """Return the grid with its header's rows counted and its header's cells as wide as what they stand over."""
    grid.header = header_rows(grid)
    if not grid.ruled:
        for row in range(grid.header - 1):
            _widen(grid, row)
    return grid


def header_rows(grid: Grid) -> int:
    """Return how many of the first rows name the columns: those before the first row of values."""
    rows = grid.rows()
    numeric = [_is_numeric([row[column] for row in rows]) for column in range(grid.width)]
    if any(numeric):
        for number, row in enumerate(rows[: _MOST + 1]):
            values = [cell for cell, number_column in zip(row, numeric, strict=True) if number_column and cell]
            if values and sum(is_number(cell) and not _is_year(cell) for cell in values) >= 0.5 * len(values):
                return number
            if values and all(map(_is_year, values)) and number and _has_values(rows, numeric, number):
                return number
        return 0
    return int(_names_columns(grid))


def _names_columns(grid: Grid) -> bool:
    """Whether the first row of a table of text names its columns: it stands out, or is short and complete."""
    first = [cell for cell in grid.cells if cell.row == 0]
    second = [cell for cell in grid.cells if cell.row == 1]
    if all(cell.bold for cell in first) and not all(cell.bold for cell in second):
        return True
    filled = sum(cell.columns for cell in first)
    distinct = len({cell.text for cell in first}) == len(first)
    short = all(len(cell.text) <= _SHORT_NAME for cell in first)
    return grid.width > 2 and grid.height > 2 and filled == grid.width and distinct and short


def _has_values(rows: Sequence[Sequence[str]], numeric: Sequence[bool], at: int) -> bool:
    """Whether a row of years is one of values: the row before names them, the one behind holds years as well."""
    below = [
        cell for row in rows[at + 1 : at + 3] for cell, wanted in zip(row, numeric, strict=True) if wanted and cell
    ]
    above = [cell for row in rows[:at] for cell, wanted in zip(row, numeric, strict=True) if wanted and cell]
    return bool(below) and all(map(_is_year, below)) and len(above) >= sum(numeric)


def _is_numeric(texts: Sequence[str]) -> bool:
    held = [text for text in texts if text]
    return len(held) > 1 and sum(map(is_number, held)) >= 0.5 * len(held)


def _is_year(text: str) -> bool:
    return text.isdigit() and len(text) == 4 and int(text) in _YEARS


def _widen(grid: Grid, row: int) -> None:
    """Let the cells of an upper row of the header reach over the columns below that have none of their own."""
    own = sorted((cell for cell in grid.cells if cell.row == row), key=lambda cell: cell.column)
    below = {
        column
        for cell in grid.cells
        if cell.row == row + 1
        for column in range(cell.column, cell.column + cell.columns)
    }
    free = sorted(below - {column for cell in own for column in range(cell.column, cell.column + cell.columns)})
    movable = [cell for cell in own if cell.column in below]
    if not free or not movable or not grid.edges:
        return
    start, end = min(*free, movable[0].column), max(*free, movable[-1].column + movable[-1].columns - 1)
    best: tuple[float, tuple[int, ...]] | None = None
    ways = combinations(range(start + 1, end + 1), len(movable) - 1)
    for number, cuts in enumerate(ways):
        if number > _MOST_WAYS:
            break
        bounds = (start, *cuts, end + 1)
        cost = _cost(grid, movable, bounds)
        if cost is not None and (best is None or cost < best[0]):
            best = cost, bounds
    if best is None:
        return
    for cell, first, last in zip(movable, best[1], best[1][1:], strict=False):
        cell.column, cell.columns = first, last - first


def _cost(grid: Grid, cells: Sequence[Cell], bounds: Sequence[int]) -> float | None:
    """Return how far the cells are from the middle of the columns between bounds, or None if one is outside of them."""
    cost = 0.0
    for cell, first, last in zip(cells, bounds, bounds[1:], strict=False):
        if not first <= cell.column <= cell.column + cell.columns <= last:
            return None
        middle = (grid.edges[first] + grid.edges[last]) / 2
        at = cell.middle if cell.middle is not None else (grid.edges[cell.column] + grid.edges[cell.column + 1]) / 2
        cost += (middle - at) ** 2
    return cost


def names_of(grid: Grid) -> list[str]:
    """Return one name for each column: what stands over it in the header, from the top; repeated words once."""
    levels: list[list[str]] = [[""] * grid.width for _ in range(grid.header)]
    for cell in grid.cells:
        for row in range(cell.row, min(cell.row + cell.rows, grid.header)):
            for column in range(cell.column, min(cell.column + cell.columns, grid.width)):
                levels[row][column] = f"{levels[row][column]} {cell.text}".strip()
    names = []
    for column in range(grid.width):
        parts: list[str] = []
        for level in levels:
            if level[column] and (not parts or parts[-1] != level[column]):
                parts.append(level[column])
        names.append(" ".join(parts))
    return names
