"""The pure work of an assessment, as the sandbox runs it: Parquet files in, a document on disk and counts out.

Files come from outside and may be hostile; nothing here has credentials or talks to a server. What is returned holds
counts only, never a value of the data: it goes into events.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import duckdb

from dataplatform.engine import EngineLimits
from dataplatform.jobs.progress import TablesProgress
from quality_svc.around import Around
from quality_svc.checks.context import TableContext
from quality_svc.checks.interface import Measurement, TableFacts, measure_table, over_tables, registered_checks
from quality_svc.contracts import ContractResult
from quality_svc.partitions.work import profiler_of
from quality_svc.profile.document import Engine
from quality_svc.profile.writing import DocumentWriter
from quality_svc.scores import WEIGHTS_VERSION, overall
from quality_svc.summaries import MOST, summaries

_SHOWN_COLUMNS: Final = 2_000
"""Widest table of which checks see quantiles and frequent values of every column."""
_HIDDEN: Final = {"quantiles": None, "top": None}


@dataclass(frozen=True, slots=True)
class TableInput:
    """A table to assess: who it is, and its Parquet parts in row order, as local files.

    `partials`: of a table whose profile was measured in items, what `partitions.work.profiler_of` takes.
    """

    table_id: UUID
    index: int
    name: str
    parts: tuple[Path, ...]
    partials: Mapping[str, Any] | None = None


def assess(argument: dict[str, Any]) -> dict[str, Any]:
    """Assess the tables that `argument` names; the sandbox's target, JSON in and JSON out.

    In: `dataset_id`, `run_id`, `assessment_id`, `tables` (`table_id`, `index`, `name`, `parts`, perhaps `partials`),
    `document` (the file to write), `memory_bytes`, `threads`, `scratch`; `contract` where one holds (`path`, `result`:
    the file to write, `at`: the time that ages are measured at, perhaps `foreign`: files of other datasets' tables by
    the names of its references); perhaps `lineage` (`original_sha256`, `handler`), `arrivals` (ISO 8601, this
    version's last) and `frequency_seconds`. Out: `overall`, `measures`, `tables` (`table_id`,
    `row_count`, `measures`), `columns` (of the first ones) and, with a contract, `rules`: its clauses by outcome.
    Raises `UnreadableTableError` and `TableTooLargeError`.
    """
    limits = EngineLimits(argument["memory_bytes"], argument["threads"], Path(argument["scratch"]))
    tables = [
        TableInput(
            UUID(table["table_id"]),
            table["index"],
            table["name"],
            tuple(map(Path, table["parts"])),
            table.get("partials"),
        )
        for table in argument["tables"]
    ]
    around = Around(argument)
    enforced = around.enforce(tables, limits)
    progress = TablesProgress()
    writer = DocumentWriter(
        Path(argument["document"]),
        dataset_id=UUID(argument["dataset_id"]),
        run_id=UUID(argument["run_id"]),
        assessment_id=UUID(argument["assessment_id"]),
        engine=Engine(name="duckdb", version=duckdb.__version__),
    )
    with writer as document:
        assessed = []
        told: list[dict[str, Any]] = []
        for table in tables:
            progress.begin(table.name)
            assessed.append(_assess_table(document, table, limits, around.of(table), told))
            progress.advance(assessed[-1][0], sum(part.stat().st_size for part in table.parts))
            progress.end(kept=True)
        total = over_tables(measurements for _, measurements in assessed)
        score = overall(total, enforced.tallies() if enforced else ())
        document.conclude([measurement.scored() for measurement in total], score, WEIGHTS_VERSION)
    return {
        **({"rules": _rules(enforced)} if enforced else {}),
        "overall": score,
        "measures": _event_measures(total),
        "tables": [
            {
                "table_id": str(table.table_id),
                "row_count": rows,
                "measures": _event_measures(measurements),
            }
            for table, (rows, measurements) in zip(tables, assessed, strict=True)
        ],
        "columns": told,
    }


def _assess_table(
    document: DocumentWriter,
    table: TableInput,
    limits: EngineLimits,
    context: TableContext,
    told: list[dict[str, Any]],
) -> tuple[int, list[Measurement]]:
    """Write the profile of a table, and add what an event tells of its columns to `told`, while there is room."""
    profiler = profiler_of(table.parts, limits, table.partials)
    writer = document.table(
        table_id=table.table_id,
        index=table.index,
        name=table.name,
        row_count=profiler.row_count,
        column_count=profiler.column_count,
    )
    columns = []
    for column in profiler.columns():
        writer.column(column)
        columns.append(column if profiler.column_count <= _SHOWN_COLUMNS else column.model_copy(update=_HIDDEN))
    told += summaries(table.table_id, columns[: max(0, MOST - len(told))])
    measurements = measure_table(
        registered_checks(), TableFacts(profiler.row_count, columns, table.parts, limits, context)
    )
    writer.conclude([measurement.scored() for measurement in measurements])
    return profiler.row_count, measurements


def _rules(enforced: ContractResult) -> dict[str, int]:
    """Return the clauses of a contract by their outcome, as an event carries it."""
    return {name: getattr(enforced, name) for name in ("passed", "failed", "not_evaluated", "critical_failed")}


def _event_measures(measurements: Iterable[Measurement]) -> list[dict[str, Any]]:
    """Return the measures that were measured, as an event carries them; the document has the others too."""
    return [_event_measure(measurement) for measurement in measurements if measurement.denominator]


def _event_measure(measurement: Measurement) -> dict[str, Any]:
    """Return the measurement as an event carries it."""
    return {
        "name": measurement.name,
        "dimension": measurement.dimension,
        "numerator": measurement.numerator,
        "denominator": measurement.denominator,
        "score": measurement.score,
        "definition": measurement.definition,
    }
