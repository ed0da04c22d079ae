"""Quantities, dates and times written in several ways in one column: units here and there, other orders, other marks.

A column whose values nearly all are quantities (or dates, or times) has one way to write them that dominates; the
others are inconsistent even where they are many. Where a unit is spelt in several ways and none dominates, the number
alone is the form that can be computed with, and every spelt unit is a deviation from it. Also months where a column
has ranges or numbers: spreadsheets turn "6-70" into "Jun-70".
"""

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from quality_svc.anomalies.cells.interface import Context, Reason, Suspicions
from quality_svc.anomalies.cells.table import CellColumn, CellTable

_QUANTITY: Final = re.compile(r"([$€£¥])?\s*([+-]?\d[\d,]*\.?\d*|[+-]?\.\d+)\s*([^\d\s].{0,24}|[^\d\s])?")
_MONTH: Final = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE: Final = re.compile(
    rf"\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}|\d{{1,2}}[- ]{_MONTH}[-, ]+\d{{2,4}}"
    rf"|{_MONTH} \d{{1,2}},? \d{{4}}|\d{{8}}",
    re.IGNORECASE,
)
_DIGITS: Final = re.compile(r"\d+")
_TIME: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([ap]\.?m\.?)?", re.IGNORECASE)
_MANGLED: Final = re.compile(rf"(\d{{1,2}}-{_MONTH}|{_MONTH}-\d{{2,4}})", re.IGNORECASE)
_FAMILY_SHARE: Final = 0.8
_DOMINANT: Final = 0.6
_MIN_FILLED: Final = 20
_MAX_FORMS: Final = 40
_THOUSAND: Final = 1000


class Formats:
    """Ways of writing that differ from the dominant one."""

    name = "formats"

    def suspicions(self, table: CellTable, context: Context) -> Iterator[Suspicions]:
        """Yield cells in the rarer forms of columns of quantities, dates or times; then mangled months."""
        del context
        for place, column in enumerate(table.columns):
            if not column.is_text or column.filled < _MIN_FILLED:
                continue
            reasons = _mangled(column)
            for forms, standard in ((_quantities(column), ""), (_dates(column), None), (_times(column), None)):
                reasons |= _deviating(column, forms, standard)
            reasons |= _deviating(column, _thousands(column), "")
            if reasons:
                yield Suspicions.of_values("format", table, place, reasons)


def _quantities(column: CellColumn) -> list[str | None]:
    """Return each value's unit as spelt ("" for a bare number), None where it is no quantity."""
    forms: list[str | None] = []
    for text in column.values:
        match = _QUANTITY.fullmatch(text.strip())
        unit = match[3] or "" if match else ""
        # what follows a number is a unit only if it is words or signs: "12:30" and "12/5" are not
        fits = match is not None and (not unit or unit[0].isalpha() or unit[0] in "%°\"'") and not _looks_coded(text)
        forms.append((match[1] or "") + _DIGITS.sub("9", unit.strip()) if match is not None and fits else None)
    return forms


def _looks_coded(text: str) -> bool:
    """Whether letters stick to digits as in codes ("164A", "3rd") and not as a unit does."""
    return bool(re.fullmatch(r"\d+[A-Za-z]", text.strip()))


def _dates(column: CellColumn) -> list[str | None]:
    return [
        re.sub(r"[A-Za-z]+", "a", re.sub(r"\d{3,}", "9999", re.sub(r"(?<!\d)\d{1,2}(?!\d)", "9", text.strip())))
        if _DATE.fullmatch(text.strip())
        else None
        for text in column.values
    ]


def _times(column: CellColumn) -> list[str | None]:
    return [
        re.sub(r"\d+", "9", text.strip()).replace("P", "A").replace("p", "a") if _TIME.fullmatch(text.strip()) else None
        for text in column.values
    ]


def _thousands(column: CellColumn) -> list[str | None]:
    """Return "," or "" for numbers of a thousand and more, by whether they have separators."""
    forms: list[str | None] = []
    for text in column.values:
        bare = text.strip()
        grouped = re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", bare) is not None
        flat = re.fullmatch(r"[+-]?\d{4,}(\.\d+)?", bare) is not None
        forms.append("," if grouped else "" if flat else None)
    known = sum(int(count) for form, count in zip(forms, column.counts, strict=True) if form is not None)
    small = [re.fullmatch(r"[+-]?\d{1,3}(\.\d+)?", text.strip()) is not None for text in column.values]
    numbers = known + int(column.counts[np.array(small, dtype=bool)].sum())
    if numbers < _FAMILY_SHARE * column.filled or "," not in forms:
        return [None] * len(forms)
    return forms


def _deviating(column: CellColumn, forms: list[str | None], standard: str | None) -> dict[int, Reason]:
    """Return the values of the rarer forms; where none dominates, of all but the `standard` one."""
    known = np.array([form is not None for form in forms])
    covered = column.counts[known].sum()
    counted = dict[str, int]()
    for form, count in zip(forms, column.counts.tolist(), strict=True):
        if form is not None:
            counted[form] = counted.get(form, 0) + count
    is_thousands = set(counted) <= {",", ""} and "," in counted
    if len(counted) < 2 or len(counted) > _MAX_FORMS or (covered < _FAMILY_SHARE * column.filled and not is_thousands):  # noqa: PLR2004
        return {}
    dominant = max(counted, key=lambda form: (counted[form], form == standard, form))
    share = counted[dominant] / covered
    spelt = [form for form in counted if form != standard]
    if share < _DOMINANT:
        if standard is None or len(spelt) < 2:  # noqa: PLR2004
            return {}
        dominant, sure = standard, 0.65
    else:
        sure = 0.5 + 0.45 * (share - _DOMINANT) / (1 - _DOMINANT)
    if dominant and standard == "" and len({form.lower().strip(". ") for form in spelt}) < len(spelt) and share < 0.9:  # noqa: PLR2004
        dominant, sure = "", 0.6  # the unit itself is spelt in several ways
    reasons = {}
    for code, form in enumerate(forms):
        if form is None or form == dominant:
            continue
        usual = f"{dominant!r}" if dominant else "the bare number"
        shown = (
            f"written with {form!r} ({counted[form]:,} cells), where {usual} stands in {counted.get(dominant, 0):,} "
            f"of {int(covered):,}" + (f"; {len(counted)} ways in all" if len(counted) > 2 else "")  # noqa: PLR2004
        )
        reasons[code] = Reason(round(sure, 3), shown, _bare(column.values[code]) if standard == "" else None)
    return reasons


def _bare(text: str) -> str | None:
    match = _QUANTITY.fullmatch(text.strip())
    return match[2].replace(",", "") if match else None


def _mangled(column: CellColumn) -> dict[int, Reason]:
    """Suspect "Jun-70" in a column of ranges and numbers."""
    odd = np.array([_MANGLED.fullmatch(text.strip()) is not None for text in column.values])
    share = column.counts[odd].sum() / column.filled
    digits = np.array([bool(re.fullmatch(r"[\d\s.,;:/-]+[A-Za-z]?", text.strip())) for text in column.values])
    if not 0 < share < 0.3 or column.counts[digits].sum() < 0.5 * column.filled:  # noqa: PLR2004
        return {}
    shown = (
        f"a month, where {column.counts[digits].sum() / column.filled:.0%} of the cells are numbers or ranges of them"
    )
    return {int(code): Reason(0.8, shown) for code in np.flatnonzero(odd)}
