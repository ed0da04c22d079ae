"""Cells that did not fit their column's type: the reader quarantined them, and they stand as null in the table.

This is what the reader knows, no guess of a detector; the reader's report samples them, and counts all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quality_svc.anomalies.cells.interface import Reason, Suspicions
from quality_svc.anomalies.cells.table import CellTable


@dataclass(frozen=True)
class CastReport:
    """What the reader did to a column: texts it read as null, and cells that did not fit the column's type.

    `failed` has (data row from 0, text) of the cells that the reader's report samples, `failed_count` counts all.
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


def failed_casts(table: CellTable, casts: Mapping[str, CastReport]) -> Iterator[Suspicions]:
    """Yield the cells that the reader could not read, as far as its report names them."""
    for place, column in enumerate(table.columns):
        report = casts.get(column.name)
        if report is None or not report.failed:
            continue
        reasons = {}
        for row, text in report.failed:
            spot = int(np.searchsorted(table.row_numbers, row))
            if spot < table.n_rows and table.row_numbers[spot] == row:
                shown = f"{text[:60]!r} is not of the column's type, as {report.failed_count:,} cells of it"
                reasons[spot] = Reason(0.95, shown)
        yield Suspicions.of_rows("cast", place, reasons)
