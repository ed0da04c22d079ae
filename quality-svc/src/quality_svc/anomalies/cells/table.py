"""A table as the cell detectors see it: every column as codes into its distinct texts, in bounded memory.

Detectors judge distinct values and groups, so they cost by how many different values there are, not by how many rows.
Cells are read as text in the engine's shortest form, which for text columns is the text itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

NULL: Final = -1
"""The code of a null cell."""
_LARGEST: Final = 1e100
NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class CellColumn:
    """One column: `codes[i]` is the index in `values` of the cell of sampled row i, or NULL."""

    position: int
    name: str
    is_text: bool
    is_temporal: bool
    values: Sequence[str]
    codes: Codes
    source_name: str | None = None

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """How often each distinct value stands in the column."""
        return np.bincount(self.codes[self.codes != NULL], minlength=len(self.values)).astype(np.int64)

    @cached_property
    def filled(self) -> int:
        """Cells that are not null."""
        return int(np.count_nonzero(self.codes != NULL))

    @property
    def nulls(self) -> int:
        """Cells that are null."""
        return len(self.codes) - self.filled

    @property
    def distinct(self) -> int:
        """Different non-null values."""
        return len(self.values)

    @cached_property
    def numbers(self) -> Floats:
        """Each distinct value as a number; NaN where it is none (or too large to be a finite one)."""
        if self.is_temporal:
            return np.full(len(self.values), np.nan)
        parsed = np.array([float(text) if NUMBER.fullmatch(text) else np.nan for text in self.values], dtype=np.float64)
        parsed[~(np.abs(parsed) < _LARGEST)] = np.nan
        return parsed

    @cached_property
    def number_share(self) -> float:
        """Share of the filled cells that are numbers."""
        return float(self.counts[np.isfinite(self.numbers)].sum() / self.filled) if self.filled else 0.0

    @property
    def is_numeric(self) -> bool:
        """Whether nearly all of it is numbers."""
        return self.number_share >= 0.9  # noqa: PLR2004 - a tenth may be spoilt and it still holds numbers

    @cached_property
    def moments(self) -> Floats:
        """Each distinct value of a temporal column as days since 1970; NaN where it is none."""
        if not self.is_temporal:
            return np.full(len(self.values), np.nan)
        texts = np.array([text[:19].replace(" ", "T") for text in self.values], dtype="U19")
        days = np.full(len(texts), np.nan)
        for place, text in enumerate(texts):
            try:
                days[place] = np.datetime64(str(text), "s").astype(np.int64) / 86_400
            except ValueError:
                continue
        return days

    def rows_of(self, chosen: npt.NDArray[np.bool_]) -> Rows:
        """Return the sampled rows whose cell is one of the chosen distinct values."""
        held = np.append(chosen, False)  # the code of null is the last place
        return np.flatnonzero(held[self.codes]).astype(np.int64)


@dataclass(frozen=True)
class CellTable:
    """The sampled rows of a table. `row_numbers[i]` is the data row of sampled row i, ascending."""

    columns: tuple[CellColumn, ...]
    row_numbers: Rows
    total_rows: int

    @property
    def n_rows(self) -> int:
        """Sampled rows."""
        return len(self.row_numbers)
