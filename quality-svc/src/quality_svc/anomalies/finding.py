"""`find_anomalies`: cells, rows and series of one table in bounded time and memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from dataplatform.engine import EngineLimits
from quality_svc.anomalies.cells.interface import Context
from quality_svc.anomalies.cells.loading import load_cells
from quality_svc.anomalies.cells.merging import merge
from quality_svc.anomalies.cells.registered import DETECTORS
from quality_svc.anomalies.document import Anomalies, LeftOut, Sampling
from quality_svc.anomalies.rows.scoring import unusual_rows
from quality_svc.anomalies.series.finding import find_series
from quality_svc.anomalies.source import Source, open_source
from quality_svc.profile.table import TableTooLargeError, UnreadableTableError

MAX_CELLS_SHOWN: Final = 10_000


@dataclass(frozen=True)
class CastReport:
    """What the reader did to a column: texts it read as null, and cells that did not fit the column's type.

    `failed` has (data row from 0, text) of the cells that the reader's report samples.
    """

    null_spellings: Mapping[str, int] = field(default_factory=dict)
    failed: Sequence[tuple[int, str]] = ()
    failed_count: int = 0

    @classmethod
    def of_column(cls, column: Mapping[str, Any]) -> "CastReport":
        """Read the column of an extraction's report (its sampled rows count from 1)."""
        failed = column.get("failed_casts") or {}
        samples = [(int(sample["row"]) - 1, str(sample["value"])) for sample in failed.get("samples", ())]
        return cls(dict(column.get("null_spellings") or {}), samples, int(failed.get("count", 0)))


def find_anomalies(
    parts: Sequence[Path],
    limits: EngineLimits,
    *,
    seed: int,
    rows: bool = False,
    casts: Mapping[str, CastReport] | None = None,
    max_cells: int = MAX_CELLS_SHOWN,
) -> Anomalies:
    """Find what is unusual in a table.

    `parts` are local Parquet files in row order. `rows` asks for the score of every row (and of every time of a
    series); `casts` says, by column name, what the reader could not read. Raises `UnreadableTableError` and
    `TableTooLargeError`.
    """
    source = open_source(parts)
    if not source.columns:
        nothing = Sampling(rows=source.row_count, of_rows=source.row_count, method="all")
        return Anomalies(row_count=source.row_count, column_count=0, cell_sampling=nothing)
    try:
        return _found(source, limits, seed=seed, rows=rows, casts=casts or {}, max_cells=max_cells)
    except duckdb.OutOfMemoryException as error:
        raise TableTooLargeError(_first_line(error)) from error
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException):
        raise  # not the table's fault: a query of ours is wrong
    except duckdb.Error as error:
        raise UnreadableTableError(_first_line(error)) from error


def _found(
    source: Source,
    limits: EngineLimits,
    *,
    seed: int,
    rows: bool,
    casts: Mapping[str, CastReport],
    max_cells: int,
) -> Anomalies:
    table = load_cells(source, limits, seed=seed)
    context = Context(seed, {name: dict(report.null_spellings) for name, report in casts.items()})
    votes = [group for detector in DETECTORS for group in detector.suspicions(table, context)]
    cells = merge(table, votes, limit=max_cells)
    unusual = unusual_rows(source, limits, seed=seed, every=rows)
    series, unseen = find_series(source, limits, every=rows)
    notes = (*context.left_out, *unusual.left_out, *unseen)
    return Anomalies(
        row_count=source.row_count,
        column_count=len(source.columns),
        cells=cells.shown,
        cells_found=cells.found,
        by_column=cells.by_column,
        cell_sampling=Sampling(
            rows=table.n_rows,
            of_rows=source.row_count,
            method="all" if table.n_rows == source.row_count else "rows by a hash of their number",
        ),
        rows=unusual.rows,
        row_sampling=unusual.sampling,
        series=series,
        left_out=tuple(LeftOut(what=what, reason=reason) for what, reason in notes),
    )


def _first_line(error: Exception) -> str:
    """Return what the engine said; it may quote the data, so it is for logs only."""
    return str(error).partition("\n")[0][:500]
