"""Unusual rows of a table: learnt from a sample of rows, scored batch by batch, explained by their farthest columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dataplatform.engine import EngineLimits, open_engine
from quality_svc.anomalies.document import ColumnDistance, RowAnomaly, Sampling
from quality_svc.anomalies.rows.encoding import Encoder, Floats, learn_encoder, usable_columns
from quality_svc.anomalies.rows.ensemble import Ensemble, learn_ensemble
from quality_svc.anomalies.source import Source

TRAINING_ROWS: Final = 10_000
SHOWN_ROWS: Final = 100
EXPLAINED_ROWS: Final = 1_000
_EXPLAINED_COLUMNS: Final = 3
_MIN_ROWS: Final = 10
_BATCH: Final = 16_384
MAX_SCORED: Final = 2_000_000
"""Rows that are scored at most; beyond, those that a hash of their number chooses."""


@dataclass(frozen=True)
class RowFindings:
    """Unusual rows, the sample they were judged by, and why nothing was judged."""

    rows: tuple[RowAnomaly, ...]
    sampling: Sampling | None
    left_out: tuple[tuple[str, str], ...] = ()


def unusual_rows(source: Source, limits: EngineLimits, *, seed: int, every: bool) -> RowFindings:
    """Score rows; all of them in their order where `every`, else the most unusual, most unusual first.

    Raises `duckdb.Error`.
    """
    if source.row_count < _MIN_ROWS:
        return RowFindings((), None, (("rows", f"a table of fewer than {_MIN_ROWS} rows has no usual row"),))
    columns = usable_columns(source)
    share = min(1.0, TRAINING_ROWS / source.row_count)
    batches = list(_read(source, limits, share, seed))
    sample = {column.position: _joined([cells[column.position] for _, cells in batches]) for column in columns}
    encoder = learn_encoder(source, sample)
    trained = sum(len(rows) for rows, _ in batches)
    if not encoder.columns or trained < _MIN_ROWS:
        return RowFindings((), None, (("rows", "no column by which rows could be compared"),))
    points = encoder.encode(sample)
    ensemble = learn_ensemble(points, seed=seed)
    sampling = Sampling(
        rows=trained, of_rows=source.row_count, method="all" if share == 1 else "rows by a hash of their number"
    )
    scored = min(1.0, MAX_SCORED / source.row_count)
    shown = _scored(source, limits, encoder, ensemble, share=scored, seed=seed, every=every)
    notes = [] if scored == 1 else [("rows", f"{MAX_SCORED:,} of {source.row_count:,} rows were scored")]
    if encoder.left_out:
        notes.append(("rows", f"{encoder.left_out} columns say nothing about likeness: constant, running or unique"))
    return RowFindings(shown, sampling, tuple(notes))


def _scored(
    source: Source, limits: EngineLimits, encoder: Encoder, ensemble: Ensemble, *, share: float, seed: int, every: bool
) -> tuple[RowAnomaly, ...]:
    """Score batch by batch. Kept are scores, and the points of those rows only that can still be explained."""
    scores: list[Floats] = []
    numbers: list[Any] = []
    best: list[tuple[float, int, Floats]] = []
    keep = EXPLAINED_ROWS if every else SHOWN_ROWS
    for rows, cells in _read(source, limits, share, seed):
        points = encoder.encode(cells)
        ranks = ensemble.ranked(ensemble.score(points))
        highest = np.argsort(-ranks, kind="stable")[:keep].tolist()
        best += [(float(ranks[place]), int(rows[place]), points[place]) for place in highest]
        best = sorted(best, key=lambda row: (-row[0], row[1]))[:keep]
        if every:
            scores.append(ranks)
            numbers.append(rows)
    explained = {row: _explained(encoder, point) for _, row, point in best}
    if not every:
        return tuple(RowAnomaly(row=row, score=score, explanation=explained[row]) for score, row, _ in best)
    return tuple(
        RowAnomaly.model_construct(row=row, score=score, explanation=explained.get(row, ()))
        for row, score in zip(np.concatenate(numbers).tolist(), np.concatenate(scores).tolist(), strict=True)
    )


def _explained(encoder: Encoder, point: Floats) -> tuple[ColumnDistance, ...]:
    order = np.argsort(-np.abs(point), kind="stable")[:_EXPLAINED_COLUMNS].tolist()
    return tuple(
        ColumnDistance(column=encoder.columns[place].column.name, z=round(float(point[place]), 2))
        for place in order
        if abs(point[place]) > 0
    )


def _read(source: Source, limits: EngineLimits, share: float, seed: int) -> Iterator[tuple[Any, dict[int, Any]]]:
    """Yield row numbers and cells (Arrow arrays by position), in order."""
    columns = usable_columns(source)
    names = "".join(f", c{column.position}" for column in columns)
    with open_engine(limits, ordered=True) as connection:
        for part, offset in zip(source.parts, source.offsets, strict=True):
            query = f"SELECT r + {offset}{names} FROM {source.scan(part)}"
            if share < 1:
                query += f" WHERE hash(r + {offset}, {seed}) < {int(share * 2**64)}::UBIGINT"
            for batch in connection.execute(query).to_arrow_reader(_BATCH):
                cells = {column.position: batch.column(place + 1) for place, column in enumerate(columns)}
                yield batch.column(0).to_numpy(zero_copy_only=False).astype(np.int64), cells


def _joined(chunks: list[Any]) -> Any:

    joined: Any = pa.concat_arrays(chunks)
    return joined
