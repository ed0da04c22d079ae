"""Columns of a small table read whole with Arrow, some at a time, within a budget of memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from quality_svc.profile.arrays import Array, joined
from quality_svc.profile.plan import EXACT_ROWS, ColumnPlan, TablePlan

BATCH_ROWS: Final = 4_096
MOST_COLUMNS: Final = 1_000
"""Columns read at once: beyond, holding them costs more than coming back for the next."""
_CELL_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Held:
    """A column and all of its values; `array` is None where they do not fit the budget."""

    plan: ColumnPlan
    array: Array | None


class Reader:
    """Reads columns of a planned table of at most `EXACT_ROWS` rows; raises `pyarrow.ArrowException` and `OSError`."""

    def __init__(self, plan: TablePlan, memory_bytes: int) -> None:
        self._plan = plan
        self._budget = memory_bytes // 4
        self._files: list[pq.ParquetFile] = []

    def groups(self) -> Iterator[tuple[ColumnPlan, ...]]:
        """Split the columns into groups that fit the budget, as far as the footers tell."""
        rows = min(self._plan.row_count, EXACT_ROWS)
        group: list[ColumnPlan] = []
        total = 0
        for column in self._plan.columns:
            size = rows * _CELL_BYTES + column.size_bytes
            if group and (total + size > self._budget or len(group) == MOST_COLUMNS):
                yield tuple(group)
                group, total = [], 0
            group.append(column)
            total += size
        yield tuple(group)

    def read(self, columns: Sequence[ColumnPlan]) -> Iterator[Held]:
        """Read the columns, one by one where together they exceed the budget, without values where even one does."""
        table = self._table(columns)
        if table is None and len(columns) > 1:
            for column in columns:
                yield from self.read([column])
            return
        for number, column in enumerate(columns):
            yield Held(column, None if table is None else joined(table[number], column.arrow_type))

    def _table(self, columns: Sequence[ColumnPlan]) -> list[list[Array]] | None:
        """Return the chunks of each column; None where they exceed the budget, which a footer does not always show."""
        leaves = [leaf for column in columns for leaf in column.leaves]
        chunks: list[list[Array]] = [[] for _ in columns]
        size = 0
        for file in self._opened():
            groups = list(range(file.metadata.num_row_groups))
            if not groups:
                continue
            batches = file.reader.iter_batches(BATCH_ROWS, groups, column_indices=leaves, use_threads=False)
            for batch in batches:
                size += batch.nbytes
                if size > self._budget:
                    return None
                for number, array in enumerate(batch.columns):
                    chunks[number].append(array)
        return chunks

    def _opened(self) -> list[pq.ParquetFile]:
        """Open the parts once: a footer of 20,000 columns takes long to read."""
        if not self._files:
            self._files = [
                pq.ParquetFile(Path(part), metadata=metadata, pre_buffer=False)
                for part, metadata in zip(self._plan.parts, self._plan.footers, strict=True)
            ]
        return self._files
