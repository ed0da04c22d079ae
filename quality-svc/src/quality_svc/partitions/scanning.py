"""One work item: the pass of the profile over its rows alone, with what merges in place of what does not.

Which rows are sampled, and how finely, is the whole table's: the hash of a row's number in its part decides, and the
levels come from all footers. So the sampled rows of all items are the very ones that a single pass samples.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from dataplatform.engine import EngineLimits, open_engine
from quality_svc.partitions.items import WorkItem
from quality_svc.partitions.partial import ColumnPartial, PartialWriter
from quality_svc.profile.arrays import Array
from quality_svc.profile.assembly import Detail
from quality_svc.profile.expressions import facts_sql
from quality_svc.profile.kinds import kind_of
from quality_svc.profile.passing import Column, Pass
from quality_svc.profile.plan import TablePlan, column_groups, plan_table
from quality_svc.profile.table import TableTooLargeError, UnreadableTableError

HASHES: Final = "hashes"
"""The fact that stands for `distinct` in a partial: the hashes of the different values, where these are few."""


class PartialPass(Pass):
    """One pass over some columns of an item's rows."""

    def partials(self) -> Iterator[ColumnPartial]:
        """Measure the columns, in their order; raises `duckdb.Error`."""
        facts_of = {column.plan.position: self._mergeable(column) for column in self._columns}
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE facts AS {self._scan_sql(facts_of)}")
        found = self._read(facts_of)
        moments = self._moments(found)
        for column in self._columns:
            position = column.plan.position
            yield ColumnPartial(
                position, column.duckdb_type, found[position], moments.get(position), self._kept_of(column)
            )

    def _mergeable(self, column: Column) -> Mapping[str, str]:
        facts = facts_sql(column.plan, column.kind, column.duckdb_type, self._detail.text_characters)
        raw = f"c{column.plan.position}"
        if "distinct" in facts:
            compared = f"{raw}::VARCHAR" if column.kind == "nested" else raw
            facts[HASHES] = f"list(DISTINCT hash({compared})) FILTER ({raw} IS NOT NULL)"
            del facts["distinct"]
        return facts

    def _kept_of(self, column: Column) -> tuple[Array, ...]:
        """Return the sampled values, and of texts the keys; without the rows that were kept for other columns."""
        names = list(self._kept[column.plan.position])
        if not names:
            return ()
        kept = f"(SELECT unnest(kept_{column.plan.level}, max_depth := 2) FROM facts)"
        return tuple(self._arrow(f"SELECT {', '.join(names)} FROM {kept} WHERE {names[-1]} IS NOT NULL"))


def scan(parts: Sequence[Path], item: WorkItem, limits: EngineLimits, out: Path) -> int:
    """Measure an item of a table into the file `out`; return its rows.

    Of every part the footer is read, of the item's part the bytes of its row groups: the rest may be missing. Raises
    `UnreadableTableError` and `TableTooLargeError`.
    """
    try:
        plan = plan_table(parts)
        with open_engine(limits, apart=True) as connection, PartialWriter(out) as writer:
            for partial in _scanned(connection, plan, item, limits.memory_bytes):
                writer.write(partial)
    except (duckdb.OutOfMemoryException, pa.ArrowMemoryError) as error:
        raise TableTooLargeError(_first_line(error)) from error
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException):
        raise  # not the table's fault: a query of ours is wrong
    except (duckdb.Error, pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableTableError(_first_line(error)) from error
    return item.rows


def _scanned(
    connection: duckdb.DuckDBPyConnection, plan: TablePlan, item: WorkItem, memory_bytes: int
) -> Iterator[ColumnPartial]:
    types = [row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {source_of(plan, item)}").fetchall()]
    for group in column_groups(plan.row_count, plan.columns, memory_bytes):
        columns = [Column(one, types[one.position], kind_of(types[one.position], one.type)) for one in group]
        yield from _measured(connection, plan, item, columns)


def _measured(
    connection: duckdb.DuckDBPyConnection, plan: TablePlan, item: WorkItem, columns: Sequence[Column]
) -> list[ColumnPartial]:
    """Measure a group; where it does not fit the memory, its halves."""
    source, detail = source_of(plan, item), Detail.of_width(len(plan.columns))
    try:
        first = (item.part, item.first_group)
        return list(PartialPass(connection, source, plan, columns, detail, first=first).partials())
    except duckdb.OutOfMemoryException:
        if len(columns) == 1:
            raise
        middle = len(columns) // 2
        return [
            *_measured(connection, plan, item, columns[:middle]),
            *_measured(connection, plan, item, columns[middle:]),
        ]


def source_of(plan: TablePlan, item: WorkItem) -> str:
    """Return the FROM clause for the item's rows; DuckDB leaves the other row groups unread."""
    part = str(plan.parts[item.part]).replace("'", "''")
    names = ", ".join(f"c{column.position}" for column in plan.columns)
    rows = f"file_row_number BETWEEN {item.first_row} AND {item.first_row + item.rows - 1}"
    return f"(SELECT *, file_row_number FROM read_parquet('{part}') AS t({names}) WHERE {rows})"


def _first_line(error: Exception) -> str:
    """Return what the engine said; it may quote the data, so it is for logs only."""
    return str(error).partition("\n")[0][:500]
