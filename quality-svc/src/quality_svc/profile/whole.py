"""A column that is held whole in memory as Arrow: its facts and its kept values, without a query engine.

Planning a query costs DuckDB more than a small column's values do: a table of 20,000 columns, or of 30 rows, is
profiled several times faster here. Nested columns, and types that only DuckDB reads, are left to `passing`.
"""

from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from quality_svc.profile.arrays import (
    INFINITE_DAY,
    INFINITE_MOMENT,
    Array,
    Numbers,
    Scale,
    Texts,
    native,
    texts_of,
)
from quality_svc.profile.document import Distinct, Kind, Lengths
from quality_svc.profile.facts import Facts
from quality_svc.profile.kept import Kept, KeptTexts, extremes, in_order
from quality_svc.profile.kinds import is_measured
from quality_svc.profile.moments import moments_of

_ASCII_WHITE: Final = (9, 10, 11, 12, 13, 32)
_OTHER_WHITE: Final = (0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
WHITE_SPACE: Final = "".join(map(chr, _ASCII_WHITE + _OTHER_WHITE))


def measured(array: Array, kind: Kind, characters: int) -> tuple[Facts, Kept | None]:
    """Return the facts of a column and its values; of types that are only counted, the count. Texts are cut."""
    count = len(array) - array.null_count
    if kind == "null" or not is_measured(str(array.type)):
        return Facts(0 if kind == "null" else count), None
    if kind in {"text", "binary"}:
        return _texts(texts_of(array), kind, characters)
    values = native(array, kind)
    scale = Scale.of(kind, array.type)
    finite, nan, rising, falling = _parted(values, kind)
    kept = in_order(scale, finite)
    has_order = kind != "boolean" and len(finite) > 0
    facts = Facts(
        count=count,
        scale=scale,
        nan=nan if kind == "float" else None,
        infinite=rising + falling if kind in {"float", "date", "timestamp"} else None,
        special=(nan > 0) + (rising > 0) + (falling > 0),
        lowest=kept.values[0] if has_order else None,
        highest=kept.values[-1] if has_order else None,
        moments=moments_of(kept.values) if has_order else None,
    )
    return facts, kept


def _parted(values: Numbers, kind: Kind) -> tuple[Numbers, int, int, int]:
    """Return the finite values, and how many are NaN, without end, without beginning."""
    if kind == "float":
        finite = np.isfinite(values)
        if bool(finite.all()):
            return values, 0, 0, 0
        nan, rising = int(np.isnan(values).sum()), int((values == np.inf).sum())
        return values[finite], nan, rising, int((values == -np.inf).sum())
    if kind in {"date", "timestamp"}:
        end = INFINITE_DAY if kind == "date" else INFINITE_MOMENT
        rising, falling = int((values == end).sum()), int((values == -end).sum())
        return (values[np.abs(values) != end] if rising or falling else values), 0, rising, falling
    return values, 0, 0, 0


def _texts(texts: Texts, kind: Kind, characters: int) -> tuple[Facts, Kept | None]:
    count = texts.basis
    if kind == "binary":
        lengths = _lengths("bytes", pc.binary_length(texts.values), texts.counts)
        return Facts(count, distinct=Distinct(value=len(texts.counts), exact=True), lengths=lengths), None
    first = extremes(texts, characters)
    facts = Facts(
        count=count,
        blanks=blanks_of(texts),
        lowest=first[0] if first else None,
        highest=first[1] if first else None,
        lengths=_lengths("characters", pc.utf8_length(texts.values), texts.counts),
    )
    return facts, KeptTexts(texts)


def blanks_of(texts: Texts) -> int:
    """Return how many texts are of white space only, or empty."""
    if not len(texts.values):
        return 0
    trimmed = pc.binary_length(pc.utf8_trim(texts.values, characters=WHITE_SPACE))
    return int(texts.counts[np.asarray(trimmed) == 0].sum())


def _lengths(unit: Any, lengths: Array, counts: Numbers) -> Lengths | None:
    if not len(counts):
        return None
    found = np.asarray(lengths)
    return Lengths(
        unit=unit, min=int(found.min()), max=int(found.max()), mean=float(found @ counts) / int(counts.sum())
    )
