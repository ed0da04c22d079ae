"""Rare values one or two strokes from a frequent one: misspelt values, and misspelt words inside longer values.

How much nearness means is asked of the column: where frequent values are near each other too (codes, numbered names),
a rare near one proves nothing. A digit that became another digit is never called a typo: numbers differ by digits.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from quality_svc.anomalies.cells.interface import Context, Reason, Suspicions
from quality_svc.anomalies.cells.table import CellColumn, CellTable

_MAX_RARE: Final = 20_000
_MAX_FREQUENT: Final = 2_000
_BLOCK: Final = 4_000_000
_MIN_FREQUENT: Final = 4
_MARKS: Final = ".,;:!?()[]\"'"
_RATIO: Final = 4
"""How much more frequent the right spelling is, at least."""
_OPEN: Final = 0.15
"""Share of cells with a text of their own from which a column is open to any."""
_LONGEST: Final = 120
_SPREAD: Final = 0.25
"""Edits for each character, at most: beyond, texts are merely alike."""


@dataclass(frozen=True)
class _Near:
    """A rare text and the frequent text it is near to."""

    text: str
    edits: int
    count: int


class Typos:
    """Misspellings by distance and frequency."""

    name = "typos"

    def suspicions(self, table: CellTable, context: Context) -> Iterator[Suspicions]:
        """Yield misspelt values, then values with misspelt words."""
        for place, column in enumerate(table.columns):
            if not column.is_text or column.is_numeric or column.filled < 2 * _MIN_FREQUENT:
                continue
            reasons = _of_words(column, context)
            for code, reason in _of_values(column, context).items():
                if code not in reasons or reason.confidence >= reasons[code].confidence:
                    reasons[code] = reason
            if reasons:
                yield Suspicions.of_values("typo", table, place, reasons)


def _of_values(column: CellColumn, context: Context) -> dict[int, Reason]:
    counts = {text: int(count) for text, count in zip(column.values, column.counts, strict=True) if text.strip()}
    near, trust = _near(counts, column.name, context)
    codes = {text: code for code, text in enumerate(column.values)}
    reasons = {}
    for text, found in near.items():
        sure = _sure(text, found, counts[text], trust)
        shown = (
            f"{text[:60]!r} stands {counts[text]:,} times, "
            f"{found.edits} edits from {found.text[:60]!r} with {found.count:,}"
        )
        reasons[codes[text]] = Reason(sure, shown, found.text)
    return reasons


def _of_words(column: CellColumn, context: Context) -> dict[int, Reason]:
    """Suspect values with a rare word that is near a frequent word of the column."""
    words = [[word.strip(_MARKS) for word in text.casefold().split()] for text in column.values]
    if sum(map(len, words)) < 1.2 * len(words):
        return {}
    counts: Counter[str] = Counter()
    for split, count in zip(words, column.counts.tolist(), strict=True):
        for word in set(split):
            counts[word] += count
    near, trust = _near({word: count for word, count in counts.items() if len(word) > 3}, column.name, context)  # noqa: PLR2004
    reasons = {}
    for code, split in enumerate(words):
        wrong = [word for word in split if word in near]
        if not wrong:
            continue
        sure = max(_sure(word, near[word], counts[word], trust) for word in wrong)
        mended = " ".join(near[word].text if word in near else word for word in split if word)
        first, right = wrong[0], near[wrong[0]]
        shown = (
            f"the word {first[:40]!r} ({counts[first]:,} times) is {right.edits} edits from {right.text[:40]!r}"
            f" with {right.count:,}"
        )
        reasons[code] = Reason(sure, shown, mended)
    return reasons


def _sure(text: str, near: _Near, count: int, trust: float) -> float:
    """Return how probable a typo is: long texts, few edits and a high ratio of frequencies make it so."""
    ratio = near.count / count
    rarity = np.clip(np.log(ratio / _RATIO) / np.log(100 / _RATIO), 0, 1)
    likeness = 1 - 0.5 * (near.edits - 1) / max(1, _allowed(text))
    short = min(1.0, 0.55 + 0.15 * (len(text) - 2))
    return round(float(np.clip(trust * likeness * (0.7 + 0.28 * rarity) * short, 0, 0.98)), 3)


def _near(counts: Mapping[str, int], name: str, context: Context) -> tuple[dict[str, _Near], float]:
    """Return rare texts near frequent ones, and how much nearness means in this column (0 to 1)."""
    frequent = sorted(
        (text for text in counts if counts[text] >= _MIN_FREQUENT), key=lambda text: (-counts[text], text)
    )
    rare = [text for text in counts if counts[text] * _RATIO <= (counts[frequent[0]] if frequent else 0)]
    if not frequent or not rare:
        return {}, 0.0
    if len(frequent) > _MAX_FREQUENT or len(rare) > _MAX_RARE:
        context.left_out.append(
            (f"typos of {name}", f"the {_MAX_FREQUENT:,} most frequent texts and {_MAX_RARE:,} rare ones are compared")
        )
        frequent, rare = frequent[:_MAX_FREQUENT], rare[:_MAX_RARE]
    found: dict[str, _Near] = {}
    step = max(1, _BLOCK // len(frequent))
    for start in range(0, len(rare), step):
        found |= _nearest(rare[start : start + step], frequent, counts)
    return found, _trust(frequent, counts) * _closedness(counts)


def _nearest(rare: Sequence[str], frequent: Sequence[str], counts: Mapping[str, int]) -> dict[str, _Near]:
    most = max(1, int(max(len(text) for text in rare) * _SPREAD))
    cut = [text[:_LONGEST] for text in frequent]
    distances = cdist([text[:_LONGEST] for text in rare], cut, scorer=OSA.distance, score_cutoff=most, dtype=np.uint8)
    weights = np.array([counts[text] for text in frequent])
    found = {}
    for place, text in enumerate(rare):
        allowed = _allowed(text)
        fits = (distances[place] > 0) & (distances[place] <= allowed) & (weights >= _RATIO * counts[text])
        candidates = np.flatnonzero(fits)
        order = sorted(candidates.tolist(), key=lambda other: (distances[place][other], -weights[other]))
        for other in order[:5]:
            if _is_misspelling(text, frequent[other]):
                found[text] = _Near(frequent[other], int(distances[place][other]), int(weights[other]))
                break
    return found


def _allowed(text: str) -> int:
    """Return how many edits make a typo of a text: one in short ones, a quarter of the characters in long ones."""
    return max(1, int(len(text) * _SPREAD)) if len(text) > 2 or not text.isalnum() else 1  # noqa: PLR2004


def _is_misspelling(text: str, other: str) -> bool:
    """Whether the difference is of letters: digits that differ from digits make another number."""
    digits = [char for char in text if char.isdigit()]
    others = [char for char in other if char.isdigit()]
    if not digits and not others:
        return text.casefold().split() != other.casefold().split()  # else a variant
    if len(digits) == len(others):
        return digits == others and text.casefold() != other.casefold()
    # a digit was struck by a letter: the rest must stand in its place
    return len(text) == len(other) and all(
        mine == theirs or not mine.isdigit() for mine, theirs in zip(text, other, strict=True)
    )


def _closedness(counts: Mapping[str, int]) -> float:
    """Return 1 where hardly any text is rare by nature, down to a half where new ones are usual (Good and Turing)."""
    once = sum(count for count in counts.values() if count == 1) / max(1, sum(counts.values()))
    return 1 - 0.5 * min(1.0, once / _OPEN)


def _trust(frequent: Sequence[str], counts: Mapping[str, int]) -> float:
    """Return the share of cells with a frequent text that has no near rival as frequent, to be mistaken for."""
    shown = frequent[:300]
    if len(shown) < 2:  # noqa: PLR2004 - nothing to be near to
        return 1.0
    cut = [text[:_LONGEST] for text in shown]
    distances = cdist(cut, cut, scorer=OSA.distance, dtype=np.int32)
    np.fill_diagonal(distances, 10_000)
    confused, mass = 0, sum(counts[text] for text in shown)
    for place, text in enumerate(shown):
        allowed = _allowed(text)
        rivals = np.flatnonzero(distances[place] <= allowed)
        confused += counts[text] * any(
            _is_misspelling(text, shown[other]) and 1 / _RATIO < counts[shown[other]] / counts[text] < _RATIO
            for other in rivals.tolist()
        )
    return 1 - confused / mass
