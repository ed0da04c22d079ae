"""What a check is given, what it answers, and how the registered ones are found."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import duckdb

from dataplatform.engine import EngineLimits
from quality_svc.checks.context import NO_CONTEXT, TableContext
from quality_svc.checks.rows import Rows
from quality_svc.profile.document import ColumnProfile, ColumnShare, ScoredMeasure

GROUP: Final = "dataplatform.checks"


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A profiled table. Columns carry what the profile says of them; quantiles may be left out, so wide tables fit.

    `context` is what the table itself cannot say. A check that must look at the rows asks `rows`, which all checks of
    a table share: `measure_table` sets it.
    """

    row_count: int
    columns: Sequence[ColumnProfile]
    parts: tuple[Path, ...]
    limits: EngineLimits
    context: TableContext = NO_CONTEXT
    rows: Rows | None = None

    def opened(self) -> Rows:
        """Return the rows; outside `measure_table` each call opens its own."""
        return self.rows or Rows(self.parts, [column.name for column in self.columns], self.limits)

    def sql_name(self, column: ColumnProfile) -> str:
        """Return the quoted name of a column in `data`."""
        names = self.opened().names
        return '"' + names[column.position].replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Measurement:
    """X = A/B over what is in scope: `numerator` good items of `denominator` evaluated, of `eligible` in scope.

    Measurements of several tables add up item by item. A denominator of 0 is not measured, and never a score. `query`
    is DuckDB SQL over the relation `data` (see `quality_svc.checks.rows`) with one row (row, column) for each of the
    `denominator - numerator` items that lower the score; it is None where there are none, or several tables. `columns`
    are the shares of the columns that fall short; `reason` says why nothing was measured.
    """

    name: str
    dimension: str
    definition: str
    numerator: int
    denominator: int
    eligible: int
    query: str | None = None
    columns: tuple[ColumnShare, ...] = ()
    reason: str | None = None

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
        denominator = self.denominator + other.denominator
        return Measurement(
            self.name,
            self.dimension,
            self.definition,
            self.numerator + other.numerator,
            denominator,
            self.eligible + other.eligible,
            reason=None if denominator else self.reason or other.reason,
        )

    def scored(self) -> ScoredMeasure:
        """Return the measurement as the document shows it."""
        return ScoredMeasure(
            name=self.name,
            dimension=self.dimension,
            definition=self.definition,
            numerator=self.numerator,
            denominator=self.denominator,
            eligible=self.eligible,
            score=self.score,
            coverage=self.denominator / self.eligible if self.eligible else None,
            reason=self.reason,
            query=self.query,
            columns=self.columns,
        )


@runtime_checkable
class Check(Protocol):
    """Measures one thing. `definition` is raised when a number would come out differently for the same table."""

    name: str
    dimension: str
    definition: str

    def measure(self, table: TableFacts) -> Measurement:
        """Return what holds for this table; deterministic, no clock, no network."""


@runtime_checkable
class CountingCheck(Check, Protocol):
    """A check that counts rows: says beforehand what it will ask, so all checks of a table share one scan."""

    def counts(self, table: TableFacts) -> Sequence[str]:
        """Return SQL aggregates over the columns of `data`, which `measure` asks of `table.opened().counts`."""


@cache
def registered_checks() -> tuple[Check, ...]:
    """Return one of each check that any installed package registers, in the order of their names."""
    checks = [entry.load()() for entry in entry_points(group=GROUP)]
    return tuple(sorted(checks, key=lambda check: str(check.name)))


def measure_table(checks: Iterable[Check], table: TableFacts) -> list[Measurement]:
    """Return the measurement of each check for a table; raises `duckdb.Error` where its rows cannot be read."""
    wanted = list(checks)
    with Rows(table.parts, [column.name for column in table.columns], table.limits) as rows:
        facts = TableFacts(table.row_count, table.columns, table.parts, table.limits, table.context, rows)
        with suppress(duckdb.OutOfMemoryException):  # then each check asks for its own, and one of them fails
            rows.counts([sql for check in wanted if isinstance(check, CountingCheck) for sql in check.counts(facts)])
        return [_measured(check, facts) for check in wanted]


def _measured(check: Check, table: TableFacts) -> Measurement:
    """Measure, or say that the memory did not do: the other measures are worth having."""
    try:
        return check.measure(table)
    except duckdb.OutOfMemoryException:
        return Measurement(check.name, check.dimension, check.definition, 0, 0, 0, reason="memory_limit_exceeded")


def over_tables(tables: Iterable[Sequence[Measurement]]) -> list[Measurement]:
    """Add up the measurements of all tables, measure by measure, in the order in which they first appear.

    A measure of a single table keeps its query.
    """
    total: dict[str, Measurement] = {}
    for measurements in tables:
        for measurement in measurements:
            known = total.get(measurement.name)
            total[measurement.name] = measurement if known is None else known + measurement
    return list(total.values())
