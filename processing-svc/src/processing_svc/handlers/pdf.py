"""PDF: the tables of its text layer, page by page; what runs over pages is joined, what has no text needs OCR."""

from collections.abc import Iterable, Iterator
from statistics import mean
from typing import Any, Final

import duckdb
import pyarrow as pa

from processing_svc.handlers.interface import (
    Extracted,
    ExtractedTable,
    FileFacts,
    HandlerError,
    Notes,
    Origin,
    Original,
    Unextracted,
)
from processing_svc.overrides import overridden_columns
from processing_svc.pages.camelot_reading import camelots_tables
from processing_svc.pages.document import content_of, metadata_of, opened, wanted_pages
from processing_svc.pages.finding import tables_of
from processing_svc.pages.geometry import PageContent
from processing_svc.pages.grids import Grid
from processing_svc.pages.joining import Running, Sheet, running, sheets_of
from processing_svc.pages.opinions import better, doubt
from processing_svc.pages.patience import OutOfPatienceError, within
from processing_svc.pages.reading import PageTooLargeError
from processing_svc.text.duck import connect
from processing_svc.text.typing import TextRelation, note_readings, source_columns, typed
from processing_svc.unpack import unpacked

PAGES_AT_ONCE: Final = 10
"""Pages after which the document is opened anew, so that what PDFium keeps of pages does not add up."""
SCANNED: Final = 0.5
"""Share of a page that a picture covers when the page is a scan, whatever a stamp on it says."""
FEW_WORDS: Final = 40
SECOND_CPU_SECONDS: Final = 5.0
"""Processor time that the second reading of a page may take; beyond it the first one holds."""
MOST_IN_VAIN: Final = 10
"""Second readings in a row that changed nothing, after which none is made any more in a document."""


class PdfHandler:
    """Portable Document Format."""

    name = "pdf"
    version = "3"
    formats = frozenset({"pdf"})

    def extract(self, original: Original) -> Iterable[Extracted]:
        """Yield every table of the text layer; name every page that has no text, or that cannot be read."""
        path = unpacked(original)
        with opened(path) as document:
            pages = wanted_pages(len(document), original.budget.pages, original.options.pages)
            yield FileFacts(metadata=metadata_of(document))
        reading = _Reading(original, pages)
        with connect(original.scratch, original.budget.memory_bytes) as connection:
            for item in reading.items(path):
                yield _table(connection, item, original) if isinstance(item, _Numbered) else item


class _Numbered:
    """A table that is complete, and which one it is."""

    def __init__(self, table: Running, number: int) -> None:
        self.table = table
        self.number = number


class _Reading:
    """One pass over the pages of a document."""

    def __init__(self, original: Original, pages: list[int]) -> None:
        self._original = original
        self._pages = pages
        self._tables = 0
        self._spoken = 0
        self._silent: list[int] = []
        self._in_vain = 0

    def items(self, path: Any) -> Iterator[_Numbered | Unextracted]:
        """Yield the tables in reading order and the pages that gave none for a reason; raises `HandlerError`."""
        held: Running | None = None
        for page, content in self._contents(path):
            if isinstance(content, Unextracted):
                yield content
                continue
            for sheet in content:
                if held is not None and held.goes_on(sheet):
                    held.take(sheet)
                    continue
                if held is not None:
                    yield self._counted(held)
                held = running(sheet)
            if held is not None and held.last.page < page:
                yield self._counted(held)
                held = None
        if held is not None:
            yield self._counted(held)
        if not self._spoken and self._silent:
            raise HandlerError("needs_ocr", "no page has a text layer; recognize its text first and upload it again")
        yield from (_needs_ocr(page) for page in self._silent)

    def _counted(self, table: Running) -> _Numbered:
        self._tables += 1
        if self._tables > self._original.budget.tables:
            raise HandlerError("too_many_tables", f"the document has more than {self._tables - 1} tables")
        return _Numbered(table, self._tables)

    def _contents(self, path: Any) -> Iterator[tuple[int, list[Sheet] | Unextracted]]:
        for start in range(0, len(self._pages), PAGES_AT_ONCE):
            with opened(path) as document:
                for number, page in enumerate(self._pages[start : start + PAGES_AT_ONCE], start=start + 1):
                    yield page, self._page(document, page)
                    self._original.on_read(number / len(self._pages))

    def _page(self, document: Any, page: int) -> list[Sheet] | Unextracted:
        try:
            with within(self._original.budget.page_cpu_seconds):
                content = content_of(document, page)
                grids = tables_of(content)
        except OutOfPatienceError as error:
            return _unread(page, "page_timed_out", f"the page was given up: {error}")
        except PageTooLargeError as error:
            return _unread(page, "page_too_large", str(error))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - foreign input: what a page does to its reader costs that page alone
            return _unread(page, "unreadable_page", f"{type(error).__name__}: {error}"[:300])
        grids = self._judged(document, page, content, grids)
        if content.words:
            self._spoken += 1
        if _is_silent(content) and not grids:
            self._silent.append(page)
        return sheets_of(page, content, grids)

    def _judged(self, document: Any, page: int, content: PageContent, grids: list[Grid]) -> list[Grid]:
        """Return the tables of a page; where they are in doubt, by what Camelot sees there as well."""
        flavour = doubt(content, grids) if self._in_vain < MOST_IN_VAIN else None
        if flavour is None:
            return grids
        try:
            with within(SECOND_CPU_SECONDS):
                others = camelots_tables(document, page, content, flavour, self._original.scratch)
                chosen = better(content, grids, others)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - foreign input: a reading that fails is no opinion, and the first one holds
            chosen = grids
        self._in_vain = self._in_vain + 1 if chosen == grids else 0
        return chosen


def _is_silent(content: PageContent) -> bool:
    """Whether a page shows something and has no text layer, or one that is a stamp on a scan."""
    if not content.words:
        return content.shown
    return content.pictured >= SCANNED and len(content.words) < FEW_WORDS


def _needs_ocr(page: int) -> Unextracted:
    return _unread(page, "needs_ocr", "the page has no text layer")


def _unread(page: int, code: str, detail: str) -> Unextracted:
    return Unextracted(origin=Origin(kind="page", first=page, last=page), reason_code=code, detail=detail)


def _table(connection: duckdb.DuckDBPyConnection, item: _Numbered, original: Original) -> ExtractedTable:
    found = item.table
    names, rows = _headed(found, original.options.header_row)
    width = len(names)
    body = pa.table({f"c{i}": pa.array([row[i] or None for row in rows], pa.string()) for i in range(width)})
    view = f"region_{item.number}"
    connection.register(view, body)
    verbatim = overridden_columns(names, original.options)
    read = typed(TextRelation(connection, view, width), sampled=False, whole=True, names=names, verbatim=verbatim)
    findings = _findings(found)
    note_readings(findings, read.readings)
    first, last = found.first, found.last
    grid = first.grid
    return ExtractedTable(
        name=f"page {first.page} table {item.number}",
        origin=Origin(
            kind="page",
            first=first.page,
            last=last.page,
            region=",".join(f"{value:.0f}" for value in first.box),
            confidence=round(mean(found.confidences), 2),
        ),
        columns=source_columns(names, read),
        schema=read.schema,
        batches=_released(connection, view, read.batches()),
        findings=findings,
        header_rows=tuple(range(1, grid.header + 1)),
    )


def _released(
    connection: duckdb.DuckDBPyConnection, view: str, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Yield the batches, and then let go of the text they were made of."""
    yield from batches
    connection.unregister(view)


def _headed(found: Running, header_row: int | None) -> tuple[list[str | None], list[list[str]]]:
    """Return the columns' names and the rows below them; a person may say which row has the names, or that none has."""
    if header_row is None or header_row == found.first.grid.header:
        return [name or None for name in found.names], found.rows
    rows = [*found.first.grid.rows()[: found.first.grid.header], *found.rows]
    if header_row == 0 or header_row > len(rows):
        return [None] * len(found.names), rows
    return [name or None for name in rows[header_row - 1]], rows[header_row:]


def _findings(found: Running) -> Notes:
    findings = Notes()
    grid = found.first.grid
    for title in grid.titles:
        findings.add("caption", title[:300], f"page {found.first.page}")
    if found.last.page > found.first.page:
        pages = f"pages {found.first.page} to {found.last.page}"
        findings.add(
            "joined_pages", f"the table runs over {pages}; {found.repeated} repeated headers were left out", pages
        )
    if found.engines:
        engines = ", ".join(sorted(found.engines))
        findings.add("second_reading", f"read by {engines}, which made more of it than the usual way")
    if grid.footnotes:
        findings.add("footnotes", f"{grid.footnotes} notes under the table are no part of it", count=grid.footnotes)
    if not grid.header:
        findings.add("no_header", "the first row holds values; the columns are numbered")
    return findings
