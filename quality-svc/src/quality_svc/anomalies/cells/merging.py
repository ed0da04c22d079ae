"""From suspicions to findings: detectors' votes on a cell become one confidence, the best first, as many as asked for.

Votes are combined as 1 - product(1 - p), as if independent, but of detectors that look at the same thing (a *family*)
only the strongest counts: a misspelt word that is also rare and oddly shaped is one piece of evidence, not three.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quality_svc.anomalies.cells.interface import Reason, Suspicions
from quality_svc.anomalies.cells.table import CellTable
from quality_svc.anomalies.document import CellAnomaly, CellKind, ColumnAnomalies

REPORTED_FROM: Final = 0.5
"""A cell is reported where it is more probably wrong than not."""
_FAMILIES: Final[dict[CellKind, str]] = {
    "pattern": "shape",
    "format": "shape",
    "domain": "shape",
    "variant": "spelling",
    "typo": "spelling",
    "outlier": "magnitude",
    "scale": "magnitude",
    "dependency": "agreement",
    "duplicate": "agreement",
}


@dataclass(frozen=True)
class Findings:
    """What is shown, how many were found in all, and by column and kind."""

    shown: tuple[CellAnomaly, ...]
    found: int
    by_column: tuple[ColumnAnomalies, ...]


def merge(table: CellTable, suspicions: Iterable[Suspicions], *, limit: int) -> Findings:
    """Merge votes cell by cell; keep the `limit` most confident of those above the threshold."""
    by_column: dict[int, list[Suspicions]] = defaultdict(list)
    for group in suspicions:
        if len(group.rows):
            by_column[group.column].append(group)
    found = 0
    kept: list[tuple[float, int, int, list[tuple[CellKind, Reason]]]] = []
    tallies: dict[tuple[int, CellKind], int] = defaultdict(int)
    for column, groups in sorted(by_column.items()):
        for row, confidence, reasons in _cells(table.n_rows, groups):
            found += 1
            tallies[column, reasons[0][0]] += 1
            kept.append((-confidence, row, column, reasons))
        if len(kept) > 4 * limit:
            kept = sorted(kept, key=lambda cell: cell[:3])[:limit]
    kept.sort(key=lambda cell: cell[:3])
    return Findings(
        tuple(_anomaly(table, *cell) for cell in kept[:limit]),
        found,
        tuple(
            ColumnAnomalies(column=table.columns[column].name, kind=kind, found=count)
            for (column, kind), count in sorted(tallies.items())
        ),
    )


def _cells(n_rows: int, groups: Sequence[Suspicions]) -> Iterable[tuple[int, float, list[tuple[CellKind, Reason]]]]:
    """Yield row, confidence and reasons (strongest first) of the cells of a column that reach the threshold."""
    doubt: dict[str, np.ndarray] = {}
    for group in groups:
        weight = np.array([reason.confidence for reason in group.reasons])[group.which]
        family = doubt.setdefault(_FAMILIES.get(group.kind, group.kind), np.zeros(n_rows))
        np.maximum.at(family, group.rows, weight)
    right = np.ones(n_rows)
    for weights in doubt.values():
        right *= 1 - weights
    confident = 1 - right
    reached = confident >= REPORTED_FROM - 1e-9
    reasons: dict[int, list[tuple[CellKind, Reason]]] = defaultdict(list)
    for group in groups:
        for row, which in zip(group.rows.tolist(), group.which.tolist(), strict=True):
            if reached[row]:
                reasons[row].append((group.kind, group.reasons[which]))
    for row in sorted(reasons):
        ordered = sorted(reasons[row], key=lambda reason: -reason[1].confidence)
        yield row, float(confident[row]), ordered


def _anomaly(
    table: CellTable, negative: float, row: int, column: int, reasons: list[tuple[CellKind, Reason]]
) -> CellAnomaly:
    texts = list(dict.fromkeys(reason.evidence for _, reason in reasons))
    suggestions = [reason.suggestion for _, reason in reasons if reason.suggestion is not None]
    return CellAnomaly(
        row=int(table.row_numbers[row]),
        column=table.columns[column].name,
        source_column=table.columns[column].source_name,
        kind=reasons[0][0],
        evidence="; ".join(texts[:3]),
        suggestion=suggestions[0] if suggestions else None,
        confidence=round(min(1.0, -negative), 4),
    )
