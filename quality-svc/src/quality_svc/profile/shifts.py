"""A number near the middle of each column, from its first rows: sums of distances to it lose no digits."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from quality_svc.profile.arrays import PER_SECOND, Array, Scale, native
from quality_svc.profile.document import Kind
from quality_svc.profile.expressions import NUMERIC, TEMPORAL
from quality_svc.profile.kinds import is_measured
from quality_svc.profile.moments import LARGEST_CUBED
from quality_svc.profile.plan import ColumnPlan, TablePlan

FIRST_ROWS: Final = 1_024


def first_shifts(
    plan: TablePlan, columns: Sequence[tuple[ColumnPlan, Kind]], first: tuple[int, int] = (0, 0)
) -> dict[int, float]:
    """Return the median of the first rows by the column's position, in the units of `expressions.distance_sql`.

    `first`: the part, and the row group in it, where these are. 0 where there is none; what cannot be read will be said
    by who reads all of it.
    """
    wanted = [(column, kind) for column, kind in columns if kind in NUMERIC | TEMPORAL and is_measured(column.type)]
    shifts = {column.position: 0.0 for column, _ in columns}
    leaves = [leaf for column, _ in wanted for leaf in column.leaves]
    part, group = first
    if not leaves or not plan.footers[part].num_row_groups:
        return shifts
    try:
        file = pq.ParquetFile(plan.parts[part], metadata=plan.footers[part], pre_buffer=False)
        batches = file.reader.iter_batches(FIRST_ROWS, [group], column_indices=leaves, use_threads=False)
        batch = next(iter(batches), None)
    except (pa.ArrowException, OSError):
        return shifts
    if batch is not None:
        for array, (column, kind) in zip(batch.columns, wanted, strict=True):
            shifts[column.position] = _middle(array, kind)
    return shifts


def _middle(array: Array, kind: Kind) -> float:
    values = native(array, kind)
    if kind == "float":
        values = values[np.abs(values) < LARGEST_CUBED]
    if not len(values):
        return 0.0
    return float(np.sort(values)[len(values) // 2]) * in_sql_units(Scale.of(kind, array.type))


def in_sql_units(scale: Scale) -> float:
    """Return what a native unit is in the units of `expressions.distance_sql`."""
    if scale.kind in {"timestamp", "time"}:
        return 1_000_000 / PER_SECOND[scale.unit]
    return 1 / 10.0**scale.places
