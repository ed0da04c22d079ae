"""What a check is given, what it answers, and how the registered ones are found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from dataplatform.engine import EngineLimits
from quality_svc.profile.document import ColumnProfile, ScoredMeasure

GROUP: Final = "dataplatform.checks"


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A profiled table. Columns carry their scalars only (no quantiles, no top values), so wide tables fit.

    A check that must look at the rows opens `parts` with `dataplatform.engine.open_engine(limits)`.
    """

    row_count: int
    columns: Sequence[ColumnProfile]
    parts: tuple[Path, ...]
    limits: EngineLimits


@dataclass(frozen=True, slots=True)
class Measurement:
    """X = A/B over what is in scope: `numerator` good items of `denominator` evaluated, of `eligible` in scope.

    Measurements of several tables add up item by item. A denominator of 0 is not measured, and never a score.
    """

    name: str
    dimension: str
    definition: str
    numerator: int
    denominator: int
    eligible: int

    def __post_init__(self) -> None:
        if not 0 <= self.numerator <= self.denominator <= self.eligible:
            raise ValueError(f"{self.name}: {self.numerator} of {self.denominator} of {self.eligible} is no share")

    @property
    def score(self) -> float | None:
        """The share, from 0 to 1; None where nothing could be evaluated."""
        return self.numerator / self.denominator if self.denominator else None

    def __add__(self, other: "Measurement") -> "Measurement":
        """Add up two measurements of the same measure."""
        if (self.name, self.definition) != (other.name, other.definition):
            raise ValueError(f"cannot add {other.name} to {self.name}")
        return Measurement(
            self.name,
            self.dimension,
            self.definition,
            self.numerator + other.numerator,
            self.denominator + other.denominator,
            self.eligible + other.eligible,
        )

    def scored(self) -> ScoredMeasure:
        """Return the measurement as the document shows it."""
        return ScoredMeasure(
            name=self.name,
            dimension=self.dimension,
            definition=self.definition,
            numerator=self.numerator,
            denominator=self.denominator,
            score=self.score,
            coverage=self.denominator / self.eligible if self.eligible else None,
        )


@runtime_checkable
class Check(Protocol):
    """Measures one thing. `definition` is raised when a number would come out differently for the same table."""

    name: str
    dimension: str
    definition: str

    def measure(self, table: TableFacts) -> Measurement:
        """Return what holds for this table; deterministic, no clock, no network."""


@cache
def registered_checks() -> tuple[Check, ...]:
    """Return one of each check that any installed package registers, in the order of their names."""
    checks = [entry.load()() for entry in entry_points(group=GROUP)]
    return tuple(sorted(checks, key=lambda check: str(check.name)))


def measure_table(checks: Iterable[Check], table: TableFacts) -> list[Measurement]:
    """Return the measurement of each check for a table."""
    return [check.measure(table) for check in checks]


def over_tables(tables: Iterable[Sequence[Measurement]]) -> list[Measurement]:
    """Add up the measurements of all tables, measure by measure, in the order in which they first appear."""
    total: dict[str, Measurement] = {}
    for measurements in tables:
        for measurement in measurements:
            known = total.get(measurement.name)
            total[measurement.name] = measurement if known is None else known + measurement
    return list(total.values())
