"""What to read and how finely: decided from the Parquet footers alone, before a single value is decoded.

A table of up to `EXACT_ROWS` rows is profiled exactly. A larger one keeps exact counts, extremes and moments; its
quantiles and top values come from a sample of rows (chosen by a hash of the row's number: uniform, and the same on
every run), its distinct counts from a sketch. A column that is mostly null is sampled by its non-null cells, so a
rare column of a large table is still seen. Wide tables are read in groups of columns that fit the memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log, sqrt
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from quality_svc.profile.kinds import leaf_count

EXACT_ROWS: Final = 131_072
"""Largest number of values whose quantiles, top values and distinct count are exact."""

GROUP_COLUMNS: Final = 64
"""Most columns in one query: planning time grows faster than linearly with their number."""

CELL_BYTES: Final = 96
"""What a kept value costs in memory while it is counted, roughly."""

_CONFIDENCE: Final = 0.999


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One column: where it is, which share of its values is kept for quantiles and top values (1 in 2^level).

    `nullable` is False only where the footers say that there is no null. `leaves` are the Parquet columns it is stored
    in, and `size_bytes` is what they take uncompressed. `unit` is the one that its metadata name.
    """

    position: int
    name: str
    source_name: str | None
    type: str
    level: int
    arrow_type: pa.DataType
    nullable: bool = True
    leaves: range = range(0)
    size_bytes: int = 0
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class TablePlan:
    """One table as its Parquet footers describe it."""

    parts: tuple[Path, ...]
    row_count: int
    columns: tuple[ColumnPlan, ...]
    footers: tuple[pq.FileMetaData, ...]


def plan_table(parts: Sequence[Path]) -> TablePlan:
    """Read the footers of the parts (at least one, all of one schema); raises `pyarrow.ArrowInvalid`, `OSError`."""
    footers = tuple(pq.read_metadata(part) for part in parts)
    schema = footers[0].schema.to_arrow_schema()
    leaves = [leaf_count(field.type) for field in schema]
    found = _Leaves([0] * sum(leaves), [True] * sum(leaves), [0] * sum(leaves))
    for footer in footers:
        found.add(footer)
    row_count = sum(footer.num_rows for footer in footers)
    columns, leaf = [], 0
    for position, (field, width) in enumerate(zip(schema, leaves, strict=True)):
        known = width == 1 and found.known[leaf]
        nulls = found.nulls[leaf] if known else 0
        columns.append(
            ColumnPlan(
                position=position,
                name=field.name,
                source_name=_named(field, b"source_name"),
                type=str(field.type),
                level=sample_level(row_count - nulls),
                arrow_type=field.type,
                nullable=not known or nulls > 0,
                leaves=range(leaf, leaf + width),
                size_bytes=sum(found.size_bytes[leaf : leaf + width]),
                unit=_named(field, b"unit"),
            )
        )
        leaf += width
    return TablePlan(tuple(parts), row_count, tuple(columns), footers)


@dataclass(frozen=True, slots=True)
class _Leaves:
    """Nulls and sizes of each Parquet column over all row groups, and whether every row group states its nulls."""

    nulls: list[int]
    known: list[bool]
    size_bytes: list[int]

    def add(self, metadata: pq.FileMetaData) -> None:
        for group in range(metadata.num_row_groups):
            row_group = metadata.row_group(group)
            for leaf in range(min(row_group.num_columns, len(self.nulls))):
                column = row_group.column(leaf)
                statistics = column.statistics
                stated = None if statistics is None else statistics.null_count
                self.nulls[leaf] += stated or 0
                self.known[leaf] &= stated is not None
                self.size_bytes[leaf] += column.total_uncompressed_size


def _named(field: "pa.Field[Any]", key: bytes) -> str | None:
    """Return what the column's metadata say, where that differs from its name."""
    said = (field.metadata or {}).get(key)
    text = said.decode("utf-8", "replace") if said is not None else ""
    return text if text and text != field.name else None


def sample_level(cells: int) -> int:
    """Return the smallest level at which 1 in 2^level of `cells` values is at most `EXACT_ROWS`."""
    return max((cells - 1) // EXACT_ROWS, 0).bit_length()


def rank_error(sample: int) -> float:
    """Return the 99.9 % bound on the error of every empirical share in a sample (Dvoretzky, Kiefer, Wolfowitz)."""
    return min(1.0, sqrt(log(2 / (1 - _CONFIDENCE)) / (2 * sample))) if sample else 1.0


def column_groups(
    row_count: int, columns: Sequence[ColumnPlan], memory_bytes: int, width: int = GROUP_COLUMNS
) -> Iterator[tuple[ColumnPlan, ...]]:
    """Split the columns so that what is kept of one group takes about half of `memory_bytes` at most."""
    kept = min(row_count, EXACT_ROWS) * CELL_BYTES or 1
    size = max(1, min(width, memory_bytes // 2 // kept))
    for start in range(0, len(columns), size):
        yield tuple(columns[start : start + size])
