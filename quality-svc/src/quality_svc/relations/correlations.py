"""Correlations between columns of the sample: numbers with numbers, categories with either."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from quality_svc.relations.association import (
    Association,
    correlation_ratio,
    cramers_v,
    pearson,
    ranks,
    spearman,
    spearman_of_ranks,
    strength,
)
from quality_svc.relations.document import Correlation, Correlations, Key
from quality_svc.relations.limits import CATEGORIES, CORRELATED_COLUMNS, CORRELATIONS_SHOWN
from quality_svc.relations.sample import Numbers, Sample, Sampled
from quality_svc.relations.source import Table

_REPEATS: Final = 5
"""Least mean number of rows of a category."""

Found = tuple[str, str, str, Association]


def find_correlations(table: Table, sample: Sample, keys: Sequence[Key]) -> Correlations:
    """Correlate every pair within the limits, and keep the strongest; a number of the row is no quantity."""
    numbering = {key.columns[0] for key in keys if key.surrogate}
    quantities = [one for one in sample.columns if is_number(one) and one.column.name not in numbering]
    numbers = _limited(table, quantities, "numbers")
    categories = _limited(table, [one for one in sample.columns if is_category(one, sample.rows)], "categories")
    found = list(_found(numbers, categories))
    found.sort(key=lambda one: strength(one[3]), reverse=True)
    table.skip("correlations", f"the {CORRELATIONS_SHOWN} strongest are shown", len(found) - CORRELATIONS_SHOWN)
    return Correlations(
        strongest=tuple(_shown(sample, one) for one in found[:CORRELATIONS_SHOWN]),
        numbers=tuple(one.column.name for one in numbers),
        categories=tuple(one.column.name for one in categories),
        examined=len(found),
    )


def is_number(one: Sampled) -> bool:
    """Whether the column has numbers that vary; truth values are categories."""
    return one.numbers is not None and one.column.kind != "boolean" and one.size > 1


def is_category(one: Sampled, rows: int) -> bool:
    """Whether the column has few values that repeat. Numbers are none, whatever they stand for."""
    return one.column.kind in {"text", "boolean"} and 1 < one.size <= min(CATEGORIES, rows // _REPEATS)


def _limited(table: Table, columns: list[Sampled], what: str) -> list[Sampled]:
    table.skip("correlations", f"the first {CORRELATED_COLUMNS} columns of {what}", len(columns) - CORRELATED_COLUMNS)
    return columns[:CORRELATED_COLUMNS]


def _found(numbers: Sequence[Sampled], categories: Sequence[Sampled]) -> Iterator[Found]:
    # ranking takes the time: columns without nulls are ranked once for all pairs
    ranked = {one.column.name: ranks(values) for one in numbers if not np.isnan(values := _values(one)).any()}
    for left, right in combinations(numbers, 2):
        x, y, known = _both(left, right)
        yield from _named(left, right, "pearson", pearson(x, y))
        if known.all():
            found = spearman_of_ranks(ranked[left.column.name], ranked[right.column.name])
        else:
            found = spearman(x, y)
        yield from _named(left, right, "spearman", found)
    for left, right in combinations(categories, 2):
        both = left.known & right.known
        yield from _named(left, right, "cramers_v", cramers_v(left.codes[both], right.codes[both]))
    for left, right in product(categories, numbers):
        values = _values(right)
        both = left.known & ~np.isnan(values)
        yield from _named(left, right, "correlation_ratio", correlation_ratio(left.codes[both], values[both]))


def _values(one: Sampled) -> Numbers:
    if one.numbers is None:
        raise ValueError("the column has no numbers")
    return one.numbers


def _both(left: Sampled, right: Sampled) -> tuple[Numbers, Numbers, npt.NDArray[np.bool_]]:
    x, y = _values(left), _values(right)
    known = ~(np.isnan(x) | np.isnan(y))
    return (x, y, known) if known.all() else (x[known], y[known], known)


def _named(left: Sampled, right: Sampled, measure: str, found: Association | None) -> Iterator[Found]:
    if found is not None:
        yield left.column.name, right.column.name, measure, found


def _shown(sample: Sample, found: Found) -> Correlation:
    left, right, measure, association = found
    named: Any = measure
    return Correlation(
        columns=(left, right),
        measure=named,
        value=association.value,
        low=association.low,
        high=association.high,
        n=association.n,
        exact=sample.whole,
    )
