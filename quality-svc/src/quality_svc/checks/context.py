"""What a table alone cannot say: declared ranges, descriptions, arrivals, lineage, the outcome of rules.

All of it is optional. A measure that needs what is absent is "not measured". Columns go by their names as the profile
shows them. Nothing here is computed: see the checks for what they make of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class DeclaredRange:
    """The least and the greatest value that a column may have, as text that DuckDB casts to the column's type."""

    least: str | None = None
    greatest: str | None = None


@dataclass(frozen=True, slots=True)
class Dependency:
    """A functional dependency that should hold: rows alike in `determinant` are alike in `dependent`."""

    determinant: tuple[str, ...]
    dependent: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A column whose values should be found in column `to_column` of the table that `parts` are.

    `name` stands for that table in the query for the rows, where its files are nobody's business.
    """

    column: str
    parts: tuple[Path, ...]
    to_column: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where the values come from: the original's hash, what read it, which columns it had, which cells were repaired.

    `columns`: those with a known place in the original. `repaired`: (row from 0, column) of cells that were changed,
    None where it is not known which.
    """

    original_sha256: str
    handler: str
    columns: frozenset[str]
    repaired: tuple[tuple[int, str], ...] | None = ()


@dataclass(frozen=True, slots=True)
class RuleTally:
    """The outcome of one rule: `met` is None where it could not be evaluated."""

    rule_id: str
    met: bool | None
    critical: bool = False


@dataclass(frozen=True, slots=True)
class TableContext:
    """What is known about a table from outside of it."""

    target: str | None = None
    formats: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Regular expression (RE2, of the whole value) by column."""
    ranges: Mapping[str, DeclaredRange] = field(default_factory=lambda: _NOTHING)
    decimals: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    """Digits after the decimal point that the values of a column must have at least."""
    max_age_seconds: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    """By temporal column; measured against `reference_time`."""
    reference_time: datetime | None = None
    arrivals: tuple[datetime, ...] = ()
    """When the versions of the dataset came, this one last."""
    frequency_seconds: float | None = None
    """How much time may pass between two versions, as declared."""
    descriptions: Mapping[str, str] | None = None
    classified: frozenset[str] = frozenset()
    """Columns that were declared to hold personal data."""
    dependencies: tuple[Dependency, ...] = ()
    references: tuple[Reference, ...] = ()
    lineage: Lineage | None = None
    rules: tuple[RuleTally, ...] = ()
    contract: tuple[RuleTally, ...] = ()


NO_CONTEXT: Final = TableContext()
