"""What differs between the profiles of two tables, column by column. Pure over the documents of quality-svc."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

FACTS: Final = ("type", "kind", "count", "nulls", "blanks", "nan", "infinite", "distinct", "min", "max", "mean", "sd",
                "skew", "semantic", "unit", "personal")  # fmt: skip
"""What is compared of a column; of what is an object, the member that names it."""
_NAMED_BY: Final = {"distinct": "value", "semantic": "type", "unit": "symbol", "personal": "kind"}


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], renamed: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return, for each column of both tables, the facts that differ; `renamed` has new names by old ones.

    `change` is there for numbers: how much, and what share of the value before. Equal columns are left out.
    """
    was = {renamed.get(column["name"], column["name"]): column for column in before.get("columns", ())}
    found = []
    for column in after.get("columns", ()):
        old = was.get(column["name"])
        facts = [] if old is None else list(_facts(old, column))
        if facts:
            found.append({"column": column["name"], "facts": facts})
    return found


def table_of(document: Mapping[str, Any], table_id: str) -> Mapping[str, Any]:
    """Return the profile of a table in a document; empty where it has none."""
    return next((table for table in document.get("tables", ()) if table.get("table_id") == table_id), {})


def _facts(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for fact in FACTS:
        before, after = _value(old, fact), _value(new, fact)
        if before != after:
            yield {"fact": fact, "before": before, "after": after, **_change(before, after)}


def _value(column: Mapping[str, Any], fact: str) -> Any:
    found = column.get(fact)
    return found.get(_NAMED_BY[fact]) if fact in _NAMED_BY and isinstance(found, Mapping) else found


def _change(before: Any, after: Any) -> dict[str, float]:
    numbers = isinstance(before, int | float) and isinstance(after, int | float)
    if not numbers or isinstance(before, bool) or isinstance(after, bool):
        return {}
    change = {"change": after - before}
    return change | {"share": (after - before) / abs(before)} if before else change
