"""Values of a query as the column they are compared with takes them: checked here and bound, never a part of SQL."""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from catalog_svc.rows.engine import ColumnType
from catalog_svc.rows.language import invalid

INTEGERS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
                   "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")  # fmt: skip
_MAX_DIGITS: Final = 38
_MAX_TEXT: Final = 10_000
_FAMILIES: Final = {
    **dict.fromkeys(INTEGERS, "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "float"),
    "BOOLEAN": "boolean",
    "VARCHAR": "text",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP WITH TIME ZONE": "moment",
    "BLOB": "bytes",
}
NUMERIC: Final = frozenset({"integer", "float", "decimal"})
TEMPORAL: Final = frozenset({"date", "timestamp", "moment"})


def family(column: ColumnType) -> str:
    """Return what kind of value a column holds: what it can be compared with; `nested` with nothing."""
    if column.type.startswith("DECIMAL"):
        return "decimal"
    if column.type.startswith("TIMESTAMP") and column.type not in _FAMILIES:
        return "timestamp"
    return _FAMILIES.get(column.type, "nested")


def operand(column: ColumnType, value: Any) -> Any:
    """Return a value, text or JSON, as a parameter to compare `column` with; raises a 422 `invalid_value`."""
    kind = family(column)
    if kind == "nested":
        raise invalid("invalid_filter", f"`{column.name}` is nested: it can only be asked for `is_null`")
    if value is None or isinstance(value, dict | list):
        raise invalid("invalid_value", f"`{column.name}` is compared with one value; for null ask `is_null`")
    try:
        return _READERS[kind](value)
    except (ValueError, TypeError, OverflowError, InvalidOperation, binascii.Error) as error:
        raise invalid("invalid_value", f"`{column.name}` holds {_WORDS[kind]}: {str(value)[:60]!r} is none") from error


def truth(value: Any) -> bool:
    """Return a boolean given as text or JSON; raises `ValueError`."""
    if isinstance(value, bool):
        return value
    found = {"true": True, "false": False, "1": True, "0": False}.get(str(value).strip().lower())
    if found is None:
        raise ValueError
    return found


def _number(value: Any) -> int | Decimal | float:
    """Read a number and keep every digit: a bound float would take the column's exactness away."""
    if isinstance(value, bool):
        raise TypeError
    found = Decimal(str(value).strip())
    if not found.is_finite():
        return float(found)
    digits = found.normalize().as_tuple()
    scale = -int(digits.exponent)
    if max(len(digits.digits), scale, len(digits.digits) - scale) > _MAX_DIGITS:
        return float(found)
    return int(found) if scale <= 0 else found.normalize()


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    if len(text) > _MAX_TEXT or "\0" in text:
        raise ValueError
    return text


def _timestamp(value: Any) -> datetime:
    found = datetime.fromisoformat(str(value))
    if found.tzinfo is not None:
        raise ValueError  # the column shows a clock, not moments
    return found


def _moment(value: Any) -> datetime:
    # what a decoded query string makes of the `+` of a zone
    found = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", str(value)))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "integer": _number,
    "decimal": _number,
    "float": _float,
    "boolean": truth,
    "text": _text,
    "date": lambda value: date.fromisoformat(str(value)),
    "time": lambda value: time.fromisoformat(str(value)),
    "timestamp": _timestamp,
    "moment": _moment,
    "bytes": lambda value: base64.b64decode(str(value), validate=True),
}
_WORDS: Final = {
    "integer": "whole numbers",
    "decimal": "decimal numbers",
    "float": "numbers",
    "boolean": "true or false",
    "text": "text (of at most 10,000 characters here)",
    "date": "dates (2026-01-31)",
    "time": "times (13:45:00)",
    "timestamp": "times without a zone (2026-01-31T13:45:00)",
    "moment": "moments (2026-01-31T13:45:00Z)",
    "bytes": "bytes (base64)",
}
