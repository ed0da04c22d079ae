"""Keys: which columns tell rows apart.

One column: whatever the profile lets hope for is counted. Several: searched level by level in the sample (a set that
repeats there cannot be a key), minimal sets only, and what survives is counted on the whole table.
"""

from collections.abc import Sequence
from itertools import combinations
from math import expm1, log1p, prod
from typing import Final

import numpy as np

from quality_svc.relations.document import Key, Keys
from quality_svc.relations.hashing import hash_rows, repeats_of
from quality_svc.relations.limits import KEY_CHECKS, KEY_COLUMNS, KEY_WIDTH, SCREEN_ROWS, checks_within
from quality_svc.relations.sample import Sample, Sampled, dense, joined
from quality_svc.relations.source import Column, Table, quoted

NEARLY: Final = 0.99
"""Uniqueness from which columns count as an approximate key (the gate of a join)."""
_LONG_TEXT: Final = 64
"""Mean length in characters beyond which a text is read, not looked up."""
_KINDS: Final = frozenset({"integer", "text", "date", "timestamp", "decimal", "time", "boolean"})


def find_keys(table: Table, sample: Sample) -> Keys:
    """Search keys of one and of several columns."""
    if table.row_count < 2:  # noqa: PLR2004 - a single row is told apart by anything
        return Keys(candidates=(), searched=(), widest=0)
    budget = checks_within(table.row_count, KEY_CHECKS)
    hopeful = [column for column in table.columns if _may_be_key(column, table.row_count)]
    counted = [_counted(table, (column,)) for column in _by_plausibility(hopeful)[: KEY_CHECKS * 4]]
    table.skip("keys", "more columns look unique than are counted", len(hopeful) - KEY_CHECKS * 4)
    found = [key for key in counted if key.uniqueness >= NEARLY]
    alone = {key.columns[0] for key in found}
    members = _members(table, sample, alone)
    found += _composite(table, sample, members, budget)
    found.sort(key=lambda key: (not key.exact, not key.plausible, len(key.columns), key.violations))
    return Keys(
        candidates=tuple(found),
        searched=tuple(member.column.name for member in members),
        widest=min(KEY_WIDTH, len(members)) if members else 1,
    )


def _may_be_key(column: Column, rows: int) -> bool:
    """Whether the profile leaves open that nearly every row has a value of its own."""
    if not column.readable or column.kind in {"nested", "binary"} or column.count < NEARLY * rows:
        return False
    return column.distinct is None or column.distinct * (1 + 5 * column.distinct_error) >= NEARLY * rows


def _by_plausibility(columns: Sequence[Column]) -> list[Column]:
    return sorted(columns, key=lambda column: (not _plausible(column), column.position))


def _plausible(column: Column) -> bool:
    lengths = column.profile.lengths
    if column.kind == "float":
        return False
    return column.kind != "text" or lengths is None or lengths.mean <= _LONG_TEXT


def _counted(table: Table, columns: Sequence[Column]) -> Key:
    """Count the violations of a key on the whole table; a row with a null is one, as SQL's PRIMARY KEY has it."""
    rows = table.row_count
    if len(columns) == 1 and columns[0].profile.distinct and columns[0].profile.distinct.exact:
        return _key(columns, rows, rows - columns[0].profile.distinct.value)
    some = [column for column in columns if column.nulls]
    hashes = hash_rows(table, columns)
    if not some:
        return _key(columns, rows, rows - repeats_of(hashes).distinct)
    known = " AND ".join(f"{column.sql} IS NOT NULL" for column in columns)
    names = ", ".join(column.sql for column in columns)
    ((distinct,),) = table.rows(f"SELECT count(DISTINCT hash({names})) FROM {table.scan()} WHERE {known}")
    return _key(columns, rows, rows - distinct)


def _key(columns: Sequence[Column], rows: int, violations: int) -> Key:
    names = tuple(column.name for column in columns)
    listed = ", ".join(map(quoted, names))
    nulls = " OR ".join(f"{quoted(name)} IS NULL" for name in names)
    return Key(
        columns=names,
        exact=violations == 0,
        violations=violations,
        uniqueness=1 - violations / rows,
        expected_violations=_expected(columns, rows),
        surrogate=violations == 0 and len(columns) == 1 and _is_consecutive(columns[0]),
        plausible=all(map(_plausible, columns)),
        query=f"SELECT * FROM data WHERE {nulls} OR ({listed}) IN "
        f"(SELECT ({listed}) FROM data GROUP BY ALL HAVING count(*) > 1)",
    )


def _expected(columns: Sequence[Column], rows: int) -> float | None:
    """Return the least surplus to expect of independent columns: that of evenly spread values."""
    if len(columns) == 1 or any(column.distinct is None for column in columns):
        return None
    cells = prod(float(column.distinct or 1) for column in columns)
    return max(rows + cells * expm1(rows * log1p(-1 / cells)), 0.0) if cells > 1 else float(rows - 1)


def _is_chance(key: Key) -> bool:
    """Whether an approximate key of several columns is no better than columns without relation would be."""
    return not key.exact and key.expected_violations is not None and key.violations > key.expected_violations / 2


def _is_consecutive(column: Column) -> bool:
    low, high = column.profile.min, column.profile.max
    if column.kind != "integer" or not isinstance(low, int) or not isinstance(high, int):
        return False
    return high - low + 1 == column.count


def _members(table: Table, sample: Sample, alone: set[str]) -> list[Sampled]:
    """Return the columns of which composite keys may be made: those that tell most rows apart come first."""
    members = [
        sampled
        for sampled in sample.columns
        if sampled.column.name not in alone
        and sampled.column.kind in _KINDS
        and sampled.column.nulls <= (1 - NEARLY) * table.row_count
        and sampled.size > 1
        and _plausible(sampled.column)
    ]
    members.sort(key=lambda sampled: (-sampled.size, sampled.column.position))
    table.skip("keys", f"composite keys are made of {KEY_COLUMNS} columns at most", len(members) - KEY_COLUMNS)
    return sorted(members[:KEY_COLUMNS], key=lambda sampled: sampled.column.position)


def _composite(table: Table, sample: Sample, members: Sequence[Sampled], budget: int) -> list[Key]:
    found: list[Key] = []
    for width in range(2, KEY_WIDTH + 1):
        candidates = [
            chosen
            for chosen in combinations(members, width)
            if not any(set(key.columns) <= {one.column.name for one in chosen} for key in found)
        ]
        hopeful = [chosen for chosen in candidates if _survives(table, sample, chosen)]
        table.skip("keys", "more sets of columns look unique in the sample than are counted", len(hopeful) - budget)
        counted = [_counted(table, [one.column for one in chosen]) for chosen in hopeful[:budget]]
        found += [key for key in counted if key.uniqueness >= NEARLY and not _is_chance(key)]
        budget -= len(counted)
        if budget <= 0:
            break
    return found


def _survives(table: Table, sample: Sample, chosen: Sequence[Sampled]) -> bool:
    """Whether the sample leaves hope: it has no more pairs of equal rows than a nearly unique table's sample may."""
    rows = table.row_count
    if prod(_possible(sampled, sample) for sampled in chosen) < NEARLY * rows:
        return False
    codes = [sampled.codes for sampled in chosen]
    for most in sorted({min(SCREEN_ROWS, sample.rows), sample.rows}):
        rate = most / rows
        allowed = (1 - NEARLY) * rows * rate * (1.0 if sample.whole and most == sample.rows else rate)
        surplus = _surplus([code[:most] for code in codes], [sampled.size for sampled in chosen])
        if surplus > allowed + 3 * max(allowed, 1.0) ** 0.5:
            return False
    return True


def _possible(sampled: Sampled, sample: Sample) -> float:
    """Return how many values the column may have in the whole table."""
    known = sampled.column.distinct
    if known is None:
        return float("inf") if not sample.whole else sampled.size
    return known * (1 + 5 * sampled.column.distinct_error)


def _surplus(codes: Sequence["np.ndarray[tuple[int, ...], np.dtype[np.int64]]"], sizes: Sequence[int]) -> int:
    """Return rows less different rows, rows with a null left out."""
    together = codes[0]
    for code, size in zip(codes[1:], sizes[1:], strict=True):
        together, _ = dense(joined(together, code, size))
    known = together[together >= 0]
    return len(known) - len(np.unique(known))
