"""A table as rules see it: its rows, and its columns by the names in the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from dataplatform.engine import EngineLimits
from quality_svc.checks.rows import Rows, quoted


@dataclass(frozen=True, slots=True)
class Column:
    """A column as SQL knows it: its quoted name and its type."""

    name: str
    sql: str
    type: str


class RefusedError(Exception):
    """A rule cannot be evaluated on this table, or fails as a whole, for a reason with a code."""

    def __init__(self, code: str, detail: str, *, failed: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.failed = failed


class Table:
    """An open table: its rows and its columns by name. A context manager; raises `duckdb.Error`."""

    def __init__(self, parts: Sequence[Path], limits: EngineLimits) -> None:
        self.parts = tuple(parts)
        self.limits = limits
        self.rows = Rows.of_parts(parts, limits)
        self._columns: dict[str, Column] | None = None

    def __enter__(self) -> Self:
        self.rows.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rows.__exit__(kind, error, trace)

    @property
    def columns(self) -> dict[str, Column]:
        """Return the columns by their name in the file."""
        if self._columns is None:
            described = self.rows.session.execute(f"DESCRIBE SELECT * FROM {self.rows.source}").fetchall()
            self._columns = {}
            for name, row in zip(self.rows.originals, described, strict=True):
                self._columns.setdefault(name, Column(name, quoted(row[0]), row[1]))
        return self._columns

    def column(self, name: str) -> Column:
        """Return a column by its name, or by the one name that differs in case only; raises `RefusedError`."""
        found = self.columns.get(name)
        if found is None:
            alike = [column for other, column in self.columns.items() if other.casefold() == name.casefold()]
            if len(alike) != 1:
                raise RefusedError("column_not_found", f"the table has no column {name!r}", failed=True)
            found = alike[0]
        return found

    @property
    def row_count(self) -> int:
        """Return how many rows there are."""
        return self.rows.counts(["count(*)"])[0]
