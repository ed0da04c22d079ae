"""A profile document written as it is measured: columns go to disk one by one, so a wide table costs no memory."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from quality_svc.profile.document import PROFILE_VERSION, ColumnProfile, Engine, ScoredMeasure


class DocumentWriter:
    """Writes one `ProfileDocument` to `path`; a context manager. Call `table` for each table, then `conclude`."""

    def __init__(
        self,
        path: Path,
        *,
        engine: Engine,
        dataset_id: UUID | None = None,
        run_id: UUID | None = None,
        assessment_id: UUID | None = None,
    ) -> None:
        self._path = path
        named = {"dataset_id": dataset_id, "run_id": run_id, "assessment_id": assessment_id}
        self._head = {"profile": PROFILE_VERSION, **_told(named), "engine": engine.model_dump(mode="json")}
        self._tables = 0

    def __enter__(self) -> Self:
        self._file = self._path.open("w", encoding="utf-8")
        self._file.write(_dumps(self._head)[:-1] + ',"tables":[')
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def table(
        self, *, index: int, name: str, row_count: int, column_count: int, table_id: UUID | None = None
    ) -> "TableWriter":
        """Begin the next table; its columns and measures go through the writer returned, a context manager."""
        head = {
            **_told({"table_id": table_id}),
            "index": index,
            "name": name,
            "row_count": row_count,
            "column_count": column_count,
        }
        self._file.write(("," if self._tables else "") + _dumps(head)[:-1] + ',"columns":[')
        self._tables += 1
        return TableWriter(self._file.write)

    def conclude(self, measures: Iterable[ScoredMeasure], overall: float | None, weights: str) -> None:
        """Write what holds over all tables, and end the document."""
        tail = {"measures": _measures(measures), "overall": overall, "weights": weights}
        self._file.write("]," + _dumps(tail)[1:])
        self._file.flush()


class TableWriter:
    """Writes the columns and then the measures of one table."""

    def __init__(self, write: Any) -> None:
        self._write = write
        self._columns = 0

    def column(self, column: ColumnProfile) -> None:
        """Write the next column."""
        self._write(("," if self._columns else "") + column.model_dump_json(exclude_none=True))
        self._columns += 1

    def conclude(self, measures: Sequence[ScoredMeasure]) -> None:
        """Write the measures of the table, and end it."""
        self._write("]," + _dumps({"measures": _measures(measures)})[1:])


def _told(ids: Mapping[str, UUID | None]) -> dict[str, str]:
    """Return the ids there are, as text."""
    return {name: str(value) for name, value in ids.items() if value is not None}


def _measures(measures: Iterable[ScoredMeasure]) -> list[dict[str, Any]]:
    return [measure.model_dump(mode="json", exclude_none=True) for measure in measures]


def _dumps(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
