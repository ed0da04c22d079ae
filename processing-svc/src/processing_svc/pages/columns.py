"""The columns of a region: where no line that keeps to columns has text, one ends and the next begins."""

from collections.abc import Sequence
from math import floor
from statistics import median
from typing import Final

from processing_svc.pages.geometry import Rule
from processing_svc.pages.lines import Line

_NARROWEST: Final = 0.38
"""Gap, in font sizes, between columns of a table of many lines."""
_NARROW_FEW: Final = 0.7
_MANY: Final = 5
_POST: Final = 0.4
_CROSSED: Final = 0.2
_TOLERANT: Final = 7
_TOLERATED: Final = 0.06
"""Share of lines that may reach over a gap."""


def edges_of(lines: Sequence[Line], upright: Sequence[Rule], space: float) -> list[float]:
    """Return the positions between columns, the outer ones included; fewer than three: there are no columns."""
    core = core_of(lines)
    if len(core) < 2:
        return []
    size = median(line.size for line in core)
    least = max(_NARROWEST if len(core) >= _MANY else _NARROW_FEW, 1.5 * space) * size
    intervals = [interval for line in core for interval in _intervals(line, least, upright)]
    allowed = max(1, floor(_TOLERATED * len(core))) if len(core) > _TOLERANT else 0
    gaps = [
        part
        for gap in _gaps(intervals, allowed)
        for part in _around_lonely(gap, intervals)
        if part[1] - part[0] >= 0.8 * least
    ]
    gaps += [gap for gap in _at_the_sides(intervals, allowed) if gap[1] - gap[0] >= 0.8 * least]
    left, right = min(line.box.left for line in lines), max(line.box.right for line in lines)
    inner = [(start + end) / 2 for start, end in gaps]
    for rule in _posts(lines, upright):
        near = [at for at in inner if abs(at - rule.at) <= 2 * size]
        crossed = sum(start + 1 < rule.at < end - 1 for start, end in intervals)
        if not near and crossed <= _CROSSED * len(core) and left + size < rule.at < right - size:
            inner.append(rule.at)
    return [left - 1, *sorted(inner), right + 1]


def _posts(lines: Sequence[Line], upright: Sequence[Rule]) -> list[Rule]:
    """Return the vertical rules that go through a good part of the lines."""
    low, high = min(line.box.bottom for line in lines), max(line.box.top for line in lines)
    return [
        rule for rule in upright if not rule.soft and min(rule.end, high) - max(rule.start, low) >= _POST * (high - low)
    ]


def core_of(lines: Sequence[Line]) -> list[Line]:
    """Return the lines that have most of the table's columns, which tell best where these are."""
    counts = sorted(len(line.segments) for line in lines)
    if not counts:
        return []
    usual = counts[min(len(counts) - 1, floor(0.8 * len(counts)))]
    return [line for line in lines if len(line.segments) >= max(2, 0.75 * usual)]


def _intervals(line: Line, least: float, upright: Sequence[Rule]) -> list[tuple[float, float]]:
    """Return where a line has text; smaller gaps than `least` are text, unless a rule stands in them."""
    found: list[tuple[float, float]] = []
    for word in line.words:
        if found and word.box.left - found[-1][1] < least and not _ruled(found[-1][1], word.box.left, line, upright):
            found[-1] = (found[-1][0], max(found[-1][1], word.box.right))
        else:
            found.append((word.box.left, word.box.right))
    return found


def _ruled(left: float, right: float, line: Line, upright: Sequence[Rule]) -> bool:
    return any(
        left - 1 <= rule.at <= right + 1 and rule.start <= line.box.y <= rule.end for rule in upright if not rule.soft
    )


def _around_lonely(gap: tuple[float, float], intervals: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a gap, or the gaps left and right of a column of which only the header has text."""
    lonely = sorted((start, end) for start, end in intervals if gap[0] < start and end < gap[1])
    parts = []
    at = gap[0]
    for start, end in lonely:
        if start > at:
            parts.append((at, start))
        at = max(at, end)
    return [*parts, (at, gap[1])]


def _at_the_sides(intervals: Sequence[tuple[float, float]], allowed: int) -> list[tuple[float, float]]:
    """Return the gaps before and behind which only the header has text."""
    first = next((at for at, depth in _depths(intervals) if depth > allowed), None)
    mirrored = [(-end, -start) for start, end in intervals]
    last = next((-at for at, depth in _depths(mirrored) if depth > allowed), None)
    if first is None or last is None:
        return []
    left, right = min(start for start, _ in intervals) - 1, max(end for _, end in intervals) + 1
    return [*_around_lonely((left, first), intervals)[1:], *_around_lonely((last, right), intervals)[:-1]]


def _depths(intervals: Sequence[tuple[float, float]]) -> list[tuple[float, int]]:
    """Return how many intervals there are from each position on where that changes."""
    events = [(start, 1) for start, _ in intervals] + [(end, -1) for _, end in intervals]
    found = []
    depth = 0
    for at, change in sorted(events, key=lambda event: (event[0], -event[1])):
        depth += change
        found.append((at, depth))
    return found


def _gaps(intervals: Sequence[tuple[float, float]], allowed: int) -> list[tuple[float, float]]:
    """Return where at most `allowed` intervals are, between the first and the last of them."""
    found: list[tuple[float, float]] = []
    began: float | None = None
    seen = False
    for at, depth in _depths(intervals):
        if depth > allowed:
            if began is not None and seen:
                found.append((began, at))
            began, seen = None, True
        elif began is None:
            began = at
    return found
