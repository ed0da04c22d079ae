"""What a contract declares of a table's columns, as the measures take it: ranges, ages, meanings, references.

Whether it is kept is `enforcement`'s to say, clause by clause; measures count the cells.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from dataplatform.contracts import Contract
from quality_svc.checks.context import DeclaredRange, Reference
from quality_svc.contracts.clauses import clauses_of, columns_of
from quality_svc.contracts.demands import AgeDemand, Clause, FrequencyDemand
from quality_svc.contracts.enforcement import column_named, object_of
from quality_svc.rules.model import InRange, RefersTo

_OLDEST: Final = 1_000 * 366 * 86_400.0
"""Longest age that is measured, in seconds: beyond it there is no date to compare with."""
_NO_TABLES: Final[Mapping[str, tuple[Path, ...]]] = {}


def declared_of(
    contract: Contract, name: str, columns: Sequence[str], at_hand: Mapping[str, tuple[Path, ...]] = _NO_TABLES
) -> dict[str, Any]:
    """Return fields of `TableContext` for the table that the contract's object `name` describes.

    `columns` are the table's; `at_hand` the parts of other tables, by the names that references go by.
    """
    index, body = next((place, found) for place, found in enumerate(contract.objects) if str(found["name"]) == name)
    properties = columns_of(index, body)
    actual = {found.name: column_named(found, columns) for found in properties}
    own = [clause for clause in clauses_of(contract) if object_of(clause, contract) == name]
    described = {
        column: str(found.body.get("description") or "")
        for found in properties
        if (column := actual[found.name]) is not None
    }
    return {
        "ranges": _by_column(own, InRange, actual, _range),
        "max_age_seconds": _by_column(own, AgeDemand, actual, _age),
        "descriptions": {column: words for column, words in described.items() if words} or None,
        "references": _references(own, actual, at_hand),
    }


def frequency_of(contract: Contract) -> float | None:
    """Return the longest pause between versions that a contract declares, in seconds."""
    found = [clause.demand.seconds for clause in clauses_of(contract) if isinstance(clause.demand, FrequencyDemand)]
    return min(found, default=None)


def _by_column(
    clauses: Sequence[Clause], kind: type, actual: Mapping[str, str | None], make: Callable[[Any], Any]
) -> dict[str, Any]:
    """Return what the first clause of a kind says of each column; later ones are the contract's to enforce."""
    found: dict[str, Any] = {}
    for clause in clauses:
        if isinstance(clause.demand, kind):
            demand: Any = clause.demand
            column, made = actual.get(demand.column), make(demand)
            if column is not None and made is not None:
                found.setdefault(column, made)
    return found


def _range(rule: InRange) -> DeclaredRange | None:
    least, greatest = (None if bound is None else str(bound) for bound in (rule.minimum, rule.maximum))
    return None if least is None and greatest is None else DeclaredRange(least, greatest)


def _age(demand: AgeDemand) -> float | None:
    return demand.seconds if demand.seconds <= _OLDEST else None


def _references(
    clauses: Sequence[Clause], actual: Mapping[str, str | None], at_hand: Mapping[str, tuple[Path, ...]]
) -> tuple[Reference, ...]:
    """Return references of one column to a table at hand; those of several columns are enforced, not measured."""
    found = []
    for clause in clauses:
        demand = clause.demand
        if isinstance(demand, RefersTo) and len(demand.columns) == len(demand.to_columns) == 1:
            column, parts = actual.get(demand.columns[0]), at_hand.get(demand.table)
            to = _column_of(parts, demand.to_columns[0]) if parts else None
            if column is not None and parts and to is not None:
                found.append(Reference(column, parts, to, demand.table))
    return tuple(found)


def _column_of(parts: Sequence[Path], name: str) -> str | None:
    names = pq.read_schema(parts[0]).names
    alike = [found for found in names if found.casefold() == name.casefold()]
    return name if name in names else alike[0] if len(alike) == 1 else None
