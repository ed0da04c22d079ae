"""Tables without a grid of rules: lines of a region become rows, what stands under each other columns."""

import itertools
from collections.abc import Sequence
from typing import Final

from processing_svc.pages.columns import core_of, edges_of
from processing_svc.pages.geometry import Box, Rule, Word, around
from processing_svc.pages.grids import Cell, Grid, cell_text
from processing_svc.pages.lines import Line, text_of
from processing_svc.pages.regions import Region
from processing_svc.pages.rows import Row, merged_rows

_PART_LINES: Final = 3
_MARKS: Final = frozenset("$€£¥%*†‡#(){}[]:;|.,=")


def parts_of(region: Region, upright: Sequence[Rule], space: float) -> list[Region]:
    """Cut a region where the lines above and below keep to more columns each than all of them together."""
    lines = region.lines
    if len(lines) < 2 * _PART_LINES + 1:
        return [region]
    together = len(edges_of(lines, upright, space)) - 2
    best, place = 0, None
    for index in range(_PART_LINES, len(lines) - _PART_LINES):
        if not _may_part(lines, index):
            continue
        above = len(edges_of(lines[:index], upright, space)) - 2
        below = len(edges_of(lines[index:], upright, space)) - 2
        gain = min(above, below) - together
        if gain > best and above > 0 and below > 0:
            best, place = gain, index
    if place is None:
        return [region]
    halves = (lines[:place], lines[place:])
    return [
        part
        for half in halves
        for part in parts_of(Region(half, around([line.box for line in half]), region.bounded), upright, space)
    ]


def _may_part(lines: Sequence[Line], index: int) -> bool:
    """Whether a table may begin at a line: behind a single piece of text, or a wider distance."""
    gap = lines[index - 1].baseline - lines[index].baseline
    before = lines[index - 2].baseline - lines[index - 1].baseline
    return len(lines[index - 1].segments) == 1 or gap > 1.3 * before


def grid_of(region: Region, across: Sequence[Rule], upright: Sequence[Rule], space: float) -> Grid | None:
    """Return the table of a region, or None where its lines keep to no columns."""
    edges = edges_of(region.lines, upright, space)
    if len(edges) < 3:
        return None
    edges = _without_marks(region.lines, edges)
    if len(edges) < 3:
        return None
    return grid_between(region, edges, across)


def grid_between(region: Region, edges: Sequence[float], across: Sequence[Rule]) -> Grid:
    """Return the table of a region whose columns stand between these edges."""
    rows = [row_of(line, edges) for line in region.lines]
    rows = merged_rows(rows, region.box, across, len(edges) - 1)
    return grid_from(rows, region.box, tuple(edges))


def grid_from(rows: Sequence[Row], box: Box, edges: tuple[float, ...]) -> Grid:
    """Return rows as a grid."""
    cells = [
        Cell(
            number,
            first,
            text,
            columns=last - first + 1,
            middle=around([word.box for word in words]).x,
            bold=all(word.bold for word in words),
        )
        for number, row in enumerate(rows)
        for (first, last), words in sorted(row.cells.items())
        if (text := cell_text(words))
    ]
    return Grid(box, len(rows), len(edges) - 1, cells, edges)


def row_of(line: Line, edges: Sequence[float]) -> Row:
    """Put a line's words into columns. A segment over several columns stays whole if it has no gap at their edges."""
    cells: dict[tuple[int, int], list[Word]] = {}
    for segment in line.segments:
        for words in _pieces(segment.words, edges, line.size):
            first, last = _columns(words, edges, line.size)
            cells.setdefault((first, last), []).extend(words)
    return Row(_separated(cells, edges), line.baseline, line.size, line.box)


def _pieces(words: Sequence[Word], edges: Sequence[float], size: float) -> list[list[Word]]:
    """Cut a run of words at the edges that fall into one of its gaps of some width."""
    found: list[list[Word]] = [[words[0]]]
    for before, word in itertools.pairwise(words):
        gap = word.box.left - before.box.right
        cut = gap > 0.34 * size and any(
            before.box.right - 0.2 * size <= edge <= word.box.left + 0.2 * size for edge in edges[1:-1]
        )
        if cut:
            found.append([word])
        else:
            found[-1].append(word)
    return found


def _columns(words: Sequence[Word], edges: Sequence[float], size: float) -> tuple[int, int]:
    """Return the first and last column that a piece of text reaches into by more than a little."""
    left, right = words[0].box.left, max(word.box.right for word in words)
    margin = min(0.6 * size, 0.3 * (right - left))
    first = max((index for index, edge in enumerate(edges[:-1]) if edge <= left + margin), default=0)
    last = max((index for index, edge in enumerate(edges[:-1]) if edge <= right - margin), default=first)
    return first, max(first, last)


def _separated(cells: dict[tuple[int, int], list[Word]], edges: Sequence[float]) -> dict[tuple[int, int], list[Word]]:
    """Keep cells from overlapping: one that reaches into the column of another is put where its middle is."""
    taken: set[int] = set()
    found: dict[tuple[int, int], list[Word]] = {}
    for (first, last), words in sorted(cells.items(), key=lambda item: item[0][1] - item[0][0]):
        free = [column for column in range(first, last + 1) if column not in taken]
        if not free:
            column = min(first, len(edges) - 2)
            owner = next(key for key in found if key[0] <= column <= key[1])
            found[owner] = sorted([*found[owner], *words], key=lambda word: word.box.left)
            continue
        key = (free[0], free[-1]) if free == list(range(free[0], free[-1] + 1)) else (free[0], free[0])
        taken.update(range(key[0], key[1] + 1))
        found.setdefault(key, []).extend(words)
    return found


def _without_marks(lines: Sequence[Line], edges: list[float]) -> list[float]:
    """Join columns of nothing but currency signs, brackets or footnote marks with the numbers that they belong to."""
    rows = [row_of(line, edges) for line in core_of(lines)]
    removed: set[int] = set()
    for column in range(len(edges) - 1):
        texts = [text_of(words) for row in rows for key, words in row.cells.items() if key == (column, column)]
        if texts and all(set(text) <= _MARKS for text in texts):
            before = all(set(text) <= set("$€£¥(") for text in texts)
            removed.add(column + 1 if before and column + 2 < len(edges) else max(column, 1))
    return [edge for index, edge in enumerate(edges) if index not in removed or index in (0, len(edges) - 1)]
