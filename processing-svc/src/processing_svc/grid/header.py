"""Where a grid's table begins: what stands above it, and which row names its columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

LOOK_ROWS: Final = 60
NARROW: Final = 0.5
"""A row with fewer filled cells than this share of the widest stands above the table, not in it."""

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Header:
    """`above` rows (blank ones counted) precede the table; `names` are those of its header, if it has one."""

    above: int
    present: bool
    names: tuple[str | None, ...]


def is_empty(cell: object) -> bool:
    """Whether a cell holds nothing."""
    return cell is None or cell == ""


def filled(row: Row) -> int:
    """Return how many cells of a row hold something."""
    return sum(not is_empty(cell) for cell in row)


def find_header(rows: Iterable[Row]) -> Header | None:
    """Find the header among the first rows of a grid; None for a grid without content.

    Rule: the table begins at the first row that fills at least half of what the widest of the first rows fills. That
    row is the header if all its cells are text and it is not the only kind of row there is, or if nothing follows it.
    """
    first = list(islice(rows, LOOK_ROWS))
    counts = [filled(row) for row in first]
    widest = max(counts, default=0)
    if widest == 0:
        return None
    start = next(index for index, count in enumerate(counts) if count >= max(1, widest * NARROW))
    body = [row for row, count in zip(first[start + 1 :], counts[start + 1 :], strict=True) if count]
    return _header(first[start], body, start)


def _header(row: Row, body: Sequence[Row], start: int) -> Header:
    cells = [cell for cell in row if not is_empty(cell)]
    named = all(isinstance(cell, str) for cell in cells) and len({str(cell) for cell in cells}) == len(cells)
    duplicated = all(isinstance(cell, str) for cell in cells) and any(_has_values(line) for line in body)
    if not (named or duplicated):
        return Header(start, present=False, names=())
    return Header(start, present=True, names=tuple(None if is_empty(cell) else str(cell).strip() for cell in row))


def _has_values(row: Row) -> bool:
    return any(not is_empty(cell) and not isinstance(cell, str) for cell in row)
