"""The fields that a list may be filtered and sorted by: what they hold, which operators they have, how values are read.

Words, codes and readers of values are those of the row query language.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from catalog_svc.rows.engine import ColumnType
from catalog_svc.rows.language import LISTED, OPERATORS, invalid
from catalog_svc.rows.operands import operand, truth

_ORDERED: Final = ("eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "is_null")
_EXACT: Final = ("eq", "ne", "in", "not_in", "is_null")
_BY_KIND: Final[Mapping[str, tuple[str, ...]]] = {
    "text": (*_ORDERED, "contains", "icontains", "starts_with"),
    "code": _EXACT,
    "codes": ("contains",),
    "integer": _ORDERED,
    "number": _ORDERED,
    "boolean": ("eq", "ne", "is_null"),
    "moment": _ORDERED,
    "uuid": _EXACT,
}
_READ_AS: Final = {
    "text": "VARCHAR",
    "code": "VARCHAR",
    "codes": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "moment": "TIMESTAMP WITH TIME ZONE",
}
_SCHEMAS: Final[Mapping[str, Mapping[str, str]]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "moment": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
}
_BIGGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a list: its name in the representation, what it holds, and where the database has it."""

    name: str
    kind: str
    path: str = ""
    optional: bool = False
    sortable: bool = True

    @property
    def column(self) -> str:
        """The ORM path."""
        return self.path or self.name

    @property
    def operators(self) -> tuple[str, ...]:
        """What it may be asked; whether it is absent only where it can be."""
        found = _BY_KIND[self.kind]
        return found if self.optional else tuple(name for name in found if name != "is_null")

    def value(self, operator: str, said: str) -> Any:
        """Return the value that a condition compares with; raises 422 problems."""
        if operator not in self.operators:
            raise invalid(
                "unknown_operator",
                f"`{self.name}` has no operator `{operator[:40]}`; it has: {', '.join(self.operators)}",
            )
        if operator == "is_null":
            return self._read_truth(said)
        if operator in LISTED:
            return tuple(self.read(part) for part in said.split(","))
        return self.read(said)

    def read(self, said: Any) -> Any:
        """Return one value as the field's type; raises a 422 `invalid_value`."""
        if self.kind == "uuid":
            return self._read_uuid(said)
        found = operand(ColumnType(self.name, _READ_AS[self.kind]), said)
        if self.kind == "integer" and not (isinstance(found, int) and abs(found) <= _BIGGEST):
            raise invalid(
                "invalid_value", f"`{self.name}` holds whole numbers: {str(said)[:60]!r} is none of its range"
            )
        return found

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the object that `style: deepObject` makes of its conditions."""
        one = _SCHEMAS.get(self.kind, _SCHEMAS["text"])
        shapes = {"is_null": {"type": "boolean"}, **{name: {"type": "string"} for name in LISTED}}
        described = {name: {**shapes.get(name, one), "description": OPERATORS[name]} for name in self.operators}
        return {"type": "object", "properties": described, "additionalProperties": False}

    def _read_truth(self, said: str) -> bool:
        try:
            return truth(said)
        except ValueError as error:
            raise invalid("invalid_value", "`is_null` is true or false") from error

    def _read_uuid(self, said: Any) -> UUID:
        try:
            return UUID(str(said))
        except ValueError as error:
            raise invalid("invalid_value", f"`{self.name}` holds UUIDs: {str(said)[:60]!r} is none") from error


def text(name: str, path: str = "", *, optional: bool = False) -> Field:
    """Return a field of free text."""
    return Field(name, "text", path, optional)


def code(name: str, path: str = "", *, optional: bool = False) -> Field:
    """Return a field that holds one of a few words."""
    return Field(name, "code", path, optional)


def codes(name: str, path: str = "") -> Field:
    """Return a field that holds several words."""
    return Field(name, "codes", path, sortable=False)


def integer(name: str, path: str = "", *, optional: bool = False) -> Field:
    """Return a field of whole numbers."""
    return Field(name, "integer", path, optional)


def number(name: str, path: str = "", *, optional: bool = False) -> Field:
    """Return a field of numbers."""
    return Field(name, "number", path, optional)


def boolean(name: str, path: str = "", *, optional: bool = False) -> Field:
    """Return a field that is true or false."""
    return Field(name, "boolean", path, optional, sortable=False)


def moment(name: str, path: str = "", *, optional: bool = False) -> Field:
    """Return a field of moments."""
    return Field(name, "moment", path, optional)


def unique(name: str, path: str = "", *, optional: bool = False) -> Field:
    """Return a field of ids."""
    return Field(name, "uuid", path, optional)
