"""Where tables without a full grid of rules may be: between rules of one width, or where lines keep to columns."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from processing_svc.pages.geometry import Box, Rule, around
from processing_svc.pages.lines import Line, is_caption, is_number

_SAME_END: Final = 6.0
"""Points within which rules across begin or end together."""
_SHORTEST: Final = 60.0
NARROW: Final = 3.0
"""Points between the two strokes of a double rule."""
_SAME_BORDER: Final = 8.0
_PIECE_GAP: Final = 14.0
_FAR: Final = 3.4
"""Distance of baselines, in font sizes, that ends a table without rules."""
_FAR_WITH_RULES: Final = 6.0
_MOST_SINGLES: Final = 4


@dataclass(frozen=True, slots=True)
class Region:
    """Lines that may be a table, from the top. `bounded`: rules above and below say so."""

    lines: tuple[Line, ...]
    box: Box
    bounded: bool = False


def regions_of(lines: Sequence[Line], across: Sequence[Rule]) -> list[Region]:
    """Return the regions of one stream of lines; each line is in one at most."""
    taken: set[int] = set()
    found: list[Region] = []
    for region in _bounded(lines, across):
        if any(id(line) in taken for line in region.lines):
            continue
        taken.update(id(line) for line in region.lines)
        found.append(region)
    rest: list[Line] = []
    for line in [*lines, None]:
        if line is not None and id(line) not in taken:
            rest.append(line)
            continue
        found += _grown(rest)
        rest = []
    return found


def whole_rules(across: Sequence[Rule]) -> list[Rule]:
    """Return rules across, with the pieces of one that is drawn column by column put together."""
    found: list[Rule] = []
    for rule in sorted(across, key=lambda rule: (-round(rule.at), rule.start)):
        last = found[-1] if found else None
        if last and abs(last.at - rule.at) <= 2 and rule.start <= last.end + _PIECE_GAP:
            found[-1] = Rule(last.at, last.start, max(last.end, rule.end))
        else:
            found.append(rule)
    return [rule for rule in found if rule.length >= _SHORTEST]


def _bounded(lines: Sequence[Line], across: Sequence[Rule]) -> list[Region]:
    """Return what stands between the first and the last of several rules of one width."""
    groups: list[list[Rule]] = []
    for rule in whole_rules(across):
        for group in groups:
            if abs(group[0].start - rule.start) <= _SAME_END and abs(group[0].end - rule.end) <= _SAME_END:
                group.append(rule)
                break
        else:
            groups.append([rule])
    found = []
    for group in sorted(groups, key=lambda rules: -rules[0].length):
        if max(rule.at for rule in group) - min(rule.at for rule in group) > 2 * NARROW:
            found += _between(group, lines)
    return found


def _between(rules: Sequence[Rule], lines: Sequence[Line]) -> list[Region]:
    """Cut the lines between rules of one width where no table goes on."""
    left, right = rules[0].start - _SAME_END, rules[0].end + _SAME_END
    ys = sorted((rule.at for rule in rules), reverse=True)
    inside = [line for line in lines if left <= line.box.left and line.box.right <= right]
    found: list[Region] = []
    held: list[Line] = _above(
        ys[0], [line for line in lines if left - _SAME_END <= line.box.left <= line.box.right <= right + _SAME_END]
    )
    top = max([ys[0], *(line.box.top for line in held)])
    for above, below in itertools.pairwise(ys):
        band = [line for line in inside if below < line.baseline + 0.3 * line.size < above]
        if not band and above - below < _SAME_BORDER:
            continue
        if not band or _is_text(band) or _is_far(held, band) or all(map(_is_between, band)):
            found += _region(held, left, right, top)
            held, top = [], below
            continue
        held += band
    last = [line for line in inside if line.baseline < ys[-1]]
    if held and _multi(held) and not _is_complete(held):
        held += _goes_on(held, last)
    return found + _region(held, left, right, top)


def _region(lines: list[Line], left: float, right: float, top: float) -> list[Region]:
    if len(lines) < 2 or len(_multi(lines)) < max(2, 0.2 * len(lines)):
        return []
    box = around([line.box for line in lines])
    return [
        Region(
            tuple(lines), Box(min(left, box.left), box.bottom, max(right, box.right), max(top, box.top)), bounded=True
        )
    ]


def _is_complete(held: Sequence[Line]) -> bool:
    """Whether more than a header stands between the rules."""
    return sum(sum(is_number(segment.text) for segment in line.segments) > 1 for line in held) > 1


def _goes_on(held: Sequence[Line], below: Sequence[Line]) -> list[Line]:
    """Return lines under the last rule that keep to its columns: a table whose foot has no rule."""
    found: list[Line] = []
    last = held[-1]
    for line in sorted(below, key=lambda line: -line.baseline):
        if last.baseline - line.baseline > (_FAR if found else _FAR_WITH_RULES) * line.size or len(line.segments) < 2:
            break
        found.append(line)
        last = line
    return found


def _above(y: float, lines: Sequence[Line]) -> list[Line]:
    """Return the lines right above the first rule that have several segments: a header without a rule over it."""
    found: list[Line] = []
    last = y
    for line in sorted((line for line in lines if line.baseline > y), key=lambda line: line.baseline):
        if line.baseline - last > 1.9 * line.size or len(found) > 3 or _is_between(line):
            break
        found.append(line)
        last = line.baseline
    while found and len(found[-1].segments) < 2:
        found.pop()
    return found[::-1]


def _is_text(band: Sequence[Line]) -> bool:
    return len(band) > 3 and not _multi(band)


def _is_far(held: Sequence[Line], band: Sequence[Line]) -> bool:
    if not held:
        return False
    return held[-1].baseline - band[0].baseline > _FAR_WITH_RULES * band[0].size


def _multi(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if len(line.segments) > 1]


def _grown(lines: Sequence[Line]) -> list[Region]:
    """Return runs of lines of several segments, with single ones between them."""
    found: list[Region] = []
    held: list[Line] = []
    singles = 0
    for line in lines:
        if held and (_breaks(held, line) or singles > _MOST_SINGLES or _is_between(line)):
            found += _run(held)
            held, singles = [], 0
        if len(line.segments) > 1:
            held.append(line)
            singles = 0
        elif held:
            held.append(line)
            singles += 1
    return found + _run(held)


def _is_between(line: Line) -> bool:
    """Whether a line stands between tables, not in one."""
    return len(line.segments) == 1 and is_caption(line.segments[0].text)


def _breaks(held: Sequence[Line], line: Line) -> bool:
    gap = held[-1].baseline - line.baseline
    pitch = median([a.baseline - b.baseline for a, b in itertools.pairwise(held)] or [gap])
    return gap > max(_FAR * line.size, 0) or (len(held) > 3 and gap > max(2.2 * pitch, 1.8 * line.size))


def _run(held: list[Line]) -> list[Region]:
    while held and len(held[-1].segments) == 1:
        held = held[:-1]
    if len(_multi(held)) < 2:
        return []
    return [Region(tuple(held), around([line.box for line in held]))]
