"""Conditions, orders and pages of a list as a query of the database. A page costs the same wherever it is."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from django.db.models import F, Model, OrderBy, Q, QuerySet

from catalog_svc.listing.conditions import Condition, Order
from catalog_svc.listing.fields import Field

M = TypeVar("M", bound=Model)
_LOOKUPS: Final = {
    "eq": "exact", "lt": "lt", "lte": "lte", "gt": "gt", "gte": "gte", "in": "in", "contains": "contains",
    "icontains": "icontains", "starts_with": "startswith", "is_null": "isnull",
}  # fmt: skip


def filtered(rows: QuerySet[M], conditions: Sequence[Condition]) -> QuerySet[M]:
    """Return the rows for which all conditions hold."""
    for condition in conditions:
        rows = rows.filter(condition_of(condition))
    return rows


def page(
    rows: QuerySet[M], conditions: Sequence[Condition], orders: Sequence[Order], after: Sequence[Any] | None, limit: int
) -> Sequence[M]:
    """Return up to `limit` rows, those after the one whose sort values are `after`."""
    found = filtered(rows, conditions)
    if after is not None:
        found = found.filter(_beyond(orders, after))
    return list(found.order_by(*(_ordered(order) for order in orders))[:limit])


def value(row: Any, field: Field) -> Any:
    """Return the value of a row's field."""
    for name in field.column.split("__"):
        row = getattr(row, name)
    return row


def condition_of(condition: Condition) -> Q:
    """Return a condition as the ORM has it."""
    column, wanted = condition.field.column, condition.value
    if condition.field.kind == "codes":
        return Q(**{f"{column}__contains": [wanted]})
    if condition.operator in {"ne", "not_in"}:
        # two-valued, as in the query language of rows: null counts as different
        same = Q(**{f"{column}__in": wanted if condition.operator == "not_in" else (wanted,)})
        return ~same | Q(**{f"{column}__isnull": True}) if condition.field.optional else ~same
    return Q(**{f"{column}__{_LOOKUPS[condition.operator]}": wanted})


def _ordered(order: Order) -> OrderBy:
    # what is never null needs no word about nulls: an index gives it in its order
    last = True if order.field.optional else None
    column = F(order.field.column)
    return column.desc(nulls_last=last) if order.descending else column.asc(nulls_last=last)


def _beyond(orders: Sequence[Order], after: Sequence[Any]) -> Q:
    found, same = Q(pk__in=[]), Q()
    bound = _bound(orders[0], after[0])
    for order, last in zip(orders, after, strict=True):
        column = order.field.column
        if last is not None:
            further = Q(**{f"{column}__{'lt' if order.descending else 'gt'}": last})
            if order.field.optional:
                further |= Q(**{f"{column}__isnull": True})
            found |= same & further
            same &= Q(**{column: last})
        else:
            same &= Q(**{f"{column}__isnull": True})
    return bound & found


def _bound(order: Order, last: Any) -> Q:
    """Return what follows for the first key alone: an index begins there, which it cannot at an alternative."""
    if order.field.optional or last is None:
        return Q()
    return Q(**{f"{order.field.column}__{'lte' if order.descending else 'gte'}": last})
