"""From Arrow arrays to what is computed with: native numbers, texts by their distinct values; and back to cells.

Temporal values and decimals are whole numbers here (since 1970-01-01, since midnight, of the last decimal place), so
that order, quantiles and moments are those of plain numbers. Decimals beyond 18 digits are Python's integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quality_svc.profile.document import Cell, Kind

Numbers = np.ndarray[Any, np.dtype[Any]]
Array: TypeAlias = Any
"""An Arrow array; the stubs published for Arrow refuse much of what it takes."""

LARGEST_JSON_INTEGER: Final = 2**53 - 1
"""Beyond this, readers that hold JSON numbers as doubles would see another number."""
INFINITE_DAY: Final = 2**31 - 1
INFINITE_MOMENT: Final = 2**63 - 1
"""What DuckDB and PostgreSQL write for a date or time without end; the negative of it for one without beginning."""

PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SIXTY_FOUR: Final = 64


@dataclass(frozen=True, slots=True)
class Scale:
    """How native numbers of a column read: its kind, decimal places, and the unit and zone of what is temporal."""

    kind: Kind
    places: int = 0
    unit: str = "us"
    zoned: bool = False

    @classmethod
    def of(cls, kind: Kind, data_type: Any, *, zoned: bool = False) -> "Scale":
        """Return the scale of values of an Arrow type."""
        if kind == "decimal":
            return cls(kind, places=data_type.scale)
        if kind in {"timestamp", "time"}:
            return cls(kind, unit=data_type.unit, zoned=zoned or getattr(data_type, "tz", None) is not None)
        return cls(kind)

    @property
    def per_second(self) -> float:
        """How many native units are a second, of what is temporal."""
        return 1 / 86_400 if self.kind == "date" else PER_SECOND[self.unit]

    def cell(self, value: Any) -> Cell:
        """Return a native number as the document shows it."""
        if self.kind == "integer":
            number = int(value)
            return number if abs(number) <= LARGEST_JSON_INTEGER else str(number)
        if self.kind == "float":
            return float(str(value)) if isinstance(value, np.float32) else float(value)
        if self.kind == "boolean":
            return bool(value)
        if self.kind == "decimal":
            return decimal_text(int(value), self.places)
        return self._temporal(int(value))

    def mean(self, value: float) -> Cell | None:
        """Return a mean given in native units; None outside the years 1 to 9999."""
        if self.kind not in {"date", "timestamp", "time"}:
            return value / 10.0**self.places
        try:
            moment = _EPOCH + timedelta(seconds=value / self.per_second)
        except OverflowError:
            return None
        if self.kind == "time":
            return moment.time().isoformat()
        return moment.replace(tzinfo=None).isoformat() + ("Z" if self.zoned else "")

    def spread(self, value: float) -> float:
        """Return a standard deviation given in native units: seconds of what is temporal."""
        if self.kind in {"date", "timestamp", "time"}:
            return value / self.per_second
        return value / 10.0**self.places

    def _temporal(self, value: int) -> str:
        if self.kind == "date":
            return str(np.datetime64(value, "D"))
        if self.kind == "time":
            whole, fraction = divmod(value, PER_SECOND[self.unit])
            return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{self._fraction(fraction)}"
        whole, fraction = divmod(value, PER_SECOND[self.unit])
        return f"{np.datetime64(whole, 's')}{self._fraction(fraction)}" + ("Z" if self.zoned else "")

    def _fraction(self, value: int) -> str:
        digits = len(str(PER_SECOND[self.unit])) - 1
        return f".{value:0{digits}}".rstrip("0") if value else ""


def decimal_text(value: int, places: int) -> str:
    """Return an integer of the last decimal place as text with all of its places."""
    if places <= 0:
        return str(value * 10**-places)
    digits = f"{abs(value):0{places + 1}}"
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def native(array: Array, kind: Kind) -> Numbers:
    """Return the non-null values of an array of numbers, decimals, booleans or temporal values as native numbers."""
    present = array.drop_null() if array.null_count else array
    if kind == "decimal":
        return _unscaled(present)
    if kind == "boolean":
        return np.asarray(present.cast(pa.uint8()))
    if pa.types.is_float16(present.type):
        present = present.cast(pa.float32())
    elif pa.types.is_date64(present.type):
        present = present.cast(pa.date32())
    if kind in {"date", "timestamp", "time"}:
        present = present.view(pa.int32() if present.type.bit_width < _SIXTY_FOUR else pa.int64())
    return np.asarray(present)


def _unscaled(array: Array) -> Numbers:
    """Return decimals as integers of their last place: 64 bits where all fit."""
    wide = array.cast(pa.decimal128(38, array.type.scale)) if array.type.bit_width < 128 else array  # noqa: PLR2004
    buffer = wide.buffers()[1]
    if buffer is None:
        return np.zeros(0, np.int64)
    words = np.frombuffer(buffer, np.int64)[2 * wide.offset : 2 * (wide.offset + len(wide))]
    low, high = words[::2], words[1::2]
    if bool(np.all(high == low >> 63)):
        return low
    return np.array(
        [(int(upper) << 64) | (int(lower) & 0xFFFF_FFFF_FFFF_FFFF) for lower, upper in zip(low, high, strict=True)],
        dtype=object,
    )


@dataclass(frozen=True, slots=True)
class Texts:
    """The distinct values of a column of text or binary, and how often each occurs; in no particular order."""

    values: Array
    counts: Numbers

    @property
    def basis(self) -> int:
        """Values in all."""
        return int(self.counts.sum())

    def most_frequent(self, limit: int) -> list[tuple[str, int]]:
        """Return the most frequent values, ties in the order of the values."""
        least = np.partition(self.counts, -limit)[-limit] if len(self.counts) > limit else 0
        chosen = np.flatnonzero(self.counts > least)
        ties: Any = self.values.take(pa.array(np.flatnonzero(self.counts == least)))
        if len(ties) > limit:
            ties = ties.take(pc.select_k_unstable(ties, limit, [("", "ascending")]))
        best = list(zip(self.values.take(pa.array(chosen)).to_pylist(), self.counts[chosen].tolist(), strict=True))
        best += ((value, int(least)) for value in ties.to_pylist())
        return sorted(best, key=lambda pair: (-pair[1], pair[0]))[:limit]


def texts_of(array: Array) -> Texts:
    """Return the distinct non-null values of an array."""
    present = array.drop_null() if array.null_count else array
    if pa.types.is_dictionary(present.type):
        present = present.cast(present.type.value_type)
    counted = present.value_counts()
    return Texts(counted.field("values"), np.asarray(counted.field("counts")))


def texts_by_key(values: Array, keys: Array) -> Texts:
    """Return the values that differ in `keys` (hashes of texts of which `values` may be cut), with their counts."""
    known = keys.is_valid()
    values, encoded = values.filter(known), keys.filter(known).dictionary_encode()
    codes = np.asarray(encoded.indices)
    first = np.unique(codes, return_index=True)[1]
    return Texts(values.take(pa.array(first)), np.bincount(codes, minlength=len(first)))


def joined(arrays: Sequence[Array], data_type: pa.DataType) -> Array:
    """Return the chunks of a column as one array."""
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays) if arrays else pa.array([], data_type)
