"""Formats of text: well-known ones by regular expression, and the shape that the values of a column share.

Regular expressions here mean the same to Python and to RE2 (DuckDB), of the whole value. Which column keeps which
format is found in the profile's most frequent values; how many cells keep it is counted by the checks.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from quality_svc.profile.document import ColumnProfile

CANDIDATE_SHARE: Final = 0.75
"""Share of the frequent values that must keep a format before it is held against the others."""
MIN_VALUES: Final = 3
"""Different values needed to speak of a format."""
_LONGEST: Final = 64
_MOST_TOKENS: Final = 16
_LETTERS: Final = r"[A-Za-z\x{80}-\x{10FFFF}]+"
"""A run of letters: whatever is beyond ASCII counts as one. RE2 takes a millisecond to compile `\\p{L}`."""
_WORDS: Final = frozenset({_LETTERS, r"\s+"})

KNOWN: Final[dict[str, str]] = {
    "integer": r"\s*[+-]?\d{1,3}(?:[ ,.']?\d{3})*\s*|\s*[+-]?\d+\s*",
    "number": r"\s*[+-]?(?:\d{1,3}(?:[ ,']\d{3})+|\d+)?(?:[.,]\d+)?(?:[eE][+-]?\d+)?\s*%?\s*",
    "date": r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])",
    "timestamp": r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?"
    r"(?:Z|[+-]\d{2}:?\d{2})?",
    "time": r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?",
    # repetitions without a bound: RE2 unrolls bounds, which costs more than matching a small table
    "email": r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9][A-Za-z0-9-]*)+",
    "url": r"(?:https?|ftp)://[^\s/?#]+(?:[/?#]\S*)?",
    "uuid": r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
    "ipv4": r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)",
    "iban": r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?",
}
_COMPILED: Final = {name: re.compile(pattern) for name, pattern in KNOWN.items()}


def known_format(column: ColumnProfile, share: float = CANDIDATE_SHARE) -> str | None:
    """Return the name of the first known format that a share of the frequent values of a text column keeps."""
    values = _frequent(column)
    total = sum(values.values())
    if len(values) < MIN_VALUES:
        return None
    for name, pattern in _COMPILED.items():
        kept = sum(count for value, count in values.items() if value.strip() and pattern.fullmatch(value))
        if kept >= share * total:
            return name
    return None


def dominant_shape(column: ColumnProfile, share: float = CANDIDATE_SHARE) -> str | None:
    """Return the regular expression of the shape that a share of a text column's frequent values has.

    Letters alone are no format: a word more or less breaks nothing.
    """
    values = _frequent(column)
    if len(values) < MIN_VALUES:
        return None
    shapes: Counter[str] = Counter()
    for value, count in values.items():
        shape = shape_of(value)
        if shape is not None:
            shapes[shape] += count
    if not shapes:
        return None
    shape, kept = min(shapes.items(), key=lambda item: (-item[1], item[0]))
    return shape if kept >= share * sum(values.values()) else None


def shape_of(value: str) -> str | None:
    r"""Return the regular expression of a value's shape (letters, `-`, digits for `AB-12`); None without a format."""
    if not value or len(value) > _LONGEST:
        return None
    tokens: list[str] = []
    for character in value:
        token = _token(character)
        if not tokens or token != tokens[-1] or token[-1] != "+":
            tokens.append(token)
    if len(tokens) > _MOST_TOKENS or not set(tokens) - _WORDS:
        return None
    return "".join(tokens)


def _token(character: str) -> str:
    if character.isascii() and character.isdigit():
        return r"\d+"
    if character.isalpha() or not character.isascii():
        return _LETTERS
    return r"\s+" if character.isspace() else re.escape(character)


def _frequent(column: ColumnProfile) -> dict[str, int]:
    """Return the frequent values that the profile shows whole, with their counts."""
    if column.kind != "text" or column.top is None:
        return {}
    return {str(value.value): value.count for value in column.top.values if not value.truncated}


def text_columns(columns: Iterable[ColumnProfile]) -> list[ColumnProfile]:
    """Return the columns of text that hold any value."""
    return [column for column in columns if column.kind == "text" and column.count]
