"""Every section of an assessment, each by its own part; what fails is named and the rest goes on."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from dataplatform.engine import EngineLimits
from quality_svc.anomalies import Anomalies as TableAnomalies
from quality_svc.anomalies import CastReport, find_anomalies
from quality_svc.assessment.document import (
    Anomalies,
    AssessedTable,
    Assessment,
    Dimension,
    Failure,
    KindCount,
    Scores,
    Section,
    SuggestedRule,
    TableCell,
    TableLeftOut,
    TableRow,
    TableSeries,
)
from quality_svc.checks.context import NO_CONTEXT, RuleTally, TableContext
from quality_svc.checks.interface import Measurement, TableFacts, measure_table, over_tables, registered_checks
from quality_svc.contracts.drafting import quality_of
from quality_svc.profile.document import ColumnProfile
from quality_svc.profile.table import TableProfiler
from quality_svc.relations import find_relations
from quality_svc.rules.suggestion import suggest
from quality_svc.scores import score
from quality_svc.suitability import judge_all

_log: Final = logging.getLogger(__name__)
Made = TypeVar("Made")
_SUGGESTIONS: Final = 500
"""Most suggested rules of a table."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table to assess: its local Parquet parts in row order, and what the reader reported of its columns."""

    index: int
    name: str
    parts: tuple[Path, ...]
    casts: Mapping[str, CastReport] = field(default_factory=dict)
    context: TableContext = NO_CONTEXT

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "Source":
        """Read a table of a sandbox's argument: `index`, `name`, `parts` and perhaps the report's `columns`."""
        casts = {column["name"]: CastReport.of_column(column) for column in table.get("columns", ())}
        return cls(table["index"], table["name"], tuple(map(Path, table["parts"])), casts)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sections to make beside the profile; `rows`: the score of every row."""

    scores: bool = True
    relations: bool = True
    anomalies: bool = True
    suitability: bool = False
    suggestions: bool = False
    rows: bool = False


class Building:
    """Makes sections and remembers which failed."""

    def __init__(self, limits: EngineLimits, seed: int) -> None:
        self.limits = limits
        self.seed = seed
        self.failures: list[Failure] = []

    def attempt(self, section: Section, table: int | None, make: Callable[[], Made]) -> Made | None:
        """Return what `make` makes, or None, remembering why not: one section's fault must not take the others."""
        try:
            return make()
        except MemoryError:
            self._failed(section, table, "memory_limit_exceeded", "it needs more memory than it may use")
        except Exception as error:  # noqa: BLE001 - whatever it is, the other sections stand
            code = getattr(error, "code", None)
            if not isinstance(code, str):
                _log.exception("section %s of table %s", section, table)
                self._failed(section, table, "internal_error", f"a fault of the platform: {type(error).__name__}")
            else:
                self._failed(section, table, code, str(error))
        return None

    def _failed(self, section: Section, table: int | None, code: str, detail: str) -> None:
        self.failures.append(Failure(section=section, table=table, code=code, detail=detail))


@dataclass(frozen=True, slots=True)
class _Made:
    table: AssessedTable
    measurements: Sequence[Measurement]
    anomalies: TableAnomalies | None


def build(
    name: str,
    sources: Sequence[Source],
    limits: EngineLimits,
    *,
    seed: int,
    wanted: Wanted,
    rules: Sequence[RuleTally] = (),
    began: Callable[[str], None] = lambda _: None,
) -> tuple[Assessment, list[Failure]]:
    """Assess tables; `began` is told the name of each. Return the document and what failed (also in the document).

    `rules`: the outcome of rules, whose critical ones cap the overall score.

    Raises `UnreadableTableError` and `TableTooLargeError` where a table cannot be profiled.
    """
    building = Building(limits, seed)
    made = []
    for source in sources:
        began(source.name)
        made.append(_table(building, source, wanted))
    total = over_tables(one.measurements for one in made)
    document = Assessment(
        name=name,
        seed=seed,
        scores=_scores(total, rules) if wanted.scores else None,
        measures=tuple(measurement.scored() for measurement in total),
        tables=tuple(one.table for one in made),
        anomalies=_anomalies([(one.table.index, one.anomalies) for one in made]),
        failures=tuple(building.failures),
    )
    return document, building.failures


def _table(building: Building, source: Source, wanted: Wanted) -> _Made:
    limits, seed = building.limits, building.seed
    profiler = TableProfiler(source.parts, limits)
    columns = tuple(profiler.columns())
    rows = profiler.row_count
    measurements: Sequence[Measurement] = ()
    if wanted.scores:
        facts = TableFacts(rows, columns, source.parts, limits, source.context)
        measurements = building.attempt("scores", source.index, lambda: measure_table(registered_checks(), facts)) or ()
    relations = anomalies = None
    suitability = None
    if wanted.relations:
        relations = building.attempt(
            "relations", source.index, lambda: find_relations(source.parts, limits, columns, seed=seed)
        )
    if wanted.anomalies:
        anomalies = building.attempt(
            "anomalies",
            source.index,
            lambda: find_anomalies(source.parts, limits, seed=seed, rows=wanted.rows, casts=source.casts),
        )
    if wanted.suitability:
        suitability = building.attempt("suitability", source.index, lambda: judge_all(source.parts, limits, seed=seed))
    table = _assessed(source, rows, columns, measurements)
    sections = {
        "relations": relations,
        "suitability": suitability or (),
        "suggestions": _suggestions(columns, rows) if wanted.suggestions else (),
    }
    return _Made(table.model_copy(update=sections), measurements, anomalies)


def _suggestions(columns: Sequence[ColumnProfile], rows: int) -> tuple[SuggestedRule, ...]:
    found = suggest(columns, rows)[:_SUGGESTIONS]
    suggested = []
    for one in found:
        column: str | None = getattr(one.rule, "column", None)
        quality = quality_of(one.rule, of_table=column is None)
        suggested.append(SuggestedRule(**dict(one), column=column, quality=quality))
    return tuple(suggested)


def _assessed(
    source: Source, rows: int, columns: tuple[ColumnProfile, ...], measurements: Sequence[Measurement]
) -> AssessedTable:
    return AssessedTable(
        index=source.index,
        name=source.name,
        row_count=rows,
        column_count=len(columns),
        columns=columns,
        measures=tuple(measurement.scored() for measurement in measurements),
    )


def _scores(total: Sequence[Measurement], rules: Sequence[RuleTally]) -> Scores:
    found = score(total, rules)
    return Scores(
        overall=found.overall,
        uncapped=found.uncapped,
        dimensions=tuple(Dimension(**asdict(dimension)) for dimension in found.dimensions),
        critical_failed=found.critical_failed,
        measured=found.measured,
        registered=found.registered,
        weights=found.weights,
    )


def _anomalies(tables: Sequence[tuple[int, TableAnomalies | None]]) -> Anomalies:
    """Put the anomalies of all tables into one list each; rows and cells name their table."""
    found = [(index, anomalies) for index, anomalies in tables if anomalies is not None]

    def at(index: int, part: Any) -> dict[str, Any]:
        return {**{name: getattr(part, name) for name in type(part).model_fields}, "table": index}

    return Anomalies(
        cells=tuple(TableCell(**at(index, cell)) for index, table in found for cell in table.cells),
        cells_found=sum(table.cells_found for _, table in found),
        by_column=tuple(KindCount(**at(index, kind)) for index, table in found for kind in table.by_column),
        rows=tuple(TableRow(**at(index, row)) for index, table in found for row in table.rows),
        series=tuple(TableSeries(**at(index, series)) for index, table in found for series in table.series),
        left_out=tuple(TableLeftOut(**at(index, left)) for index, table in found for left in table.left_out),
    )
