"""One column of the sample: its role for an analysis, and its values as numbers or as codes of categories.

Words for "missing" that texts use, and numbers written as text, are understood. Not here: what a model is given
(`encoding`).
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Role = Literal["number", "category", "time", "text", "identifier", "constant", "empty", "unsupported"]

MISSING_WORDS: Final = frozenset(
    {"", "?", "na", "n/a", "nan", "null", "nil", "-", "--", ".", "#n/a", "<na>", "missing"}
)
NUMERIC_SHARE: Final = 0.95
"""Share of the different values of a text column that must be numbers for it to be one of numbers."""
FREE_TEXT_TOKENS: Final = 5
UNIQUE_SHARE: Final = 0.95
MOST_CATEGORIES_SHARE: Final = 0.5
DENSE: Final = 1.05
"""How much wider than its count a range of integers may be that still looks like a running number."""
ENOUGH: Final = 20
LARGEST: Final = 1e300
IDENTIFIER_NAME: Final = re.compile(
    r"(?:^|[_\s.-])(?:id|uid|uuid|guid|key|code|no|nr|num|index|idx|rowid|serial)$|^(?:id|index|unnamed)\b|[a-z]I[dD]$",
    re.IGNORECASE,
)
TIME_NAME: Final = re.compile(r"date|time|year|month|quarter|week|day|period|timestamp", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Values of the sampled rows: `numbers` (NaN where missing; times in seconds since 1970) or `codes` of `levels`.

    `codes` are -1 where missing. A column of numbers or times has codes too (of its different values), but no levels.
    """

    position: int
    name: str
    type: str
    role: Role
    codes: Ints
    distinct: int
    numbers: Floats | None = None
    levels: tuple[str, ...] = ()

    @property
    def present(self) -> Flags:
        """Which rows have a value."""
        return np.asarray(self.codes >= 0)

    @property
    def completeness(self) -> float:
        """Share of the rows that have a value."""
        return float(self.present.mean()) if self.codes.size else 0.0

    @property
    def is_feature(self) -> bool:
        """Whether a model can learn from it."""
        return self.role in {"number", "category", "time", "text"}

    def texts(self) -> list[str]:
        """Return the value of each row as text; empty where missing."""
        names = [*self.levels, ""]
        return [names[code] for code in self.codes]

    def taken(self, rows: Ints) -> "Column":
        """Return the column of some rows only; its role is kept."""
        numbers = None if self.numbers is None else self.numbers[rows]
        return Column(
            self.position, self.name, self.type, self.role, self.codes[rows], self.distinct, numbers, self.levels
        )


def column_of(position: int, name: str, values: "pa.Array[Any]", row_count: int) -> Column:
    """Read a column of the sample of a table of `row_count` rows."""
    kind = str(values.type)
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if pa.types.is_null(values.type):
        return _empty(position, name, kind, len(values))
    if _is_text(values.type):
        return _text(position, name, kind, values, row_count)
    temporal = pa.types.is_temporal(values.type)
    numbers = _numbers(values, temporal=temporal)
    if numbers is None:
        return _empty(position, name, kind, len(values), "unsupported")
    return _numeric(position, name, kind, numbers, row_count, temporal=temporal)


def _is_text(data_type: pa.DataType) -> bool:
    return pa.types.is_string(data_type) or pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type)


def _empty(position: int, name: str, kind: str, size: int, role: Role = "empty") -> Column:
    return Column(position, name, kind, role, np.full(size, -1, np.int64), 0)


def _numbers(values: "pa.Array[Any]", *, temporal: bool) -> Floats | None:
    """Return numbers with NaN for nulls and infinities; None for types that are no numbers."""
    data_type = values.type
    if temporal:
        return _seconds(values)
    if not (pa.types.is_primitive(data_type) or pa.types.is_decimal(data_type)):
        return None
    numbers = np.asarray(pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64).copy()
    numbers[~(np.abs(numbers) < LARGEST)] = np.nan
    return numbers


def _seconds(values: "pa.Array[Any]") -> Floats | None:
    data_type = values.type
    if pa.types.is_interval(data_type):
        return None
    if pa.types.is_date(data_type):
        values, scale = pc.cast(values, pa.date32()).cast(pa.int32()), 86_400.0
    else:
        unit = getattr(data_type, "unit", "us")
        scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[unit]
        values = values.cast(pa.int32() if data_type.bit_width == 32 else pa.int64())  # noqa: PLR2004 (bits)
    return np.asarray(pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64) * scale


def _numeric(
    position: int, name: str, kind: str, numbers: Floats, row_count: int, *, temporal: bool, written: bool = False
) -> Column:
    """Return a column of numbers; `written`: as text in the original."""
    present = ~np.isnan(numbers)
    found, inverse = np.unique(numbers[present], return_inverse=True)
    codes = np.full(numbers.size, -1, np.int64)
    codes[present] = inverse
    role: Role = "time" if temporal else "number"
    if found.size <= 1:
        role = "constant" if found.size else "empty"
    elif not temporal and _all_differ(found.size, present) and _is_running_number(name, found, row_count):
        role = "identifier"
    levels = tuple(_written(value) for value in found) if written else ()
    return Column(position, name, kind, role, codes, int(found.size), numbers, levels)


def _written(value: float) -> str:
    return str(int(value)) if value.is_integer() else str(value)


def _all_differ(distinct: int, present: Flags) -> bool:
    filled = int(present.sum())
    return distinct == filled >= max(ENOUGH, UNIQUE_SHARE * present.size)


def _is_running_number(name: str, found: Floats, row_count: int) -> bool:
    """Whether different integers number the rows: by their name, or as they leave no gaps."""
    if not bool(np.all(found == np.floor(found))):
        return False
    return bool(IDENTIFIER_NAME.search(name)) or bool(found[-1] - found[0] + 1 <= DENSE * row_count)


def _text(position: int, name: str, kind: str, values: "pa.Array[Any]", row_count: int) -> Column:
    encoded: Any = pc.dictionary_encode(values)
    words = [str(word) for word in encoded.dictionary.to_pylist()]
    codes = np.asarray(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
    kept = np.array([word.strip().lower() not in MISSING_WORDS for word in words], bool)
    renumbered = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
    codes = renumbered[codes]
    levels = tuple(word for word, keep in zip(words, kept, strict=True) if keep)
    parsed = _parsed(levels)
    if parsed is not None:
        return _numeric(position, name, kind, np.append(parsed, np.nan)[codes], row_count, temporal=False, written=True)
    role = _text_role(levels, int((codes >= 0).sum()))
    return Column(position, name, kind, role, codes, len(levels), None, levels)


def _parsed(levels: tuple[str, ...]) -> Floats | None:
    """Return the texts as numbers, NaN where one is none; None where too many are none."""
    if len(levels) <= 1:
        return None
    numbers = np.array([_number(level) for level in levels], np.float64)
    return numbers if np.isfinite(numbers).mean() >= NUMERIC_SHARE else None


def _number(text: str) -> float:
    if text.strip()[:1] == "0" and text.strip()[1:2].isdigit():
        return float("nan")  # leading zeros: a code, not a number
    try:
        number = float(text)
    except ValueError:
        return float("nan")
    return number if abs(number) < LARGEST else float("nan")


def _text_role(levels: tuple[str, ...], filled: int) -> Role:
    if len(levels) <= 1:
        return "constant" if levels else "empty"
    few = len(levels) <= max(ENOUGH, MOST_CATEGORIES_SHARE * filled)
    step = max(1, len(levels) // 1000)
    tokens = float(np.median([len(level.split()) for level in levels[::step]]))
    if tokens >= FREE_TEXT_TOKENS and not few:
        return "text"
    if tokens >= 2 * FREE_TEXT_TOKENS and len(levels) > ENOUGH:
        return "text"
    return "identifier" if len(levels) >= UNIQUE_SHARE * filled and filled >= ENOUGH else "category"
