"""PDF: tables of the text layer, found by Camelot page chunk by page chunk. Without a text layer: "needs OCR"."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pypdfium2 as pdfium

from processing_svc.grid.header import filled, find_header
from processing_svc.handlers.interface import (
    Extracted,
    ExtractedTable,
    HandlerError,
    Notes,
    Origin,
    Original,
    SourceColumn,
    Unextracted,
)
from processing_svc.text.duck import connect
from processing_svc.text.typing import TextRelation, typed
from processing_svc.unpack import unpacked

PAGES_AT_ONCE: Final = 10
MAX_WHITESPACE: Final = 0.6
"""Share of empty cells above which a region is a layout, not a table."""
MAX_CELL_CHARACTERS: Final = 400
"""A mean above this many characters in a cell is running text set in columns."""
SMALLEST: Final = 2
NOWHERE: Final = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Region:
    page: int
    rows: list[list[str]]
    confidence: float
    box: tuple[float, float, float, float]
    """Left, bottom, right and top on the page, in points."""


class PdfHandler:
    """Portable Document Format."""

    name = "pdf"
    version = "1"
    formats = frozenset({"pdf"})

    def extract(self, original: Original) -> Iterable[Extracted]:
        """Yield every table of the text layer; name every page that has no text, or whose tables cannot be read."""
        path = unpacked(original)
        pages, silent = _inspect(path, original.budget.pages)
        yield from (_needs_ocr(page) for page in silent)
        found = 0
        with connect(original.scratch, original.budget.memory_bytes) as connection:
            for chunk in _chunks(pages):
                for item in _regions(path, chunk):
                    if isinstance(item, Unextracted):
                        yield item
                        continue
                    found += 1
                    if found > original.budget.tables:
                        raise HandlerError("too_many_tables", f"the document has more than {found - 1} tables")
                    yield _table(connection, item, found)


def _inspect(path: Path, most: int) -> tuple[list[int], list[int]]:
    """Return the pages (from 1) with text and those that only show pictures; raises `HandlerError`."""
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise HandlerError("encrypted_pdf", "the document has a password; save it without one") from error
        raise HandlerError("corrupt_file", f"the document cannot be opened: {error}") from error
    with document:
        count = len(document)
        if count > most:
            raise HandlerError("too_many_pages", f"the document has {count} pages; at most {most} are read")
        kinds = [_page_kind(document, index) for index in range(count)]
    spoken = [index + 1 for index, kind in enumerate(kinds) if kind == "text"]
    silent = [index + 1 for index, kind in enumerate(kinds) if kind == "picture"]
    if not spoken and silent:
        raise HandlerError("needs_ocr", "no page has a text layer; recognize its text first and upload it again")
    if not spoken:
        raise HandlerError("no_tables", "no page holds anything")
    return spoken, silent


def _page_kind(document: Any, index: int) -> str:
    try:
        page = document[index]
        text = page.get_textpage().get_text_bounded()
        if text.strip():
            return "text"
        return "picture" if any(True for _ in page.get_objects(max_depth=3)) else "blank"
    except pdfium.PdfiumError:
        return "text"  # let the table reader say what is wrong with the page


def _needs_ocr(page: int) -> Unextracted:
    return Unextracted(origin=Origin(kind="page", first=page, last=page), reason_code="needs_ocr",
                       detail="the page has no text layer")  # fmt: skip


def _chunks(pages: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(pages), PAGES_AT_ONCE):
        yield pages[start : start + PAGES_AT_ONCE]


def _regions(path: Path, pages: list[int]) -> Iterator[_Region | Unextracted]:
    """Yield the tables of some pages in reading order. A page that breaks the reader does not cost its neighbours."""
    try:
        yield from _read(path, pages)
    except Exception as error:
        if len(pages) > 1:
            for page in pages:
                yield from _regions(path, [page])
            return
        if type(error).__name__ == "PDFTextExtractionNotAllowed":
            raise HandlerError("extraction_not_allowed", "the document's owner forbids text extraction") from error
        yield Unextracted(
            origin=Origin(kind="page", first=pages[0], last=pages[0]),
            reason_code="unreadable_page",
            detail=f"{type(error).__name__}: {error}"[:300],
        )


def _read(path: Path, pages: list[int]) -> list[_Region]:
    """Read some pages by text and lines together; where that tore a ruled table apart, by its lines alone."""
    regions = _found(path, pages, "hybrid")
    kept = [region for region in regions if _is_table(region.rows)]
    torn = sorted({region.page for region in regions if _is_torn(region.rows)})
    if torn:
        ruled = [region for region in _found(path, torn, "lattice") if _is_table(region.rows)]
        kept += [region for region in ruled if not any(_overlap(region, other) for other in kept)]
    return sorted(kept, key=lambda region: (region.page, -region.box[3]))


def _found(path: Path, pages: list[int], flavor: str) -> list[_Region]:
    # imported here: pandas and OpenCV come with it, and only documents need them
    import camelot  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "no tables found", once per page
        tables = camelot.read_pdf(  # type: ignore[attr-defined]
            str(path), pages=",".join(map(str, pages)), flavor=flavor, engine="vector", suppress_stdout=True
        )
    return [
        _Region(int(table.page), _cleaned(table.data), float(table.accuracy), table._bbox or NOWHERE)  # noqa: SLF001
        for table in tables
    ]


def _overlap(one: _Region, other: _Region) -> bool:
    """Whether two regions of a page share some of their area."""
    left, bottom = max(one.box[0], other.box[0]), max(one.box[1], other.box[1])
    right, top = min(one.box[2], other.box[2]), min(one.box[3], other.box[3])
    return one.page == other.page and left < right and bottom < top


def _cleaned(rows: list[list[str]]) -> list[list[str]]:
    """Join the lines of a cell, and leave out rows and columns without any text."""
    joined = [[" ".join(str(cell).split()) for cell in row] for row in rows]
    kept = [row for row in joined if filled(row)]
    width = max((len(row) for row in kept), default=0)
    used = [index for index in range(width) if any(index < len(row) and row[index] for row in kept)]
    return [[row[index] if index < len(row) else "" for index in used] for row in kept]


def _is_table(rows: list[list[str]]) -> bool:
    if not _is_grid(rows) or _whitespace(rows) > MAX_WHITESPACE:
        return False
    texts = [cell for row in rows for cell in row if cell]
    return sum(map(len, texts)) / len(texts) <= MAX_CELL_CHARACTERS


def _is_torn(rows: list[list[str]]) -> bool:
    """Whether a region is so empty that lines of text inside its cells were taken for rows."""
    return _is_grid(rows) and _whitespace(rows) > MAX_WHITESPACE


def _is_grid(rows: list[list[str]]) -> bool:
    return len(rows) >= SMALLEST and len(rows[0]) >= SMALLEST


def _whitespace(rows: list[list[str]]) -> float:
    cells = [cell for row in rows for cell in row]
    return sum(not cell for cell in cells) / len(cells)


def _table(connection: Any, region: _Region, number: int) -> ExtractedTable:
    header = find_header(region.rows)
    start = header.above + header.present if header else 0
    names = header.names if header and header.present else ()
    width = len(region.rows[0])
    body = pa.table({f"c{i}": pa.array([row[i] or None for row in region.rows[start:]], pa.string())
                     for i in range(width)})  # fmt: skip
    view = f"region_{number}"
    connection.register(view, body)
    read = typed(TextRelation(connection, view, width), sampled=False, whole=True)
    findings = Notes()
    findings.add("confidence", f"{region.confidence:.0f} of 100, as Camelot measures how text fits the cells")
    if header and header.above:
        findings.add("preamble", f"{header.above} rows above the header are no part of the table")
    return ExtractedTable(
        name=f"page {region.page} table {number}",
        origin=Origin(kind="page", first=region.page, last=region.page),
        columns=[
            SourceColumn(names[index] if index < len(names) else None, reading.kind, reading.note)
            for index, reading in enumerate(read.readings)
        ],
        schema=read.schema,
        batches=read.batches(),
        findings=findings,
    )
