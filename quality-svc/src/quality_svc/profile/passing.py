"""One pass over a group of columns: every row is decoded once.

The same scan computes the facts of all rows and keeps the sampled rows (in DuckDB's memory, which may spill); quantiles
and top values are then counted over what was kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from quality_svc.profile.assembly import Column, Counted, Detail, assemble
from quality_svc.profile.document import ColumnProfile
from quality_svc.profile.expressions import facts_sql, kept_sql, ordered_sql, sample_facts_sql, top_sql

Facts = dict[int, dict[str, Any]]
"""Results by the column's position and the fact's name."""


class Pass:
    """One pass over `source` (a FROM clause with columns `c<position>`) for some of its columns."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, source: str, columns: Sequence[Column], detail: Detail
    ) -> None:
        self._connection = connection
        self._source = source
        self._columns = columns
        self._detail = detail
        self._kept = {
            column.plan.position: kept_sql(column.plan, column.kind, detail.text_characters) for column in columns
        }

    def profiles(self, row_count: int) -> list[ColumnProfile]:
        """Measure the columns, in their order; raises `duckdb.Error`."""
        facts_of = {
            column.plan.position: facts_sql(column.plan, column.kind, column.duckdb_type, self._detail.text_characters)
            for column in self._columns
        }
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE facts AS {self._scan_sql(facts_of)}")
        facts = self._read(facts_of, "facts")
        counted: dict[int, Counted] = {}
        for level, columns in self._by_level().items():
            source = f"(SELECT unnest(kept_{level}, max_depth := 2) FROM facts)"
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE kept AS FROM {source}")
            samples = {column.plan.position: sample_facts_sql(column.plan, column.kind) for column in columns}
            for position, found in self._read(samples, "kept").items():
                facts[position] |= found
            counted |= self._count(columns)
        return [
            assemble(column, facts[column.plan.position], counted.get(column.plan.position), row_count, self._detail)
            for column in self._columns
        ]

    def _by_level(self) -> dict[int, list[Column]]:
        """Return the columns of which values are kept, by the level of their sample."""
        levels: dict[int, list[Column]] = {}
        for column in self._columns:
            if self._kept[column.plan.position]:
                levels.setdefault(column.plan.level, []).append(column)
        return levels

    def _scan_sql(self, facts: Mapping[int, Mapping[str, str]]) -> str:
        values = (
            f"{ordered_sql(column.kind, column.duckdb_type, f'c{column.plan.position}')} AS x{column.plan.position}"
            for column in self._columns
        )
        inner = [*(f"c{column.plan.position}" for column in self._columns), *values]
        outer = [f"{sql} AS {name}_{position}" for position, named in facts.items() for name, sql in named.items()]
        for level, columns in self._by_level().items():
            inner.append(f"{_sampled(level)} AS s{level}")
            fields = [
                f"{name} := {sql}" for column in columns for name, sql in self._kept[column.plan.position].items()
            ]
            filled = " OR ".join(f"x{column.plan.position} IS NOT NULL" for column in columns)
            outer.append(f"list(struct_pack({', '.join(fields)})) FILTER (s{level} AND ({filled})) AS kept_{level}")
        return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {self._source})"

    def _read(self, facts: Mapping[int, Mapping[str, str]], table: str) -> Facts:
        """Return one row of results: what `facts` computed, or computes over the kept rows."""
        made = table == "facts"
        wanted = [
            f"{name}_{position}" if made else sql for position, named in facts.items() for name, sql in named.items()
        ]
        row = iter(self._connection.execute(f"SELECT {', '.join(wanted)} FROM {table}").fetchall()[0])
        return {position: {name: next(row) for name in named} for position, named in facts.items()}

    def _count(self, columns: Sequence[Column]) -> dict[int, Counted]:
        """Count the kept values; text is told apart by the hash of all of it, not by what is shown."""
        counted: dict[int, Counted] = {}
        queries = (top_sql(column.plan, column.kind, self._detail.top_values, "kept") for column in columns)
        for position, value, count, distinct in self._connection.execute(" UNION ALL ".join(queries)).fetchall():
            counted.setdefault(position, Counted(distinct, [])).top.append((value, count))
        for column in counted.values():
            column.top.sort(key=lambda pair: -pair[1])  # stable: ties stay in the order of the values
        return counted


def _sampled(level: int) -> str:
    """Return whether a row is in the sample: 1 in 2^level by a hash of its number in its file."""
    return f"(hash(file_row_number) & {2**level - 1}) = 0" if level else "true"
