"""Lines of a table become rows: a cell's text that goes on in the next line is one cell."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from processing_svc.pages.geometry import Box, Rule, Word, around
from processing_svc.pages.lines import is_number, text_of

_GOES_ON: Final = re.compile(
    r"(?:[-,(/&]|\b(?:and|or|of|the|in|for|to|with|by|und|der|des|et|de|du|la|les|y|e))$", re.IGNORECASE
)
_TIGHT: Final = 0.86
"""Distance to the line before, as a share of the usual one between rows, that shows text going on."""
_RULED_SHARE: Final = 0.3
_LOOSE: Final = 1.1
_OVERLAP: Final = 0.75
"""Distance of baselines, in font sizes, below which no two rows of text stand."""
_FEW: Final = 0.1
_WHOLE: Final = 0.8
"""Share of lines with a first cell above which lines are rows."""
_ALIGNED: Final = 2.5
_SHORT_CELL: Final = 20


@dataclass(slots=True)
class Row:
    """Words by the columns they are in (first, last), of one line or of several that make a row."""

    cells: dict[tuple[int, int], list[Word]]
    baseline: float
    size: float
    box: Box
    bottom_baseline: float | None = None

    @property
    def last_baseline(self) -> float:
        """The baseline of its last line."""
        return self.baseline if self.bottom_baseline is None else self.bottom_baseline

    def text(self, column: int) -> str:
        """Return the text of a single column's cell."""
        return text_of(self.cells.get((column, column), ()))

    def columns(self) -> set[int]:
        """Return the columns that hold something."""
        return {column for first, last in self.cells for column in range(first, last + 1)}

    def take(self, other: "Row") -> None:
        """Add the next line of the same row."""
        for key, words in other.cells.items():
            at = next((own for own in self.cells if own[0] <= key[0] and key[1] <= own[1]), key)
            self.cells.setdefault(at, []).extend(words)
        self.bottom_baseline = other.last_baseline
        self.box = around([self.box, other.box])


def merged_rows(rows: Sequence[Row], box: Box, across: Sequence[Rule], width: int) -> list[Row]:
    """Return lines as rows: by the rules between them where there are enough, else by what goes on where."""
    rows = _interleaved(rows)
    walls = _walls(rows, box, across)
    if _divide_most(rows, walls):
        return _by_rules(rows, walls)
    numeric = _numeric_columns(rows, width)
    if numeric:
        return _by_numbers(rows, numeric, walls)
    return _by_distance(rows, walls)


def _interleaved(rows: Sequence[Row]) -> list[Row]:
    """Join lines that overlap each other: cells of a different number of lines, centred in their row."""
    found: list[Row] = []
    held: list[Row] = []
    for row in rows:
        if held and held[-1].baseline - row.baseline < _OVERLAP * min(row.size, held[-1].size):
            held.append(row)
            continue
        found += _one(held)
        held = [row]
    return found + _one(held)


def _one(rows: Sequence[Row]) -> list[Row]:
    """Return overlapping lines as one row, unless one of them is a row by itself."""
    if not rows:
        return []
    if len(rows) > 1 and _spans_over(rows[0], rows[-1]):
        # two levels of a header, and a name beside both that is centred between them
        return [*_one(rows[:-1]), rows[-1]]
    first = Row({key: list(words) for key, words in rows[0].cells.items()}, rows[0].baseline, rows[0].size, rows[0].box)
    for row in rows[1:]:
        first.take(row)
    return [first]


def _spans_over(before: Row, row: Row) -> bool:
    """Whether a line is a level of a header above another: its cells stand over several of the other's.

    The lines of a name that was wrapped are aligned with each other; a name over several columns stands between them.
    """
    for first, last in before.cells:
        if last > first and sum(first <= key[0] and key[1] <= last for key in row.cells) > 1:
            return True
    free = [key for key in row.cells if key not in before.cells]
    pairs = [(before.cells[key], row.cells[key]) for key in before.cells if key in row.cells and key != (0, 0)]
    if not free or not pairs:
        return False
    aligned = sum(_are_aligned(around([w.box for w in one]), around([w.box for w in other])) for one, other in pairs)
    return 2 * aligned < len(pairs)


def _are_aligned(one: Box, other: Box) -> bool:
    pairs = ((one.left, other.left), (one.right, other.right), (one.x, other.x))
    return any(abs(here - there) <= _ALIGNED for here, there in pairs)


def _walls(rows: Sequence[Row], box: Box, across: Sequence[Rule]) -> list[float]:
    """Return the heights of rules between the rows that reach over most of the table."""
    lowest, highest = min(row.baseline for row in rows), max(row.baseline for row in rows)
    inside = [
        rule.at
        for rule in across
        if lowest < rule.at < highest and min(rule.end, box.right) - max(rule.start, box.left) >= 0.5 * box.width
    ]
    distinct: list[float] = []
    for y in sorted(inside):
        if not distinct or y - distinct[-1] > 2:
            distinct.append(y)
    return distinct


def _divide_most(rows: Sequence[Row], walls: Sequence[float]) -> bool:
    """Whether there are so many rules that what stands between two of them is a row."""
    if len(walls) >= max(2, _RULED_SHARE * (len(rows) - 1)):
        return True
    bounds = [float("-inf"), *walls, float("inf")]
    most = max(sum(low < row.baseline <= high for row in rows) for low, high in itertools.pairwise(bounds))
    return len(walls) >= 3 and most <= 0.4 * len(rows)


def _is_walled(before: Row, row: Row, walls: Sequence[float]) -> bool:
    return any(row.baseline < y <= before.last_baseline for y in walls)


def _by_rules(rows: Sequence[Row], ys: Sequence[float]) -> list[Row]:
    found: list[Row] = []
    for row in rows:
        before = found[-1] if found else None
        if before is None or _is_walled(before, row, ys) or _are_both_whole(before, row) or _spans_over(before, row):
            found.append(row)
        else:
            before.take(row)
    return found


def _are_both_whole(before: Row, row: Row) -> bool:
    """Whether two lines between the same rules are rows each: numbers under numbers."""
    shared = [key for key in row.cells if key in before.cells]
    if row.cells.keys() == before.cells.keys() and len(shared) > 1:
        mean = sum(len(text_of(words)) for words in row.cells.values()) / len(shared)
        if mean < _SHORT_CELL and not _text_goes_on(before, row, 1.0, 0.0):
            return True
    numbers = sum(is_number(text_of(row.cells[key])) and is_number(text_of(before.cells[key])) for key in shared)
    return numbers >= max(1, 0.5 * len(row.cells)) or (numbers > 0 and len(row.cells) >= len(before.cells))


def _numeric_columns(rows: Sequence[Row], width: int) -> list[int]:
    found = []
    for column in range(width):
        texts = [text for row in rows if (text := row.text(column))]
        if len(texts) >= max(2, 0.25 * len(rows)) and sum(map(is_number, texts)) >= 0.6 * len(texts):
            found.append(column)
    return found


def _has_numbers(row: Row, numeric: Sequence[int]) -> bool:
    return any(is_number(row.text(column)) for column in numeric)


def _by_numbers(rows: Sequence[Row], numeric: Sequence[int], walls: Sequence[float]) -> list[Row]:
    """Take every line with numbers as a row; one without is a heading, or goes on from above or into below."""
    pitches = [
        before.last_baseline - row.baseline
        for before, row in itertools.pairwise(rows)
        if _has_numbers(row, numeric) and _has_numbers(before, numeric)
    ]
    pitch = median(pitches) if pitches else 0.0
    found: list[Row] = []
    for number, row in enumerate(rows):
        before = found[-1] if found else None
        following = rows[number + 1] if number + 1 < len(rows) else None
        if (
            before is not None
            and not _is_walled(before, row, walls)
            and not _spans_over(before, row)
            and _continues(before, row, following, numeric, pitch)
        ):
            before.take(row)
        else:
            found.append(row)
    return found


def _continues(before: Row, row: Row, following: Row | None, numeric: Sequence[int], pitch: float) -> bool:
    gap = before.last_baseline - row.baseline
    if gap > 1.7 * row.size and gap > 1.05 * pitch:
        return False
    if any(first != last for first, last in row.cells):
        return False
    if _has_numbers(row, numeric):
        # the numbers of a label whose text began in the line above
        if set(numeric) & before.columns() or not set(row.cells) & set(before.cells):
            return False
        return _text_goes_on(before, row, gap, pitch)
    if not row.columns() <= before.columns() or not _has_numbers(before, numeric):
        return (
            not _has_numbers(before, numeric)
            and _text_goes_on(before, row, gap, pitch)
            and bool(row.columns() & before.columns())
        )
    below = following.baseline if following is not None else None
    nearer_below = below is not None and row.baseline - below < 0.9 * gap
    return not nearer_below and _text_goes_on(before, row, gap, pitch)


def _is_bold(row: Row) -> bool:
    words = [word for held in row.cells.values() for word in held]
    return all(word.bold for word in words)


def _text_goes_on(before: Row, row: Row, gap: float, pitch: float) -> bool:
    """Whether a line's text goes on from the one before: by its distance, or by how one ends and the other begins."""
    if _is_bold(before) != _is_bold(row):
        return False
    if pitch and gap < _TIGHT * pitch:
        return True
    for key, words in row.cells.items():
        text, above = text_of(words), text_of(before.cells.get(key, ()))
        if not above or is_number(text):
            continue
        if text[:1].islower() or text[:1] in "(&)" or _GOES_ON.search(above):
            return True
    return False


def _by_distance(rows: Sequence[Row], walls: Sequence[float]) -> list[Row]:
    """Take as rows of a table of text what is closer to each other, column by column, than rows are."""
    steps = [step for column in sorted(_columns_of(rows)) for step in _steps(rows, column)]
    limit = _limit([gap for _, _, gap in steps], rows)
    if not limit:
        return _by_first_cells(rows, walls)
    group = list(range(len(rows)))
    for above, below, gap in steps:
        if gap < limit and not _is_walled(rows[above], rows[below], walls):
            low, high = sorted((group[above], group[below]))
            group = [low if item == high else item for item in group]
    return _gathered(rows, _without_overlaps(group))


def _columns_of(rows: Sequence[Row]) -> set[int]:
    return {column for row in rows for column in row.columns()}


def _steps(rows: Sequence[Row], column: int) -> list[tuple[int, int, float]]:
    """Return each line of a column and the next, as their numbers, with the distance between them."""
    lines = [number for number, row in enumerate(rows) if (column, column) in row.cells]
    return [(above, below, rows[above].baseline - rows[below].baseline) for above, below in itertools.pairwise(lines)]


def _without_overlaps(group: Sequence[int]) -> list[int]:
    """Return for each line its group, where groups that reach into each other have become one."""
    last = {item: number for number, item in enumerate(group)}
    found: list[int] = []
    reach = -1
    current = -1
    for number, item in enumerate(group):
        if number > reach:
            current += 1
        found.append(current)
        reach = max(reach, last[item])
    return found


def _gathered(rows: Sequence[Row], group: Sequence[int]) -> list[Row]:
    found: dict[int, Row] = {}
    for row, item in zip(rows, group, strict=True):
        if item in found:
            found[item].take(row)
        else:
            found[item] = row
    return list(found.values())


def _by_first_cells(rows: Sequence[Row], walls: Sequence[float]) -> list[Row]:
    """Lines without anything in the first column go on from the line above, if a table has many of them."""
    sparse = sum(0 not in row.columns() for row in rows) >= 0.2 * len(rows)
    found: list[Row] = []
    for row in rows:
        before = found[-1] if found else None
        if (
            before is not None
            and sparse
            and not _is_walled(before, row, walls)
            and 0 not in row.columns()
            and row.columns() <= before.columns()
            and before.last_baseline - row.baseline < 1.7 * row.size
        ):
            before.take(row)
        else:
            found.append(row)
    return found


def _limit(gaps: Sequence[float], rows: Sequence[Row]) -> float:
    """Return what divides the lines of a cell from rows, by their distance, or 0 where lines are rows.

    Lines of a cell keep exactly to one distance, the smallest there is; rows have some space more.
    """
    if len(gaps) < 3:
        return 0.0
    least = sorted(gaps)[len(gaps) // 8]
    limit = _LOOSE * least
    wider = sum(gap >= limit for gap in gaps)
    if not _FEW * len(gaps) <= wider <= (1 - _FEW) * len(gaps):
        return 0.0
    whole = sum(0 in row.columns() for row in rows)
    return limit if whole <= _WHOLE * len(rows) else 0.0
