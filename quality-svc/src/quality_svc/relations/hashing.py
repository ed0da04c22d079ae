"""Rows as 64-bit hashes: all rows of a table at 8 bytes each, on disk, and what repeats among them.

Exact but for collisions: at n rows the chance that any two different ones share a hash is below n^2 / 2^65, one in
370,000 at ten million rows. Sorting goes range by range of hashes, so memory is bounded at any number of rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from quality_svc.relations.limits import HASH_COLUMNS, SORT_ROWS
from quality_svc.relations.source import Column, Table

Hashes = npt.NDArray[np.uint64]
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_SPREAD: Final = np.uint64(0xD6E8FEB86659FD93)
_HALF: Final = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Repeats:
    """What repeats among hashes: `distinct` in all, `groups` that occur more than once, with `rows` rows together.

    `largest`: hash and number of copies of the largest groups, largest first.
    """

    distinct: int
    groups: int
    rows: int
    largest: tuple[tuple[int, int], ...]


def hash_rows(table: Table, columns: Sequence[Column]) -> Hashes:
    """Return one hash for each row, in row order: of the values of `columns` (at least one), null being a value."""
    file = table.folder / f"hashes-{columns[0].position}-{len(columns)}.bin"
    hashes: Hashes = np.memmap(file, np.uint64, "w+", shape=(table.row_count,))
    file.unlink()  # lives on as long as it is mapped
    for start in range(0, len(columns), HASH_COLUMNS):
        group = ", ".join(column.compared for column in columns[start : start + HASH_COLUMNS])
        for batch in table.batches(f"SELECT {table.row_number} AS row, hash({group}) AS hash FROM {table.scan()}"):
            rows, found = batch.column(0).to_numpy(), batch.column(1).to_numpy()
            hashes[rows] = found if start == 0 else _combined(hashes[rows], found)
    return hashes


def repeats_of(hashes: Hashes, wanted: int = 0) -> Repeats:
    """Count what repeats; name the `wanted` largest groups."""
    distinct = groups = rows = 0
    largest: list[tuple[int, int]] = []
    for values in _ranges(hashes):
        values.sort()
        starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
        counts = np.diff(starts, append=len(values))
        repeated = counts > 1
        distinct += len(starts)
        groups += int(repeated.sum())
        rows += int(counts[repeated].sum())
        if wanted and repeated.any():
            largest += _largest(values[starts[repeated]], counts[repeated], wanted)
    largest.sort(key=lambda pair: (-pair[1], pair[0]))
    return Repeats(distinct, groups, rows, tuple(largest[:wanted]))


def rows_of(hashes: Hashes, hash_: int, most: int) -> tuple[int, ...]:
    """Return the numbers of the first `most` rows of this hash."""
    return tuple(int(row) for row in np.flatnonzero(hashes == np.uint64(hash_))[:most])


def collision_probability(rows: int) -> float:
    """Return a bound on the chance that among `rows` different values any two have one hash."""
    return min(1.0, rows * max(rows - 1, 0) / 2.0**65)


def _largest(values: Hashes, counts: npt.NDArray[Any], wanted: int) -> list[tuple[int, int]]:
    order = np.lexsort((values, -counts))[:wanted]
    return [(int(values[index]), int(counts[index])) for index in order]


def _ranges(hashes: Hashes) -> Iterator[Hashes]:
    """Yield copies of the hashes by ranges of their values, each small enough to sort in memory; none is empty."""
    bits = max(0, (len(hashes) // SORT_ROWS)).bit_length()
    if bits == 0:
        if len(hashes):
            yield np.array(hashes)
        return
    shift = np.uint64(64 - bits)
    for number in range(2**bits):
        chunks = (hashes[start : start + SORT_ROWS] for start in range(0, len(hashes), SORT_ROWS))
        part = np.concatenate([chunk[(chunk >> shift) == np.uint64(number)] for chunk in chunks])
        if len(part):
            yield part


def _combined(left: Hashes, right: Hashes) -> Hashes:
    mixed = (left ^ (left >> _HALF)) * _SPREAD
    return mixed ^ (right + _MIX)
