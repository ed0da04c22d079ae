"""Cells of blocks become values: Arrow arrays of one type without loss, or text as a person would write it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing_svc.grid.arrow import ArrowArray, arrow, compute
from processing_svc.grid.cells import ERRORS, KIND_MASK, Block, Bytes, Floats, Kind
from processing_svc.grid.serials import EXACT_INTEGER, UNIX_EPOCH, millis

Texts = ArrowArray
_VALUELESS: Final = frozenset({Kind.EMPTY, Kind.BLANK, Kind.ERROR, Kind.UNCACHED})
_WHOLE: Final = frozenset({Kind.WHOLE, Kind.WHOLE_CURRENCY})
_NUMBERS: Final = _WHOLE | {Kind.FRACTION, Kind.PERCENT, Kind.CURRENCY}
_MONEY: Final = frozenset({Kind.CURRENCY, Kind.WHOLE_CURRENCY})
_MICROS_PER_DAY: Final = 86_400_000_000
_SHOWN: Final = frozenset(int(kind) for kind in Kind if kind not in _VALUELESS) | {int(Kind.BLANK)}
"""Kinds that text can show; spaces alone are text where text is what a column holds."""
RARE: Final = 0.005
"""A column keeps its type if at most this share of its values is text; those are quarantined."""
RARE_OF: Final = 200
"""Fewest values of a column in which some may be called rare."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a column's cells become. `kinds` are those whose cells have a value in it; others are null."""

    type: pa.DataType
    inferred: str
    kinds: frozenset[int]


def shape_of(counts: npt.NDArray[np.int64]) -> Shape:
    """Choose a column's type by how many cells of each kind it has."""
    present = {Kind(kind) for kind in np.flatnonzero(counts).tolist()} - _VALUELESS
    words = int(counts[Kind.TEXT])
    total = int(sum(counts[kind] for kind in present))
    if Kind.TEXT in present and len(present) > 1 and total >= RARE_OF and words <= total * RARE:
        typed = _typed(present - {Kind.TEXT})
        if typed is not None:
            return typed
    return _typed(present) or Shape(pa.string(), _mixed(present), _SHOWN)


def _typed(present: set[Kind]) -> Shape | None:
    kinds = frozenset(int(kind) for kind in present)
    if not present:
        return Shape(pa.string(), "string", frozenset())
    if present <= _NUMBERS:
        inferred = "percent" if present == {Kind.PERCENT} else "currency" if present <= _MONEY else ""
        arrow_type = pa.int64() if present <= _WHOLE else pa.float64()
        return Shape(arrow_type, inferred or ("integer" if present <= _WHOLE else "double"), kinds)
    return next((Shape(arrow_type, name, kinds) for alone, arrow_type, name in _ALONE if present <= alone), None)


_ALONE: Final[tuple[tuple[frozenset[Kind], pa.DataType, str], ...]] = (
    (frozenset({Kind.BOOLEAN}), pa.bool_(), "boolean"),
    (frozenset({Kind.DATE}), pa.date32(), "date"),
    (frozenset({Kind.DATE, Kind.MOMENT}), pa.timestamp("us"), "timestamp"),
    (frozenset({Kind.TIME}), pa.time64("us"), "time"),
)


def _mixed(present: set[Kind]) -> str:
    if present == {Kind.TEXT}:
        return "string"
    return "duration" if present <= {Kind.DURATION, Kind.TIME} else "mixed"


@dataclass(frozen=True, slots=True)
class Column:
    """The cells of one column, in any order, and at which of the table's rows each stands."""

    places: npt.NDArray[np.int64]
    kinds: Bytes
    numbers: Floats
    texts: ArrowArray


def column_array(shape: Shape, column: Column, shared: Texts, count: int) -> ArrowArray:
    """Return a column of `count` rows; rows without a cell of the column's kinds are null."""
    places, numbers = column.places, column.numbers
    bare: Bytes = column.kinds & np.uint8(KIND_MASK)
    kept = np.isin(bare, list(shape.kinds)) if shape.kinds else np.zeros(len(bare), np.bool_)
    if not kept.all():
        places, bare, numbers = places[kept], bare[kept], numbers[kept]
    if shape.type == pa.string():
        return _text_column(Column(places, bare, numbers, column.texts), shared, count)
    values = np.zeros(count, np.float64)
    values[places] = numbers
    missing = None
    if len(places) < count:
        missing = np.ones(count, np.bool_)
        missing[places] = False
    return _as_type(values, missing, shape.type)


def _as_type(values: Floats, missing: npt.NDArray[np.bool_] | None, arrow_type: pa.DataType) -> ArrowArray:
    if arrow_type == pa.float64():
        return arrow.array(values, mask=missing)
    if arrow_type == pa.int64():
        return arrow.array(values.astype(np.int64), mask=missing)
    if arrow_type == pa.bool_():
        return arrow.array(values != 0, mask=missing)
    if arrow_type == pa.date32():
        return arrow.array((values - UNIX_EPOCH).astype(np.int32), mask=missing).cast(pa.date32())
    if arrow_type == pa.timestamp("us"):
        return arrow.array(millis(values) * 1000, mask=missing).cast(arrow_type)
    micros = np.minimum(np.rint(values * _MICROS_PER_DAY).astype(np.int64), _MICROS_PER_DAY - 1)
    return arrow.array(micros, mask=missing).cast(pa.time64("us"))


def _text_column(column: Column, shared: Texts, count: int) -> ArrowArray:
    places = column.places
    if not len(places):
        return arrow.nulls(count, pa.string())
    if bool(((column.kinds == Kind.TEXT) | (column.kinds == Kind.BLANK)).all()):
        found = text_of(column.numbers, column.texts, shared)
    else:
        found = arrow.array(as_text(column.kinds, column.numbers, column.texts, shared), pa.string())
    if len(places) == count and bool(np.all(np.diff(places) > 0)):
        return found
    index = np.zeros(count, np.int64)
    missing = np.ones(count, np.bool_)
    index[places], missing[places] = np.arange(len(places)), False
    return found.take(arrow.array(index, mask=missing))


def text_of(numbers: Floats, texts: ArrowArray, shared: Texts) -> ArrowArray:
    """Return the text of cells that are text."""
    index = numbers.astype(np.int64)
    own = index < 0
    if not own.any():
        return _flat(shared.take(arrow.array(index)))
    if own.all():
        return texts.take(arrow.array(-1 - index))
    order = np.empty(len(index), np.int64)
    order[~own], order[own] = np.arange(int((~own).sum())), int((~own).sum()) + np.arange(int(own.sum()))
    both = [_flat(shared.take(arrow.array(index[~own]))), texts.take(arrow.array(-1 - index[own]))]
    return arrow.concat_arrays(both).take(arrow.array(order))


def _flat(found: Texts) -> ArrowArray:
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def as_text(kinds: Bytes, numbers: Floats, texts: ArrowArray, shared: Texts) -> list[str | None]:
    """Return cells as a person would write them: whole numbers without a point, moments in ISO 8601."""
    bare = kinds & KIND_MASK
    found: list[str | None] = [None] * len(bare)
    for kind in np.unique(bare).tolist():
        at = np.flatnonzero(bare == kind)
        if kind in {Kind.TEXT, Kind.BLANK}:
            written: list[Any] = text_of(numbers[at], texts, shared).to_pylist()
        elif kind in _WRITE:
            written = _WRITE[kind](numbers[at])
        else:
            continue
        for place, value in zip(at.tolist(), written, strict=True):
            found[place] = value
    return found


def number_text(number: float) -> str:
    """Return a number as a person would write it."""
    return str(int(number)) if number == number // 1 and abs(number) <= EXACT_INTEGER else repr(number)


def _numbers(numbers: Floats) -> list[str]:
    return [number_text(number) for number in numbers.tolist()]


def _dates(days: Floats) -> list[str]:
    found: list[str] = compute.cast(_as_type(days, None, pa.date32()), pa.string()).to_pylist()
    return found


def _moments(days: Floats) -> list[str]:
    return [_short(text) for text in compute.cast(_as_type(days, None, pa.timestamp("us")), pa.string()).to_pylist()]


def _times(days: Floats) -> list[str]:
    return [_short(text) for text in compute.cast(_as_type(days, None, pa.time64("us")), pa.string()).to_pylist()]


def _short(text: str) -> str:
    return text.removesuffix(".000000")


def _durations(days: Floats) -> list[str]:
    return [duration_text(number) for number in days.tolist()]


def duration_text(days: float) -> str:
    """Return a duration as hours, minutes and seconds; hours may exceed a day."""
    thousandths = round(abs(days) * 86_400_000)
    seconds, fraction = divmod(thousandths, 1000)
    text = f"{'-' if days < 0 and thousandths else ''}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:03}" if fraction else text


def _booleans(numbers: Floats) -> list[str]:
    return ["true" if number else "false" for number in numbers.tolist()]


_WRITE: Final[dict[int, Callable[[Floats], list[str]]]] = {
    **dict.fromkeys((Kind.WHOLE, Kind.FRACTION, Kind.PERCENT, Kind.CURRENCY, Kind.WHOLE_CURRENCY), _numbers),
    Kind.DATE: _dates, Kind.MOMENT: _moments, Kind.TIME: _times, Kind.DURATION: _durations, Kind.BOOLEAN: _booleans,
}  # fmt: skip


def joined(blocks: list[Block]) -> Block:
    """Return several blocks as one."""
    if len(blocks) == 1:
        return blocks[0]
    numbers = []
    offset = 0
    for block in blocks:
        own = ((block.kinds & KIND_MASK == Kind.TEXT) | (block.kinds & KIND_MASK == Kind.BLANK)) & (block.numbers < 0)
        numbers.append(np.where(own, block.numbers - offset, block.numbers))
        offset += len(block.texts)
    return Block(
        np.concatenate([block.rows for block in blocks]),
        np.concatenate([block.columns for block in blocks]),
        np.concatenate([block.kinds for block in blocks]),
        np.concatenate(numbers),
        arrow.concat_arrays([block.texts for block in blocks]),
    )


def error_name(number: float) -> str:
    """Return the name of an error value."""
    return ERRORS[int(number)] if 0 <= number < len(ERRORS) else "#VALUE!"
