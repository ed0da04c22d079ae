"""Typed cells become typed columns without loss: a column of mixed kinds is text, each value as it would be shown."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any, Final

import pyarrow as pa

from processing_svc.grid.header import Row, is_empty

BATCH_ROWS: Final = 8_192
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
    integral: bool = False
    fractional: bool = False
    boolean: bool = False
    date: bool = False
    moment: bool = False
    time: bool = False
    text: bool = False

    def add(self, cell: object) -> None:
        if isinstance(cell, str):
            self.text = True
        elif isinstance(cell, bool):
            self.boolean = True
        elif isinstance(cell, (int, float)):
            self._add_number(cell)
        elif isinstance(cell, datetime):
            self.moment = True
        elif isinstance(cell, date):
            self.date = True
        elif isinstance(cell, time):
            self.time = True
        else:
            self.text = True

    def _add_number(self, cell: float) -> None:
        if cell == cell // 1 and abs(cell) <= EXACT_INTEGER:
            self.integral = True
        else:
            self.fractional = True


@dataclass(frozen=True, slots=True)
class Shape:
    """What one pass over the rows found: the columns that hold something, and how many rows do."""

    columns: tuple[GridColumn, ...]
    rows: int
    blank_rows: int


def survey(rows: Iterable[Row], named: Iterable[int]) -> Shape:
    """Look at every cell once; `named` columns are kept even where they hold nothing."""
    seen: dict[int, _Seen] = {index: _Seen() for index in named}
    counted = blank = trailing = 0
    for row in rows:
        empty = True
        for index, cell in enumerate(row):
            if is_empty(cell):
                continue
            empty = False
            known = seen.get(index)
            if known is None:
                known = seen[index] = _Seen()
            known.add(cell)
        if empty:
            trailing += 1
        else:
            counted += 1
            blank += trailing
            trailing = 0
    columns = tuple(GridColumn(index, *_type_of(seen[index])) for index in sorted(seen))
    return Shape(columns, counted, blank)


def _type_of(seen: _Seen) -> tuple[pa.DataType, Convert]:
    number = seen.integral or seen.fractional
    kinds = sum((seen.text, seen.boolean, number, seen.date or seen.moment, seen.time))
    if kinds != 1 or seen.text:
        return pa.string(), as_text
    if number:
        return (pa.float64(), float) if seen.fractional else (pa.int64(), int)
    if seen.boolean:
        return pa.bool_(), bool
    if seen.time:
        return pa.time64("us"), _same
    return (pa.timestamp("us"), _as_moment) if seen.moment else (pa.date32(), _same)


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
    kept = (row for row in rows if any(not is_empty(cell) for cell in row))
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
