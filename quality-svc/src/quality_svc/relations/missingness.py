"""Which cells are null together, and whether being null depends on other values.

Patterns are counted over all rows as sets of bits, so pairs, order and groups follow from them exactly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from quality_svc.relations.association import Association, cramers_v, spearman, strength
from quality_svc.relations.correlations import is_category, is_number
from quality_svc.relations.document import MissingBy, Missingness, MissingPattern, MissingTogether
from quality_svc.relations.limits import (
    CORRELATED_COLUMNS,
    MISSING_COLUMNS,
    MISSING_PAIRS_SHOWN,
    PATTERNS_SHOWN,
)
from quality_svc.relations.sample import Sample, Sampled
from quality_svc.relations.source import Column, Table

_BITS: Final = 62
_FEWEST: Final = 20
"""Fewest nulls, and fewest other cells, in the sample to say on what they depend."""
_WEAKEST: Final = 0.1

Bits = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Patterns:
    """What was gathered over all patterns; `together[i, j]` rows have both i and j null."""

    together: npt.NDArray[np.float64]
    count: int = 0
    complete: int = 0
    monotone: int = 0
    incomplete: int = 0


def find_missingness(table: Table, sample: Sample) -> Missingness:
    """Count the patterns of nulls, and measure on what nulls depend."""
    having = [column for column in table.columns if column.nulls]
    chosen = sorted(having, key=lambda column: (-column.nulls, column.position))[:MISSING_COLUMNS]
    table.skip("missingness", f"the {MISSING_COLUMNS} columns with most nulls", len(having) - len(chosen))
    chosen.sort(key=lambda column: (column.nulls, column.position))
    if not chosen or not table.row_count:
        return _nothing(table)
    _store(table, chosen)
    patterns = _gather(table, len(chosen))
    groups = _always_together(patterns.together)
    found = Missingness(
        columns=tuple(column.name for column in sorted(chosen, key=lambda column: column.position)),
        complete_rows=patterns.complete,
        patterns=_most_frequent(table, chosen),
        pattern_count=patterns.count,
        always_together=tuple(tuple(chosen[place].name for place in group) for group in groups),
        pairs=_pairs(table, chosen, patterns.together, groups),
        monotone_order=tuple(column.name for column in chosen),
        monotone_share=patterns.monotone / patterns.incomplete if patterns.incomplete else 1.0,
        monotone=patterns.monotone == patterns.incomplete,
        by_values=_by_values(table, sample, {column.name for column in chosen}),
    )
    table.connection.execute("DROP TABLE missing")
    return found


def _nothing(table: Table) -> Missingness:
    return Missingness(
        columns=(),
        complete_rows=table.row_count,
        patterns=(),
        pattern_count=1 if table.row_count else 0,
        always_together=(),
        pairs=(),
        monotone_order=(),
        monotone_share=1.0,
        monotone=True,
        by_values=(),
    )


def _store(table: Table, columns: Sequence[Column]) -> None:
    """Count the patterns into a table `missing`: integers of 62 bits `m0`, `m1`, ... and `n` rows."""
    words = []
    for start in range(0, len(columns), _BITS):
        bits = (
            f"(CASE WHEN {column.sql} IS NULL THEN {1 << place} ELSE 0 END)::BIGINT"
            for place, column in enumerate(columns[start : start + _BITS])
        )
        words.append(f"{' + '.join(bits)} AS m{start // _BITS}")
    table.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE missing AS "
        f"SELECT *, count(*) AS n FROM (SELECT {', '.join(words)} FROM {table.scan()}) GROUP BY ALL"
    )


def _gather(table: Table, width: int) -> Patterns:
    """Read all patterns in batches: their sums are exact (rows are counted in doubles, below 2^53)."""
    patterns = Patterns(np.zeros((width, width)))
    for batch in table.batches("SELECT * FROM missing"):
        null, rows = _decoded(batch, width)
        counts = rows.astype(np.float64)
        patterns.together += null.T.astype(np.float64) @ (null * counts[:, None])
        patterns.count += len(rows)
        some = null.any(axis=1)
        # columns are ordered by nulls: monotone means that after the first null all the rest is null
        suffix = (null[:, 1:] >= null[:, :-1]).all(axis=1)
        patterns.complete += int(rows[~some].sum())
        patterns.incomplete += int(rows[some].sum())
        patterns.monotone += int(rows[some & suffix].sum())
    return patterns


def _decoded(batch: Any, width: int) -> tuple[Bits, npt.NDArray[np.int64]]:
    words = [batch.column(number).to_numpy() for number in range(batch.num_columns - 1)]
    null = np.empty((batch.num_rows, width), bool)
    for place in range(width):
        null[:, place] = (words[place // _BITS] >> (place % _BITS)) & 1
    return null, batch.column(batch.num_columns - 1).to_numpy()


def _most_frequent(table: Table, columns: Sequence[Column]) -> tuple[MissingPattern, ...]:
    words = [f"m{number}" for number in range(-(-len(columns) // _BITS))]
    some = " OR ".join(f"{word} <> 0" for word in words)
    rows = table.rows(
        f"SELECT {', '.join(words)}, n FROM missing WHERE {some} "
        f"ORDER BY n DESC, {', '.join(words)} LIMIT {PATTERNS_SHOWN}"
    )
    return tuple(
        MissingPattern(
            columns=tuple(
                column.name for place, column in enumerate(columns) if row[place // _BITS] >> (place % _BITS) & 1
            ),
            rows=row[-1],
            share=row[-1] / table.row_count,
        )
        for row in rows
    )


def _always_together(together: npt.NDArray[np.float64]) -> list[list[int]]:
    """Return groups of columns that are null in the same rows: as often together as each alone."""
    nulls = together.diagonal()
    groups: dict[int, list[int]] = {}
    for place in range(len(nulls)):
        first = int(np.flatnonzero((together[place] == nulls[place]) & (nulls == nulls[place]))[0])
        groups.setdefault(first, []).append(place)
    return [group for group in groups.values() if len(group) > 1]


def _pairs(
    table: Table, columns: Sequence[Column], together: npt.NDArray[np.float64], groups: Sequence[Sequence[int]]
) -> tuple[MissingTogether, ...]:
    """Return the strongest pairs; of columns that are always null together the first stands for all."""
    hidden = {place for group in groups for place in group[1:]}
    nulls, rows = together.diagonal(), float(table.row_count)
    spread = nulls * (rows - nulls)
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = (rows * together - np.outer(nulls, nulls)) / np.sqrt(np.outer(spread, spread))
    left, right = np.triu_indices(len(nulls), 1)
    order = np.argsort(-np.abs(np.nan_to_num(phi[left, right])), kind="stable")
    shown: list[MissingTogether] = []
    for index in order:
        one, other = int(left[index]), int(right[index])
        value = float(phi[one, other])
        if {one, other} & hidden or np.isnan(value) or abs(value) < _WEAKEST:
            continue
        if len(shown) == MISSING_PAIRS_SHOWN:
            break
        both = int(together[one, other])
        either = int(nulls[one] + nulls[other]) - both
        names = (columns[one].name, columns[other].name)
        shown.append(
            MissingTogether(
                columns=names, both=both, either=either, jaccard=both / either, phi=max(-1.0, min(1.0, value))
            )
        )
    return tuple(shown)


def _by_values(table: Table, sample: Sample, names: set[str]) -> tuple[MissingBy, ...]:
    """Measure how being null goes with the values of other columns; only what surely is not nothing."""
    missing = [one for one in sample.columns if one.column.name in names and _is_mixed(one)]
    values = [one for one in sample.columns if is_number(one) or is_category(one, sample.rows)]
    for what in (missing, values):
        table.skip("missingness", f"dependence: the first {CORRELATED_COLUMNS} columns", len(what) - CORRELATED_COLUMNS)
    found = list(_dependent(missing[:CORRELATED_COLUMNS], values[:CORRELATED_COLUMNS]))
    found.sort(key=lambda one: strength(one[3]), reverse=True)
    return tuple(
        MissingBy(
            column=column,
            by=by,
            measure=measure,
            value=one.value,
            low=one.low,
            high=one.high,
            n=one.n,
            exact=sample.whole,
        )
        for column, by, measure, one in found[:MISSING_PAIRS_SHOWN]
    )


def _dependent(
    missing: Sequence[Sampled], values: Sequence[Sampled]
) -> Iterator[tuple[str, str, Literal["spearman", "cramers_v"], Association]]:
    for by in values:
        numbers = by.numbers if is_number(by) and by.numbers is not None else None
        known = by.known if numbers is None else ~np.isnan(numbers)
        for one in missing:
            if one.column.name == by.column.name:
                continue
            null = ~one.known[known]
            if not _FEWEST <= int(null.sum()) <= len(null) - _FEWEST:
                continue
            if numbers is None:
                found = cramers_v(null.astype(np.int64), by.codes[known])
            else:
                found = spearman(null.astype(np.float64), numbers[known])
            if found is not None and not found.low <= 0 <= found.high and abs(found.value) >= _WEAKEST:
                yield one.column.name, by.column.name, "spearman" if numbers is not None else "cramers_v", found


def _is_mixed(one: Sampled) -> bool:
    known = int(one.known.sum())
    return _FEWEST <= known <= len(one.codes) - _FEWEST
