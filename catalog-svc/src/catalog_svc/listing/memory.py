"""Conditions, orders and pages of a list whose items are in memory: they mean what they mean in `queries`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from catalog_svc.listing.conditions import Condition, Order
from catalog_svc.listing.fields import Field

Item = Mapping[str, Any]

_TESTS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda value, wanted: bool(value == wanted),
    "ne": lambda value, wanted: bool(value != wanted),
    "lt": lambda value, wanted: value is not None and bool(value < wanted),
    "lte": lambda value, wanted: value is not None and bool(value <= wanted),
    "gt": lambda value, wanted: value is not None and bool(value > wanted),
    "gte": lambda value, wanted: value is not None and bool(value >= wanted),
    "in": lambda value, wanted: value in wanted,
    "not_in": lambda value, wanted: value not in wanted,
    "contains": lambda value, wanted: value is not None and wanted in value,
    "icontains": lambda value, wanted: value is not None and wanted.lower() in value.lower(),
    "starts_with": lambda value, wanted: value is not None and value.startswith(wanted),
    "is_null": lambda value, wanted: (value is None) is wanted,
}


def page(
    items: Iterable[Item],
    conditions: Sequence[Condition],
    orders: Sequence[Order],
    after: Sequence[Any] | None,
    limit: int,
) -> Sequence[Item]:
    """Return up to `limit` items, those after the one whose sort values are `after`."""
    kept = [item for item in items if all(_holds(item, condition) for condition in conditions)]
    if after is not None:
        kept = [item for item in kept if _compared(_key(item, orders), after, orders) > 0]
    # one stable sort for each field, the last one first: a table may have 100,000 columns
    for order in reversed(orders):
        kept.sort(key=_ascending(order) if not order.descending else _descending(order), reverse=order.descending)
    return kept[:limit]


def value(item: Item, field: Field) -> Any:
    """Return the value of an item's field."""
    return item.get(field.column)


def _holds(item: Item, condition: Condition) -> bool:
    return _TESTS[condition.operator](value(item, condition.field), condition.value)


def _key(item: Item, orders: Sequence[Order]) -> list[Any]:
    return [value(item, order.field) for order in orders]


def _ascending(order: Order) -> Callable[[Item], Any]:
    return lambda item: ((found := value(item, order.field)) is None, found)


def _descending(order: Order) -> Callable[[Item], Any]:
    return lambda item: ((found := value(item, order.field)) is not None, found)


def _compared(one: Sequence[Any], other: Sequence[Any], orders: Sequence[Order]) -> int:
    for mine, theirs, order in zip(one, other, orders, strict=True):
        if mine == theirs:
            continue
        if mine is None or theirs is None:
            return 1 if mine is None else -1
        return 1 if (mine > theirs) is not order.descending else -1
    return 0
