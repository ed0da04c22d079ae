"""Texts that stand for "no value". They are read as null only in columns whose other values have a type, and counted.

In a column that stays text they are text: `NA` is Namibia, `-` may be a grade.
"""

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

NULL_SPELLINGS: Final = (
    "na", "n/a", "n.a.", "n.a", "n/d", "n.d.", "s/d", "s.d.", "k.a.", "k. a.", "#n/a", "#na", "<na>", "nan", "-nan",
    "null", "(null)", "<null>", "none", "nil", "\\n", "-", "--", "---", "\u2013", "\u2014", ".", "..", "...", "\u2026",
    "?", ":", "/", "*", "nd", "missing", "#null!", "#div/0!", "#value!", "#ref!", "#name?", "#num!",
)  # fmt: skip
"""In lower case; compared without regard to case and to blanks around them."""

BLANKS: Final = " \t\r\n\u00a0\u2007\u202f\u3000\ufeff"
"""What may stand around a value without belonging to it."""

_SEPARATOR: Final = "\x1f"
_LONGEST: Final = max(len(text.encode()) for text in NULL_SPELLINGS)
_SET: Final = frozenset(NULL_SPELLINGS)
_ARROW: Final[Any] = pa.array(
    sorted({variant for text in NULL_SPELLINGS for variant in (text, text.upper(), text.capitalize(), text.title())}
           | {"", "NaN", "-NaN", "<NaN>"})
)  # fmt: skip


def is_null_spelling(text: str) -> bool:
    """Whether a text without blanks around it stands for no value."""
    return text.lower() in _SET


def trimmed_sql(column: str) -> str:
    """Return SQL for the text of a column without blanks around it; null where nothing is left."""
    return f"nullif(trim({column}, {_quoted(BLANKS)}), '')"


def spelled_sql(text: str) -> str:
    """Return SQL that says whether a trimmed, non-null text stands for no value.

    No IN: DuckDB turns a long one into a join, and plans with many of them take a second. None begins with a digit.
    """
    listed = _SEPARATOR + _SEPARATOR.join(NULL_SPELLINGS) + _SEPARATOR
    return (
        f"(NOT ({text} >= '0' AND {text} < ':') AND strlen({text}) <= {_LONGEST} "
        f"AND contains({_quoted(listed)}, '{_SEPARATOR}' || lower({text}) || '{_SEPARATOR}'))"
    )


def masked(text: "pa.Array[Any]") -> "tuple[pa.Array[Any], pa.Array[Any]] | None":
    """Return the array with null for every such text, or empty one, and those texts; None where there is none."""
    found: Any = pc.is_in(text, value_set=_ARROW)
    if not pc.any(found).as_py():
        return None
    return pc.if_else(found, pa.scalar(None, text.type), text), text.filter(found)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
