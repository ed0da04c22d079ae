"""What a clause of a contract may demand, beside the rules of `quality_svc.rules`, and where a clause stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quality_svc.rules.model import (
    Condition,
    Rule,
    Severity,
)


@dataclass(frozen=True, slots=True)
class TypeDemand:
    """The column's values are of a logical type; texts are read by `format` where it has one."""

    column: str
    logical: str
    format: str | None = None


@dataclass(frozen=True, slots=True)
class MetricDemand:
    """A metric of the standard's library over one column, several, or the table, and what it must satisfy."""

    metric: str
    columns: tuple[str, ...]
    arguments: Mapping[str, Any]
    condition: Condition
    percent: bool


@dataclass(frozen=True, slots=True)
class ListDemand:
    """The elements of every list are different."""

    column: str


@dataclass(frozen=True, slots=True)
class ZoneDemand:
    """The times of a column have a time zone, or have none."""

    column: str
    zoned: bool


@dataclass(frozen=True, slots=True)
class AgeDemand:
    """No date of the column is older than this."""

    column: str
    seconds: float


@dataclass(frozen=True, slots=True)
class FrequencyDemand:
    """Versions arrive at least this often."""

    seconds: float


Demand = Rule | TypeDemand | MetricDemand | ListDemand | ZoneDemand | AgeDemand | FrequencyDemand


@dataclass(frozen=True, slots=True)
class Clause:
    """One demand of a contract on one object."""

    path: str
    kind: str
    object: str
    severity: Severity
    demand: Demand
    name: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A property of an object: where it stands, and the names that its column may have."""

    path: str
    object: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the name that clauses go by."""
        return str(self.body["name"])

    def clause(self, step: str, kind: str, demand: Demand, severity: Severity = "critical") -> Clause:
        """Return a clause of this property."""
        return Clause(f"{self.path}/{step}", kind, self.object, severity, demand)
