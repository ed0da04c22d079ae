"""One pass of DuckDB over a group of columns: every row is decoded once, whatever the size of the table.

The same scan computes the facts of all rows and keeps the sampled rows (in DuckDB's memory, which may spill); what is
told of single values is then found in what was kept, column by column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa

from quality_svc.profile.arrays import Array, Scale, native, texts_by_key
from quality_svc.profile.assembly import Detail, assemble
from quality_svc.profile.distinct import estimate
from quality_svc.profile.document import ColumnProfile, Distinct, Kind, Lengths
from quality_svc.profile.expressions import NUMERIC, TEMPORAL, distance_sql, facts_sql, kept_sql, ordered_sql, sums_sql
from quality_svc.profile.facts import Facts
from quality_svc.profile.kept import Kept, KeptTexts, in_order
from quality_svc.profile.moments import LARGEST_CUBED, Moments, moments_of_sums
from quality_svc.profile.plan import ColumnPlan, TablePlan
from quality_svc.profile.shifts import first_shifts, in_sql_units

_ZONED: Final = "TIMESTAMP WITH TIME ZONE"
_Found = dict[str, Array]
"""Results by the name of the fact: each an array of one value, with its type."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column with what DuckDB makes of it."""

    plan: ColumnPlan
    duckdb_type: str
    kind: Kind

    @property
    def is_ordered(self) -> bool:
        """Whether its values are numbers or moments."""
        return self.kind in NUMERIC | TEMPORAL

    def scale(self, data_type: pa.DataType) -> Scale:
        """Return the scale of its values, as DuckDB gives them."""
        return Scale.of(self.kind, data_type, zoned=self.duckdb_type == _ZONED)


class Pass:
    """One pass over `source` (a FROM clause with columns `c<position>`) for some columns of the planned table.

    `first`: the part and row group where its rows begin.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: str,
        plan: TablePlan,
        columns: Sequence[Column],
        detail: Detail,
        *,
        first: tuple[int, int] = (0, 0),
    ) -> None:
        self._connection = connection
        self._source = source
        self._plan = plan
        self._columns = columns
        self._detail = detail
        self._kept = {
            column.plan.position: kept_sql(column.plan, column.kind, detail.text_characters) for column in columns
        }
        self._shifts = first_shifts(plan, [(column.plan, column.kind) for column in columns], first)

    def profiles(self) -> list[ColumnProfile]:
        """Measure the columns, in their order; raises `duckdb.Error`."""
        asked = {
            column.plan.position: facts_sql(column.plan, column.kind, column.duckdb_type, self._detail.text_characters)
            for column in self._columns
        }
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE facts AS {self._scan_sql(asked)}")
        found = self._read(asked)
        if any(named["count"][0].as_py() > self._plan.row_count for named in found.values()):
            raise duckdb.DataError("a column has more values than the footer has rows")
        moments = self._moments(found)
        profiles: dict[int, ColumnProfile] = {}
        for level in {column.plan.level for column in self._columns}:
            columns = [column for column in self._columns if column.plan.level == level]
            if any(self._kept[column.plan.position] for column in columns):
                unnested = f"(SELECT unnest(kept_{level}, max_depth := 2) FROM facts)"
                self._connection.execute(f"CREATE OR REPLACE TEMP TABLE kept AS FROM {unnested}")
            for column in columns:
                position = column.plan.position
                facts, kept = facts_of(column, found[position], moments.get(position)), self._values(column)
                profiles[position] = assemble(
                    column.plan, column.kind, facts, kept, row_count=self._plan.row_count, detail=self._detail
                )
        return [profiles[column.plan.position] for column in self._columns]

    def _by_level(self) -> dict[int, list[Column]]:
        """Return the columns of which values are kept, by the level of their sample."""
        levels: dict[int, list[Column]] = {}
        for column in self._columns:
            if self._kept[column.plan.position]:
                levels.setdefault(column.plan.level, []).append(column)
        return levels

    def _scan_sql(self, facts: Mapping[int, Mapping[str, str]]) -> str:
        inner = [f"c{column.plan.position}" for column in self._columns]
        inner += (
            f"{ordered_sql(column.kind, column.duckdb_type, f'c{column.plan.position}')} AS x{column.plan.position}"
            for column in self._columns
        )
        inner += self._distances(self._columns)
        outer = [f"{sql} AS {name}_{position}" for position, named in facts.items() for name, sql in named.items()]
        for level, columns in self._by_level().items():
            inner.append(f"{_sampled(level)} AS s{level}")
            fields = [
                f"{name} := {sql}" for column in columns for name, sql in self._kept[column.plan.position].items()
            ]
            filled = " OR ".join(f"x{column.plan.position} IS NOT NULL" for column in columns)
            outer.append(f"list(struct_pack({', '.join(fields)})) FILTER (s{level} AND ({filled})) AS kept_{level}")
        return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {self._source})"

    def _distances(self, columns: Sequence[Column]) -> list[str]:
        made = (
            (column.plan.position, distance_sql(column.plan, column.kind, column.duckdb_type, shift))
            for column in columns
            for shift in [self._shifts[column.plan.position]]
        )
        return [f"{sql} AS d{position}" for position, sql in made if sql is not None]

    def _read(self, facts: Mapping[int, Mapping[str, str]]) -> dict[int, _Found]:
        """Return the one row of results of the scan."""
        wanted = [f"{name}_{position}" for position, named in facts.items() for name in named]
        row = self._arrow(f"SELECT {', '.join(wanted)} FROM facts")
        cells = iter(row)
        return {position: {name: next(cells) for name in named} for position, named in facts.items()}

    def _arrow(self, sql: str) -> list[Array]:
        table = self._connection.execute(sql).to_arrow_table()
        return [column.combine_chunks() for column in table.columns]

    def _moments(self, found: Mapping[int, _Found]) -> dict[int, Moments | None]:
        """Return the moments in SQL's units; columns whose shift was far from their mean are summed a second time."""
        moments, far = {}, []
        for column in self._columns:
            position = column.plan.position
            if "first" in found[position]:
                moments[position], badly = self._of_sums(column, found[position])
                if badly:
                    far.append(column)
        for column in far:
            first = moments[column.plan.position]
            self._shifts[column.plan.position] = first.mean if first else 0.0
        if far:
            distances = ", ".join(self._distances(far))
            sums = {column.plan.position: sums_sql(column.plan) for column in far}
            asked = ", ".join(sql for named in sums.values() for sql in named.values())
            cells = iter(self._arrow(f"SELECT {asked} FROM (SELECT {distances} FROM {self._source})"))
            for column in far:
                position = column.plan.position
                again = found[position] | {name: next(cells) for name in sums[position]}
                moments[position] = self._of_sums(column, again)[0]
        return moments

    def _of_sums(self, column: Column, found: _Found) -> tuple[Moments | None, bool]:
        count = found["ordered" if "ordered" in found else "count"][0].as_py()
        sums = tuple(found[name][0].as_py() for name in ("first", "second", "third"))
        if not count or None in sums:
            return None, False
        if column.kind == "float" and max(-found["min"][0].as_py(), found["max"][0].as_py()) >= LARGEST_CUBED:
            return None, False
        shift = self._shifts[column.plan.position]
        return moments_of_sums(count, shift if column.kind in NUMERIC else round(shift), (sums[0], sums[1], sums[2]))

    def _values(self, column: Column) -> Kept | None:
        """Return the kept values of a column; text is told apart by the hash of all of it, not by what is kept."""
        names = list(self._kept[column.plan.position])
        if not names:
            return None
        values, *keys = self._arrow(f"SELECT {', '.join(names)} FROM kept")
        if keys:
            return KeptTexts(texts_by_key(values.cast(pa.string()), keys[0]))
        return in_order(column.scale(values.type), native(values, column.kind))


def facts_of(column: Column, found: _Found, moments: Moments | None) -> Facts:
    """Return what the scan found of a column."""
    count = found["count"][0].as_py()
    said = {name: None if name in {"min", "max"} else array[0].as_py() for name, array in found.items()}
    nan = said.get("nan")
    numbers = column.is_ordered and "min" in found
    scale = column.scale(found["min"].type) if numbers else Scale(column.kind) if column.kind == "boolean" else None
    return Facts(
        count=count,
        scale=scale,
        blanks=said.get("blanks"),
        nan=nan,
        infinite=count - said["ordered"] - (nan or 0) if "ordered" in said else None,
        special=bool(nan) + bool(said.get("rising")) + bool(said.get("falling")),
        distinct=_distinct(said, count),
        lowest=_extreme(column, found.get("min")),
        highest=_extreme(column, found.get("max")),
        moments=None if scale is None or moments is None else _in_native(moments, scale),
        lengths=_lengths(column, said),
    )


def _extreme(column: Column, array: Array | None) -> Any:
    if array is None or array.null_count:
        return None
    return native(array, column.kind)[0] if column.is_ordered else array[0].as_py()


def _in_native(moments: Moments, scale: Scale) -> Moments:
    unit = in_sql_units(scale)
    return Moments(moments.mean / unit, None if moments.sd is None else moments.sd / unit, moments.skew)


def _distinct(said: Mapping[str, Any], count: int) -> Distinct | None:
    if "distinct" in said:
        return Distinct(value=said["distinct"], exact=True)
    if "sketch" in said:
        value, error = estimate(said["sketch"] or b"")
        return Distinct(value=min(round(value), count), exact=False, relative_error=error)
    return None


def _lengths(column: Column, said: Mapping[str, Any]) -> Lengths | None:
    if said.get("shortest") is None:
        return None
    unit: Any = {"text": "characters", "binary": "bytes"}.get(column.kind, "elements")
    return Lengths(unit=unit, min=said["shortest"], max=said["longest"], mean=said["length"])


def _sampled(level: int) -> str:
    """Return whether a row is in the sample: 1 in 2^level by a hash of its number in its file."""
    return f"(hash(file_row_number) & {2**level - 1}) = 0" if level else "true"
