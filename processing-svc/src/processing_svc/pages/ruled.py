"""Tables between lines: rules that cross make a grid, and where a rule is missing cells are joined."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from processing_svc.pages.geometry import Box, PageContent, Rule, Word
from processing_svc.pages.grids import Cell, Grid, cell_text
from processing_svc.pages.lines import is_number, lines_of

NEAR: Final = 3.0
"""Points within which rules meet, or are the same."""
_COVERED: Final = 0.6
"""Share of a cell's side that a rule has to cover to be its border."""
MAX_RULES: Final = 3_000
"""Of one direction on one page; beyond it the page is a drawing."""
_PAGE_SHARE: Final = 0.95
_SLIVER: Final = 12.0
"""Points that no column of text is narrower than."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Rules that hang together: where they stand, and they themselves."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    """From the top."""
    across: tuple[Rule, ...]
    upright: tuple[Rule, ...]

    @property
    def box(self) -> Box:
        """The area that the rules enclose."""
        return Box(self.xs[0], self.ys[-1], self.xs[-1], self.ys[0])


def merged(rules: Sequence[Rule]) -> list[Rule]:
    """Return rules without doubles: what continues or covers another on the same line becomes one."""
    found: list[Rule] = []
    for rule in sorted(rules, key=lambda rule: (round(rule.at / 1.5), rule.start)):
        last = found[-1] if found else None
        if last and abs(last.at - rule.at) <= 1.5 and rule.start <= last.end + NEAR:
            soft = last.soft and rule.soft
            found[-1] = Rule(last.at, last.start, max(last.end, rule.end), soft)
        else:
            found.append(rule)
    return found


def lattices_of(page: PageContent, *, soft: bool) -> list[Lattice]:
    """Return the groups of rules that cross, those of most cells first; with or without the edges of shaded areas."""
    across = merged([rule for rule in page.across if _counts(rule, page.width, soft=soft)])
    upright = merged([rule for rule in page.upright if _counts(rule, page.height, soft=soft)])
    if len(across) > MAX_RULES or len(upright) > MAX_RULES:
        return []
    parent = list(range(len(across) + len(upright)))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for index, rule in enumerate(across):
        for other, post in enumerate(upright):
            if _meet(rule, post):
                parent[root(index)] = root(len(across) + other)
    groups: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for index, rule in enumerate(across):
        groups.setdefault(root(index), ([], []))[0].append(rule)
    for index, post in enumerate(upright, len(across)):
        groups.setdefault(root(index), ([], []))[1].append(post)
    found = [lattice for group in groups.values() if (lattice := _lattice(*group)) is not None]
    return sorted(found, key=lambda lattice: -len(lattice.xs) * len(lattice.ys))


def _counts(rule: Rule, extent: float, *, soft: bool) -> bool:
    """Whether a rule may be a border: the edge of what fills the page is none."""
    return not rule.soft or (soft and rule.length < _PAGE_SHARE * extent)


def _meet(rule: Rule, post: Rule) -> bool:
    return rule.start - NEAR <= post.at <= rule.end + NEAR and post.start - NEAR <= rule.at <= post.end + NEAR


def _lattice(across: Sequence[Rule], upright: Sequence[Rule]) -> Lattice | None:
    """Make a lattice of rules that hang together; a side without a rule ends where the rules across end."""
    if not across or not upright:
        return None
    xs = _positions([rule.at for rule in upright], _ends(across))
    ys = _positions([rule.at for rule in across], _ends(upright))
    if len(xs) < 2 or len(ys) < 2:
        return None
    return Lattice(tuple(xs), tuple(reversed(ys)), tuple(across), tuple(upright))


def _ends(rules: Sequence[Rule]) -> list[float]:
    """Return where most rules begin and end, if that is beyond doubt."""
    if len(rules) < 2:
        return []
    starts, ends = min(rule.start for rule in rules), max(rule.end for rule in rules)
    found = []
    for edge, at in ((starts, lambda rule: rule.start), (ends, lambda rule: rule.end)):
        near: Callable[[Rule], float] = at
        if sum(abs(near(rule) - edge) <= 2 * NEAR for rule in rules) >= max(2, 0.3 * len(rules)):
            found.append(edge)
    return found


def _without_slivers(grid: Grid) -> Grid:
    """Join columns that are too narrow for text with a neighbour: rules that should be one and are drawn apart."""
    column = 0
    while column < grid.width and grid.width > 2:
        if grid.edges[column + 1] - grid.edges[column] < _SLIVER:
            for left in (column, column - 1):
                if left >= 0 and left + 1 < grid.width and not _collide(grid, left):
                    _join_columns(grid, left)
                    column = left - 1
                    break
        column += 1
    return grid


def _collide(grid: Grid, left: int) -> bool:
    """Whether some row has text of its own in a column and in the one to its right."""
    ends = {
        row
        for cell in grid.cells
        if cell.column + cell.columns - 1 == left
        for row in range(cell.row, cell.row + cell.rows)
    }
    starts = {row for cell in grid.cells if cell.column == left + 1 for row in range(cell.row, cell.row + cell.rows)}
    return bool(ends & starts)


def _join_columns(grid: Grid, left: int) -> None:
    for cell in grid.cells:
        last = cell.column + cell.columns - 1
        first = cell.column - (cell.column > left)
        cell.column, cell.columns = first, last - (last > left) - first + 1
    grid.edges = (*grid.edges[: left + 1], *grid.edges[left + 2 :])
    grid.width -= 1


def _positions(sure: Sequence[float], ends: Sequence[float]) -> list[float]:
    groups: list[list[float]] = []
    for at in sorted(sure):
        if groups and at - groups[-1][-1] <= NEAR:
            groups[-1].append(at)
        else:
            groups.append([at])
    found = [sum(group) / len(group) for group in groups]
    for end in ends:
        if all(abs(end - at) > 2 * NEAR for at in found):
            found.append(end)
    return sorted(found)


def grid_of(lattice: Lattice, words: Sequence[Word]) -> Grid | None:
    """Return the table that a lattice holds, or None where it holds no two rows and columns of text."""
    width, height = len(lattice.xs) - 1, len(lattice.ys) - 1
    if width * height > 200_000:
        return None
    owner = _joined(lattice, width, height)
    held: dict[int, list[Word]] = {}
    for word in words:
        column, row = _between(lattice.xs, word.box.x), _below(lattice.ys, word.box.y)
        if column is not None and row is not None:
            held.setdefault(owner[row * width + column], []).append(word)
    members: dict[int, list[int]] = {}
    for index, place in enumerate(owner):
        members.setdefault(place, []).append(index)
    cells = []
    for place, inside in held.items():
        rows, columns = [index // width for index in members[place]], [index % width for index in members[place]]
        whole = Cell(min(rows), min(columns), "", max(rows) - min(rows) + 1, max(columns) - min(columns) + 1)
        cells += _divided(whole, inside, lattice, words)
    return _without_slivers(Grid(lattice.box, height, width, cells, lattice.xs, ruled=True))


def _divided(whole: Cell, words: Sequence[Word], lattice: Lattice, everything: Sequence[Word]) -> list[Cell]:
    """Return a cell, or several where a rule is missing between what stands in columns or rows of its own."""
    if whole.columns > 1 or whole.rows > 1:
        places: dict[tuple[int, int], list[Word]] = {}
        for word in words:
            place = (_below(lattice.ys, word.box.y) or 0, _between(lattice.xs, word.box.x) or 0)
            places.setdefault(place, []).append(word)
        if len(places) > 1 and all(_is_alone(inside, place, lattice) for place, inside in places.items()):
            return [
                Cell(row, column, cell_text(inside), bold=_is_bold(inside))
                for (row, column), inside in sorted(places.items())
            ]
        if whole.rows > 1 and _has_rows(whole, words, lattice, everything):
            rows: dict[int, list[Word]] = {}
            for (row, _), inside in places.items():
                rows.setdefault(row, []).extend(inside)
            return [
                Cell(row, whole.column, cell_text(inside), 1, whole.columns, bold=_is_bold(inside))
                for row, inside in sorted(rows.items())
            ]
    return [Cell(whole.row, whole.column, cell_text(words), whole.rows, whole.columns, bold=_is_bold(words))]


def _is_bold(words: Sequence[Word]) -> bool:
    return all(word.bold for word in words)


def _has_rows(whole: Cell, words: Sequence[Word], lattice: Lattice, everything: Sequence[Word]) -> bool:
    """Whether the lines of a cell over several rows stand on the lines of the rows beside it."""
    lines = lines_of(words)
    if len(lines) < max(2, whole.rows - 1):
        return False
    left, right = lattice.xs[whole.column], lattice.xs[whole.column + whole.columns]
    beside = [word.baseline for word in everything if not left <= word.box.x <= right and not word.turned]
    together = sum(any(abs(line.baseline - y) < 0.2 * line.size for y in beside) for line in lines)
    return together >= 0.8 * len(lines)


def _is_alone(words: Sequence[Word], place: tuple[int, int], lattice: Lattice) -> bool:
    """Whether words are a number that keeps to one place of the grid."""
    left, right = lattice.xs[place[1]], lattice.xs[place[1] + 1]
    inside = all(left - NEAR <= word.box.left and word.box.right <= right + NEAR for word in words)
    return inside and is_number(cell_text(words))


def _joined(lattice: Lattice, width: int, height: int) -> list[int]:
    """Return for every place of the grid the first place of the cell that it belongs to."""
    owner = list(range(width * height))

    def root(item: int) -> int:
        while owner[item] != item:
            owner[item] = owner[owner[item]]
            item = owner[item]
        return item

    def join(one: int, other: int) -> None:
        first, second = sorted((root(one), root(other)))
        owner[second] = first

    for row in range(height):
        top, bottom = lattice.ys[row], lattice.ys[row + 1]
        for column in range(width):
            left, right = lattice.xs[column], lattice.xs[column + 1]
            place = row * width + column
            if column + 1 < width and not _covers(lattice.upright, right, bottom, top):
                join(place, place + 1)
            if row + 1 < height and not _covers(lattice.across, bottom, left, right):
                join(place, place + width)
    return [root(item) for item in range(width * height)]


def _covers(rules: Sequence[Rule], at: float, start: float, end: float) -> bool:
    covered = sum(max(0.0, min(rule.end, end) - max(rule.start, start)) for rule in rules if abs(rule.at - at) <= NEAR)
    return covered >= _COVERED * (end - start)


def _between(xs: Sequence[float], x: float) -> int | None:
    for index in range(len(xs) - 1):
        if xs[index] <= x < xs[index + 1]:
            return index
    return None


def _below(ys: Sequence[float], y: float) -> int | None:
    for index in range(len(ys) - 1):
        if ys[index] >= y > ys[index + 1]:
            return index
    return None
