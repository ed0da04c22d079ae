"""All tables of a page: those between crossing rules, then those that lines keep to columns for."""

import re
from collections.abc import Sequence
from typing import Final

from processing_svc.pages import aligned, ruled
from processing_svc.pages.captions import titled, without_notes
from processing_svc.pages.geometry import PageContent, Rule, Word
from processing_svc.pages.grids import Grid, trimmed
from processing_svc.pages.headers import with_header
from processing_svc.pages.layout import streams_of
from processing_svc.pages.lines import Line, is_number, lines_of, space_of, without_leaders
from processing_svc.pages.regions import Region, regions_of

_BULLET: Final = re.compile(r"[•▪■●○◦*–—\-·]|\(?[0-9]{1,3}[.)]|\(?[a-zA-Z][.)]|\(?[ivxIVX]{1,5}[.)]|\[[0-9]{1,3}\]")
_NUMBERS: Final = re.compile(r"(?:^|\s)[-+(]?\d[\d.,]*[)%]?\s+[-+(]?\d[\d.,]*[)%]?(?=\s|$)")
_MIXED: Final = 0.06
_BETTER: Final = 0.4
_PROSE_CELL: Final = 45
_LONG_CELL: Final = 160


def tables_of(page: PageContent) -> list[Grid]:
    """Return the tables of a page, from the top."""
    words, leaders = without_leaders(page.words)
    found: list[Grid] = []
    across, upright = ruled.merged(page.across), ruled.merged(page.upright)
    page_lines = lines_of(words, upright)
    space = space_of(page_lines)
    for lattice in (*ruled.lattices_of(page, soft=False), *ruled.lattices_of(page, soft=True)):
        inside = [word for word in words if lattice.box.holds(word.box.x, word.box.y)]
        grid = between_rules(lattice, inside, (across, upright), space)
        if grid is None:
            continue
        found.append(grid)
        taken = {id(word) for word in inside}
        words = [word for word in words if id(word) not in taken]
    lines = lines_of(words, upright)
    for stream in streams_of(lines, across, upright):
        for region in regions_of(stream, across):
            for part in aligned.parts_of(region, upright, space):
                grid = aligned.grid_of(part, across, upright, space)
                if grid is not None and is_table(trimmed(grid), bounded=part.bounded):
                    found.append(grid)
    return completed(found, leaders, page_lines)


def completed(found: Sequence[Grid], leaders: Sequence[Word], page_lines: Sequence[Line]) -> list[Grid]:
    """Return grids, from the top, with their headers and titles and without notes; tables of contents are left out."""
    grids = [with_header(without_notes(grid)) for grid in found if not _is_contents(grid, leaders)]
    grids = [titled(grid, page_lines) for grid in grids if grid.height > 1 and grid.width > 1]
    return sorted(grids, key=lambda grid: (-grid.box.top, grid.box.left))


def _is_contents(grid: Grid, leaders: Sequence[Word]) -> bool:
    """Whether a grid is a table of contents: titles, dots, and page numbers that grow."""
    led = sum(grid.box.grown(2).holds(word.box.x, word.box.y) for word in leaders)
    pages = [int(row[-1]) for row in grid.rows() if row[-1].isdigit()]
    return 2 * led >= grid.height and 2 * len(pages) >= grid.height and pages == sorted(pages)


def between_rules(
    lattice: ruled.Lattice, inside: Sequence[Word], rules: tuple[Sequence[Rule], Sequence[Rule]], space: float
) -> Grid | None:
    """Return the table of a lattice: by its rules, or, where these leave several numbers in a cell, by its lines."""
    grid = ruled.grid_of(lattice, inside)
    if grid is None:
        return None
    grid = trimmed(grid)
    good = is_table(grid, bounded=True)
    mixed = mixed_share(grid)
    if (mixed <= _MIXED and good) or not inside:
        return grid if good else None
    lines = [line for line in lines_of(inside, rules[1]) if line.segments]
    if len(lines) < 2:
        return grid if good else None
    other = aligned.grid_of(Region(tuple(lines), lattice.box, bounded=True), *rules, space)
    if other is None or not is_table(trimmed(other), bounded=True) or mixed_share(other) > _BETTER * mixed:
        return grid if good else None
    return other


def mixed_share(grid: Grid) -> float:
    """Return the share of cells that hold several numbers: what was not taken apart."""
    return sum(bool(_NUMBERS.search(cell.text)) for cell in grid.cells) / max(len(grid.cells), 1)


def is_table(grid: Grid, *, bounded: bool) -> bool:
    """Whether a grid is what a person would call a table, not text in columns, a list, a form's frame or a chart."""
    if grid.height < 2 or grid.width < 2:
        return False
    rows = grid.rows()
    texts = [cell.text for cell in grid.cells]
    covered = sum(cell.rows * cell.columns for cell in grid.cells)
    fill = covered / (grid.height * grid.width)
    if not texts or fill < (0.2 if grid.ruled else 0.3):
        return False
    grid.confidence = _confidence(grid, fill, bounded=bounded)
    if grid.ruled:
        return sum(map(len, texts)) / len(texts) <= 4 * _LONG_CELL
    return _keeps_to_columns(grid, rows, texts, bounded=bounded)


def _keeps_to_columns(grid: Grid, rows: list[list[str]], texts: list[str], *, bounded: bool) -> bool:
    numbers = sum(map(is_number, texts)) / len(texts)
    mean = sum(map(len, texts)) / len(texts)
    first = [row[0] for row in rows if row[0]]
    if grid.width == 2:
        if sum(bool(_BULLET.fullmatch(text)) for text in first) >= 0.6 * max(len(first), 1) and numbers < 0.6:
            return False
        long = [sum(len(row[column]) for row in rows) / grid.height for column in (0, 1)]
        if not bounded and numbers < 0.2 and (min(long) > _PROSE_CELL / 2 or max(long) > _PROSE_CELL):
            return False
    labelled = grid.width > 2 and grid.height > 3 and sum(map(len, first)) < _PROSE_CELL / 2 * len(first)
    if not bounded and numbers < 0.1 and (grid.height < 3 or mean > _PROSE_CELL) and not labelled:
        return False
    return mean <= _LONG_CELL


def _confidence(grid: Grid, fill: float, *, bounded: bool) -> float:
    numbers = sum(is_number(cell.text) for cell in grid.cells) / len(grid.cells)
    score = 0.3 + 0.25 * min(fill, 1) + 0.15 * numbers + 0.1 * min(grid.height, 8) / 8
    return min(round(score + (0.2 if grid.ruled else 0.1 if bounded else 0.0), 2), 1.0)
