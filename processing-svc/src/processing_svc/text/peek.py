"""A look at a few rows of text in Python: cheaper than a query, and enough to rule kinds out.

What is left is a proposal. Only the SQL of a kind decides what a value is.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from processing_svc.kinds import (
    BOOLEAN,
    DATE,
    DATE_DAY_FIRST,
    DATE_DOTTED,
    DATE_MONTH_FIRST,
    DATE_YEAR_FIRST,
    DECIMAL,
    DOUBLE,
    INTEGER,
    KINDS,
    TIME,
    TIMESTAMP,
    TIMESTAMP_ZONE,
    WIDE_INTEGER,
    Evidence,
    Kind,
)  # fmt: skip

_SLASHED: Final = r"\d{1,2}[/-]\d{1,2}[/-]\d{4}"
_DAY: Final = r"(0?[1-9]|[12]\d|3[01])"
_MONTH: Final = r"(0?[1-9]|1[0-2])"
_CLOCK: Final = r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?"
_DAY_TIME: Final = rf"\d{{4}}-\d\d-\d\d[ T]{_CLOCK}"

_SHAPES: Final[dict[Kind, re.Pattern[str]]] = {
    kind: re.compile(pattern, re.ASCII)
    for kind, pattern in (
        (BOOLEAN, "true|false|True|False|TRUE|FALSE"),
        (INTEGER, r"0|-?[1-9]\d{0,18}"),
        (WIDE_INTEGER, r"0|-?[1-9]\d{0,37}"),
        (DOUBLE, r"-?(0|[1-9]\d*)?(\.\d*)?([eE][-+]?\d+)?"),
        (DECIMAL, r"-?(0|[1-9]\d*)(\.\d+)?"),
        (DATE, r"\d{4}-\d\d-\d\d"),
        (TIMESTAMP, _DAY_TIME),
        (TIMESTAMP_ZONE, _DAY_TIME + r" ?(Z|[+-]\d\d(:?\d\d)?)"),
        (TIME, _CLOCK),
        (DATE_YEAR_FIRST, r"\d{4}[/.]\d{1,2}[/.]\d{1,2}"),
        (DATE_DOTTED, r"\d{1,2}\.\d{1,2}\.\d{4}"),
        (DATE_DAY_FIRST, rf"{_DAY}[/-]{_MONTH}[/-]\d{{4}}"),
        (DATE_MONTH_FIRST, rf"{_MONTH}[/-]{_DAY}[/-]\d{{4}}"),
    )
}


def peek(rows: Sequence[Sequence[str | None]], width: int) -> list[Evidence]:
    """Return the evidence of the first `width` columns of some rows; rows may be short."""
    return [_column([row[index] for row in rows if index < len(row)]) for index in range(width)]


def _column(cells: Iterable[str | None]) -> Evidence:
    values = [cell for cell in cells if cell]
    stripped = [text for value in values if (text := value.strip(" "))]
    kinds = tuple(kind for kind in KINDS if all(map(_SHAPES[kind].fullmatch, stripped))) if stripped else KINDS
    whole, fraction = _digits(stripped) if DECIMAL in kinds else (0, 0)
    return Evidence(len(stripped), kinds, any(value != value.strip(" ") for value in values), whole, fraction)


def _digits(values: Iterable[str]) -> tuple[int, int]:
    whole = fraction = 0
    for value in values:
        before, _, after = value.partition(".")
        whole, fraction = max(whole, len(before)), max(fraction, len(after))
    return whole, fraction
