"""Rows of several sources about the same things: cells that most reliable sources contradict, and missing claims.

A table is of this shape where an entity column X and a source column S are a key together, each source speaks of many
entities, and values of Y recur within an entity but hardly across entities (so that agreement is no coincidence). Then
each row is a claim. How reliable a source is and what is true is estimated by turns, as in truth discovery (Yin, Han
and Yu, TruthFinder, 2008; Dong et al., Accu, 2009), so a minority of good sources may outvote many bad ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quality_svc.anomalies.cells.grouping import Grouping, joined, rows_in
from quality_svc.anomalies.cells.interface import Context, Reason, Suspicions
from quality_svc.anomalies.cells.table import NULL, CellColumn, CellTable, Floats

_MIN_ROWS: Final = 30
_MIN_SOURCES: Final = 3
_MIN_CLAIMS: Final = 3
_DENSE: Final = 0.3
_KEY: Final = 0.95
_WITHIN: Final = 0.2
_BACK: Final = 0.5
_ROUNDS: Final = 10
_WEIGHTS: Final = (0.05, 3.0)


@dataclass(frozen=True)
class _Shape:
    """The columns that make a table one of claims."""

    entity: int
    source: int
    claimed: tuple[int, ...]


class Claims:
    """Contradictions between sources about the same entity."""

    name = "claims"

    def suspicions(self, table: CellTable, context: Context) -> Iterator[Suspicions]:
        """Yield contradicted claims by column, then missing ones."""
        del context
        shape = _shape(table)
        if shape is None:
            return
        weights = {column: np.ones(table.n_rows) for column in shape.claimed}
        groupings: dict[int, Grouping] = {}
        for _ in range(_ROUNDS):
            for column in shape.claimed:
                groupings[column] = Grouping.of(
                    table.columns[shape.entity].codes, table.columns[column].codes, weights[column]
                )
            weights = _reliability(table, shape, groupings)
        for column, grouping in groupings.items():
            yield _contradicted(table, shape, column, grouping)
            yield _unclaimed(table, shape, column, grouping)


def _shape(table: CellTable) -> _Shape | None:
    """Find entity and source columns; of several the pair with most claimed columns."""
    best: _Shape | None = None
    for entity, first in enumerate(table.columns):
        if table.n_rows < _MIN_ROWS or not _repeats(first, _MIN_CLAIMS):
            continue
        claimed = _claimed(table, entity)
        if not claimed or (best is not None and len(claimed) <= len(best.claimed)):
            continue
        for source, second in enumerate(table.columns):
            if source == entity or source in claimed or second.distinct < _MIN_SOURCES:
                continue
            if second.distinct * _MIN_CLAIMS > second.filled or second.distinct > first.distinct:
                continue
            if first.distinct * second.distinct * _DENSE > table.n_rows:
                continue  # sources that speak of few of the entities are no sources
            codes = joined(first.codes, second.codes)
            if len(np.unique(codes[codes != NULL])) >= _KEY * table.n_rows:
                best = _Shape(entity, source, claimed)
                break
    return best


def _repeats(column: CellColumn, times: int) -> bool:
    return column.distinct > 1 and column.filled >= times * column.distinct


def _claimed(table: CellTable, entity: int) -> tuple[int, ...]:
    """Return the columns whose values recur within an entity and point back to it."""
    entities = table.columns[entity].codes
    claimed = []
    for place, column in enumerate(table.columns):
        if place == entity or column.distinct < _MIN_SOURCES or column.filled < _MIN_ROWS:
            continue
        within = Grouping.of(entities, column.codes)
        if within.strength() < _WITHIN or Grouping.of(column.codes, entities).strength() < _BACK:
            continue
        claimed.append(place)
    return tuple(claimed)


def _reliability(table: CellTable, shape: _Shape, groupings: dict[int, Grouping]) -> dict[int, Floats]:
    """Return each row's weight by column: log odds that its source is right there, smoothed by its other columns."""
    sources = table.columns[shape.source].codes
    n_sources = table.columns[shape.source].distinct
    right: dict[int, Floats] = {}
    said: dict[int, Floats] = {}
    for column, grouping in groupings.items():
        rows = np.flatnonzero((grouping.pair >= 0) & (sources != NULL))
        pairs = grouping.pair[rows]
        others = grouping.mass[grouping.group[pairs]] - grouping.weight[pairs] / grouping.count[pairs]
        own = grouping.weight[pairs] - grouping.weight[pairs] / grouping.count[pairs]
        agreed = np.where(others > 0, own / np.maximum(others, 1e-9), 0.0)
        counted = (grouping.size[grouping.group[pairs]] > 1).astype(np.float64)
        right[column] = np.bincount(sources[rows], weights=agreed * counted, minlength=n_sources).astype(np.float64)
        said[column] = np.bincount(sources[rows], weights=counted, minlength=n_sources).astype(np.float64)
    overall = (sum(right.values()) + 1.0) / (sum(said.values()) + 2.0)
    made = {}
    for column in groupings:
        accuracy = (right[column] + 5 * overall) / (said[column] + 5)
        odds = np.clip(np.log(accuracy / (1 - accuracy)) + 2.0, *_WEIGHTS)
        made[column] = np.where(sources != NULL, odds[sources], _WEIGHTS[0])
    return made


def _contradicted(table: CellTable, shape: _Shape, column: int, grouping: Grouping) -> Suspicions:
    believed = _believed(grouping)
    # two that disagree tell nothing, and what is believed is no suspicion
    rows = rows_in(grouping.pair, (believed < 0.7) & (grouping.size[grouping.group] >= _MIN_CLAIMS))  # noqa: PLR2004
    chosen, which = np.unique(grouping.pair[rows], return_inverse=True)
    entity, right = table.columns[shape.entity], table.columns[column]
    reasons = []
    for pair in chosen.tolist():
        lead = grouping.top[grouping.group[pair]]
        size = int(grouping.size[grouping.group[pair]])
        value = right.values[grouping.value[lead]]
        said = f"{int(grouping.count[pair])} of {size} rows about the same {entity.name} say so"
        against = f"; {int(grouping.count[lead])} of better standing say {value[:60]!r}" if lead != pair else ""
        reasons.append(Reason(float(1 - believed[pair]), said + against, value if lead != pair else None))
    return Suspicions("dependency", column, rows, which.astype(np.int64), reasons)


def _believed(grouping: Grouping) -> Floats:
    """Return, per claimed value, the probability that it is true: a softmax of its sources' weights in the group."""
    # sources copy from each other: n of them are worth about the square root of n independent ones
    weight = grouping.weight * 2 / np.sqrt(np.maximum(grouping.size, 4))[grouping.group]
    top = weight[np.maximum(grouping.top, 0)]
    powers = np.exp(np.minimum(weight - top[grouping.group], 0))
    # what nobody said may be true as well: as probable as a claim of one poor source
    totals = np.bincount(grouping.group, weights=powers, minlength=grouping.n_groups) + np.exp(-top)
    believed: Floats = powers / totals[grouping.group]
    return believed


def _unclaimed(table: CellTable, shape: _Shape, column: int, grouping: Grouping) -> Suspicions:
    """Suspect nulls where other rows about the entity do say something."""
    right, entity = table.columns[column], table.columns[shape.entity]
    rows = np.flatnonzero((right.codes == NULL) & (grouping.left != NULL)).astype(np.int64)
    rows = rows[grouping.size[grouping.left[rows]] >= 2]  # noqa: PLR2004 - one other may be wrong itself
    chosen, which = np.unique(grouping.left[rows], return_inverse=True)
    whole: Sequence[int] = np.bincount(entity.codes[entity.codes != NULL], minlength=entity.distinct).tolist()
    reasons = []
    for group in chosen.tolist():
        lead = grouping.top[group]
        size = int(grouping.size[group])
        said = f"empty, but {size} of {whole[group]} rows about the same {entity.name} have a value"
        reasons.append(Reason(0.5 + 0.45 * size / max(1, whole[group]), said, right.values[grouping.value[lead]]))
    return Suspicions("missing", column, rows, which.astype(np.int64), reasons)
