"""Rows as points: numbers and times on a robust scale, categories by how rare they are.

Left out are columns that say nothing about likeness: constants, running numbers, free text of its own in every row.
What was learnt from a sample is applied batch by batch, so memory does not grow with the table.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from quality_svc.anomalies.source import Source, SourceColumn

Floats = npt.NDArray[np.float64]

MAX_COLUMNS: Final = 256
_CLIP: Final = 10.0
_LARGEST: Final = 1e100
"""What is larger stands here: infinities, and numbers whose squares could not be added."""
_MAX_CATEGORIES: Final = 5_000
_UNIQUE: Final = 0.9


@dataclass(frozen=True)
class _Number:
    """A column of numbers: nulls stand at the median."""

    column: SourceColumn
    median: float
    scale: float

    def encode(self, cells: Any) -> Floats:
        """Return robust z scores, cut."""
        return self.z(_numbers(cells))

    def z(self, numbers: Floats) -> Floats:
        """Return robust z scores of numbers; infinities are as far as anything can be."""
        scaled = (np.nan_to_num(numbers, nan=self.median, posinf=_LARGEST, neginf=-_LARGEST) - self.median) / self.scale
        return np.clip(scaled, -_CLIP, _CLIP)


@dataclass(frozen=True)
class _Category:
    """A column of categories: each stands as far off as it is rare (-log10 of its share, 0 for the most frequent)."""

    column: SourceColumn
    rarity: dict[str, float]
    unseen: float

    def encode(self, cells: Any) -> Floats:
        """Return how rare each cell's category is."""
        encoded = pc.cast(cells, pa.string()).dictionary_encode()
        table = np.array([self.rarity.get(text, self.unseen) for text in encoded.dictionary.to_pylist()] + [0.0])
        codes = encoded.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)
        made: Floats = table[codes]
        return made


@dataclass(frozen=True)
class Encoder:
    """The columns that rows are compared by, as learnt from a sample."""

    columns: tuple[_Number | _Category, ...]
    left_out: int

    def encode(self, cells: "dict[int, Any]") -> Floats:
        """Return points: a row each, a column for each encoded column. `cells` are Arrow arrays by position."""
        made = [column.encode(cells[column.column.position]) for column in self.columns]
        return np.column_stack(made) if made else np.empty((0, 0))


def usable_columns(source: Source) -> tuple[SourceColumn, ...]:
    """Return the columns that can be compared at all; the first of very many."""
    return tuple(column for column in source.columns if column.comparable)[:MAX_COLUMNS]


def learn_encoder(source: Source, sample: "dict[int, Any]") -> Encoder:
    """Choose and scale columns by a sample of their cells."""
    columns = usable_columns(source)
    made = [_learnt(column, sample[column.position]) for column in columns]
    kept = tuple(column for column in made if column is not None)
    return Encoder(kept, len(source.columns) - len(kept))


def _learnt(column: SourceColumn, cells: Any) -> _Number | _Category | None:
    if column.numeric or column.temporal:
        numbers = _numbers(cells)
        finite = numbers[np.isfinite(numbers)]
        if len(finite) < 2 or finite.min() == finite.max() or _running(column, finite):  # noqa: PLR2004
            return None
        median, low, high = (float(q) for q in np.quantile(finite, (0.5, 0.25, 0.75)))
        quartiles, deviation = (high - low) / 1.349, float(np.std(finite))
        # between the robust and the plain scale: heavy tails are neither everything nor nothing
        robust = quartiles if quartiles > 0.05 * deviation else deviation
        return _Number(column, median, max(1e-300, (robust * deviation) ** 0.5))
    counted = pc.value_counts(pc.drop_null(pc.cast(cells, pa.string())))
    values, counts = counted.field("values").to_pylist(), counted.field("counts").to_numpy(zero_copy_only=False)
    total = int(counts.sum()) if len(counts) else 0
    if total == 0 or len(values) < 2 or len(values) > _UNIQUE * total or len(values) > _MAX_CATEGORIES:  # noqa: PLR2004
        return None
    rarity = {value: float(np.log10(counts.max() / count)) for value, count in zip(values, counts, strict=True)}
    return _Category(column, rarity, float(np.log10(counts.max() / 0.5)))


def _running(column: SourceColumn, numbers: Floats) -> bool:
    """Whether whole numbers only go up or down, row by row: a running number or a clock."""
    steps = np.diff(numbers)
    if pa.types.is_floating(column.type):
        return False
    return len(numbers) > 10 and bool(np.all(steps > 0) or np.all(steps < 0))  # noqa: PLR2004


def _numbers(cells: Any) -> Floats:
    """Return numbers, and times as seconds; NaN for null."""
    if pa.types.is_timestamp(cells.type):
        cells = pc.cast(pc.cast(cells, pa.timestamp("us"), safe=False), pa.int64())
    elif pa.types.is_date(cells.type):
        cells = pc.cast(pc.cast(cells, pa.date32(), safe=False), pa.int32())
    floats = pc.cast(cells, pa.float64(), safe=False)
    made: Floats = floats.to_numpy(zero_copy_only=False).astype(np.float64)
    return np.clip(made, -_LARGEST, _LARGEST)
