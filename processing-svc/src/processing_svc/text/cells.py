"""What kind of value a cell shows, roughly and fast: evidence for dialects and headers. Types are made elsewhere."""

import re
from functools import lru_cache
from typing import Final

_NUMBER: Final = r"[-+−]?(?:\d{1,3}(?:[ ,.'’\u00a0\u202f]\d{3})+|\d+)?(?:[.,]\d+)?(?:[eE][-+]?\d+)?"  # noqa: RUF001
_CURRENCY: Final = r"(?:[€$£¥₹₽] ?|(?:EUR|USD|GBP|CHF) )"
_UNIT: Final = r"(?:%|‰|°[CF]?|[€$£¥₹₽]|EUR|USD|GBP|CHF|km|kg|m²|m2)"
_DAY: Final = (
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\.?|\d{1,2}[-. ]?[A-Za-zäéû]{3,9}\.?[-. ,]{1,2}\d{2,4}"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}"
)
_CLOCK: Final = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?(?: ?(?:Z|UTC|[-+]\d{2}:?\d{2}))?"
_PATTERNS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("number", rf"{_CURRENCY}?(?=[-+−.\d(])\(?{_NUMBER}\)?(?: ?{_UNIT})?"),  # noqa: RUF001
        ("date", rf"(?:{_DAY})(?:[ T]{_CLOCK})?|{_CLOCK}"),
        ("boolean", r"(?i:true|false|yes|no)"),
        ("null", r"(?i:n/?a|nan|null|none|nil|-+|\.+|\?|#n/a|\\n)"),
        ("url", r"(?i:https?://\S+|www\.\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:\d{1,3}\.){3}\d{1,3}|[\w-]+(?:\.[\w-]+)+)"),
        ("code", r"(?=\S*\d)[A-Za-z0-9]+(?:[-_/.:#][A-Za-z0-9]+)*|[+(]?\d[\d ()/-]{5,}\d"),
        ("word", r"[^\W\d_]+(?:[-_'’.][^\W\d_]+)*\.?"),  # noqa: RUF001
        ("words", r"[\w(\[&#@*“‘«¿¡][\w \u00a0.'’()/&+#@%°!?:*\[\]–—“”‘»²³€$£-]*"),  # noqa: RUF001
        ("prose", r"[\w(\[&#@*“‘«¿¡]['\"\w \u00a0.,'’()/&+#@%°!?:;*\[\]–—“”‘»²³€$£-]*"),  # noqa: RUF001
        ("structure", r"(?s:\{.*\}|\[.*\]|<.*>)"),
    )
)
_TRUST: Final = {
    "number": 1.0, "date": 1.0, "boolean": 1.0, "null": 0.9, "url": 1.0, "code": 0.95, "word": 0.95, "words": 0.9,
    "prose": 0.7, "structure": 0.7, "empty": 0.8, "other": 0.1,
}  # fmt: skip
VALUES: Final = frozenset({"number", "date", "boolean"})
"""Kinds that a column's name hardly is."""


@lru_cache(maxsize=1 << 16)
def kind_of(cell: str) -> str:
    """Return the kind of a cell: `number`, `date`, ..., `prose`, `structure`, `empty` or `other`."""
    text = cell.strip()
    if not text:
        return "empty"
    if len(text) > 300:  # noqa: PLR2004 - whatever it is, it is long
        return "prose" if " " in text else "other"
    for kind, pattern in _PATTERNS:
        if pattern.fullmatch(text):
            return kind
    return "other"


def trust(cell: str) -> float:
    """Return how much a cell looks like one value, from 0 to 1: low where separators or halves of quotes are left."""
    return _TRUST[kind_of(cell)]


def is_value(cell: str) -> bool:
    """Whether a cell holds a number, a date or a truth value."""
    return kind_of(cell) in VALUES
