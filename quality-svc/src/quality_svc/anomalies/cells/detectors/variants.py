"""The same value written in different ways: case, accents, punctuation, blanks; the rarer ways are suspicious."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import numpy as np

from quality_svc.anomalies.cells.interface import Context, Reason, Suspicions
from quality_svc.anomalies.cells.table import CellColumn, CellTable

_NOISE: Final = re.compile(r"[\s\W_]+")
_MIN_FILLED: Final = 20
_LEAD: Final = 2
_RARE: Final = 0.05
_STYLES: Final = ("lower case", "upper case", "capitalized")


class Variants:
    """Inconsistent spellings of one value, and cells in another case than their column."""

    name = "variants"

    def suspicions(self, table: CellTable, context: Context) -> Iterator[Suspicions]:
        """Yield rarer spellings, stray blanks and odd cases, column by column."""
        del context
        for place, column in enumerate(table.columns):
            if not column.is_text or column.filled < _MIN_FILLED:
                continue
            reasons = _cases(column) | _blanks(column)
            for code, reason in _spellings(column).items():
                if code not in reasons or reasons[code].confidence < reason.confidence:
                    reasons[code] = reason
            if reasons:
                yield Suspicions.of_values("variant", table, place, reasons)


def plain(text: str) -> str:
    """Return a text without case, accents, punctuation and blanks: what two ways of writing share."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return _NOISE.sub("", bare.casefold())


def _spellings(column: CellColumn) -> dict[int, Reason]:
    if column.is_numeric:
        return {}
    alike: dict[str, list[int]] = defaultdict(list)
    for code, text in enumerate(column.values):
        key = plain(text)
        if key and not key.isdigit():
            alike[key].append(code)
    reasons = {}
    for codes in alike.values():
        if len(codes) < 2:  # noqa: PLR2004 - one way to write it
            continue
        first = max(codes, key=lambda code: (column.counts[code], -code))
        for code in codes:
            count, usual = int(column.counts[code]), int(column.counts[first])
            if code == first or usual < _LEAD * count:
                continue
            ratio = usual / count
            sure = 0.55 + 0.35 * min(1.0, np.log(ratio / _LEAD) / np.log(20))
            text = column.values[first]
            shown = f"{column.values[code][:60]!r} ({count:,} times) is mostly written {text[:60]!r} ({usual:,} times)"
            reasons[code] = Reason(round(float(sure), 3), shown, text)
    return reasons


def _blanks(column: CellColumn) -> dict[int, Reason]:
    """Suspect blanks around values and double ones inside, where few cells have them."""
    reasons = {}
    for odd, what in (
        (lambda text: text != text.strip(), "blanks around it"),
        (lambda text: "  " in text, "double blanks"),
    ):
        codes = [code for code, text in enumerate(column.values) if odd(text) and text.strip()]
        share = column.counts[codes].sum() / column.filled if codes else 0.0
        if 0 < share <= 2 * _RARE:
            for code in codes:
                again = float(column.counts[code]) ** -0.25
                shown = f"{what}, as {share:.1%} of the cells have"
                reasons[code] = Reason(round(0.75 * again, 3), shown, " ".join(column.values[code].split()))
    return reasons


def _cases(column: CellColumn) -> dict[int, Reason]:
    """Suspect cells in another case than nearly all the column; they are repaired by changing it."""
    styles = np.array([_style(text) for text in column.values])
    judged = styles >= 0
    if not judged.any() or column.counts[judged].sum() < 0.5 * column.filled:
        return {}
    rows = np.bincount(styles[judged], weights=column.counts[judged], minlength=4)
    dominant = int(np.argmax(rows))
    share = float(rows[dominant] / rows.sum())
    if share < 1 - _RARE or dominant >= len(_STYLES):
        return {}
    mended = (str.lower, str.upper, str.title)[dominant]
    reasons = {}
    for code in np.flatnonzero(judged & (styles != dominant)).tolist():
        if styles[code] == 3:  # noqa: PLR2004 - mixed case is names with a capital inside, acronyms and the like
            continue
        again = float(column.counts[code]) ** -0.5
        shown = f"written in {_STYLES[styles[code]]}, where {share:.1%} of the cells are in {_STYLES[dominant]}"
        reasons[code] = Reason(round(0.75 * again, 3), shown, mended(column.values[code]))
    return reasons


def _style(text: str) -> int:
    """Return 0 lower, 1 upper, 2 capitalized, 3 mixed; -1 where a text has too few letters to tell."""
    letters = [char for char in text if char.isalpha()]
    if len(letters) < 3:  # noqa: PLR2004 - codes and initials
        return -1
    if text.islower():
        return 0
    if text.isupper():
        return 1
    return 2 if text[:1].isupper() and any(char.islower() for char in letters) else 3
