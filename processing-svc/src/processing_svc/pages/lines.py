"""Words in lines, and lines in segments: runs of words with no more than a space between them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from processing_svc.pages.geometry import Box, Rule, Word, around

SAME_LINE: Final = 0.3
"""Distance of baselines, in font sizes, up to which words are on one line."""
_SMALL: Final = 0.8
"""Share of another word's size below which a word is a mark."""
_RAISED: Final = 0.45
_BESIDE: Final = 0.35
COLUMN_GAP: Final = 0.9
"""Gap, in font sizes, that no space of running text reaches."""
_NUMBER: Final = re.compile(
    r"[\s(\[<>~≈±+\-–—−$€£¥₹]*(?:[A-Z]{1,3}\s?)?\d[\d.,'’ \u00a0\u202f]*(?:[eE][-+]?\d+)?\s*[%‰°)\]*†‡a-f¹²³⁴⁵]{0,3}"
    r"|[-–—−.…*:·]+|n\.?/?a\.?|N\.?/?A\.?|\(?[-–—]\)?|[<>]\s?\d+"
)


_LEADER: Final = re.compile(r"[.·_]{4,}\s*$|…{2,}\s*$")
_CAPTION: Final = re.compile(
    r"(?:table|tableau|tabelle|tabla|tabella|tabela|figure|fig\.|abbildung|chart|graph|annex|exhibit|box)\s*[A-Z]?[\d.\-–:IVX]"
    r"|(?:sources?|notes?|quellen?|anmerkung(?:en)?|fuentes?|notas?|legend|footnotes?|n\.?b\.?)\s?[:.]",
    re.IGNORECASE,
)


def is_caption(text: str) -> bool:
    """Whether a line says what a table is, or where its numbers are from."""
    return bool(_CAPTION.match(text))


def is_number(text: str) -> bool:
    """Whether a cell holds a number as people write it, or what stands for a missing one."""
    return bool(_NUMBER.fullmatch(text))


@dataclass(frozen=True, slots=True)
class Segment:
    """Words of one line that stand together."""

    words: tuple[Word, ...]
    box: Box

    @property
    def text(self) -> str:
        """The words with spaces between them."""
        return text_of(self.words)


@dataclass(frozen=True, slots=True)
class Line:
    """Words on one baseline, from left to right, and the segments they make."""

    segments: tuple[Segment, ...]
    baseline: float
    size: float
    box: Box

    @property
    def words(self) -> list[Word]:
        """All its words."""
        return [word for segment in self.segments for word in segment.words]


def without_leaders(words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
    """Return the words without the dots that lead the eye to a number, and the words that had such dots."""
    kept: list[Word] = []
    led: list[Word] = []
    for word in words:
        found = _LEADER.search(word.text)
        if found is None:
            kept.append(word)
            continue
        led.append(word)
        text = word.text[: found.start()]
        if text:
            share = len(text) / len(word.text)
            box = word.box._replace(right=word.box.left + share * word.box.width)
            kept.append(replace(word, text=text, box=box))
    return kept, led


def text_of(words: Iterable[Word]) -> str:
    """Return words as text; what follows without a space, and what is raised behind a word, is joined."""
    text = ""
    before: Word | None = None
    for word in words:
        text += word.text if before is None or word.glued or _is_raised(before, word) else " " + word.text
        before = word
    return text


def _is_raised(before: Word, word: Word) -> bool:
    """Whether a smaller word stands right behind another: a footnote's mark, an exponent."""
    return word.size < _SMALL * before.size and word.box.left - before.box.right < 0.15 * before.size


def lines_of(words: Sequence[Word], upright: Sequence[Rule] = ()) -> list[Line]:
    """Return upright words as lines, from the top; vertical rules between words end segments."""
    flat = [word for word in words if not word.turned]
    if not flat:
        return []
    usual = median(word.size for word in flat)
    found = _by_baseline([word for word in flat if word.size >= _SMALL * usual])
    small = [word for word in flat if word.size < _SMALL * usual and not _attached(word, found)]
    found += _by_baseline(small)
    return sorted((line_of(group, upright) for group in found), key=lambda line: -line.baseline)


def _by_baseline(words: Sequence[Word]) -> list[list[Word]]:
    """Gather words that stand on one line."""
    found: list[list[Word]] = []
    for word in sorted(words, key=lambda word: -word.baseline):
        near = found[-1] if found else None
        if near and near[0].baseline - word.baseline <= SAME_LINE * min(word.size, near[0].size):
            near.append(word)
        else:
            found.append([word])
    return found


def _attached(word: Word, lines: list[list[Word]]) -> bool:
    """Put a small word to the line whose text it stands beside, raised or lowered; False where there is none."""
    for line in lines:
        if abs(line[0].baseline - word.baseline) > _RAISED * line[0].size:
            continue
        for other in line:
            gap = max(word.box.left - other.box.right, other.box.left - word.box.right)
            if gap < _BESIDE * other.size:
                line.append(word)
                return True
    return False


def line_of(words: Sequence[Word], upright: Sequence[Rule] = (), gap: float = COLUMN_GAP) -> Line:
    """Return words of one baseline as a line."""
    ordered = sorted(words, key=lambda word: word.box.left)
    size = median(word.size for word in ordered)
    groups: list[list[Word]] = [[ordered[0]]]
    for word in ordered[1:]:
        before = groups[-1][-1]
        if word.box.left - before.box.right > gap * size or _is_divided(before, word, upright):
            groups.append([word])
        else:
            groups[-1].append(word)
    segments = tuple(Segment(tuple(group), around([word.box for word in group])) for group in groups)
    box = around([segment.box for segment in segments])
    return Line(segments, median(word.baseline for word in ordered), size, box)


def _is_divided(before: Word, word: Word, upright: Sequence[Rule]) -> bool:
    left, right, y = before.box.x, word.box.x, word.box.y
    return any(left < rule.at < right and rule.start <= y <= rule.end for rule in upright if not rule.soft)


def space_of(lines: Sequence[Line]) -> float:
    """Return the usual gap between words of a segment, in font sizes."""
    gaps = [
        (word.box.left - before.box.right) / max(line.size, 0.1)
        for line in lines
        for segment in line.segments
        for before, word in zip(segment.words, segment.words[1:], strict=False)
    ]
    usual = [gap for gap in gaps if gap > 0.05]
    return median(usual) if usual else 0.25
