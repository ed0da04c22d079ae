"""Values that stand for "no value": spelled out in text, typical sentinels of numbers and dates, and rare nulls.

A sentinel number (999, -1) is suspicious only where it does not go with the other numbers of its column: it stands
outside their bulk and is repeated. What a null that other columns determine should hold is `dependencies`' matter.
"""

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from quality_svc.anomalies.cells.interface import Context, Reason, Suspicions
from quality_svc.anomalies.cells.table import NULL, CellColumn, CellTable

SPELLINGS: Final = frozenset(
    {
        "n/a", "na", "n.a.", "n.a", "#n/a", "<na>", "n/d", "n.d.", "nan", "null", "(null)", "<null>", "\\n", "none",
        "nil", "undefined", "unknown", "unk", "not available", "not applicable", "not known", "not specified",
        "not provided", "not given", "no data", "no value", "missing", "tbd", "tba", "t.b.d.", "t.b.a.",
        "to be determined", "to be announced", "not set", "unspecified", "blank", "(blank)", "[blank]", "?", "??",
        "???", "-", "--", "---", "\u2013", "\u2014", ".", "..", "...", "\u2026", "*", "**", "***", "_", "__", "xxx",
        "xxxx", "xxxxx", "k.a.", "keine angabe", "unbekannt", "inconnu", "desconocido", "s/d", "sin datos", "#value!",
        "#ref!", "#null!", "#div/0!", "#name?", "#num!", "error", "invalid",
    }
)  # fmt: skip
_AMBIGUOUS: Final = frozenset(
    {"none", "na", "unknown", "nil", "error", "-", "not applicable", "invalid", "blank", "*", "."}
)
"""Spellings that are values in some columns: there they are as common as other categories."""
_SENTINEL: Final = re.compile(r"-?(9{3,}|8{3,})(\.0+)?|-(1|9+)(\.0+)?")
_DATES: Final = frozenset(
    {"1900-01-01", "1899-12-30", "1899-12-31", "1970-01-01", "9999-12-31", "0001-01-01", "1753-01-01", "1901-01-01",
     "2099-12-31", "0000-00-00", "01/01/1900", "1/1/1900", "01/01/1970", "1/1/1970", "31/12/9999", "12/31/9999",
     "01.01.1900", "31.12.9999", "00/00/0000", "01/01/0001"}
)  # fmt: skip
_REST: Final = re.compile(r"[T ]0{1,2}:00(:00(\.0+)?)?(Z|[+-]00(:?00)?)?$")
_RARE_NULLS: Final = 0.02
_PLAIN_SHARE: Final = 0.2
_FAR: Final = 3.5
_MIN_FILLED: Final = 50


class Missing:
    """Implicit missing values."""

    name = "missing"

    def suspicions(self, table: CellTable, context: Context) -> Iterator[Suspicions]:
        """Yield spelled-out and sentinel values, then nulls where nearly nothing is null."""
        for place, column in enumerate(table.columns):
            reasons = _spelled(column) | _sentinels(column) | _dates(column)
            if reasons:
                yield Suspicions.of_values("missing", table, place, reasons)
            nulls = _nulls(column, context.null_spellings.get(column.name, {}))
            if nulls is not None:
                rows = np.flatnonzero(column.codes == NULL).astype(np.int64)
                yield Suspicions("missing", place, rows, np.zeros(len(rows), dtype=np.int64), [nulls])


def _spelled(column: CellColumn) -> dict[int, Reason]:
    if column.is_temporal or not column.is_text:
        return {}
    reasons = {}
    for code, text in enumerate(column.values):
        plain = text.strip().lower()
        share = column.counts[code] / column.filled
        if plain not in SPELLINGS and (plain or share > _RARE_NULLS):
            continue
        if plain in _AMBIGUOUS and share > _PLAIN_SHARE and column.distinct < _MIN_FILLED:
            continue  # a category of its own
        sure = 0.85 if plain not in _AMBIGUOUS else 0.65
        shown = f"{text!r} stands for no value ({column.counts[code]:,} of {column.filled:,} cells)"
        reasons[code] = Reason(sure, shown, "")
    return reasons


def _sentinels(column: CellColumn) -> dict[int, Reason]:
    """Suspect repeated round-the-end numbers that lie outside the bulk of all the others."""
    if not column.is_numeric or column.filled < _MIN_FILLED:
        return {}
    numbers, counts = column.numbers, column.counts
    usual = np.array([_SENTINEL.fullmatch(text.strip()) is not None for text in column.values])
    others = np.isfinite(numbers) & ~usual
    reasons: dict[int, Reason] = {}
    if others.sum() < 5:  # noqa: PLR2004 - a flag of a few values has no bulk
        return reasons
    bulk = np.repeat(numbers[others], counts[others])
    low, middle, high = np.quantile(bulk, [0.005, 0.5, 0.995])
    spread = max(float(np.median(np.abs(bulk - middle))) * 1.4826, (high - low) / 5, 1e-12)
    for code in np.flatnonzero(usual & np.isfinite(numbers)).tolist():
        text = column.values[code]
        if not (numbers[code] > high + spread or numbers[code] < 0 <= low):
            continue
        if counts[code] < 2 and abs(numbers[code] - middle) / spread < _FAR:  # noqa: PLR2004 - once may be chance
            continue
        shown = f"{text} is a usual stand-in for no value: {counts[code]:,} times, others lie from {low:g} to {high:g}"
        reasons[code] = Reason(0.8, shown, "")
    return reasons


def _dates(column: CellColumn) -> dict[int, Reason]:
    if column.filled < _MIN_FILLED or column.distinct < 5:  # noqa: PLR2004 - a few dates are no calendar
        return {}
    reasons = {}
    for code, text in enumerate(column.values):
        plain = _REST.sub("", text.strip())
        if plain not in _DATES or (column.counts[code] > column.filled / 2):
            continue
        if column.is_temporal and not _far_off(column, code):
            continue
        shown = f"{text} is a usual stand-in for no date ({column.counts[code]:,} of {column.filled:,} cells)"
        reasons[code] = Reason(0.8, shown, "")
    return reasons


def _far_off(column: CellColumn, code: int) -> bool:
    """Whether a date stands alone: most of the others are far from it."""
    others = column.moments[np.isfinite(column.moments) & (np.arange(column.distinct) != code)]
    if not len(others) or not np.isfinite(column.moments[code]):
        return True
    low, high = np.quantile(others, [0.02, 0.98])
    margin = max(1.0, 0.1 * (high - low))
    return bool(column.moments[code] < low - margin or column.moments[code] > high + margin)


def _nulls(column: CellColumn, spellings: dict[str, int]) -> Reason | None:
    """Suspect all nulls of a column where nearly none is null, or where most were spelled out as text."""
    if not column.nulls:
        return None
    spelled = sum(count for text, count in spellings.items() if text.strip())
    if spelled >= max(1, column.nulls / 2):
        usual = max(spellings, key=lambda text: spellings[text])
        return Reason(0.75, f"read as no value: {spelled:,} cells say {usual!r} or the like", "")
    share = column.nulls / len(column.codes)
    if column.filled >= _MIN_FILLED and share <= _RARE_NULLS:
        return Reason(0.6, f"empty, where {column.filled:,} of {len(column.codes):,} cells are filled")
    return None
