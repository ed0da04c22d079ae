"""One table's profile, columns out one after the other: a small table in memory, else one pass of DuckDB per group."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from dataplatform.engine import EngineLimits, open_engine
from quality_svc.profile.assembly import Detail, assemble
from quality_svc.profile.document import ColumnProfile
from quality_svc.profile.kinds import arrow_kind, kind_of
from quality_svc.profile.passing import Column, Pass
from quality_svc.profile.plan import EXACT_ROWS, ColumnPlan, TablePlan, column_groups, plan_table
from quality_svc.profile.reading import Reader
from quality_svc.profile.whole import measured


class UnreadableTableError(Exception):
    """The Parquet of a table cannot be read as a table; trying again would not help."""

    code = "unreadable_table"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class TableTooLargeError(Exception):
    """A single column of the table does not fit the memory that a profile may use."""

    code = "memory_limit_exceeded"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class TableProfiler:
    """Profiles one table: `row_count` and `column_count` at once, columns as they are measured.

    Raises `UnreadableTableError` and `TableTooLargeError`.
    """

    def __init__(self, parts: Sequence[Path], limits: EngineLimits) -> None:
        self._limits = limits
        try:
            self._plan: TablePlan = plan_table(parts)
        except (OSError, ValueError) as error:
            raise UnreadableTableError(f"the Parquet footer cannot be read: {error}") from error
        self._detail = Detail.of_width(len(self._plan.columns))

    @property
    def row_count(self) -> int:
        """Rows in all parts, from their footers."""
        return self._plan.row_count

    @property
    def column_count(self) -> int:
        """Columns, nested ones counted once."""
        return len(self._plan.columns)

    def columns(self) -> Iterator[ColumnProfile]:
        """Measure the columns in their order; memory does not depend on how many there are."""
        if not self._plan.columns:
            return
        try:
            if self._plan.row_count <= EXACT_ROWS:
                yield from self._held()
            else:
                yield from self._scanned(self._plan.columns)
        except duckdb.OutOfMemoryException as error:
            raise TableTooLargeError(_first_line(error)) from error
        except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException):
            raise  # not the table's fault: a query of ours is wrong
        except pa.ArrowMemoryError as error:
            raise TableTooLargeError(_first_line(error)) from error
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise UnreadableTableError(_first_line(error)) from error

    def _held(self) -> Iterator[ColumnProfile]:
        """Measure the columns of a small table in memory; those that Arrow cannot hold, or not read, with DuckDB."""
        reader = Reader(self._plan, self._limits.memory_bytes)
        for group in reader.groups():
            plain = [(plan, kind) for plan in group if (kind := arrow_kind(plan.arrow_type)) is not None]
            kinds = {plan.position: kind for plan, kind in plain}
            others = [plan for plan in group if plan.position not in kinds]
            done: dict[int, ColumnProfile] = {}
            for held in reader.read([plan for plan, _ in plain]):
                if held.array is None:
                    others.append(held.plan)
                    continue
                if len(held.array) != self._plan.row_count:
                    raise UnreadableTableError("a column has not as many values as the footer has rows")
                kind = kinds[held.plan.position]
                facts, kept = measured(held.array, kind, self._detail.text_characters)
                done[held.plan.position] = assemble(
                    held.plan, kind, facts, kept, row_count=self._plan.row_count, detail=self._detail
                )
            if others:
                done |= {profile.position: profile for profile in self._scanned(others)}
            yield from (done[plan.position] for plan in group)

    def _scanned(self, plans: Sequence[ColumnPlan]) -> Iterator[ColumnProfile]:
        groups = list(column_groups(self._plan.row_count, plans, self._limits.memory_bytes))
        with open_engine(self._limits, apart=len(groups) > 1) as connection:
            types = self._types(connection)
            for group in groups:
                columns = tuple(
                    Column(plan, types[plan.position], kind_of(types[plan.position], plan.type)) for plan in group
                )
                yield from self._measured(connection, columns)

    def _types(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        rows = connection.execute(f"DESCRIBE SELECT * FROM {self._source()}").fetchall()
        return [row[1] for row in rows]

    def _source(self) -> str:
        """Return the table function; columns go by position, so no name can collide or need quoting."""
        files = ", ".join("'" + str(part).replace("'", "''") + "'" for part in self._plan.parts)
        names = ", ".join(f"c{plan.position}" for plan in self._plan.columns)
        return f"read_parquet([{files}]) AS t({names})"

    def _measured(self, connection: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> Iterator[ColumnProfile]:
        """Measure a group; where it does not fit the memory, its halves."""
        try:
            profiles = Pass(connection, self._source(), self._plan, columns, self._detail).profiles()
        except duckdb.OutOfMemoryException:
            if len(columns) == 1:
                raise
            middle = len(columns) // 2
            profiles = [*self._measured(connection, columns[:middle]), *self._measured(connection, columns[middle:])]
        yield from profiles


def _first_line(error: Exception) -> str:
    """Return what the engine said; it may quote the data, so it is for logs only."""
    return str(error).partition("\n")[0][:500]
