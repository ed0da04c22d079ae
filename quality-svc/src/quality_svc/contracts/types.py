"""Logical and physical types of contracts, and what they mean to columns. Pure.

A physical type is read where it is one that SQL databases share; of any other nothing is demanded, and it is named as
not enforced.
"""

import re
from dataclasses import dataclass
from typing import Final

from quality_svc.profile.kinds import INTEGERS

_FORM: Final = re.compile(
    r"\s*([A-Za-z][A-Za-z0-9_ ]*?)\s*(?:[(\[]\s*(\d+|max)\s*(?:,\s*(\d+)\s*)?[)\]])?\s*", re.IGNORECASE
)
_TEXT: Final = frozenset(
    {"varchar", "char", "character", "character varying", "nvarchar", "nchar", "bpchar", "varchar2", "string", "text"}
)
_BITS: Final = {
    **dict.fromkeys(("tinyint", "byte"), 8),
    **dict.fromkeys(("smallint", "int2", "short"), 16),
    **dict.fromkeys(("int", "integer", "int4", "int32", "serial", "serial4"), 32),
    **dict.fromkeys(("bigint", "int8", "int64", "long", "bigserial"), 64),
}
_LOGICAL: Final = {
    **dict.fromkeys(_TEXT, "string"),
    **dict.fromkeys(_BITS, "integer"),
    **dict.fromkeys(
        ("decimal", "numeric", "number", "float", "float4", "float8", "float64", "real", "double"), "number"
    ),
    "double precision": "number",
    **dict.fromkeys(("bool", "boolean"), "boolean"),
    "date": "date",
    **dict.fromkeys(("timestamp", "datetime", "timestamptz", "timestamp with time zone"), "timestamp"),
    "timestamp without time zone": "timestamp",
    "time": "time",
    **dict.fromkeys(("array", "list"), "array"),
    **dict.fromkeys(("struct", "record", "map"), "object"),
}


@dataclass(frozen=True, slots=True)
class PhysicalType:
    """What a physical type demands: a logical type, at most so many characters, numbers of a range."""

    logical: str | None
    length: int | None = None
    least: int | None = None
    greatest: int | None = None


def physical_type(text: str | None) -> PhysicalType | None:
    """Return what a physical type demands; None where it is not known."""
    form = _FORM.fullmatch(text or "")
    if form is None:
        return None
    name, first = form[1].lower(), form[2]
    logical = _LOGICAL.get(name)
    if logical is None:
        return None
    if logical == "string":
        return PhysicalType(logical, int(first) if first and first.isdigit() else None)
    if logical == "integer":
        bits = _BITS[name]
        return PhysicalType(logical, None, -(1 << bits - 1), (1 << bits - 1) - 1)
    return PhysicalType(logical)


_COMPOSITES: Final = ("STRUCT", "MAP(", "UNION")


@dataclass(frozen=True, slots=True)
class TypeTest:
    """How a column's type meets a logical one: as it is, value by value (`bad` is SQL for the wrong ones), or never.

    `converted`: it holds another type that can be told as the one demanded without loss.
    """

    fits: bool
    bad: str | None = None
    converted: bool = False


def type_test(logical: str, duckdb_type: str, column: str, text_format: str | None) -> TypeTest:
    """Return how the column (an SQL name) of a DuckDB type meets a logical type."""
    if duckdb_type.endswith("]") or duckdb_type.startswith(_COMPOSITES):
        nested = "array" if duckdb_type.endswith("]") else "object"
        return TypeTest(logical == nested)
    if logical in {"array", "object"}:
        return TypeTest(logical == "object" and duckdb_type == "JSON")
    if duckdb_type in {"VARCHAR", "JSON"} or duckdb_type.startswith("ENUM"):
        return TypeTest(fits=True) if logical == "string" else _text_test(logical, column, text_format)
    return _typed_test(logical, duckdb_type, column)


def _text_test(logical: str, column: str, text_format: str | None) -> TypeTest:
    """Read texts as values: by the format where it is known, else as ISO and SQL write them."""
    if logical == "integer":
        wrong = f"NOT regexp_full_match({column}::VARCHAR, '\\s*[+-]?[0-9]+\\s*')"
        return TypeTest(fits=True, bad=wrong, converted=True)
    targets = {"number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE", "time": "TIME"}
    read = f"TRY_CAST({column} AS {targets.get(logical, 'TIMESTAMP')})"
    pattern = strptime_format(text_format) if logical in {"date", "timestamp", "time"} and text_format else None
    if pattern is not None:
        quoted = pattern.replace("'", "''")
        read = f"try_strptime({column}, '{quoted}')"
    return TypeTest(fits=True, bad=f"{read} IS NULL", converted=True)


def _typed_test(logical: str, duckdb_type: str, column: str) -> TypeTest:
    integers = duckdb_type in INTEGERS
    numbers = integers or duckdb_type in {"DOUBLE", "FLOAT"} or duckdb_type.startswith("DECIMAL")
    if logical == "integer" and numbers and not integers:
        return TypeTest(fits=True, bad=f"{column} <> round({column})")
    moments = duckdb_type.startswith("TIMESTAMP")
    fits = {
        "string": duckdb_type == "UUID",
        "number": numbers,
        "integer": integers,
        "boolean": duckdb_type == "BOOLEAN",
        "time": duckdb_type.startswith("TIME") and not moments,
        "timestamp": moments,
        "date": duckdb_type == "DATE" or moments,
    }
    told = {"string": duckdb_type != "BLOB", "timestamp": duckdb_type == "DATE"}
    return TypeTest(fits.get(logical, False), converted=told.get(logical, False))


_JAVA: Final = (
    ("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"), ("SSSSSS", "%f"),
    ("SSS", "%g"), ("yy", "%y"), ("XXX", "%z"), ("Z", "%z"), ("M", "%-m"), ("d", "%-d"), ("H", "%-H"), ("a", "%p"),
    ("hh", "%I"),
)  # fmt: skip


def strptime_format(text: str) -> str | None:
    """Return a Java date pattern (`yyyy-MM-dd HH:mm:ss`) as strptime's; None where a letter is not known."""
    found, rest = "", text
    while rest:
        if rest[0] == "'":
            literal, _, rest = rest[1:].partition("'")
            found += literal.replace("%", "%%")
            continue
        known = next(((java, ours) for java, ours in _JAVA if rest.startswith(java)), None)
        if known is not None:
            found, rest = found + known[1], rest[len(known[0]) :]
        elif rest[0].isalpha():
            return None
        else:
            found, rest = found + rest[0].replace("%", "%%"), rest[1:]
    return found
