"""Rows summed up: grouped, counted, measured; the values of a column; a histogram. As SQL over a selection.

An expression is written `function(column)` or `function(column, number)`; a name that has a comma or parentheses is
given as the JSON list `["function", "column", number]`.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from catalog_svc.rows.language import invalid
from catalog_svc.rows.operands import NUMERIC, TEMPORAL, family
from catalog_svc.rows.predicates import Predicate
from catalog_svc.rows.selection import Chosen, Query, conditions, source

MAX_EXPRESSIONS: Final = 50
MAX_BINS: Final = 1000

_MEASURED: Final = NUMERIC
_ORDERED: Final = frozenset(NUMERIC | TEMPORAL | {"text", "boolean", "time", "bytes"})
_FUNCTIONS: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "count": ("count({0})", frozenset({*_ORDERED, "nested"})),
    "count_distinct": ("count(DISTINCT {0})", _ORDERED),
    "sum": ("sum({0})", _MEASURED),
    "avg": ("avg({0})", _MEASURED),
    "min": ("min({0})", _ORDERED),
    "max": ("max({0})", _ORDERED),
    "median": ("median({0})", _MEASURED | TEMPORAL),
    "stddev": ("stddev_samp({0})", _MEASURED),
    "variance": ("var_samp({0})", _MEASURED),
    "quantile": ("quantile_cont({0}, {1})", _MEASURED | TEMPORAL),
}
"""Functions over the rows of a group, and the families of columns they take. Null cells are left out."""

_PERIODS: Final = ("year", "quarter", "month", "week", "day", "hour")
_EXPRESSION: Final = re.compile(r"^(?P<function>[a-z_]+)\((?P<column>[^(),]*)(?:,\s*(?P<number>[^(),]+))?\)$")


@dataclass(frozen=True, slots=True)
class Expression:
    """A function of a column; `function` None is the column itself, `column` None is the whole row."""

    function: str | None
    column: str | None
    number: float | None = None

    @property
    def name(self) -> str:
        """What the result calls it: as it was written."""
        if self.function is None:
            return self.column or ""
        inside = [self.column] if self.column is not None else []
        return f"{self.function}({', '.join([*inside, *([f'{self.number:g}'] if self.number is not None else [])])})"


def expression(text: str | Sequence[Any]) -> Expression:
    """Return what is written as text or as a list; raises a 422 `invalid_expression`."""
    match text:
        case str():
            found = _EXPRESSION.match(text)
            if found is None:
                return Expression(None, text)
            column = found["column"].strip()
            return Expression(found["function"], column or None, _number(found["number"]))
        case [str(function), str(column)]:
            return Expression(function, column)
        case [str(function), str(column), int() | float() as number]:
            return Expression(function, column, float(number))
    raise invalid(
        "invalid_expression", 'an expression is "column", "function(column)" or ["function", "column", number]'
    )


@dataclass(frozen=True, slots=True)
class Aggregation:
    """Groups and their measures; `order` names some of them, `-` before one is descending."""

    group_by: tuple[Expression, ...]
    measures: tuple[Expression, ...]
    order: tuple[str, ...] = ()


def aggregate(chosen: Chosen, paths: Sequence[str], asked: Aggregation, limit: int, offset: int) -> Query:
    """Return the query of a page of groups and one more; raises 422 problems.

    Groups come in the order asked, then by their keys, so that pages fit together.
    """
    if not 0 < len(asked.group_by) + len(asked.measures) <= MAX_EXPRESSIONS:
        raise invalid("invalid_query", f"ask for 1 to {MAX_EXPRESSIONS} groups and measures")
    predicate = Predicate(chosen.columns, [list(paths)])
    keys = [_key(part, predicate) for part in asked.group_by]
    measures = [_measure(part, predicate) for part in asked.measures]
    names = [part.name for part in (*asked.group_by, *asked.measures)]
    if len(set(names)) != len(names):
        raise invalid("invalid_query", "a group or measure is named twice")
    listed = ", ".join(f"{sql} AS g{number}" for number, sql in enumerate([*keys, *measures]))
    condition = conditions(chosen, predicate)
    grouped = f" GROUP BY {', '.join(f'{number + 1}' for number in range(len(keys)))}" if keys else ""
    order = [*_ordered(asked, names), *(f"g{number} NULLS LAST" for number in range(len(keys)))]
    ordered = f" ORDER BY {', '.join(order)}" if order else ""
    sql = (
        f"SELECT {listed} FROM {source(chosen)} WHERE {condition}{grouped}{ordered}"
        f" LIMIT {limit + 1:d} OFFSET {offset:d}"
    )
    return Query(sql, predicate.parameters, tuple(names))


def distinct(chosen: Chosen, paths: Sequence[str], column: str, order: str, *, limit: int, offset: int) -> Query:
    """Return the query of a page (and one more) of a column's values with their counts; `order`: `count` or `value`."""
    predicate = Predicate(chosen.columns, [list(paths)])
    name = chosen.columns.reference(column)
    if family(chosen.columns.named(column)) == "nested":
        raise invalid("invalid_query", f"`{column}` is nested: its values are not listed")
    ordered = "value NULLS LAST" if order == "value" else "count DESC, value NULLS LAST"
    sql = (
        f"SELECT {name} AS value, count(*) AS count FROM {source(chosen)} "
        f"WHERE {conditions(chosen, predicate)} "
        f"GROUP BY 1 ORDER BY {ordered} LIMIT {limit + 1:d} OFFSET {offset:d}"
    )
    return Query(sql, predicate.parameters, ("value", "count"))


@dataclass(frozen=True, slots=True)
class Span:
    """What a histogram covers, in the numbers that the column is measured in (of times: seconds since 1970)."""

    low: float
    high: float


def span(chosen: Chosen, paths: Sequence[str], column: str) -> Query:
    """Return the query of what a histogram has to know: rows, nulls, non-finite values, minimum and maximum."""
    predicate = Predicate(chosen.columns, [list(paths)])
    value = _measured(chosen, column)
    sql = (
        f"SELECT count(*), count(*) - count(v), count(*) FILTER (WHERE NOT isfinite(v)),"
        f" min(v) FILTER (WHERE isfinite(v)), max(v) FILTER (WHERE isfinite(v)) FROM (SELECT {value} AS v "
        f"FROM {source(chosen)} WHERE {conditions(chosen, predicate)})"
    )
    return Query(sql, predicate.parameters, ("rows", "nulls", "not_finite", "low", "high"))


def histogram(chosen: Chosen, paths: Sequence[str], column: str, over: Span, bins: int) -> Query:
    """Return the query of the counts of equal-width bins by number, empty ones left out; the last one is closed."""
    predicate = Predicate(chosen.columns, [list(paths)])
    low, width = predicate.bind(over.low), predicate.bind((over.high - over.low) / bins)
    sql = (
        f"SELECT least(greatest(floor((v - {low}) / {width})::BIGINT, 0), {bins - 1:d}) AS bin, count(*) AS count "
        f"FROM (SELECT {_measured(chosen, column)} AS v FROM {source(chosen)} "
        f"WHERE {conditions(chosen, predicate)}) WHERE isfinite(v) GROUP BY 1 ORDER BY 1"
    )
    return Query(sql, predicate.parameters, ("bin", "count"))


def bin_edges(over: Span, bins: int) -> list[float]:
    """Return the bins' edges, one more than there are bins."""
    return [over.low + (over.high - over.low) * number / bins for number in range(bins)] + [over.high]


def _measured(chosen: Chosen, column: str) -> str:
    found, name = chosen.columns.named(column), chosen.columns.reference(column)
    if family(found) in NUMERIC:
        return f"CAST({name} AS DOUBLE)"
    if family(found) in TEMPORAL:
        return f"CASE WHEN isfinite({name}) THEN epoch({name}) ELSE CAST('inf' AS DOUBLE) END"
    raise invalid("invalid_query", f"`{column}` is {found.type}: a histogram is of numbers, dates or times")


def _key(part: Expression, predicate: Predicate) -> str:
    if part.column is None:
        raise invalid("invalid_expression", "a group is `column`, `month(column)` or `bin(column, width)`")
    found, name = predicate.columns.named(part.column), predicate.columns.reference(part.column)
    kind = family(found)
    match part:
        case Expression(function=None) if kind != "nested":
            return name
        case Expression(function=period, number=None) if period in _PERIODS and kind in TEMPORAL:
            truncated = f"date_trunc('{period}', {name})"
            return f"CAST({truncated} AS DATE)" if kind == "date" else truncated
        case Expression(function="bin", number=float(width)) if kind in NUMERIC and math.isfinite(width) and width > 0:
            bound = predicate.bind(width)
            return f"floor(CAST({name} AS DOUBLE) / {bound}) * {bound}"
    raise invalid(
        "invalid_expression",
        f"`{part.name}` is no group of a column of type {found.type}; there are the column itself, "
        f"{', '.join(_PERIODS)} of dates and times, and bin(column, width) of numbers",
    )


def _measure(part: Expression, predicate: Predicate) -> str:
    if part == Expression("count", None):
        return "count(*)"
    if part.function is None or part.function not in _FUNCTIONS or part.column is None:
        raise invalid("invalid_expression", f"`{part.name}` is no measure; there are: {', '.join(_FUNCTIONS)}")
    sql, families = _FUNCTIONS[part.function]
    found = predicate.columns.named(part.column)
    if family(found) not in families:
        raise invalid("invalid_expression", f"`{part.function}` is not for a column of type {found.type}")
    if (part.number is not None) != (part.function == "quantile") or not 0 <= (part.number or 0) <= 1:
        raise invalid("invalid_expression", "`quantile(column, p)` takes a number from 0 to 1, and nothing else does")
    # p is a checked number of ours: DuckDB takes no parameter there
    return sql.format(predicate.columns.reference(part.column), repr(part.number))


def _ordered(asked: Aggregation, names: Sequence[str]) -> list[str]:
    found = []
    for text in asked.order:
        name, descending = (text[1:], True) if text.startswith("-") else (text, False)
        if name not in names:
            raise invalid("invalid_query", f"order by a group or measure that is asked for, not `{name[:100]}`")
        found.append(f"g{names.index(name)} {'DESC' if descending else 'ASC'} NULLS LAST")
    return found


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError as error:
        raise invalid("invalid_expression", f"`{text[:40] if text else ''}` is no number") from error


def moment(seconds: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC; beyond the years that Python knows, the number."""
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return f"{seconds:.0f}"
