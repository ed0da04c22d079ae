"""A result as an Excel workbook. Made whole in a scratch file before the first byte is sent: a zip's end is its index.

What Excel cannot hold exactly becomes text: integers beyond 2^53, decimals of more than 15 digits, times with a zone or
before 1900, nested values, bytes. Text is never a formula: every text cell is marked as text, whatever it begins with.
"""

import asyncio
import json
import math
import re
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from catalog_svc.rows.engine import Engine
from catalog_svc.rows.selection import Query
from catalog_svc.rows.values import to_json
from dataplatform.problems import Problem

SHEET_ROWS: Final = 1_048_576
"""Rows of a sheet, its header included; a table of more goes on in the next sheet."""
SHEET_COLUMNS: Final = 16_384
CELL_CHARACTERS: Final = 32_767
MAX_CELLS: Final = 5_000_000
"""Some three minutes of writing; larger tables are for Parquet and CSV, which are sent while they are read."""
MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_EXACT_INTEGER: Final = 2**53
_EXACT_DIGITS: Final = 15
_EPOCH: Final = date(1900, 3, 1)
"""Before it Excel counts a day that never was."""
_CHUNK_BYTES: Final = 1 << 20
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udfff]")


async def xlsx(
    engine: Engine, query: Query, title: str, *, row_count: int, scratch: Path, max_cells: int = MAX_CELLS
) -> AsyncIterator[bytes]:
    """Yield a result of `row_count` rows as a workbook of one sheet for every 1,048,575 of them.

    Raises the problems `workbook_too_large` and `cell_too_long`, before the first byte.
    """
    require_room(row_count, len(query.names), max_cells)
    await asyncio.to_thread(scratch.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="workbook-") as folder:
        path = Path(folder) / "table.xlsx"
        sheets = _Sheets(title, query.names)
        async for batch in engine.batches(query.sql, query.parameters, len(query.names)):
            await asyncio.to_thread(sheets.add, zip(*(column.to_pylist() for column in batch.columns), strict=True))
        await asyncio.to_thread(sheets.save, path)
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                yield chunk


def require_room(row_count: int, column_count: int, max_cells: int = MAX_CELLS) -> None:
    """Raise `workbook_too_large` where Excel, or patience, has no room for a table."""
    if column_count > SHEET_COLUMNS:
        reason = f"Excel has {SHEET_COLUMNS} columns and the table {column_count}"
    elif row_count * column_count > max_cells:
        reason = f"the table has {row_count * column_count} cells; workbooks are made of up to {max_cells}"
        if max_cells == MAX_CELLS:
            reason += " while one waits, and of more by an export job: POST /api/v1/tables/{id}/exports"
    else:
        return
    raise Problem("workbook_too_large", "Too large for a workbook", 422, f"{reason}; take Parquet or CSV")


class _Sheets:
    """A workbook that is written row by row; rows go to files at once."""

    def __init__(self, title: str, names: Sequence[str], sheet_rows: int = SHEET_ROWS) -> None:
        from openpyxl import Workbook  # noqa: PLC0415 - only whoever downloads a workbook pays for it

        self._book: Workbook = Workbook(write_only=True)
        self._title, self._names, self._sheet_rows = title, names, sheet_rows
        self._rows = sheet_rows

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Append rows, in a new sheet where one is full."""
        for row in rows:
            if self._rows == self._sheet_rows:
                self._begin()
            self._sheet.append(self._cells(row))
            self._rows += 1

    def save(self, path: Path) -> None:
        """Write the file; a table without rows has its header."""
        if not self._book.worksheets:
            self._begin()
        self._book.save(path)

    def _begin(self) -> None:
        number = len(self._book.worksheets) + 1
        suffix = f" ({number})" if number > 1 else ""
        self._sheet: Any = self._book.create_sheet(sheet_title(self._title, 31 - len(suffix)) + suffix)
        self._sheet.append(self._cells(self._names))
        self._rows = 1

    def _cells(self, values: Sequence[Any]) -> Iterator[Any]:
        from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415

        for value in map(cell_value, values):
            if not isinstance(value, str):
                yield value
                continue
            cell = WriteOnlyCell(self._sheet, value)
            cell.data_type = "s"  # openpyxl would take `=...` for a formula, and `#N/A` for an error
            yield cell


def sheet_title(name: str, length: int = 31) -> str:
    """Return a name that Excel takes for a sheet."""
    return re.sub(r"[\[\]:*?/\\\x00-\x1f]", "_", name).strip("'")[:length] or "table"


def cell_value(value: Any) -> Any:
    """Return what a cell holds for a value of the table; raises `cell_too_long`."""
    if isinstance(value, str):
        return _text(value)
    if _is_exact(value):
        return value
    plain = to_json(value)
    return _text(plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False))


def _is_exact(value: Any) -> bool:
    """Whether Excel holds the value as it is."""
    match value:
        case None | bool():
            exact = True
        case int():
            exact = abs(value) <= _EXACT_INTEGER
        case float():
            exact = math.isfinite(value)
        case Decimal():
            exact = value.is_finite() and len(value.as_tuple().digits) <= _EXACT_DIGITS
        case datetime():
            exact = value.tzinfo is None and value.date() >= _EPOCH and value.microsecond % 1000 == 0
        case date():
            exact = value >= _EPOCH
        case time():
            exact = value.microsecond % 1000 == 0
        case _:
            exact = False
    return exact


def _text(text: str) -> str:
    if len(text) > CELL_CHARACTERS:
        reason = f"a cell of a workbook holds {CELL_CHARACTERS} characters, one of the table has {len(text)}"
        raise Problem("cell_too_long", "Too long for a cell", 422, f"{reason}; take Parquet or CSV")
    return _ILLEGAL.sub("\ufffd", text)
