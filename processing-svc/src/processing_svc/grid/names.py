"""Header rows become one name for each column.

The rule: the cells of a column's header rows, from top to bottom, joined by ` / `; a merged cell counts for every
column and row that it covers, and a name above several columns that is not merged counts for the columns to its right,
up to the next name of its row, where the row below names them. A part that repeats the one above it is left out.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Final

from processing_svc.grid.cells import Area

SEPARATOR: Final = " / "
MAX_CHARACTERS: Final = 1_000


def column_names(
    rows: Sequence[int],
    columns: Sequence[int],
    texts: Mapping[tuple[int, int], str],
    merges: Sequence[Area],
    valueless: Collection[int] = (),
) -> list[str | None]:
    """Return a name, or None, for every column of a table; rows and columns are the sheet's own.

    `valueless` are indexes of columns without a value: a name there with none below it names the group to its right.
    """
    grid = [[_clean(texts.get((row, column), "")) for column in columns] for row in rows]
    _spread_merges(grid, rows, columns, merges)
    # names that are written in several lines have one in every column, also above the labels of the rows
    written_in_lines = len(grid) > 1 and bool(grid[0][0]) and bool(grid[1][0]) and grid[0][0] != grid[1][0]
    for upper, lower in pairwise(grid):
        if not written_in_lines:
            _spread_groups(upper, lower, valueless)
    return [_joined([line[index] for line in grid]) for index in range(len(columns))]


def _clean(text: str) -> str:
    return " ".join(text.split())


def _spread_merges(grid: list[list[str]], rows: Sequence[int], columns: Sequence[int], merges: Sequence[Area]) -> None:
    row_of = {row: index for index, row in enumerate(rows)}
    column_of = {column: index for index, column in enumerate(columns)}
    for merge in merges:
        if merge.top not in row_of or merge.left not in column_of:
            continue
        text = grid[row_of[merge.top]][column_of[merge.left]]
        covered = [column_of[column] for column in range(merge.left, merge.right + 1) if column in column_of]
        for row in range(merge.top, merge.bottom + 1):
            for index in covered if row in row_of else ():
                grid[row_of[row]][index] = grid[row_of[row]][index] or text


def _spread_groups(upper: list[str], lower: list[str], valueless: Collection[int]) -> None:
    group = ""
    for index, (above, below) in enumerate(zip(upper, lower, strict=True)):
        if above:
            group = above if (below and below != above) or (not below and index in valueless) else ""
        elif group and not below and index in valueless:
            continue
        elif group and below:
            upper[index] = group
        else:
            group = ""


def _joined(parts: list[str]) -> str | None:
    kept: list[str] = []
    for part in parts:
        if part and (not kept or kept[-1] != part):
            kept.append(part)
    return SEPARATOR.join(kept)[:MAX_CHARACTERS] or None


def group_columns(
    rows: Sequence[int], columns: Sequence[int], texts: Mapping[tuple[int, int], str], valueless: Collection[int]
) -> set[int]:
    """Return the indexes of columns that hold nothing but the name of the group to their right."""
    if len(rows) < 2:  # noqa: PLR2004 - groups have names below them
        return set()
    found = set()
    for index in valueless:
        above = any(texts.get((row, columns[index])) for row in rows[:-1])
        follows = index + 1 < len(columns) and not any(texts.get((row, columns[index + 1])) for row in rows[:-1])
        if above and follows and not texts.get((rows[-1], columns[index])):
            found.add(index)
    return found
