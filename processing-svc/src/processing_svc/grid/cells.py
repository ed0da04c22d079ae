"""Cells of a sheet as arrays: what every reader yields, whatever the format of the file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing_svc.grid.arrow import ArrowArray, arrow

MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
MAX_RUNS: Final = 100_000
"""Most runs of hidden rows or columns that are remembered."""

Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


class Kind(IntEnum):
    """What a cell shows. The kinds fit into four bits, because a map of a sheet has one byte for each cell."""

    EMPTY = 0
    WHOLE = 1
    """A number without a fraction that a double holds exactly."""
    FRACTION = 2
    PERCENT = 3
    """A number shown as a percentage; its value is the fraction that is stored."""
    TEXT = 4
    BOOLEAN = 5
    DATE = 6
    MOMENT = 7
    """A date with a time of day."""
    TIME = 8
    """A time of day: a fraction of a day below 1."""
    DURATION = 9
    """Hours that may exceed a day, as a number of days."""
    ERROR = 10
    UNCACHED = 11
    """A formula whose result is not stored in the file."""
    WHOLE_CURRENCY = 12
    CURRENCY = 13
    BLANK = 14
    """Text without a visible character."""


KIND_MASK: Final = 0x0F
NUMERIC: Final = frozenset({Kind.WHOLE, Kind.FRACTION, Kind.PERCENT, Kind.WHOLE_CURRENCY, Kind.CURRENCY})
TEMPORAL: Final = frozenset({Kind.DATE, Kind.MOMENT, Kind.TIME, Kind.DURATION})


class Mark(IntEnum):
    """What else a map of a sheet remembers of a cell, in the upper four bits of its byte."""

    FORMULA = 0x10
    EMPHASIS = 0x20
    """Bold, or on a filled background."""
    TOTAL = 0x40
    """Text that names a total."""
    LONG = 0x80
    """Text longer than a label."""


ERRORS: Final = (
    "#NULL!",
    "#DIV/0!",
    "#VALUE!",
    "#REF!",
    "#NAME?",
    "#NUM!",
    "#N/A",
    "#GETTING_DATA",
    "#SPILL!",
    "#CALC!",
)
"""Error values by the number that stands for them in a block; others get the number of `#VALUE!`."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some cells in the order of rows and columns, both from 0. Cells without content are not in it.

    `numbers` holds a number, a serial day (0 is 1899-12-30), 0 or 1 for booleans, the index of an error; for text an
    index: from 0 into the workbook's shared strings, from -1 downwards into `texts`.
    """

    rows: Ints
    columns: Ints
    kinds: Bytes
    """A `Kind`, and `Mark`s in the upper bits."""
    numbers: Floats
    texts: ArrowArray

    def __len__(self) -> int:
        return len(self.rows)


NO_TEXTS: Final = arrow.array([], pa.string())
VOID: Final = Block(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.uint8), np.zeros(0), NO_TEXTS)
"""Yielded by a reader that begins again: what came before does not count."""


@dataclass(frozen=True, slots=True, order=True)
class Area:
    """A rectangle of cells, all bounds inclusive and from 0."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows of the area."""
        return self.bottom - self.top + 1

    @property
    def width(self) -> int:
        """Columns of the area."""
        return self.right - self.left + 1

    def overlaps(self, other: "Area") -> bool:
        """Whether both share a cell."""
        return (
            self.top <= other.bottom
            and other.top <= self.bottom
            and self.left <= other.right
            and other.left <= self.right
        )

    def covers(self, other: "Area") -> bool:
        """Whether all cells of the other are in this one."""
        return (
            self.top <= other.top
            and self.left <= other.left
            and self.bottom >= other.bottom
            and self.right >= other.right
        )

    def __str__(self) -> str:
        first = f"{column_letters(self.left)}{self.top + 1}"
        last = f"{column_letters(self.right)}{self.bottom + 1}"
        return first if first == last else f"{first}:{last}"


def column_letters(index: int) -> str:
    """Return the letters of a column counted from 0."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def parse_area(reference: str) -> Area | None:
    """Read `A1:F20`, `$A$1`, `A:C` or `1:3`; None for anything else."""
    first, _, last = reference.replace("$", "").upper().partition(":")
    begin, end = _split(first), _split(last or first)
    if begin is None or end is None:
        return None
    rows = (begin[0] if begin[0] is not None else 0, end[0] if end[0] is not None else MAX_ROWS - 1)
    columns = (begin[1] if begin[1] is not None else 0, end[1] if end[1] is not None else MAX_COLUMNS - 1)
    return Area(min(rows), min(columns), max(rows), max(columns))


_CELL: Final = re.compile("(?=.)([A-Z]{0,3})([0-9]{0,7})")


def _split(cell: str) -> tuple[int | None, int | None] | None:
    found = _CELL.fullmatch(cell)
    if found is None:
        return None
    letters, digits = found.groups()
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    if column > MAX_COLUMNS or (digits and not 1 <= int(digits) <= MAX_ROWS):
        return None
    return int(digits) - 1 if digits else None, column - 1 if letters else None


@dataclass(frozen=True, slots=True)
class DefinedTable:
    """A table that the workbook itself declares (a ListObject, a database range)."""

    name: str
    area: Area
    header_rows: int = 1
    totals_rows: int = 0


@dataclass(slots=True)
class SheetFacts:
    """What a sheet says about itself beside its cells."""

    merges: list[Area] = field(default_factory=list)
    tables: list[DefinedTable] = field(default_factory=list)
    filters: list[Area] = field(default_factory=list)
    """Ranges with filter buttons; their first row is a header."""
    frozen_rows: int = 0
    """So many rows above stay in view while scrolling."""
    names: list[tuple[str, Area]] = field(default_factory=list)
    """Ranges of the sheet that have a name."""
    hidden_rows: list[tuple[int, int]] = field(default_factory=list)
    """Rows that are not shown, by hand, by a filter or in a closed group: first and last of each run, from 0."""
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    currencies: dict[int, set[str]] = field(default_factory=dict)
    """Currency signs in the number formats of a column."""
    damage: str | None = None
    """Why the sheet could not be read to its end."""

    def hide_rows(self, first: int, last: int) -> None:
        """Remember rows that are not shown; they come in order."""
        _extend(self.hidden_rows, first, last)

    def hide_columns(self, first: int, last: int) -> None:
        """Remember columns that are not shown; they come in order."""
        _extend(self.hidden_columns, first, min(last, MAX_COLUMNS - 1))

    def note_currencies(self, columns: Ints, styles: npt.NDArray[np.int_], signs: Mapping[int, str]) -> None:
        """Remember the currency signs of cells, given their columns and the signs of their styles."""
        for pair in np.unique(columns.astype(np.int64) << 20 | styles).tolist():
            sign = signs.get(pair & 0xFFFFF)
            if sign:
                self.currencies.setdefault(pair >> 20, set()).add(sign)


def _extend(runs: list[tuple[int, int]], first: int, last: int) -> None:
    if runs and runs[-1][1] + 1 >= first >= runs[-1][0]:
        runs[-1] = (runs[-1][0], max(last, runs[-1][1]))
    elif len(runs) < MAX_RUNS:
        runs.append((first, last))


@dataclass(frozen=True, slots=True)
class SheetEntry:
    """A sheet as the workbook lists it. `kind` is `worksheet` or the reason code of a sheet without cells."""

    name: str
    hidden: bool = False
    kind: str = "worksheet"
    part: str = ""
    """Where the reader finds it."""


def strings(values: Sequence[str]) -> ArrowArray:
    """Return text as a block holds it; lone surrogates, which no UTF-8 has, become U+FFFD."""
    try:
        return arrow.array(values, pa.string())
    except UnicodeEncodeError:
        return arrow.array([value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for value in values],
                        pa.string())  # fmt: skip
