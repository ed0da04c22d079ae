"""Opens a workbook of any format: one small interface before the readers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from processing_svc.grid.cells import Block, SheetEntry, SheetFacts
from processing_svc.grid.values import Texts
from processing_svc.handlers.interface import HandlerError, Original
from processing_svc.workbook.ods import open_ods
from processing_svc.workbook.ooxml import open_ooxml
from processing_svc.workbook.package import OLE_MAGIC, Container
from processing_svc.workbook.xls import open_xls
from processing_svc.workbook.xlsb import open_xlsb


class Workbook(Protocol):
    """An open workbook."""

    sheets: list[SheetEntry]
    shared: Texts
    """Text that blocks point into."""

    def read(self, sheet: SheetEntry, facts: SheetFacts) -> Iterator[Block]:
        """Yield the cells of a sheet in row order, adding to `facts`; `VOID` says that what came before is void."""
        ...


@contextmanager
def open_workbook(path: Path, original: Original) -> Iterator[Workbook]:
    """Open a workbook by what it is, whatever it is called; raises `HandlerError`."""
    with path.open("rb") as file:
        magic = file.read(8)
    if not magic:
        raise HandlerError("empty_file", "the file is empty")
    if magic == OLE_MAGIC or not magic.startswith(b"PK"):
        yield open_xls(path)
        return
    with Container(path, original.budget) as container:
        if "content.xml" in container:
            yield open_ods(container)
        elif container.named("/workbook.bin"):
            yield open_xlsb(container, original.scratch)
        else:
            yield open_ooxml(container, original.scratch)
