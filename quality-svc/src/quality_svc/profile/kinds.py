"""Kinds of columns: what DuckDB's and Arrow's types mean to a profile."""

from collections.abc import Callable
from typing import Final

import pyarrow as pa

from quality_svc.profile.document import Kind

INTEGERS: Final = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT", "UHUGEINT"}
)
_KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(INTEGERS, "integer"),
    "FLOAT": "float",
    "DOUBLE": "float",
    "BOOLEAN": "boolean",
    "VARCHAR": "text",
    "UUID": "text",
    "JSON": "text",
    "ENUM": "text",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "TIME": "time",
    "TIME_NS": "time",
    "BLOB": "binary",
    "BIT": "binary",
}

BOUNDED: Final = frozenset({"BOOLEAN", "TINYINT", "UTINYINT", "SMALLINT", "USMALLINT"})
"""DuckDB types with at most 65,536 values: counting their distinct values exactly is cheap at any size."""


_UNMEASURED: Final = ("decimal256", "time64[ns]", "duration")
"""Arrow types whose values DuckDB 1.5 misreads: wrong decimals, times cut to microseconds, durations as integers."""


def is_measured(arrow_type: str) -> bool:
    """Whether DuckDB reads the values of this type rightly; of the others a profile states counts only."""
    return not arrow_type.startswith(_UNMEASURED)


def kind_of(duckdb_type: str, arrow_type: str = "") -> Kind:
    """Return the kind of a column; every composite or unknown type is `nested`."""
    if arrow_type == "null":
        return "null"
    if arrow_type.startswith("decimal256"):
        return "decimal"
    if arrow_type.startswith("duration"):
        return "time"
    if duckdb_type.endswith("]"):
        return "nested"
    if duckdb_type.startswith("DECIMAL("):
        return "decimal"
    return _KINDS.get(duckdb_type.partition("(")[0], "nested")


_ARROW_KINDS: Final[tuple[tuple[Callable[[pa.DataType], bool], Kind], ...]] = (
    (pa.types.is_integer, "integer"),
    (pa.types.is_string, "text"),
    (pa.types.is_floating, "float"),
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_timestamp, "timestamp"),
    (pa.types.is_date, "date"),
    (pa.types.is_decimal, "decimal"),
    (pa.types.is_time, "time"),
    (pa.types.is_duration, "time"),
    (pa.types.is_large_string, "text"),
    (pa.types.is_null, "null"),
    (pa.types.is_binary, "binary"),
    (pa.types.is_large_binary, "binary"),
)


def arrow_kind(data_type: pa.DataType) -> Kind | None:
    """Return the kind of a column that is measured without DuckDB; None of those that only DuckDB measures."""
    if pa.types.is_dictionary(data_type):
        return "text" if pa.types.is_string(data_type.value_type) else None
    return next((kind for is_one, kind in _ARROW_KINDS if is_one(data_type)), None)


def leaf_count(data_type: pa.DataType) -> int:
    """Return how many Parquet columns an Arrow column of this type is stored in."""
    if isinstance(data_type, pa.BaseExtensionType):
        return leaf_count(data_type.storage_type)
    if pa.types.is_dictionary(data_type):
        return leaf_count(data_type.value_type)
    if not pa.types.is_nested(data_type):
        return 1
    return sum(leaf_count(data_type.field(child).type) for child in range(data_type.num_fields))
