"""What a request asks of a list, checked against what the list declares; and the page that answers it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest, JsonResponse
from ninja import Schema

from catalog_svc.listing import memory, queries
from catalog_svc.listing.conditions import Condition, Order
from catalog_svc.listing.fields import Field
from catalog_svc.paging import decode, encode
from catalog_svc.refusals import refusals
from catalog_svc.rows.language import LISTED, invalid
from dataplatform.problems import Problem

MAX_TERMS: Final = 100
"""Most conditions and listed values of one request."""
MAX_SORT: Final = 4
_COMMON: Final = frozenset({"limit", "cursor", "fields", "sort", "as_of"})
_BRACKETED: Final = re.compile(r"^(?P<field>[^\[\]]+)\[(?P<operator>[^\[\]]*)\]$")
_CODES: Final = (
    "unknown_parameter",
    "unknown_field",
    "unknown_operator",
    "invalid_value",
    "invalid_query",
    "filter_too_large",
    "invalid_cursor",
)
_MAX_SHOWN: Final = 100
_DIGEST: Final = 12

M = TypeVar("M", bound=Model)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """A page of rows, and the cursor of the one after."""

    rows: Sequence[R]
    next: str | None


class Listing:
    """What may be asked of one list. `order` is the one it has unless asked (`-name` descends), `key` ends every order.

    `parameters` are further ones that the operation itself reads; `schema` is the representation of an item.
    """

    def __init__(
        self,
        name: str,
        schema: type[Schema],
        fields: Iterable[Field],
        *,
        order: Sequence[str],
        key: str | Sequence[str],
        parameters: Iterable[str] = (),
    ) -> None:
        self.name = name
        self.schema = schema
        self.fields: Mapping[str, Field] = {field.name: field for field in fields}
        self._own = frozenset(parameters)
        self._key = (key,) if isinstance(key, str) else tuple(key)
        self._order = tuple(order)

    @property
    def openapi(self) -> dict[str, Any]:
        """The parameters of the list, for `openapi_extra` of its operation."""
        sortable = ", ".join(f"`{field.name}`" for field in self.fields.values() if field.sortable)
        shown = ", ".join(f"`{name}`" for name in self.schema.model_fields)
        parameters = [
            _parameter("fields", {"type": "string", "maxLength": 2000}, f"Only these of an item, by commas: {shown}"),
            _parameter(
                "sort",
                {"type": "string", "maxLength": 500},
                f"By commas, `-` before what descends: {sortable}; absent last",
            ),
            *(
                _parameter(field.name, field.schema(), "Conditions, `name[operator]=value`; several must all hold")
                | {"style": "deepObject", "explode": True}
                for field in self.fields.values()
                if field.name not in self._own
            ),
        ]
        return {"parameters": parameters}

    def described(self, *codes: str) -> dict[str, Any]:
        """Return `openapi` with the problems of lists, and these further `codes`."""
        return refusals(*_CODES, *codes, **self.openapi)

    def asked(self, request: HttpRequest) -> "Asked":
        """Return what a request asks.

        Raises 422 problems: `unknown_parameter`, `unknown_field`, `unknown_operator`, `invalid_value`,
        `filter_too_large`, `invalid_query`.
        """
        conditions: list[Condition] = []
        for name, values in request.GET.lists():
            match = _BRACKETED.match(name)
            if match:
                conditions += self._conditions(match["field"], match["operator"], values)
            elif name not in _COMMON | self._own:
                hint = f"; a condition is written `{name[:_MAX_SHOWN]}[eq]=...`" if name in self.fields else ""
                raise invalid("unknown_parameter", f"there is no parameter `{name[:_MAX_SHOWN]}`{hint}")
        terms = sum(len(found.value) if found.operator in LISTED else 1 for found in conditions)
        if terms > MAX_TERMS:
            raise invalid(
                "filter_too_large", f"the filter has {terms:,} conditions and values; {MAX_TERMS} are allowed"
            )
        return Asked(self, tuple(conditions), self._orders(request.GET.get("sort")), self._chosen(request))

    def _conditions(self, name: str, operator: str, values: Sequence[str]) -> Iterable[Condition]:
        field = self._field(name)
        if operator in LISTED and len(values) > 1:
            yield Condition(field, operator, tuple(part for said in values for part in (field.read(said),)))
            return
        for said in values:
            yield Condition(field, operator, field.value(operator, said))

    def _field(self, name: str) -> Field:
        found = self.fields.get(name)
        if found is None:
            known = ", ".join(self.fields)
            raise invalid("unknown_field", f"`{name[:_MAX_SHOWN]}` is nothing to filter or sort by; there are: {known}")
        return found

    def _orders(self, said: str | None) -> tuple[Order, ...]:
        names = [part for part in said.split(",") if part] if said is not None else list(self._order)
        if len(names) > MAX_SORT:
            raise invalid("invalid_query", f"sort by at most {MAX_SORT} fields")
        orders = [Order(self._field(name.removeprefix("-")), name.startswith("-")) for name in names]
        if said is not None:
            for order in orders:
                if not order.field.sortable:
                    raise invalid("unknown_field", f"`{order.field.name}` cannot be sorted by")
        # ties go the way of what is sorted by last, so an index serves both
        descending = orders[-1].descending if orders else False
        sorted_by = {order.field.name for order in orders}
        return (*orders, *(Order(self.fields[name], descending) for name in self._key if name not in sorted_by))

    def _chosen(self, request: HttpRequest) -> tuple[str, ...] | None:
        if "fields" not in request.GET:
            return None
        names = tuple(dict.fromkeys(part for said in request.GET.getlist("fields") for part in said.split(",") if part))
        if not names:
            raise invalid("invalid_query", "`fields` names at least one field")
        for name in names:
            if name not in self.schema.model_fields:
                known = ", ".join(self.schema.model_fields)
                raise invalid("unknown_field", f"an item has no field `{name[:_MAX_SHOWN]}`; it has: {known}")
        return names


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request asks of a list."""

    listing: Listing
    conditions: tuple[Condition, ...]
    orders: tuple[Order, ...]
    fields: tuple[str, ...] | None = None

    def filtered(self, rows: QuerySet[M]) -> QuerySet[M]:
        """Return the rows for which all conditions hold."""
        return queries.filtered(rows, self.conditions)

    def page(self, rows: QuerySet[M], cursor: str | None, limit: int, *, scope: str = "") -> Found[M]:
        """Return a page of a query; `scope` names what the list is of, so that a cursor of another one is refused."""
        after = self._after(cursor, scope)
        found = queries.page(rows, self.conditions, self.orders, after, limit + 1)
        return self._found(found, limit, scope, queries.value)

    def page_of(
        self, items: Iterable[Mapping[str, Any]], cursor: str | None, limit: int, *, scope: str = ""
    ) -> Found[Mapping[str, Any]]:
        """Return a page of representations that are in memory."""
        found = memory.page(items, self.conditions, self.orders, self._after(cursor, scope), limit + 1)
        return self._found(found, limit, scope, memory.value)

    def answer(self, items: Sequence[Mapping[str, Any]], following: str | None) -> Any:
        """Return what an operation answers: the page whole, or with only the fields asked for."""
        if self.fields is None:
            return {"items": list(items), "next": following}
        chosen = set(self.fields)
        shown = [
            self.listing.schema.model_validate(item).model_dump(mode="json", include=chosen, by_alias=True)
            for item in items
        ]
        return JsonResponse({"items": shown, "next": following})

    def _found(self, rows: Sequence[R], limit: int, scope: str, value: Callable[[R, Field], Any]) -> Found[R]:
        if len(rows) <= limit:
            return Found(rows, None)
        last = [_said(value(rows[limit - 1], order.field)) for order in self.orders]
        return Found(rows[:limit], encode([self._digest(scope), last]))

    def _after(self, cursor: str | None, scope: str) -> tuple[Any, ...] | None:
        key = decode(cursor, str, list)
        if key is None:
            return None
        digest, said = key
        if digest != self._digest(scope) or len(said) != len(self.orders):
            raise foreign()
        try:
            return tuple(
                None if part is None and order.field.optional else order.field.read(part)
                for order, part in zip(self.orders, said, strict=True)
            )
        except Problem as error:
            raise foreign() from error

    def _digest(self, scope: str) -> str:
        orders = [(order.field.name, order.descending) for order in self.orders]
        conditions = [(found.field.name, found.operator, str(found.value)) for found in self.conditions]
        return sha256(repr((self.listing.name, scope, orders, conditions)).encode()).hexdigest()[:_DIGEST]


def foreign() -> Problem:
    """Return the problem of a cursor that belongs to something else."""
    return Problem("invalid_cursor", "Invalid cursor", 422, "send `next` of the page before, unchanged, with its query")


def _said(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _parameter(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": dict(schema), "description": description}
