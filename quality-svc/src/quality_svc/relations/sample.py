"""The part of a table that is searched in memory: rows chosen by a hash of their number and the seed.

A table of up to `SAMPLE_ROWS` rows is held whole. Each column is held as codes (which cells are equal) and, where it
has an order, as numbers (of moments: microseconds).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quality_svc.relations.limits import SAMPLE_CELLS, SAMPLE_COLUMNS, SAMPLE_ROWS
from quality_svc.relations.source import Column, Table

Codes = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]

NUMERIC: Final = frozenset({"integer", "decimal", "float"})
MOMENTS: Final = frozenset({"date", "timestamp"})
_SEARCHED: Final = NUMERIC | MOMENTS | {"text", "boolean", "time"}
_BLOCK: Final = 64


@dataclass(frozen=True, slots=True)
class Sampled:
    """A column of the sample: `codes` from 0 (-1: null), of which there are `size`; `numbers` with NaN for null."""

    column: Column
    codes: Codes
    size: int
    numbers: Numbers | None

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which cells are not null."""
        return self.codes >= 0


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows that are searched, of the columns that are; `whole` if these are all rows of the table."""

    columns: tuple[Sampled, ...]
    rows: int
    whole: bool

    def of(self, name: str) -> Sampled | None:
        """Return a column by name, if it is in the sample."""
        return next((sampled for sampled in self.columns if sampled.column.name == name), None)


def draw(table: Table) -> Sample:
    """Read the sample. Columns without an order or equality (nested, binary) are not in it."""
    columns = [column for column in table.columns if column.readable and column.kind in _SEARCHED]
    chosen = columns[:SAMPLE_COLUMNS]
    for section in ("keys", "dependencies", "correlations"):
        table.skip(section, f"only the first {SAMPLE_COLUMNS} columns are searched", len(columns) - len(chosen))
    most = min(SAMPLE_ROWS, SAMPLE_CELLS // max(len(chosen), 1))
    level = max((table.row_count - 1) // most, 0).bit_length()
    if not chosen:
        return Sample((), 0, whole=level == 0)
    picked = f"hash({table.row_number} + {table.seed * 1_000_003}) & {2**level - 1} = 0" if level else "true"
    sampled: list[Sampled] = []
    rows = 0
    for start in range(0, len(chosen), _BLOCK):
        block = chosen[start : start + _BLOCK]
        read = _read(table, block, picked)
        rows = read.num_rows
        sampled += [
            _sampled(column, read.column(2 * place), read.column(2 * place + 1)) for place, column in enumerate(block)
        ]
    return Sample(tuple(sampled), rows, whole=level == 0)


def _read(table: Table, columns: Sequence[Column], picked: str) -> pa.Table:
    """Return code and number of each column; text as its hash, so long cells cost no memory."""
    wanted = ", ".join(
        f"{_code(column)} AS k{column.position}, {_number(column)} AS n{column.position}" for column in columns
    )
    sql = f"SELECT {wanted}, {table.row_number} AS row FROM {table.scan()} WHERE {picked}"
    return table.batches(sql).read_all().sort_by("row")


def _code(column: Column) -> str:
    """Return the expression that says which cells are equal."""
    return f"CASE WHEN {column.sql} IS NOT NULL THEN hash({column.sql}) END"


def _number(column: Column) -> str:
    """Return the expression for a cell as a double: finite, moments in microseconds; null where there is none."""
    if column.kind == "boolean":
        return f"{column.sql}::INT::DOUBLE"
    if column.kind in NUMERIC:
        number = f"{column.sql}::DOUBLE"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    if column.kind in MOMENTS:
        return f"CASE WHEN isfinite({column.sql}) THEN epoch_us({column.sql})::DOUBLE END"
    return "NULL::DOUBLE"


def _sampled(column: Column, codes: "pa.ChunkedArray[Any]", numbers: "pa.ChunkedArray[Any]") -> Sampled:
    known = codes.is_valid().to_numpy()
    cells = codes.fill_null(pa.scalar(0, pa.uint64())).to_numpy()
    values, inverse = np.unique(cells[known], return_inverse=True)
    coded = np.full(len(cells), -1, np.int64)
    coded[known] = inverse
    has_order = column.kind in NUMERIC | MOMENTS | {"boolean"}
    return Sampled(column, coded, len(values), numbers.to_numpy() if has_order else None)


def joined(left: Codes, right: Codes, right_size: int) -> Codes:
    """Return the codes of pairs of cells; -1 where either is null."""
    return np.where((left >= 0) & (right >= 0), left * right_size + right, -1)


def dense(codes: Codes) -> tuple[Codes, int]:
    """Return the codes renumbered without holes, and how many there are."""
    known = codes >= 0
    values, inverse = np.unique(codes[known], return_inverse=True)
    renumbered = np.full(len(codes), -1, np.int64)
    renumbered[known] = inverse
    return renumbered, len(values)
