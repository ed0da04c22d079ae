"""What a cell detector is given and what it answers: suspicions, each with evidence and a probability."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from quality_svc.anomalies.cells.table import CellTable, Rows
from quality_svc.anomalies.document import CellKind


@dataclass(frozen=True)
class Reason:
    """Why cells are suspicious: the probability that such a cell is wrong, in words, and what it should hold."""

    confidence: float
    evidence: str
    suggestion: str | None = None


@dataclass(frozen=True)
class Suspicions:
    """Cells of one column that a detector suspects: sampled row `rows[i]` for `reasons[which[i]]`."""

    kind: CellKind
    column: int
    rows: Rows
    which: npt.NDArray[np.int64]
    reasons: Sequence[Reason]

    @classmethod
    def of_values(cls, kind: CellKind, table: CellTable, column: int, reasons: dict[int, Reason]) -> "Suspicions":
        """Suspect every cell that holds one of the distinct values (by code) named in `reasons`."""
        place = np.full(table.columns[column].distinct + 1, -1, dtype=np.int64)
        for index, code in enumerate(reasons):
            place[code] = index
        which = place[table.columns[column].codes]
        rows = np.flatnonzero(which >= 0).astype(np.int64)
        return cls(kind, column, rows, which[rows], list(reasons.values()))

    @classmethod
    def of_rows(cls, kind: CellKind, column: int, reasons: dict[int, Reason]) -> "Suspicions":
        """Suspect the cells of the sampled rows named in `reasons`."""
        rows = np.fromiter(reasons, dtype=np.int64, count=len(reasons))
        return cls(kind, column, rows, np.arange(len(rows), dtype=np.int64), list(reasons.values()))


@dataclass
class Context:
    """What a detector may know beside the cells: what the reader said of each column, and a list to confess to."""

    seed: int
    null_spellings: dict[str, dict[str, int]] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)


class Detector(Protocol):
    """Finds one kind of error. Pure and deterministic; no rule may rest on one particular table."""

    name: str

    def suspicions(self, table: CellTable, context: Context) -> Iterator[Suspicions]:
        """Yield what is suspicious, column by column."""
        ...
