"""`find_anomalies`: cells, rows and series of one table in bounded time and memory."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import duckdb

from dataplatform.engine import EngineLimits
from quality_svc.anomalies.cells.casts import CastReport, failed_casts
from quality_svc.anomalies.cells.interface import Context
from quality_svc.anomalies.cells.loading import load_cells
from quality_svc.anomalies.cells.merging import Findings, merge
from quality_svc.anomalies.cells.registered import DETECTORS
from quality_svc.anomalies.document import Anomalies, LeftOut, Sampling
from quality_svc.anomalies.rows.scoring import RowFindings, unusual_rows
from quality_svc.anomalies.series.finding import find_series
from quality_svc.anomalies.source import Source, open_source
from quality_svc.profile.table import TableTooLargeError, UnreadableTableError

MAX_CELLS_SHOWN: Final = 10_000
Subject = Literal["cells", "rows", "series"]
SUBJECTS: Final[tuple[Subject, ...]] = ("cells", "rows", "series")
NOTHING: Final = Findings((), 0, ())


def find_anomalies(
    parts: Sequence[Path],
    limits: EngineLimits,
    *,
    seed: int,
    rows: bool = False,
    casts: Mapping[str, CastReport] | None = None,
    max_cells: int = MAX_CELLS_SHOWN,
    look_for: Collection[Subject] = SUBJECTS,
) -> Anomalies:
    """Find what is unusual in a table.

    `parts` are local Parquet files in row order. `rows` asks for the score of every row (and of every time of a
    series); `casts` says, by column name, what the reader could not read; `look_for` leaves subjects out. Raises
    `UnreadableTableError` and `TableTooLargeError`.
    """
    source = open_source(parts)
    if not source.columns:
        nothing = Sampling(rows=source.row_count, of_rows=source.row_count, method="all")
        return Anomalies(row_count=source.row_count, column_count=0, cell_sampling=nothing)
    try:
        notes: list[tuple[str, str]] = []
        cells, sampling = NOTHING, Sampling(rows=0, of_rows=source.row_count, method="not looked at")
        if "cells" in look_for:
            cells, sampling, notes = _cells(source, limits, seed, casts or {}, max_cells)
        unusual = unusual_rows(source, limits, seed=seed, every=rows) if "rows" in look_for else RowFindings((), None)
        series, unseen = find_series(source, limits, every=rows) if "series" in look_for else ((), [])
    except duckdb.OutOfMemoryException as error:
        raise TableTooLargeError(_first_line(error)) from error
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException):
        raise  # not the table's fault: a query of ours is wrong
    except duckdb.Error as error:
        raise UnreadableTableError(_first_line(error)) from error
    return Anomalies(
        row_count=source.row_count,
        column_count=len(source.columns),
        cells=cells.shown,
        cells_found=cells.found,
        by_column=cells.by_column,
        cell_sampling=sampling,
        rows=unusual.rows,
        row_sampling=unusual.sampling,
        series=series,
        left_out=tuple(LeftOut(what=what, reason=reason) for what, reason in (*notes, *unusual.left_out, *unseen)),
    )


def _cells(
    source: Source, limits: EngineLimits, seed: int, casts: Mapping[str, CastReport], max_cells: int
) -> tuple[Findings, Sampling, list[tuple[str, str]]]:
    """Return suspicious cells, the rows that were looked at, and what was left out."""
    table = load_cells(source, limits, seed=seed)
    context = Context(seed, {name: dict(report.null_spellings) for name, report in casts.items()})
    votes = [group for detector in DETECTORS for group in detector.suspicions(table, context)]
    cells = merge(table, [*votes, *failed_casts(table, casts)], limit=max_cells)
    if cells.found > len(cells.shown):
        shown = f"the {len(cells.shown):,} most confident of {cells.found:,} are shown"
        context.left_out.append(("cells", shown))
    method = "all" if table.n_rows == source.row_count else "rows by a hash of their number"
    return cells, Sampling(rows=table.n_rows, of_rows=source.row_count, method=method), context.left_out


def _first_line(error: Exception) -> str:
    """Return what the engine said; it may quote the data, so it is for logs only."""
    return str(error).partition("\n")[0][:500]
