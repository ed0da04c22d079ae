"""Typed cells become typed columns without loss: a column of mixed kinds is text, each value as it would be shown."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice, zip_longest
from typing import Any, Final

import numpy as np
import pyarrow as pa

from processing_svc.grid.header import Row, is_empty

BATCH_ROWS: Final = 8_192
_NUMBERS: Final = frozenset({int, float})
EXACT_INTEGER: Final = 2**53
"""Integers up to here are exact in a double, which is how workbooks store every number."""

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class GridColumn:
    """A column of a grid: where it is, what it holds, and how a cell becomes a value."""

    index: int
    type: pa.DataType
    convert: Convert


@dataclass(slots=True)
class _Seen:
    """Which kinds of cells a column holds; `fractional` as soon as one number is not whole or not exact."""

    types: set[type] = field(default_factory=set)
    fractional: bool = False

    def add(self, cells: Sequence[Any]) -> None:
        found = set(map(type, cells)) - {type(None)}
        if str in found and str not in self.types and not any(cell for cell in cells if type(cell) is str):
            found.discard(str)  # workbooks have empty text for cells without content
        if not self.fractional and found & {float, int}:
            self.fractional = not _are_whole(cells)
        self.types |= found

    @property
    def holds_something(self) -> bool:
        return bool(self.types)


def _are_whole(cells: Sequence[Any]) -> bool:
    """Whether all cells that are numbers are whole ones that a double, as workbooks store them, holds exactly."""
    numbers = np.array([cell for cell in cells if type(cell) in _NUMBERS], dtype=np.float64)
    return bool(((numbers == np.floor(numbers)) & (np.abs(numbers) <= EXACT_INTEGER)).all())


@dataclass(frozen=True, slots=True)
class Shape:
    """What one pass over the rows found: the columns that hold something, and how many rows do."""

    columns: tuple[GridColumn, ...]
    rows: int
    blank_rows: int


def survey(rows: Iterable[Row], named: Iterable[int]) -> Shape:
    """Look at every cell once; `named` columns are kept even where they hold nothing."""
    seen: dict[int, _Seen] = {index: _Seen() for index in named}
    kept = set(seen)
    counted = blank = trailing = 0
    source = iter(rows)
    while chunk := list(islice(source, BATCH_ROWS)):
        for row in chunk:
            if is_blank(row):
                trailing += 1
            else:
                counted += 1
                blank += trailing
                trailing = 0
        for index, cells in enumerate(zip_longest(*chunk)):
            if index not in seen:
                seen[index] = _Seen()
            seen[index].add(cells)
    held = (index for index in sorted(seen) if index in kept or seen[index].holds_something)
    return Shape(tuple(GridColumn(index, *_type_of(seen[index])) for index in held), counted, blank)


def is_blank(row: Row) -> bool:
    """Whether no cell of a row holds anything."""
    return (not row or is_empty(row[0])) and row.count("") + row.count(None) == len(row)


def _type_of(seen: _Seen) -> tuple[pa.DataType, Convert]:
    match seen.types:
        case types if types == {bool}:
            return pa.bool_(), bool
        case types if types and types <= {int, float}:
            return (pa.float64(), float) if seen.fractional else (pa.int64(), int)
        case types if types == {time}:
            return pa.time64("us"), _same
        case types if types == {date}:
            return pa.date32(), _same
        case types if types and types <= {date, datetime}:
            return pa.timestamp("us"), _as_moment
        case _:
            return pa.string(), as_text


def _same(cell: Any) -> Any:
    return cell


def _as_moment(cell: date) -> datetime:
    return cell if isinstance(cell, datetime) else datetime.combine(cell, time())


def as_text(cell: object) -> str:
    """Return a cell as a person would write it: whole numbers without a point, moments in ISO 8601."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell == cell // 1 and abs(cell) <= EXACT_INTEGER else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, timedelta):
        return duration_text(cell)
    return str(cell)


def duration_text(value: timedelta) -> str:
    """Return a duration as hours, minutes and seconds; hours may exceed a day."""
    sign = "-" if value < timedelta() else ""
    micros = abs(value) // timedelta(microseconds=1)
    seconds, fraction = divmod(micros, 1_000_000)
    text = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:06}" if fraction else text


def batches(rows: Iterable[Row], columns: tuple[GridColumn, ...]) -> Iterator[pa.RecordBatch]:
    """Yield record batches of the rows that hold something."""
    schema = schema_of(columns)
    kept = (row for row in rows if not is_blank(row))
    while chunk := list(islice(kept, BATCH_ROWS)):
        arrays = [pa.array(_values(chunk, column), column.type) for column in columns]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _values(rows: list[Row], column: GridColumn) -> list[Any]:
    index, convert = column.index, column.convert
    cells = (row[index] if index < len(row) else None for row in rows)
    return [None if cell is None or cell == "" else convert(cell) for cell in cells]


def schema_of(columns: tuple[GridColumn, ...]) -> pa.Schema:
    """Return the Arrow schema of grid columns, named by their position."""
    return pa.schema([pa.field(f"c{column.index}", column.type) for column in columns])
