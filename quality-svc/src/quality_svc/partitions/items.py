"""Work items: ranges of row groups of about the same size, cut from the Parquet footers alone."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import pyarrow.parquet as pq

ITEM_BYTES: Final = 128 << 20
"""Compressed bytes from which row groups make an item: seconds of work, so starting one does not show."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """Row groups `first_group` to before `end_group` of a part: `rows` rows from `first_row` of the part on.

    `number` counts the items of a table in row order. Their bytes lie between `start` and `end` of the part.
    """

    number: int
    part: int
    first_group: int
    end_group: int
    first_row: int
    rows: int
    start: int
    end: int

    def to_json(self) -> dict[str, Any]:
        """Return it as a job's payload carries it."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Undo `to_json`."""
        return cls(**fields)


def cut(footers: Sequence[pq.FileMetaData], item_bytes: int = ITEM_BYTES) -> tuple[WorkItem, ...]:
    """Cut a table into items, in row order; a part without rows has none."""
    items: list[WorkItem] = []
    for part, footer in enumerate(footers):
        row = 0
        for first, end in _ranges(footer, item_bytes):
            groups = [footer.row_group(number) for number in range(first, end)]
            rows = sum(group.num_rows for group in groups)
            bounds = [_bounds(group) for group in groups]
            start, stop = min(bound[0] for bound in bounds), max(bound[1] for bound in bounds)
            items.append(WorkItem(len(items), part, first, end, row, rows, start, stop))
            row += rows
    return tuple(items)


def _ranges(footer: pq.FileMetaData, item_bytes: int) -> Iterator[tuple[int, int]]:
    first = size = 0
    for number in range(footer.num_row_groups):
        start, end = _bounds(footer.row_group(number))
        size += end - start
        if size >= item_bytes:
            yield first, number + 1
            first, size = number + 1, 0
    if first < footer.num_row_groups:
        yield first, footer.num_row_groups


def _bounds(group: pq.RowGroupMetaData) -> tuple[int, int]:
    """Return the first byte of a row group, and the one after its last."""
    starts, ends = [], []
    for number in range(group.num_columns):
        column = group.column(number)
        offsets = [column.data_page_offset]
        if column.has_dictionary_page and column.dictionary_page_offset is not None:
            offsets.append(column.dictionary_page_offset)
        starts.append(min(offsets))
        ends.append(min(offsets) + column.total_compressed_size)
    return (min(starts), max(ends)) if starts else (0, 0)
