"""Functional dependencies: searched in the sample, counted on the whole table.

Confidence alone misleads twice. Where one value is common, everything "determines" it: `lift` compares with guessing
that value. Where a determinant is nearly unique, its groups are single rows and agree with themselves: `held_out`
leaves one row of each group out, so only rows that could have disagreed count. Rows with a null in either are left
out: a missing value contradicts nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from quality_svc.relations.document import Dependencies, Dependency
from quality_svc.relations.limits import (
    DEPENDENCY_CHECKS,
    DEPENDENCY_COLUMNS,
    PAIR_COLUMNS,
    SCREEN_ROWS,
    checks_within,
)
from quality_svc.relations.sample import Codes, Sample, Sampled, dense, joined
from quality_svc.relations.source import Table, quoted

CONFIDENCE: Final = 0.9
"""Least `confidence` and `held_out` of what is reported."""
LIFT: Final = 0.8
_SCREEN: Final = 0.05
"""How far below these a candidate may be in the sample, and be counted all the same."""
_SUPPORT: Final = 20
"""Fewest rows beyond the first of their group."""
_MOST_DISTINCT: Final = 0.5
"""Share of different values in the rows from which a column is nearly a key and determines everything."""


@dataclass(frozen=True, slots=True)
class Strength:
    """What was counted of a dependency: `agreeing` rows have the commonest value of their group."""

    rows: int
    groups: int
    agreeing: int
    commonest: int

    @property
    def confidence(self) -> float:
        """1 - g3."""
        return self.agreeing / self.rows if self.rows else 0.0

    @property
    def support(self) -> int:
        """Rows beyond the first of their group: those that could have disagreed."""
        return self.rows - self.groups

    @property
    def held_out(self) -> float:
        """Confidence over these."""
        return (self.agreeing - self.groups) / self.support if self.support else 0.0

    @property
    def lift(self) -> float:
        """Goodman and Kruskal's lambda."""
        left = self.rows - self.commonest
        return (self.agreeing - self.commonest) / left if left else 0.0

    def holds(self, slack: float = 0.0) -> bool:
        """Whether it is worth reporting, or, with `slack`, counting."""
        return (
            self.support >= _SUPPORT
            and min(self.confidence, self.held_out) >= CONFIDENCE - slack
            and self.lift >= LIFT - 2 * slack
        )


def find_dependencies(table: Table, sample: Sample) -> Dependencies:
    """Search dependencies of one column on one or two others."""
    searched = _searched(table, sample)
    rows = min(sample.rows, SCREEN_ROWS)
    candidates = list(_candidates(searched, rows))
    most = checks_within(table.row_count, DEPENDENCY_CHECKS)
    table.skip("dependencies", "more candidates hold in the sample than are counted", len(candidates) - most)
    found = []
    for determinant, dependent in candidates[:most]:
        strength = _counted(table, sample, determinant, dependent)
        if strength.holds():
            found.append(_dependency(determinant, dependent, strength))
    found.sort(key=lambda one: (len(one.determinant), -one.held_out, -one.lift))
    return Dependencies(found=tuple(found), searched=tuple(one.column.name for one in searched), sampled_rows=rows)


def _searched(table: Table, sample: Sample) -> list[Sampled]:
    """Return columns that are neither constant nor keys; the ones with fewest different values, if there are many."""
    able = [one for one in sample.columns if one.size > 1 and not _nearly_unique(one)]
    chosen = sorted(able, key=lambda one: (one.size, one.column.position))[:DEPENDENCY_COLUMNS]
    table.skip("dependencies", f"{DEPENDENCY_COLUMNS} columns at most are searched", len(able) - len(chosen))
    return sorted(chosen, key=lambda one: one.column.position)


def _nearly_unique(one: Sampled) -> bool:
    distinct = one.column.distinct
    return distinct is not None and distinct > _MOST_DISTINCT * max(one.column.count, 1)


def _candidates(searched: Sequence[Sampled], rows: int) -> Iterator[tuple[tuple[Sampled, ...], Sampled]]:
    """Yield what holds in the sample; of two determinants only what neither explains alone."""
    explained: dict[str, set[str]] = {one.column.name: set() for one in searched}
    for determinant in searched:
        for dependent in searched:
            if dependent is not determinant and _holds(determinant.codes[:rows], determinant.size, dependent, rows):
                explained[dependent.column.name].add(determinant.column.name)
                yield (determinant,), dependent
    able = sorted(searched, key=lambda one: (one.size, one.column.position))[:PAIR_COLUMNS]
    for left, right in combinations(sorted(able, key=lambda one: one.column.position), 2):
        pair = {left.column.name, right.column.name}
        if any(explained[name] & pair for name in pair):
            continue  # one of them follows from the other: the pair says no more than it
        codes, size = dense(joined(left.codes[:rows], right.codes[:rows], right.size))
        if size > _MOST_DISTINCT * rows:
            continue
        for dependent in searched:
            name = dependent.column.name
            if name not in pair and not explained[name] & pair and _holds(codes, size, dependent, rows):
                yield (left, right), dependent


def _holds(codes: Codes, size: int, dependent: Sampled, rows: int) -> bool:
    return strength_of(codes, size, dependent.codes[:rows], dependent.size).holds(_SCREEN)


def strength_of(determinant: Codes, groups: int, dependent: Codes, size: int) -> Strength:
    """Count a dependency in memory."""
    known = (determinant >= 0) & (dependent >= 0)
    pairs, counts = np.unique(determinant[known] * size + dependent[known], return_counts=True)
    if not len(pairs):
        return Strength(0, 0, 0, 0)
    owner = pairs // size
    starts = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
    agreeing = int(np.maximum.reduceat(counts, starts).sum())
    commonest = int(np.bincount(dependent[known], minlength=size).max())
    return Strength(int(known.sum()), min(len(starts), groups), agreeing, commonest)


def _counted(table: Table, sample: Sample, determinant: Sequence[Sampled], dependent: Sampled) -> Strength:
    """Count a dependency on all rows."""
    if sample.whole:
        codes, size = determinant[0].codes, determinant[0].size
        for one in determinant[1:]:
            codes, size = dense(joined(codes, one.codes, one.size))
        return strength_of(codes, size, dependent.codes, dependent.size)
    columns = [*(one.column for one in determinant), dependent.column]
    known = " AND ".join(f"{column.sql} IS NOT NULL" for column in columns)
    left = f"hash({', '.join(column.sql for column in columns[:-1])})"
    right = f"hash({dependent.column.sql})"
    pairs = f"SELECT {left} AS x, {right} AS a, count(*) AS n FROM {table.scan()} WHERE {known} GROUP BY ALL"
    table.connection.execute(f"CREATE OR REPLACE TEMP TABLE pairs AS {pairs}")
    ((rows, groups, agreeing),) = table.rows(
        "SELECT coalesce(sum(n), 0)::BIGINT, count(*), coalesce(sum(m), 0)::BIGINT "
        "FROM (SELECT sum(n) AS n, max(n) AS m FROM pairs GROUP BY x)"
    )
    ((commonest,),) = table.rows("SELECT coalesce(max(n), 0)::BIGINT FROM (SELECT sum(n) AS n FROM pairs GROUP BY a)")
    table.connection.execute("DROP TABLE pairs")
    return Strength(rows, groups, agreeing, commonest)


def _dependency(determinant: Sequence[Sampled], dependent: Sampled, strength: Strength) -> Dependency:
    names = tuple(one.column.name for one in determinant)
    left, right = ", ".join(map(quoted, names)), quoted(dependent.column.name)
    return Dependency(
        determinant=names,
        dependent=dependent.column.name,
        rows=strength.rows,
        groups=strength.groups,
        violations=strength.rows - strength.agreeing,
        confidence=strength.confidence,
        held_out=strength.held_out,
        lift=strength.lift,
        query=f"SELECT * FROM data WHERE {right} IS NOT NULL AND ({left}) IN (SELECT ({left}) FROM data "
        f"WHERE {right} IS NOT NULL GROUP BY ALL HAVING count(DISTINCT {right}) > 1) ORDER BY {left}",
    )
