"""The order in which a page is read: text set in columns is taken apart, so that no table is seen across a gutter."""

from collections.abc import Sequence
from typing import Final

from processing_svc.pages.geometry import Rule
from processing_svc.pages.lines import Line, line_of

_FEWEST: Final = 8
"""Lines that have to share a gutter."""
_WINDOW: Final = 4
_PROSE_CHARACTERS: Final = 22
_MAX_DEPTH: Final = 2
_SEVERAL: Final = 0.15
"""Share of lines of more than two segments above which the text is a table's."""
_CROSSING: Final = 3
"""Rules across a gutter that make it a gap between columns of a table."""


def streams_of(
    lines: Sequence[Line], across: Sequence[Rule] = (), upright: Sequence[Rule] = (), depth: int = 0
) -> list[list[Line]]:
    """Return the lines as streams to be read one after the other: full width first, then each column."""
    gutter = _gutter(lines, across) if depth < _MAX_DEPTH else None
    if gutter is None:
        return [list(lines)]
    votes = [_is_prose_at(line, gutter) for line in lines]
    full: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for index, line in enumerate(lines):
        around = votes[max(0, index - _WINDOW) : index + _WINDOW + 1]
        crossing = any(segment.box.left < gutter < segment.box.right for segment in line.segments)
        if crossing or 2 * sum(around) < len(around):
            full.append(line)
            continue
        for side, group in ((left, [word for word in line.words if word.box.x < gutter]),
                            (right, [word for word in line.words if word.box.x >= gutter])):  # fmt: skip
            if group:
                side.append(line_of(group, upright))
    return [full, *streams_of(left, across, upright, depth + 1), *streams_of(right, across, upright, depth + 1)]


def _gutter(lines: Sequence[Line], across: Sequence[Rule]) -> float | None:
    """Return where running text on both sides leaves a gap through many lines, or None."""
    gaps = [
        (before.box.right, segment.box.left)
        for line in lines
        for before, segment in zip(line.segments, line.segments[1:], strict=False)
    ]
    candidates = {round((start + end) / 2 / 4) * 4.0 for start, end in gaps}
    best, most = None, 0
    for x in sorted(candidates):
        count = sum(start <= x <= end for start, end in gaps)
        if count > most:
            best, most = x, count
    if best is None or most < max(_FEWEST, 0.2 * len(lines)):
        return None
    votes = [line for line in lines if _is_prose_at(line, best)]
    if len(votes) < max(_FEWEST, 0.6 * most):
        return None
    low, high = votes[-1].baseline, votes[0].baseline
    inside = [line for line in lines if low <= line.baseline <= high]
    several = sum(len(line.segments) > 2 for line in inside)
    crossing = sum(low < rule.at < high and rule.start < best - 20 and rule.end > best + 20 for rule in across)
    return best if several <= _SEVERAL * len(inside) and crossing < _CROSSING else None


def _is_prose_at(line: Line, x: float) -> bool:
    """Whether a line is one piece of running text on each side of `x`, or on the one that it fills."""
    left = [segment for segment in line.segments if segment.box.right <= x]
    right = [segment for segment in line.segments if segment.box.left >= x]
    if len(left) + len(right) != len(line.segments) or len(left) > 1 or len(right) > 1:
        return False
    return all(_is_prose(segment.text) for segment in (*left, *right))


def _is_prose(text: str) -> bool:
    letters = sum(character.isalpha() or character == " " for character in text)
    return len(text) >= _PROSE_CHARACTERS and letters >= 0.75 * len(text)
