"""From partial profiles to the profile: the same document as a single pass gives, with the same stated errors.

| what | merges by |
|---|---|
| counts, blanks, NaN, infinities | sum |
| minimum, maximum, lengths | comparison; the mean length by weight |
| mean, standard deviation, skewness | Chan, Golub and LeVeque (1979), to the third moment Pebay (2008) |
| distinct values | OR of the sketches, or the union of the values' hashes |
| quantiles, top values, histogram, patterns | union of the samples, whose rows are those a single pass samples |

Partials go in by the number of their item, so one that comes twice counts once; they are added up in that order
whatever order they came in, so the last bit of a mean is the same too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce
from math import sqrt
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from quality_svc.partitions.items import WorkItem
from quality_svc.partitions.partial import ColumnPartial, read_partial
from quality_svc.partitions.scanning import HASHES
from quality_svc.profile import distinct
from quality_svc.profile.arrays import Array, native, texts_by_key
from quality_svc.profile.assembly import Detail, assemble
from quality_svc.profile.document import ColumnProfile
from quality_svc.profile.kept import Kept, KeptTexts, in_order
from quality_svc.profile.kinds import kind_of
from quality_svc.profile.moments import Moments
from quality_svc.profile.passing import Column, facts_of
from quality_svc.profile.plan import ColumnPlan, TablePlan, plan_table
from quality_svc.profile.table import UnreadableTableError

Merge = Callable[[Sequence[Any]], Any]


class PartialsMissingError(Exception):
    """Not every item of the table has a partial profile, or one does not belong to it."""

    code = "internal_error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def _sum(values: Sequence[Any]) -> Any:
    return sum(values)


def _any(values: Sequence[Any]) -> Any:
    return any(values)


RULES: Final[dict[str, Merge]] = {
    "count": _sum,
    "nan": _sum,
    "ordered": _sum,
    "blanks": _sum,
    "rising": _any,
    "falling": _any,
    "shortest": min,
    "longest": max,
    "sketch": lambda values: reduce(distinct.merged, values),
}
"""How the facts of a column merge, by name: of values that are not null. The others are merged below."""
EXTREMES: Final = frozenset({"min", "max"})
MOMENTS: Final = frozenset({"first", "second", "third"})
"""Sums about a shift, which differs between items: merged as moments."""


@dataclass(frozen=True, slots=True)
class Powers:
    """How many values, their mean, and the sums of the second and third powers of the distances to it."""

    count: int
    mean: float
    square: float
    cube: float

    @classmethod
    def of(cls, count: int, moments: Moments) -> "Powers":
        """Undo the division that made moments of the sums."""
        square = 0.0 if moments.sd is None else moments.sd**2 * (count - 1)
        if moments.skew is None or square <= 0:
            return cls(count, moments.mean, square, 0.0)
        bias = sqrt(count * (count - 1)) / (count - 2)
        return cls(count, moments.mean, square, moments.skew / bias * count * (square / count) ** 1.5)

    def plus(self, other: "Powers") -> "Powers":
        """Add the values of another."""
        n, delta = self.count + other.count, other.mean - self.mean
        a, b = self.count / n, other.count / n
        square = self.square + other.square + delta**2 * self.count * b
        cube = self.cube + other.cube + delta**3 * self.count * b * (a - b)
        cube += 3 * delta * (a * other.square - b * self.square)
        return Powers(n, self.mean + delta * b, square, cube)

    def moments(self) -> Moments:
        """Return the sample moments (G1 of Joanes and Gill 1998)."""
        n = self.count
        if n < 2:  # noqa: PLR2004
            return Moments(self.mean)
        sd = sqrt(max(self.square, 0.0) / (n - 1))
        if n == 2 or self.square <= 0 or sd < 1e-300:  # noqa: PLR2004 - cubes vanish
            return Moments(self.mean, sd)
        return Moments(self.mean, sd, sqrt(n * (n - 1)) / (n - 2) * (self.cube / n) / (self.square / n) ** 1.5)


class MergedProfiler:
    """The profile of a table from the partial profiles of its items: the same face as `profile.table.TableProfiler`.

    `parts` need no more than their footers. `partials` are files by the number of their item. Raises
    `PartialsMissingError` and `UnreadableTableError`.
    """

    def __init__(self, parts: Sequence[Path], items: Sequence[WorkItem], partials: Mapping[int, Path]) -> None:
        if set(partials) != {item.number for item in items}:
            raise PartialsMissingError(f"{len(partials)} of {len(items)} partial profiles, or other ones")
        try:
            self._plan: TablePlan = plan_table(parts)
        except (OSError, ValueError) as error:
            raise UnreadableTableError(f"the Parquet footer cannot be read: {error}") from error
        self._files = [partials[number] for number in sorted(partials)]

    @property
    def row_count(self) -> int:
        """Rows in all parts, from their footers."""
        return self._plan.row_count

    @property
    def column_count(self) -> int:
        """Columns, nested ones counted once."""
        return len(self._plan.columns)

    def columns(self) -> Iterator[ColumnProfile]:
        """Merge the columns in their order; of each, what the items kept of it is in memory, and of few at once."""
        detail = Detail.of_width(len(self._plan.columns))
        try:
            with ExitStack() as stack:
                readers = [read_partial(file) for file in self._files]
                for reader in readers:
                    stack.callback(reader.close)  # type: ignore[attr-defined]
                for plan in self._plan.columns:
                    partials = [_of(plan, reader) for reader in readers]
                    yield merged(plan, partials, self._plan.row_count, detail)
        except (pa.ArrowException, OSError) as error:
            raise UnreadableTableError(f"a partial profile cannot be read: {error}") from error


def _of(plan: ColumnPlan, reader: Iterator[ColumnPartial]) -> ColumnPartial:
    partial = next(reader, None)
    if partial is None or partial.position != plan.position:
        raise PartialsMissingError(f"a partial profile without column {plan.position}")
    return partial


def merged(plan: ColumnPlan, partials: Sequence[ColumnPartial], row_count: int, detail: Detail) -> ColumnProfile:
    """Return the profile of a column from its partials (at least one)."""
    column = Column(plan, partials[0].type, kind_of(partials[0].type, plan.type))
    found = _facts(partials)
    moments = _moments(partials)
    facts, kept = facts_of(column, found, moments), _kept(column, partials)
    return assemble(plan, column.kind, facts, kept, row_count=row_count, detail=detail)


def _facts(partials: Sequence[ColumnPartial]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for name in partials[0].found:
        arrays = [partial.found[name] for partial in partials]
        if name in RULES:
            found[name] = _by_rule(arrays, RULES[name])
        elif name in EXTREMES:
            chosen = pc.min_max(pa.concat_arrays(arrays))[name]
            found[name] = pa.array([chosen.as_py()], arrays[0].type)
        elif name == HASHES:
            different = {value for array in arrays for value in array[0].as_py() or ()}
            found["distinct"] = pa.array([len(different)])
        elif name == "length":
            found[name] = pa.array([_weighted(partials)])
        elif name not in MOMENTS:
            raise KeyError(f"no rule says how partials of the fact {name!r} merge")
    return found


def _by_rule(arrays: Sequence[Array], rule: Merge) -> Array:
    values = [value for array in arrays if (value := array[0].as_py()) is not None]
    return pa.array([rule(values) if values else None], arrays[0].type)


def _weighted(partials: Sequence[ColumnPartial]) -> float | None:
    """Return the mean length; every value that is not null has one."""
    pairs = [(partial.found["length"][0].as_py(), partial.found["count"][0].as_py()) for partial in partials]
    count = sum(count for length, count in pairs if length is not None)
    return sum(length * count for length, count in pairs if length is not None) / count if count else None


def _moments(partials: Sequence[ColumnPartial]) -> Moments | None:
    """Return the moments of all values; None where those of one item are not defined."""
    powers: list[Powers] = []
    for partial in partials:
        found = partial.found
        if "first" not in found:
            return None
        count = found["ordered" if "ordered" in found else "count"][0].as_py()
        if not count:
            continue
        if partial.moments is None:
            return None
        powers.append(Powers.of(count, partial.moments))
    return reduce(Powers.plus, powers).moments() if powers else None


def _kept(column: Column, partials: Sequence[ColumnPartial]) -> Kept | None:
    """Return the union of the samples; no row is in two of them."""
    if not partials[0].kept:
        return None
    values, *keys = (pa.concat_arrays(arrays) for arrays in zip(*(partial.kept for partial in partials), strict=True))
    if keys:
        return KeptTexts(texts_by_key(values.cast(pa.string()), keys[0]))
    return in_order(column.scale(values.type), native(values, column.kind))
