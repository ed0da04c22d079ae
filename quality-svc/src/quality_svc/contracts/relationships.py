"""Relationships of a contract as references from columns to columns. Pure.

The standard writes a reference in two ways: by names (`object.property`), or in full by ids
(`schema/<id>/properties/<id>`). An element without an id goes by its name; an id that two elements share means neither.
References to other datasets are read in `quality_svc.references`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dataplatform.contracts import Contract
from quality_svc.contracts.demands import Clause
from quality_svc.references import split_reference
from quality_svc.rules.model import RefersTo

_FULL: Final = re.compile(r"/?schema/(?P<object>[A-Za-z0-9_-]+)/properties/(?P<property>[A-Za-z0-9_-]+)")


def relationship_clauses(
    contract: Contract, name: str, path: str, body: Mapping[str, Any], column: str | None = None
) -> Iterator[Clause]:
    """Yield the references of an object, or of its property `column`, that lead to one table each."""
    for number, found in enumerate(body.get("relationships") or ()):
        sources = [column] if column else [source for _, source in _references(contract, found.get("from"))]
        targets = _references(contract, found.get("to"))
        tables = {table for table, _ in targets}
        if sources and len(sources) == len(targets) and len(tables) == 1:
            demand = RefersTo(columns=tuple(sources), table=tables.pop(), to_columns=tuple(to for _, to in targets))
            yield Clause(f"{path}/relationships/{number}", "relationship", name, "critical", demand)


def _references(contract: Contract, found: Any) -> list[tuple[str, str]]:
    """Return table and column of each reference; none, if one of them leads nowhere."""
    listed = [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, str)]
    pairs = [_reference(contract, one) for one in listed]
    known = [pair for pair in pairs if pair is not None]
    return known if len(known) == len(pairs) else []


def _reference(contract: Contract, text: str) -> tuple[str, str] | None:
    if "/" not in text:
        table, _, column = text.rpartition(".")
        return table, column
    full = _FULL.fullmatch(text)
    if full is None:
        return split_reference(text)
    owner = _element(contract.objects, full["object"])
    target = None if owner is None else _element(owner.get("properties") or (), full["property"])
    return None if owner is None or target is None else (str(owner["name"]), str(target["name"]))


def _element(elements: Sequence[Mapping[str, Any]], wanted: str) -> Mapping[str, Any] | None:
    """Return the one element of this id; else the one of this name that has no id."""
    alike = [body for body in elements if body.get("id") == wanted]
    alike = alike or [body for body in elements if not body.get("id") and body["name"] == wanted]
    return alike[0] if len(alike) == 1 else None
