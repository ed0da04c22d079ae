"""The row query language: what may be asked of a table, as one value, and how requests say it.

Two spellings of the same thing. As parameters: `city[eq]=Bern&price[gte]=3&sort=-price&columns=city`, each
`column[operator]=value` one more condition that must hold. As a JSON body: the same with `and`, `or` and `not`. What it
means in SQL stands in `predicates` and `selection`; whether a column exists and a value fits it is decided there.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dataplatform.problems import Problem

OPERATORS: Final[dict[str, str]] = {
    "eq": "equal",
    "ne": "not equal; null counts as different",
    "lt": "less than",
    "lte": "less than or equal",
    "gt": "greater than",
    "gte": "greater than or equal",
    "in": "one of several values: repeat the parameter, or a list",
    "not_in": "none of several values",
    "between": "from the first to the second of two values, both included",
    "contains": "text that has this in it",
    "icontains": "the same whatever the case and the accents",
    "starts_with": "text that begins so",
    "ends_with": "text that ends so",
    "matches": "text in which this regular expression (RE2) is found",
    "is_null": "true: no value; false: any value",
}
LISTED: Final = frozenset({"in", "not_in", "between"})

MAX_TERMS: Final = 1000
"""Most conditions and listed values of one filter."""
MAX_DEPTH: Final = 16
MAX_SORT: Final = 16
MAX_SAMPLE: Final = 1_000_000
"""Most rows of a sample that is given by their number; for more, ask for a share."""

_BRACKETED = re.compile(r"^(?P<column>.+)\[(?P<operator>[^\[\]]*)\]$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A condition on one column; `value` is a tuple where the operator takes several."""

    column: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Search:
    """Every word occurs in some text column, whatever the case and the accents."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """All (`and`) or any (`or`) of the parts hold."""

    kind: str
    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Negation:
    """The part does not hold; what is unknown for want of a value does not hold either."""

    part: "Filter"


Filter = Comparison | Search | Junction | Negation
EVERYTHING: Final = Junction("and", ())


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column to sort by; nulls come last either way."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """A part of the rows by chance: so many (`rows`), or each with a chance of `share`. The same for the same seed."""

    rows: int | None = None
    share: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows, in which order, and which columns of them. `columns` None: all, in the order of the table."""

    where: Filter = EVERYTHING
    sample: Sample | None = None
    sort: tuple[SortKey, ...] = ()
    columns: tuple[str, ...] | None = None
    rename: Mapping[str, str] = field(default_factory=dict)


def invalid(code: str, detail: str) -> Problem:
    """Return the refusal of a query that cannot be carried out."""
    return Problem(code, "Invalid query", 422, detail)


def from_parameters(parameters: Iterable[tuple[str, Sequence[str]]], reserved: Iterable[str]) -> Selection:
    """Return what the parameters (name and all its values) ask; `reserved` are those that mean something else.

    Raises 422 problems: `unknown_parameter`, `unknown_operator`, `invalid_filter`, `filter_too_large`.
    """
    parts: list[Filter] = []
    sort: tuple[SortKey, ...] = ()
    columns: tuple[str, ...] | None = None
    rename: dict[str, str] = {}
    sampled: dict[str, str] = {}
    for name, values in parameters:
        match = _BRACKETED.match(name)
        if match and match["column"] == "rename":
            rename[match["operator"]] = values[-1]
        elif match:
            parts += _compared(match["column"], match["operator"], values)
        elif name == "q":
            parts += [_search(text) for text in values]
        elif name == "filter":
            parts += [_filter_text(text) for text in values]
        elif name in {"sample", "seed"}:
            sampled[name] = values[-1]
        elif name == "sort":
            sort = tuple(_sort_key(text) for text in _listed(values))
        elif name == "columns":
            columns = tuple(_listed(values))
        elif name not in reserved:
            hint = f"; a condition on a column is written `{name}[eq]=...`"
            raise invalid("unknown_parameter", f"there is no parameter `{name[:100]}`{hint}")
    where = Junction("and", tuple(parts))
    return _checked(Selection(where, _sample(sampled.get("sample"), sampled.get("seed", 0)), sort, columns, rename))


def from_body(body: Mapping[str, Any]) -> Selection:
    """Return what a JSON document asks; raises the problems of `from_parameters`."""
    columns, sort, rename = body.get("columns"), body.get("sort") or [], body.get("rename") or {}
    if columns is not None and not _texts(columns):
        raise invalid("invalid_query", "`columns` is a list of column names")
    if not isinstance(rename, dict) or not _texts(list(rename.values())):
        raise invalid("invalid_query", "`rename` is an object: column name to new name")
    if not isinstance(sort, list):
        raise invalid("invalid_query", "`sort` is a list")
    where = body.get("filter")
    return _checked(
        Selection(
            EVERYTHING if where is None else _filter(where, 0),
            _sample(body.get("sample"), body.get("seed", 0)),
            tuple(_sort_item(item) for item in sort),
            None if columns is None else tuple(columns),
            rename,
        )
    )


def _checked(selection: Selection) -> Selection:
    if (terms := _terms(selection.where)) > MAX_TERMS:
        raise invalid("filter_too_large", f"the filter has {terms:,} conditions and values; {MAX_TERMS:,} are allowed")
    if len(selection.sort) > MAX_SORT:
        raise invalid("invalid_query", f"sort by at most {MAX_SORT} columns")
    return selection


def _terms(where: Filter) -> int:
    match where:
        case Comparison(value=tuple() as values):
            return max(1, len(values))
        case Search(words):
            return len(words)
        case Junction(parts=parts):
            return sum(map(_terms, parts))
        case Negation(part):
            return _terms(part)
    return 1


def _filter(found: Any, depth: int) -> Filter:
    if depth > MAX_DEPTH:
        raise invalid("filter_too_large", f"the filter is nested more than {MAX_DEPTH} deep")
    match found:
        case {"and": list(parts)} | {"or": list(parts)} if len(found) == 1:
            return Junction(next(iter(found)), tuple(_filter(part, depth + 1) for part in parts))
        case {"not": part} if len(found) == 1:
            return Negation(_filter(part, depth + 1))
        case {"search": str(words)} if len(found) == 1:
            return _search(words)
        case {"column": str(column), "op": str(operator), **rest} if set(rest) <= {"value"}:
            return _comparison(column, operator, rest.get("value"))
    raise invalid(
        "invalid_filter",
        'a condition is {"column": ..., "op": ..., "value": ...}, {"search": "words"}, {"and": [...]}, {"or": [...]} '
        'or {"not": {...}}',
    )


def _filter_text(text: str) -> Filter:
    try:
        return _filter(json.loads(text), 0)
    except (ValueError, RecursionError) as error:
        raise invalid("invalid_filter", "`filter` is not JSON") from error


def _comparison(column: str, operator: str, value: Any) -> Comparison:
    if operator not in OPERATORS:
        raise invalid("unknown_operator", f"there is no operator `{operator[:40]}`; there are: {', '.join(OPERATORS)}")
    if operator not in LISTED:
        return Comparison(column, operator, value)
    if not isinstance(value, list):
        raise invalid("invalid_filter", f"`{operator}` takes a list of values")
    if operator == "between" and len(value) != 2:  # noqa: PLR2004
        raise invalid("invalid_filter", "`between` takes two values")
    return Comparison(column, operator, tuple(value))


def _compared(column: str, operator: str, values: Sequence[str]) -> list[Filter]:
    if operator in LISTED:
        return [_comparison(column, operator, list(values))]
    return [_comparison(column, operator, value) for value in values]


def _search(text: str) -> Search:
    return Search(tuple(text.split()))


def _listed(values: Sequence[str]) -> list[str]:
    """Several values, or one that lists them with commas: names that have a comma are given one by one."""
    if len(values) == 1:
        return [part for part in values[0].split(",") if part]
    return list(values)


def _sort_key(text: str) -> SortKey:
    return SortKey(text[1:], descending=True) if text.startswith("-") else SortKey(text)


def _sort_item(item: Any) -> SortKey:
    match item:
        case str():
            return _sort_key(item)
        case {"column": str(column), **rest} if set(rest) <= {"descending"}:
            return SortKey(column, bool(rest.get("descending", False)))
    raise invalid("invalid_query", 'a sort key is "column", "-column" or {"column": ..., "descending": true}')


def _sample(text: Any, seed: Any) -> Sample | None:
    """`1000` is that many rows, `5%` a chance for each."""
    if text is None:
        return None
    said = str(text).strip()
    try:
        number = int(seed)
        if not said.endswith("%"):
            if 0 <= int(said) <= MAX_SAMPLE:
                return Sample(rows=int(said), seed=number)
        elif 0 <= float(said[:-1]) <= 100:  # noqa: PLR2004 - per cent
            return Sample(share=float(said[:-1]) / 100, seed=number)
    except ValueError:
        pass
    raise invalid(
        "invalid_sample", f"`sample` is a number of rows up to {MAX_SAMPLE:,} or a share as `5%`, `seed` an integer"
    )


def _texts(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(name, str) for name in found)
