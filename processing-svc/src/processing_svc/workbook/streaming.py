"""The slow, frugal way through a sheet: openpyxl's read-only mode, one row in memory at a time."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from processing_svc.grid.header import Row


class StreamedRows:
    """The rows of one sheet, to be iterated as often as needed. Only xlsx and xlsm."""

    def __init__(self, path: Path, sheet: str) -> None:
        self._path = path
        self._sheet = sheet

    def __iter__(self) -> Iterator[Row]:
        import openpyxl  # noqa: PLC0415 - slow to load, and needed for few files

        with self._path.open("rb") as file:  # an open file, because openpyxl judges paths by their extension
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about styles and extensions that hold no values
                book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            try:
                sheet: Any = book[self._sheet]
                sheet.reset_dimensions()  # the declared dimension may lie; without it every row ends at its last cell
                yield from (tuple(map(_without_errors, row)) for row in sheet.iter_rows(values_only=True))
            finally:
                book.close()


_ERRORS = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA"})


def _without_errors(cell: object) -> object:
    return None if isinstance(cell, str) and cell in _ERRORS else cell
