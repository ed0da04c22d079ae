"""Whether the first record of a delimited text file names its columns."""

import re
from typing import Final

from processing_svc.kinds import EMPTY, TEXT
from processing_svc.text.deciding import reading_of
from processing_svc.text.peek import peek

YEAR: Final = re.compile(r"(1[89]|20|21)\d\d")


def has_header(rows: list[list[str]], *, sniffed: bool) -> bool:
    """Whether the first record names the columns.

    It does not where it holds values, unless they are years above other numbers, or fewer than the texts above values.
    Where every column is text no evidence is left but the names: a first record of distinct, non-empty texts is taken
    as a header, as nearly all published files have one.
    """
    first, body = [name.strip() for name in rows[0]], rows[1:]
    filled = [name for name in first if name]
    values = [name for name in filled if _is_value(name)]
    kinds = [reading_of(evidence) for evidence in peek(body, len(first))]
    typed = [kind not in (TEXT, EMPTY) for kind in kinds]
    named = sum(1 for name, is_typed in zip(first, typed, strict=True) if is_typed and name and not _is_value(name))
    if not filled or len(values) == len(filled):
        return False
    if values:
        return named > len(values) or (_are_years(values) and not _are_years(_below(first, body)))
    return sniffed or not body or len(set(filled)) == len(first) or named > 0


def _below(first: list[str], body: list[list[str]]) -> list[str]:
    """Return the cells below those of the first record that hold values."""
    return [
        row[index].strip() for row in body for index, name in enumerate(first) if index < len(row) and _is_value(name)
    ]


def _are_years(texts: list[str]) -> bool:
    return bool(texts) and all(YEAR.fullmatch(text) for text in texts)


def _is_value(text: str) -> bool:
    return reading_of(peek([[text]], 1)[0]) is not TEXT
