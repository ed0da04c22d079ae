"""Rows that stand more than once, and rows alike in everything but the target."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from quality_svc.suitability.columns import Column, Ints
from quality_svc.suitability.table import Table

MOST_HASHED_COLUMNS: Final = 300
MOST_HASHED_CELLS: Final = 400_000_000
"""Cells of a table up to which all its rows are compared; of larger ones, those in the sample."""
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


def row_hashes(columns: Sequence[Column], rows: int) -> Ints:
    """Return a 64-bit hash of each sampled row over these columns; equal rows have equal ones."""
    hashes = np.zeros(rows, np.uint64)
    with np.errstate(over="ignore"):
        for column in columns:
            mixed = (column.codes.astype(np.uint64) + np.uint64(2)) * _MIX
            hashes = (hashes ^ (mixed ^ (mixed >> np.uint64(29)))) * np.uint64(0xBF58476D1CE4E5B9)
            hashes ^= hashes >> np.uint64(32)
    return hashes.view(np.int64)


def firsts(hashes: Ints) -> Ints:
    """Return the first row of each group of equal ones, in order."""
    return np.sort(np.unique(hashes, return_index=True)[1]).astype(np.int64)


def conflicting(features: Ints, target: Ints) -> Ints:
    """Return the rows whose features occur with another target more often (hashes of features, codes of the target)."""
    if not features.size:
        return np.zeros(0, np.int64)
    _, group = np.unique(features, return_inverse=True)
    pairs, pair, counts = np.unique(group * (int(target.max()) + 2) + target, return_inverse=True, return_counts=True)
    owner = pairs // (int(target.max()) + 2)
    most = np.zeros(int(group.max()) + 1, np.int64)
    np.maximum.at(most, owner, counts)
    order = np.lexsort((-counts, owner))
    first = np.zeros(pairs.size, bool)
    first[order[np.unique(owner[order], return_index=True)[1]]] = True
    return np.flatnonzero(~first[pair]).astype(np.int64)


def duplicate_share(table: Table, columns: Sequence[Column], hashes: Ints) -> float:
    """Return the share of rows that repeat an earlier one: of all rows where that is affordable, else in the sample."""
    rows = table.row_count
    if rows == hashes.size or len(columns) > MOST_HASHED_COLUMNS or rows * len(columns) > MOST_HASHED_CELLS:
        return 1 - firsts(hashes).size / hashes.size if hashes.size else 0.0
    names = ", ".join(f"c{column.position}" for column in columns)
    ((distinct,),) = table.query(f"SELECT count(DISTINCT hash({names})) FROM {{source}}")
    return 1 - float(distinct) / rows
