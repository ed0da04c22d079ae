"""The schema that parts of one table share: what differs between them is widened where no value can change by it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from processing_svc.handlers.interface import SourceColumn

_SIGNED: Final = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
_UNITS: Final = ("s", "ms", "us", "ns")
_MOST_DIGITS: Final = 38
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Shared:
    """One schema for several parts: its keys, columns and fields, in order; `differences` in words, by part."""

    keys: tuple[Key, ...]
    columns: tuple[SourceColumn, ...]
    schema: pa.Schema
    differences: tuple[tuple[int, str], ...] = ()


def keys_of(columns: Sequence[SourceColumn]) -> list[Key]:
    """Return what tells columns apart: name, and which of that name it is. A column without one has its position."""
    seen: Counter[str] = Counter()
    keys = []
    for position, column in enumerate(columns):
        name = column.name if column.name is not None else f"#{position}"
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


def is_same(one: pa.Schema, other: pa.Schema) -> bool:
    """Whether two parts have the very same columns, in the same order."""
    return one.names == other.names and one.types == other.types


def share(parts: Sequence[tuple[Sequence[SourceColumn], pa.Schema]]) -> Shared | None:
    """Return the schema of parts taken together, or None where a column's types have nothing in common.

    Columns stand in the order of the first part; those that only later parts have follow.
    """
    columns: dict[Key, SourceColumn] = {}
    fields: dict[Key, pa.Field[Any]] = {}
    for sources, schema in parts:
        for key, source, field in zip(keys_of(sources), sources, schema, strict=True):
            known = fields.get(key)
            columns[key] = _richer(columns.get(key), source)
            common = field.type if known is None else common_type(known.type, field.type)
            if common is None:
                return None
            fields[key] = (known or field).with_type(common)
    for key, field in fields.items():
        if pa.types.is_null(field.type) and columns[key].inferred == "empty":
            fields[key] = field.with_type(pa.string())  # as text without any value is in a table by itself
    shared = Shared(tuple(fields), tuple(columns.values()), pa.schema(list(fields.values())))
    differences = [(n, text) for n, part in enumerate(parts) for text in _differences(part, shared)]
    return Shared(shared.keys, shared.columns, shared.schema, tuple(differences))


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return the type that holds every value of both, or None; the cast checks long integers in doubles."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    for rule in (_common_number, _common_text, _common_time):
        if (found := rule(one, other) or rule(other, one)) is not None:
            return found
    return None


def _common_number(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    integer, decimal = pa.types.is_integer, pa.types.is_decimal
    if integer(one) and integer(other):
        return _common_integer(one, other)
    if pa.types.is_floating(one) and (integer(other) or pa.types.is_floating(other)):
        return pa.float64()
    if decimal(one) and (decimal(other) or integer(other)):
        scale = other.scale if decimal(other) else 0
        whole = other.precision - other.scale if decimal(other) else 20
        digits = max(one.precision - one.scale, whole) + max(one.scale, scale)
        return pa.decimal128(digits, max(one.scale, scale)) if digits <= _MOST_DIGITS else None
    return None


def _common_integer(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if pa.types.is_signed_integer(one) == pa.types.is_signed_integer(other):
        return max(one, other, key=lambda item: item.bit_width)
    unsigned = other if pa.types.is_signed_integer(one) else one
    signed = one if unsigned is other else other
    width = max(signed.bit_width, 2 * unsigned.bit_width)
    return _SIGNED.get(width, pa.decimal128(20, 0))


def _common_text(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if pa.types.is_large_string(one) and pa.types.is_string(other):
        return one
    return one if pa.types.is_large_binary(one) and pa.types.is_binary(other) else None


def _common_time(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if pa.types.is_timestamp(one) and pa.types.is_timestamp(other) and one.tz == other.tz:
        return max(one, other, key=lambda item: _UNITS.index(item.unit))
    return one if pa.types.is_timestamp(one) and one.tz is None and pa.types.is_date32(other) else None


def _richer(known: SourceColumn | None, found: SourceColumn) -> SourceColumn:
    return found if known is None or known.inferred == "empty" else known


def _differences(part: tuple[Sequence[SourceColumn], pa.Schema], shared: Shared) -> Iterator[str]:
    types = dict(zip(keys_of(part[0]), part[1].types, strict=True))
    for (name, _), field, key in zip(shared.keys, shared.schema, shared.keys, strict=True):
        if key not in types:
            yield f"the column {name!r} is missing; it is null there"
        elif types[key] != field.type and not pa.types.is_null(types[key]):
            yield f"the column {name!r} is {types[key]} there and {field.type} in the table"
    if [key for key in shared.keys if key in types] != list(types):
        yield "the columns are in another order"
