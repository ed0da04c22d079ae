"""One condition and one sort key of a list, as values."""

from dataclasses import dataclass
from typing import Any

from catalog_svc.listing.fields import Field


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one field; `value` is a tuple where the operator takes several."""

    field: Field
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Order:
    """A field to sort by; what is absent comes last either way."""

    field: Field
    descending: bool = False
