"""A column's facts as SQL aggregates, by kind: what is asked of DuckDB, and nothing about how it is run.

Every expression reads `c<position>` (the column), `x<position>` (the values that have an order and a mean: finite,
in UTC, UUIDs as text), or of the kept rows `v<position>` (the value) and `h<position>` (the hash of a text).
"""

from typing import Final

from quality_svc.profile.distinct import sketch_sql
from quality_svc.profile.document import Kind
from quality_svc.profile.kinds import BOUNDED, is_measured
from quality_svc.profile.plan import ColumnPlan

PROBABILITIES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
LARGEST_SQUARED: Final = 1e140
"""Magnitudes beyond this are left out of moments: their squares overflow a double."""

_TEMPORAL: Final = frozenset({"date", "timestamp", "time"})
_ZERO: Final[dict[str, str]] = {"float": "0", "date": "DATE '1970-01-01'", "timestamp": "TIMESTAMP '1970-01-01'"}
_UNKEPT: Final = frozenset({"binary", "nested"})
_NUMERIC: Final = frozenset({"integer", "decimal", "float"})
_ASCII_WHITE: Final = (9, 10, 11, 12, 13, 32)
_OTHER_WHITE: Final = (0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
_WHITE_SPACE: Final = "".join(map(chr, _ASCII_WHITE + _OTHER_WHITE))
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


def facts_sql(plan: ColumnPlan, kind: Kind, duckdb_type: str, text_cap: int) -> dict[str, str]:
    """Return the aggregates of a column by the name of the fact; `text_cap` is in characters.

    None has a FILTER: for each of those DuckDB slices all columns of the query, which makes wide queries quadratic.
    """
    raw, value = f"c{plan.position}", f"x{plan.position}"
    facts = {"count": f"count({raw})"}
    if kind == "null" or not is_measured(plan.type):
        return facts
    if plan.level > 0 and duckdb_type not in BOUNDED:
        facts["sketch"] = sketch_sql(raw, nullable=plan.nullable)
    elif plan.level > 0 or kind in _UNKEPT:
        facts["distinct"] = f"count(DISTINCT {raw})"
    if kind == "float":
        facts["nan"] = f"coalesce(sum(isnan({raw})::INT), 0)::BIGINT"
    if kind in {"float", "date", "timestamp"}:
        facts["ordered"] = f"count({value})"
        if plan.level == 0:
            facts |= _infinities(kind, raw)
    if kind in _NUMERIC | _TEMPORAL:
        facts |= {"min": f"min({value})::VARCHAR", "max": f"max({value})::VARCHAR"}
        facts |= _moments(kind, duckdb_type, value)
    if kind == "text":
        facts |= _text(value, text_cap)
    return facts | _lengths(kind, duckdb_type, raw, value)


def kept_sql(plan: ColumnPlan, kind: Kind, text_cap: int) -> dict[str, str]:
    """Return what is kept of a sampled row for this column, by field: the value, and of text the hash of all of it."""
    value = f"x{plan.position}"
    if kind == "null" or kind in _UNKEPT or not is_measured(plan.type):
        return {}
    if kind == "text":
        return {
            f"v{plan.position}": f"substring({value}, 1, {text_cap})",
            f"h{plan.position}": f"CASE WHEN {value} IS NOT NULL THEN hash({value}) END",
        }
    return {f"v{plan.position}": value}


def sample_facts_sql(plan: ColumnPlan, kind: Kind) -> dict[str, str]:
    """Return the aggregates over the kept values of a column: how many, and quantiles if they have an order."""
    value = f"v{plan.position}"
    facts = {"basis": f"count({value})"}
    if kind in _NUMERIC | _TEMPORAL:
        facts["quantiles"] = f"quantile_disc({value}, {list(PROBABILITIES)})::VARCHAR[]"
    return facts


def top_sql(plan: ColumnPlan, kind: Kind, limit: int, source: str) -> str:
    """Return the query for the most frequent kept values: position, value as text, count, how many differ."""
    shown, key = f"v{plan.position}", f"h{plan.position}" if kind == "text" else f"v{plan.position}"
    counted = (
        f"SELECT any_value({shown}) AS v, count(*) AS n, count(*) OVER () AS d "
        f"FROM {source} WHERE {key} IS NOT NULL GROUP BY {key}"
    )
    return f"(SELECT {plan.position}, v::VARCHAR, n, d FROM ({counted}) ORDER BY n DESC, v LIMIT {limit})"


def _infinities(kind: Kind, raw: str) -> dict[str, str]:
    """Whether there are infinities of either sign: they are not kept, but count as distinct values."""
    zero = _ZERO[kind]
    return {
        "rising": f"bool_or(isinf({raw}) AND {raw} > {zero})",
        "falling": f"bool_or(isinf({raw}) AND {raw} < {zero})",
    }


def _moments(kind: Kind, duckdb_type: str, value: str) -> dict[str, str]:
    """Mean and sd as doubles; temporal kinds in microseconds since 1970-01-01 (or midnight), dates in days."""
    if kind == "float":
        safe = f"CASE WHEN abs({value}) < {LARGEST_SQUARED} THEN {value}::DOUBLE END"
        return {"mean": f"favg({safe})", "sd": f"stddev_samp({safe})"}
    if kind == "date":
        value = f"({value} - DATE '1970-01-01')"
    elif kind in _TEMPORAL:
        value = f"epoch_us({value})"
    elif kind == "decimal" or duckdb_type in {"HUGEINT", "UHUGEINT"}:
        value = f"{value}::DOUBLE"
    return {"mean": f"avg({value})", "sd": f"stddev_samp({value})"}


def _text(value: str, text_cap: int) -> dict[str, str]:
    ranges = " OR ".join(
        f"({value} >= '{chr(first)}' AND {value} < '{chr(end)}')" for first, end in _OTHER_WHITE_RANGES
    )
    blank = f"CASE WHEN {value} < '!' OR {ranges} THEN trim({value}, '{_WHITE_SPACE}') = '' ELSE false END"
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
