"""Tables that run over pages: the last of a page and the first of the next become one, its header taken once."""

from dataclasses import dataclass, field
from typing import Final

from processing_svc.pages.geometry import Box, PageContent
from processing_svc.pages.grids import Grid
from processing_svc.pages.headers import names_of

MAX_ROWS: Final = 200_000
_SAME_EDGE: Final = 10.0
"""Points by which columns may be moved from page to page."""
_LOW: Final = 0.25
_HIGH: Final = 0.7
"""Shares of a page's height: a table that goes on ends below the one and begins above the other."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table as it was found on one page."""

    page: int
    grid: Grid
    box: Box
    """In the coordinates of the page as it is stored."""
    low: bool
    """Whether nothing that matters stands below it."""
    high: bool
    """Whether nothing that matters stands above it."""


@dataclass(slots=True)
class Running:
    """A table over one page or more: the names of its columns, and its rows of text."""

    first: Sheet
    names: list[str]
    rows: list[list[str]]
    last: Sheet
    confidences: list[float] = field(default_factory=list)
    repeated: int = 0
    """Headers that were taken out on later pages."""
    engines: set[str] = field(default_factory=set)
    """What found its parts, where that is not this package's own reading."""

    def goes_on(self, sheet: Sheet) -> bool:
        """Whether a table of the next page is the same, going on."""
        if sheet.page != self.last.page + 1 or not (self.last.low and sheet.high) or len(self.rows) > MAX_ROWS:
            return False
        if sheet.grid.width != self.last.grid.width or not _same_edges(self.last.grid, sheet.grid):
            return False
        return sheet.grid.header == 0 or self._repeats(sheet) or _may_be_body(sheet.grid)

    def take(self, sheet: Sheet) -> None:
        """Add the rows of the next page."""
        repeats = self._repeats(sheet)
        skipped = sheet.grid.header if repeats else 0
        self.repeated += repeats
        self.rows += sheet.grid.rows()[skipped:]
        self.confidences.append(sheet.grid.confidence)
        self.engines |= {sheet.grid.engine} - {""}
        self.last = sheet

    def _repeats(self, sheet: Sheet) -> bool:
        return sheet.grid.header > 0 and names_of(sheet.grid) == self.names


def sheets_of(page: int, content: PageContent, grids: list[Grid]) -> list[Sheet]:
    """Return the tables of a page with where they stand on it."""
    lowest = min((grid.box.bottom for grid in grids), default=0)
    highest = max((grid.box.top for grid in grids), default=0)
    return [
        Sheet(
            page,
            grid,
            content.original_box(grid.box),
            low=grid.box.bottom == lowest and grid.box.bottom <= _LOW * content.height,
            high=grid.box.top == highest and grid.box.top >= _HIGH * content.height,
        )
        for grid in grids
    ]


def running(sheet: Sheet) -> Running:
    """Return a table as one that may go on."""
    grid = sheet.grid
    names = names_of(grid) if grid.header else [""] * grid.width
    return Running(sheet, names, grid.rows()[grid.header :], sheet, [grid.confidence], engines={grid.engine} - {""})


def _same_edges(one: Grid, other: Grid) -> bool:
    """Whether the columns stand at the same places; the outer edges depend on the text and count less."""
    inner = list(zip(one.edges[1:-1], other.edges[1:-1], strict=True))
    near = sum(abs(here - there) <= _SAME_EDGE for here, there in inner)
    return near >= 0.75 * len(inner)


def _may_be_body(grid: Grid) -> bool:
    """Whether what was taken for a header may as well be a row: a table of text, whose header only looks complete."""
    return grid.header == 1 and not any(cell.bold for cell in grid.cells if cell.row == 0) and grid.ruled
