"""When a page's own reading is in doubt, and which of two readings of it is the better one.

How good a reading is, is measured alike for every engine, from its cells and the page's words alone; no engine's own
estimate of itself counts. Reading a page is `finding`'s and `camelot_reading`'s part.
"""

import itertools
from collections.abc import Sequence
from typing import Final, Literal

from processing_svc.pages import ruled
from processing_svc.pages.finding import mixed_share
from processing_svc.pages.geometry import Box, PageContent
from processing_svc.pages.grids import Grid
from processing_svc.pages.headers import header_rows
from processing_svc.pages.layout import streams_of
from processing_svc.pages.lines import Line, is_number, lines_of, without_leaders

Flavour = Literal["lattice", "lattice-drawn", "hybrid"]
"""How the second reading is made: by the rules of the page, by rules in its picture, or by where its text stands."""

UNSURE: Final = 0.7
"""Confidence below which a table without a grid of rules is looked at again."""
_MANY_WORDS: Final = 4_000
"""Words of a page beyond which no second reading is made: its time grows faster than they do."""
_PICTURED: Final = 0.3
"""Share of the page that a picture covers from which on the rules may be a part of it."""
_ALIGNED_LINES: Final = 4
_SAME_PLACE: Final = 3.0
_BETTER: Final = 1.1
"""How much better the other reading has to be."""
_GOOD: Final = 0.6
"""Least quality of a table of the second reading."""
_POOR: Final = 0.4
"""Quality below which a table that the first reading is unsure of needs the other to see one there as well."""
_RUNS_ON: Final = 12
"""Characters of a cell from which on a lower-case beginning below it is a sentence that goes on."""


def doubt(page: PageContent, grids: Sequence[Grid]) -> Flavour | None:
    """Return how to read a page again, or None where its tables are beyond doubt or nothing on it looks like one."""
    if not page.words or len(page.words) > _MANY_WORDS:
        return None
    unsure = any(not grid.ruled and grid.confidence < UNSURE for grid in grids)
    ruled_page = len(page.across) > 1 and len(page.upright) > 1 and bool(ruled.lattices_of(page, soft=False))
    if grids and not unsure:
        return None
    if ruled_page:
        return "lattice"
    if page.pictured >= _PICTURED and not grids:
        return "lattice-drawn"
    return "hybrid" if unsure or _keeps_to_columns(page) else None


def _keeps_to_columns(page: PageContent) -> bool:
    """Whether some lines in a row have two pieces of text or more that begin, or end, below each other."""
    words, _ = without_leaders(page.words)
    upright = ruled.merged(page.upright)
    for stream in streams_of(lines_of(words, upright), ruled.merged(page.across), upright):
        run = 1
        for line, below in itertools.pairwise(stream):
            run = run + 1 if _aligned(line, below) else 1
            if run >= _ALIGNED_LINES:
                return True
    return False


def _aligned(line: Line, below: Line) -> bool:
    """Whether two pieces of a line stand over two of the next."""
    together = sum(
        any(
            abs(piece.box.left - other.box.left) <= _SAME_PLACE or abs(piece.box.right - other.box.right) <= _SAME_PLACE
            for other in below.segments
        )
        for piece in line.segments
    )
    return together > 1


def better(page: PageContent, grids: list[Grid], others: Sequence[Grid]) -> list[Grid]:
    """Return the tables of a page, those of another reading instead where they are clearly the better ones.

    Tables of both readings that overlap, directly or by others, are weighed against each other: the quality of each
    counts for the words in it, and the other reading is taken if it gets a tenth more. Tables where the first reading
    has none are taken if they are good by themselves. A poor table of which the first reading is unsure is dropped
    where the second sees no good one.
    """
    chosen: list[Grid] = []
    for first, second in _groups(grids, others):
        good = bool(second) and min(map(quality, second)) >= _GOOD
        if good and (not first or _is_better(page, second, first)):
            chosen += second
        else:
            chosen += [grid for grid in first if good or not _unsure(grid) or quality(grid) >= _POOR]
    return sorted(chosen, key=lambda grid: (-grid.box.top, grid.box.left))


def _is_better(page: PageContent, grids: Sequence[Grid], unsure: Sequence[Grid]) -> bool:
    return all(map(_unsure, unsure)) and _worth(page, grids) > _BETTER * _worth(page, unsure)


def _unsure(grid: Grid) -> bool:
    return not grid.ruled and grid.confidence < UNSURE


def _groups(grids: Sequence[Grid], others: Sequence[Grid]) -> list[tuple[list[Grid], list[Grid]]]:
    """Return the tables of both readings in groups that overlap."""
    groups: list[tuple[list[Grid], list[Grid]]] = []
    for side, grid in [*((0, grid) for grid in grids), *((1, grid) for grid in others)]:
        touching = [group for group in groups if any(grid.box.overlaps(held.box) for half in group for held in half)]
        merged: tuple[list[Grid], list[Grid]] = (
            [held for group in touching for held in group[0]],
            [held for group in touching for held in group[1]],
        )
        merged[side].append(grid)
        groups = [group for group in groups if not any(group is other for other in touching)]
        groups.append(merged)
    return groups


def _worth(page: PageContent, grids: Sequence[Grid]) -> float:
    """Return the quality of tables, each as often as it has words; a word counts once, for the smallest of them."""
    taken: set[int] = set()
    total = 0.0
    for grid in sorted(grids, key=lambda grid: grid.box.width * grid.box.height):
        inside = {index for index, word in enumerate(page.words) if _holds(grid.box, word.box) and index not in taken}
        taken |= inside
        total += len(inside) * quality(grid)
    return total


def _holds(box: Box, word: Box) -> bool:
    return box.holds(word.x, word.y)


def quality(grid: Grid) -> float:
    """Return how much a grid is like a table, from 0 to 1.

    The product of: the share of cells of the usual kind (number or text) of their column; the share of places that are
    filled, which counts half; the share of cells that hold one value; and, unless rules divide the rows, the share of
    text cells that do not go on as a sentence in the cell below.
    """
    rows = grid.rows()
    body = rows[header_rows(grid) :] or rows
    columns = [[row[column] for row in body if row[column]] for column in range(grid.width)]
    count = sum(map(len, columns))
    if not count:
        return 0.0
    usual = sum(max(numbers := sum(map(is_number, texts)), len(texts) - numbers) for texts in columns)
    covered = sum(cell.rows * cell.columns for cell in grid.cells) / (grid.height * grid.width)
    running = 0.0 if grid.ruled else _running_share(body)
    return usual / count * (0.5 + 0.5 * min(covered, 1.0)) * (1 - mixed_share(grid)) * (1 - running)


def _running_share(body: Sequence[Sequence[str]]) -> float:
    """Return the share of cells of text that go on in the cell below."""
    pairs = [
        (above, below)
        for upper, lower in itertools.pairwise(body)
        for above, below in zip(upper, lower, strict=True)
        if len(above) >= _RUNS_ON and below and not is_number(above)
    ]
    going = sum(below[0].islower() and above[-1] not in ".;:!?" for above, below in pairs)
    return going / len(pairs) if pairs else 0.0
