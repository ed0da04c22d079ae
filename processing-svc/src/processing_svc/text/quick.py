"""The common kinds of values, converted by Arrow: several times faster than the SQL that defines them.

Everything accepted here the SQL of the kind accepts too, with the same value. What Arrow would take and the kind would
not (leading zeros, `0x10`, `+1.5`, a date where a moment is due, digits that a double cannot hold) is a misfit.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing_svc.handlers.interface import Casts
from processing_svc.kinds import BOOLEAN, DATE, DOUBLE, EXACT_DOUBLE_CHARACTERS, INTEGER, MISFIT, TIMESTAMP, Reading
from processing_svc.text.nulls import masked

Numbers: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Text: TypeAlias = "pa.Array[Any]"


class MisfitError(Exception):
    """A value does not fit the kind that was proposed for its column; whole columns must be looked at."""


SHORTEST_MOMENT: Final = len("2020-01-01 00:00")
SHORTEST_BOOLEAN: Final = len("true")
_SCIENTIFIC: Final = re.compile(r"-?[0-9](\.[0-9]{1,16})?[eE][-+]?[0-9]+")
_ZERO, _NINE, _PLUS, _MINUS = b"09+-"


def convert(kind: str, text: Text) -> Text:
    """Convert an array of text; raises `MisfitError`, and `pyarrow.ArrowInvalid` where Arrow reads no value at all."""
    return _CONVERTERS[kind](text)


def is_quick(reading: Reading) -> bool:
    """Whether a reading can be done here: its kind is common and in its plain form, and no blanks surround values."""
    return reading.kind in _CONVERTERS and not (reading.padded or reading.lenient or reading.normal or reading.format)


def is_convertible(reading: Reading, text: Text) -> bool:
    """Whether all texts of an array convert, or stand for null."""
    try:
        _convert_with_nulls(reading.kind, text, Casts())
    except (MisfitError, pa.ArrowInvalid):
        return False
    return True


def _integer(text: Text) -> Text:
    first, second, length = _heads(text)
    if bool((((first == _ZERO) & (length > 1)) | ((first == _MINUS) & (second == _ZERO))).any()):
        raise MisfitError("leading zeros")
    return pc.cast(text, pa.int64())


def _double(text: Text) -> Text:
    first, second, length = _heads(text)
    digit = (second >= _ZERO) & (second <= _NINE)
    if bool((((first == _ZERO) & digit & (length > 1)) | (first == _PLUS)).any()):
        raise MisfitError("leading zeros or plus")
    minus = np.flatnonzero((first == _MINUS) & (second == _ZERO) & (length > len("-0")))
    if len(minus) and any(text[int(index)].as_py()[2].isdigit() for index in minus):
        raise MisfitError("leading zeros")
    values = pc.cast(text, pa.float64())
    if not pc.all(pc.is_finite(values)).as_py() and values.null_count < len(values):
        raise MisfitError("not a number")
    if len(length) and int(length.max()) > EXACT_DOUBLE_CHARACTERS:
        _check_exact(text, values, length)
    return values


def _check_exact(text: Text, values: Text, length: Numbers) -> None:
    """Let through only text that a double gives back: most are what Arrow would print, the rest is asked one by one."""
    printed = pc.cast(values, pa.string())
    if printed.equals(text):
        return
    equal: Any = pc.equal(printed, text)
    same = equal.fill_null(True).to_numpy(zero_copy_only=False)  # noqa: FBT003 - the library's own signature
    for index in np.flatnonzero((length > EXACT_DOUBLE_CHARACTERS) & ~same):
        if not _is_exact(text[int(index)].as_py()):
            raise MisfitError("more digits than a double holds")


def _is_exact(text: str) -> bool:
    value = float(text)
    if repr(value) == text or _SCIENTIFIC.fullmatch(text):
        return True
    _, point, fraction = text.partition(".")
    return bool(point) and fraction.isdigit() and f"{value:.{len(fraction)}f}" == text


def _date(text: Text) -> Text:
    return pc.cast(text, pa.date32())


def _timestamp(text: Text) -> Text:
    _at_least(text, SHORTEST_MOMENT)
    return pc.cast(text, pa.timestamp("us"))


def _boolean(text: Text) -> Text:
    _at_least(text, SHORTEST_BOOLEAN)
    return pc.cast(text, pa.bool_())


def _at_least(text: Text, characters: int) -> None:
    lengths: Any = pc.binary_length(text)  # type: ignore[call-overload]
    shortest = pc.min(lengths).as_py()
    if shortest is not None and shortest < characters:
        raise MisfitError(f"shorter than {characters} characters")


def _heads(text: Text) -> tuple[Numbers, Numbers, Numbers]:
    """Return first byte, second byte and length of each value; bytes beyond a value's end mean nothing."""
    offsets_buffer, data_buffer = text.buffers()[1], text.buffers()[2]
    if len(text) == 0 or offsets_buffer is None or data_buffer is None or data_buffer.size == 0:
        nothing = np.zeros(0, dtype=np.int32)
        return nothing, nothing, nothing
    offsets = np.frombuffer(memoryview(offsets_buffer), dtype=np.int32)[text.offset : text.offset + len(text) + 1]
    data = np.frombuffer(memoryview(data_buffer), dtype=np.uint8)
    last = len(data) - 1
    first = np.minimum(offsets[:-1], last)
    length = np.diff(offsets)
    # a null or empty value has no bytes of its own: what stands there is its neighbour's
    present = length > 0
    return data[first] * present, data[np.minimum(first + 1, last)] * (length > 1), length


_CONVERTERS: Final[dict[str, Callable[[Text], Text]]] = {
    INTEGER.name: _integer,
    DOUBLE.name: _double,
    DATE.name: _date,
    TIMESTAMP.name: _timestamp,
    BOOLEAN.name: _boolean,
}
TYPES: Final[dict[str, pa.DataType]] = {
    INTEGER.name: pa.int64(),
    DOUBLE.name: pa.float64(),
    DATE.name: pa.date32(),
    TIMESTAMP.name: pa.timestamp("us"),
    BOOLEAN.name: pa.bool_(),
}


def convert_batch(
    batch: pa.RecordBatch, readings: Sequence[Reading], schema: pa.Schema, casts: Sequence[Casts]
) -> pa.RecordBatch:
    """Convert the columns of a batch that are still text and should not be; raises `MisfitError`.

    Texts that stand for null become null; `casts` are told.
    """
    arrays: list[Any] = []
    for index, (array, reading) in enumerate(zip(batch.columns, readings, strict=True)):
        if array.type == schema.field(index).type:
            arrays.append(array)
            continue
        try:
            arrays.append(_convert_with_nulls(reading.kind, array, casts[index]))
        except (MisfitError, pa.ArrowInvalid) as error:
            raise MisfitError(f"{MISFIT}{index}: {type(error).__name__}") from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _convert_with_nulls(kind: str, text: Text, casts: Casts) -> Text:
    """Convert; only where that fails are texts looked for that stand for null."""
    try:
        return convert(kind, text)
    except (MisfitError, pa.ArrowInvalid):
        found = masked(text)
        if found is None:
            raise
    values, spellings = found
    converted = convert(kind, values)
    for spelling in filter(None, spellings.to_pylist()):
        casts.spell(spelling)
    return converted
