"""A look at a few rows of text in Python: cheaper than a query, and enough to rule kinds out and to think of others.

What is left is a proposal. Only the SQL of a kind decides what a value is.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from processing_svc.kinds import BOOLEAN, DECIMAL, DOUBLE, INTEGER, KINDS, WIDE_INTEGER, Kind
from processing_svc.text.deciding import Evidence
from processing_svc.text.moments import propose_moments
from processing_svc.text.nulls import BLANKS, is_null_spelling
from processing_svc.text.numbers import propose_numbers
from processing_svc.text.words import propose_words

BAD_IN_HEAD: Final = 2
"""Among at least `ENOUGH` values of the first rows, so many may be bad ones in a column that is good."""
ENOUGH: Final = 20
_LONG: Final = 80
_SHORT_INTEGER: Final = 18
_DIGIT: Final = re.compile("[0-9]")
_PLAIN_NUMBERS: Final = (INTEGER, WIDE_INTEGER, DOUBLE, DECIMAL)


def peek(rows: Sequence[Sequence[str | None]], width: int) -> list[Evidence]:
    """Return the evidence of the first `width` columns of some rows; rows may be short."""
    return [seen([row[index] for row in rows if index < len(row)]) for index in range(width)]


def seen(cells: Iterable[str | None]) -> Evidence:
    """Return the evidence of a column by some of its cells: `kinds` accept all of them, `refused` all but a few."""
    raw = [cell for cell in cells if cell is not None]
    texts = [text for cell in raw if (text := cell.strip(BLANKS))]
    values = [text for text in texts if not is_null_spelling(text)]
    padded = any(not cell or cell != cell.strip(BLANKS) for cell in raw)
    spelled = len(texts) - len(values)
    if not values:
        return Evidence(0, KINDS, padded, spelled)
    if all(map(_is_plain_integer, values)):
        return _integers(values, spelled, padded=padded)
    possible = propose(values)
    misses = {kind: _misses(kind, values) for kind in possible}
    bound = BAD_IN_HEAD if len(values) >= ENOUGH else 0
    lengths = [len(value.encode()) for value in values]
    return Evidence(
        len(values),
        tuple(kind for kind, count in misses.items() if count == 0),
        padded,
        spelled,
        {kind: count for kind, count in misses.items() if 0 < count <= bound},
        frozenset(kind for kind in possible if kind.hint and _hinted(kind, values)),
        {kind: _digits(kind, values) for kind in possible if kind.name == DECIMAL.name},
        any(value[0] in "+0" and (value[0] == "+" or value[1:2].isdigit()) for value in values),
        min(lengths),
        max(lengths),
    )


def _integers(values: Sequence[str], spelled: int, *, padded: bool) -> Evidence:
    """Return the evidence of a column of short whole numbers, which are the most common of all."""
    lengths = list(map(len, values))
    return Evidence(len(values), _PLAIN_NUMBERS, padded, spelled, digits={DECIMAL: (max(lengths), 0)},
                    shortest=min(lengths), longest=max(lengths))  # fmt: skip


def propose(values: Sequence[str]) -> tuple[Kind, ...]:
    """Return every kind that some of the values may be of, in order of preference."""
    short = [value for value in values if len(value) <= _LONG]
    if not any(map(_DIGIT.search, short)):
        words = any(_pattern(BOOLEAN.shape).fullmatch(value) for value in short)
        return (*((BOOLEAN,) if words else ()), *propose_words(short))
    fixed = tuple(kind for kind in KINDS if any(_pattern(kind.shape).fullmatch(value) for value in values))
    if fixed and fixed[0] in {INTEGER, WIDE_INTEGER} and _misses(fixed[0], values) == 0:
        return fixed
    return tuple(dict.fromkeys((*fixed, *propose_words(short), *propose_moments(short), *propose_numbers(short))))


def _is_plain_integer(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= _SHORT_INTEGER and (value[0] != "0" or value == "0")


def _misses(kind: Kind, values: Iterable[str]) -> int:
    match = _pattern(kind.shape).fullmatch
    return sum(match(value) is None for value in values)


@cache
def _pattern(shape: str) -> re.Pattern[str]:
    return re.compile(shape)


def _hinted(kind: Kind, values: Sequence[str]) -> bool:
    if kind.name == "boolean":
        return len({value.lower() for value in values}) > 1
    return any(re.fullmatch("[^0-9]*[0-9]{1,3}[^0-9]*", value) for value in values)


def _digits(kind: Kind, values: Iterable[str]) -> tuple[int, int]:
    whole = fraction = 0
    for value in values:
        before, _, after = value.partition(kind.point or ".")
        whole = max(whole, sum(character.isdigit() for character in before))
        fraction = max(fraction, sum(character.isdigit() for character in after))
    return whole, fraction
