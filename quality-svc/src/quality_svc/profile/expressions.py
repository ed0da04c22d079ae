"""A column's facts as SQL aggregates, by kind: what is asked of DuckDB, and nothing about how it is run.

Every expression reads `c<position>` (the column), `x<position>` (the values that have an order and a mean: finite,
in UTC, UUIDs as text) or `d<position>` (the distance of a value to the column's shift, a double).
"""

from typing import Final

from quality_svc.profile.distinct import sketch_sql
from quality_svc.profile.document import Kind
from quality_svc.profile.kinds import BOUNDED, is_measured
from quality_svc.profile.moments import LARGEST_CUBED
from quality_svc.profile.plan import ColumnPlan
from quality_svc.profile.whole import WHITE_SPACE

TEMPORAL: Final = frozenset({"date", "timestamp", "time"})
_ZERO: Final[dict[str, str]] = {"float": "0", "date": "DATE '1970-01-01'", "timestamp": "TIMESTAMP '1970-01-01'"}
_UNKEPT: Final = frozenset({"binary", "nested"})
NUMERIC: Final = frozenset({"integer", "decimal", "float"})
_OTHER_WHITE_RANGES: Final = ((0x85, 0xA1), (0x1680, 0x3001))
"""Ranges of code points that hold every white-space character beyond ASCII: two comparisons spare most texts a trim."""


def ordered_sql(kind: Kind, duckdb_type: str, column: str) -> str:
    """Return the expression for the values that minimum, mean and quantiles look at; the others become NULL."""
    if kind in {"float", "date"} or (kind == "timestamp" and duckdb_type != "TIMESTAMP WITH TIME ZONE"):
        return f"CASE WHEN isfinite({column}) THEN {column} END"
    if kind == "timestamp":
        return f"CASE WHEN isfinite({column}) THEN make_timestamp(epoch_us({column})) END"
    if kind == "text" and duckdb_type != "VARCHAR":
        return f"{column}::VARCHAR"
    return column


def distance_sql(plan: ColumnPlan, kind: Kind, duckdb_type: str, shift: float) -> str | None:
    """Return the expression for a value's distance to `shift`: in days (dates), microseconds (times) or as it is."""
    if kind not in NUMERIC | TEMPORAL or not is_measured(plan.type):
        return None
    raw = f"c{plan.position}"
    if kind == "float":
        return f"CASE WHEN abs({raw}) < {LARGEST_CUBED} THEN {raw}::DOUBLE - ({shift!r}) END"
    if kind in NUMERIC:
        return f"{raw}::DOUBLE - ({shift!r})"
    # whole numbers are subtracted before they become doubles: a second's moments at microseconds since 1970 need it
    value = ordered_sql(kind, duckdb_type, raw)
    whole = f"({value} - DATE '1970-01-01')" if kind == "date" else f"epoch_us({value})"
    return f"({whole} - ({round(shift)}))::DOUBLE"


def facts_sql(plan: ColumnPlan, kind: Kind, duckdb_type: str, text_cap: int) -> dict[str, str]:
    """Return the aggregates of a column by the name of the fact; `text_cap` is in characters.

    None has a FILTER: for each of those DuckDB slices all columns of the query, which makes wide queries quadratic.
    """
    raw, value = f"c{plan.position}", f"x{plan.position}"
    facts = {"count": f"count({raw})"}
    if kind == "null" or not is_measured(plan.type):
        return facts
    if plan.level > 0 and duckdb_type not in BOUNDED:
        # DuckDB 1.5 hashes [0], [0, 0] and all of the kind alike, and [] like null: nested values go by their text
        facts["sketch"] = sketch_sql(f"{raw}::VARCHAR" if kind == "nested" else raw, nullable=plan.nullable)
    elif plan.level > 0 or kind in _UNKEPT:
        facts["distinct"] = f"count(DISTINCT {raw})"
    if kind == "float":
        facts["nan"] = f"coalesce(sum(isnan({raw})::INT), 0)::BIGINT"
    if kind in {"float", "date", "timestamp"}:
        facts["ordered"] = f"count({value})"
        if plan.level == 0:
            facts |= _infinities(kind, raw)
    if kind in NUMERIC | TEMPORAL:
        facts |= {"min": f"min({value})", "max": f"max({value})"} | sums_sql(plan)
    if kind == "text":
        facts |= _text(value, text_cap)
    return facts | _lengths(kind, duckdb_type, raw, value)


def sums_sql(plan: ColumnPlan) -> dict[str, str]:
    """Return the sums of the first three powers of the distances to the shift."""
    distance = f"d{plan.position}"
    return {
        "first": f"sum({distance})",
        "second": f"sum({distance} * {distance})",
        "third": f"sum({distance} * {distance} * {distance})",
    }


def kept_sql(plan: ColumnPlan, kind: Kind, text_cap: int) -> dict[str, str]:
    """Return what is kept of a sampled row for this column, by field: the value, and of text the hash of all of it.

    Of a text one character more than `text_cap` is kept, which tells whether it goes on.
    """
    value = f"x{plan.position}"
    if kind == "null" or kind in _UNKEPT or not is_measured(plan.type):
        return {}
    if kind == "text":
        # the condition is the sample's: without it DuckDB cuts and hashes the texts that are then left out
        of_sample = f"s{plan.level} AND {value} IS NOT NULL"
        return {
            f"v{plan.position}": f"CASE WHEN {of_sample} THEN substring({value}, 1, {text_cap + 1}) END",
            f"h{plan.position}": f"CASE WHEN {of_sample} THEN hash({value}) END",
        }
    return {f"v{plan.position}": value}


def _infinities(kind: Kind, raw: str) -> dict[str, str]:
    """Whether there are infinities of either sign: they are not kept, but count as distinct values."""
    zero = _ZERO[kind]
    return {
        "rising": f"bool_or(isinf({raw}) AND {raw} > {zero})",
        "falling": f"bool_or(isinf({raw}) AND {raw} < {zero})",
    }


def _text(value: str, text_cap: int) -> dict[str, str]:
    ranges = " OR ".join(
        f"({value} >= '{chr(first)}' AND {value} < '{chr(end)}')" for first, end in _OTHER_WHITE_RANGES
    )
    trimmed = f"CASE WHEN {value} < '!' OR {ranges} THEN trim({value}, '{WHITE_SPACE}') = '' ELSE false END"
    blank = f"CASE WHEN {value} < '!' OR {value} >= '{chr(_OTHER_WHITE_RANGES[0][0])}' THEN {trimmed} ELSE false END"
    return {
        "min": f"substring(min({value}), 1, {text_cap})",
        "max": f"substring(max({value}), 1, {text_cap})",
        "blanks": f"coalesce(sum(({blank})::INT), 0)::BIGINT",
    }


def _lengths(kind: Kind, duckdb_type: str, raw: str, value: str) -> dict[str, str]:
    if kind == "text":
        length = f"length({value})"
    elif duckdb_type == "BLOB":
        length = f"octet_length({raw})"
    elif duckdb_type.endswith("]"):
        length = f"len({raw})"
    elif duckdb_type.startswith("MAP("):
        length = f"cardinality({raw})"
    else:
        return {}
    return {"shortest": f"min({length})", "longest": f"max({length})", "length": f"avg({length})"}
