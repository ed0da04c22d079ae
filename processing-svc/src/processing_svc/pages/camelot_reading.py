"""The tables of a page as Camelot sees them: where it says that rows and columns are, filled with PDFium's words.

Camelot is imported at the first page that needs it, since that takes half a second. It gets a document of that page
alone, turned upright, so that what it costs does not depend on the document. Whether its reading is wanted, and whether
it is taken, is decided in `opinions`.
"""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pypdfium2 as pdfium

from processing_svc.pages import ruled
from processing_svc.pages.aligned import grid_between
from processing_svc.pages.finding import between_rules, completed, is_table
from processing_svc.pages.geometry import Box, PageContent, Rule, Word
from processing_svc.pages.grids import Grid, trimmed
from processing_svc.pages.lines import lines_of, space_of, without_leaders
from processing_svc.pages.opinions import Flavour
from processing_svc.pages.regions import Region

_OPTIONS: Final[dict[Flavour, dict[str, str]]] = {
    "lattice": {"flavor": "lattice", "engine": "vector"},
    "lattice-drawn": {"flavor": "lattice", "engine": "combined"},
    "hybrid": {"flavor": "hybrid", "engine": "vector"},
}
_SAME_SIZE: Final = 2.0
"""Points by which Camelot's page may differ in size before its places mean nothing here."""
_NOISY: Final = ("camelot", "playa")


def camelots_tables(document: Any, page: int, content: PageContent, flavour: Flavour, scratch: Path) -> list[Grid]:
    """Return the tables of a page (from 1) of an open document, from the top; raises what Camelot raises."""
    alone = scratch / "page.pdf"
    _write_alone(document, page, content.turns, alone)
    try:
        tables = _read(alone, flavour)
    finally:
        alone.unlink(missing_ok=True)
    words, leaders = without_leaders(content.words)
    across, upright = ruled.merged(content.across), ruled.merged(content.upright)
    page_lines = lines_of(words, upright)
    space = space_of(page_lines)
    found: list[Grid] = []
    for table in sorted(tables, key=_area):
        if not _is_same_page(table, content):
            continue
        inside = [word for word in words if _box(table).holds(word.box.x, word.box.y)]
        if flavour == "hybrid":
            grid = _by_columns(table, inside, across, upright)
        else:
            grid = between_rules(_lattice(table), inside, (across, upright), space)
        if grid is None:
            continue
        taken = {id(word) for word in inside}
        words = [word for word in words if id(word) not in taken]
        grid.engine = f"Camelot ({flavour})"
        found.append(grid)
    return completed(found, leaders, page_lines)


def _write_alone(document: Any, page: int, turns: int, path: Path) -> None:
    """Write one page as a document of its own, turned so that its text is upright."""
    with pdfium.PdfDocument.new() as alone:
        alone.import_pages(document, [page - 1])
        loaded = alone[0]
        loaded.set_rotation(90 * turns)
        loaded.close()
        alone.save(path)


def _read(path: Path, flavour: Flavour) -> Sequence[Any]:
    import camelot  # noqa: PLC0415 - few documents need it, and it is slow to import

    for name in _NOISY:  # what they say of a page may hold its text
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(camelot.read_pdf(str(path), pages="1", suppress_stdout=True, **_OPTIONS[flavour]))  # type: ignore[attr-defined]


def _area(table: Any) -> float:
    box = _box(table)
    return box.width * box.height


def _box(table: Any) -> Box:
    return Box(table.cols[0][0], table.rows[-1][1], table.cols[-1][1], table.rows[0][0])


def _is_same_page(table: Any, content: PageContent) -> bool:
    width, height = table.pdf_size
    return bool(abs(width - content.width) <= _SAME_SIZE and abs(height - content.height) <= _SAME_SIZE)


def _lattice(table: Any) -> ruled.Lattice:
    """Return a table of rules: the sides of its cells that Camelot found a rule at."""
    across: list[Rule] = []
    upright: list[Rule] = []
    for cell in (cell for cells in table.cells for cell in cells):
        across += [Rule(y, cell.x1, cell.x2) for y, drawn in ((cell.y2, cell.top), (cell.y1, cell.bottom)) if drawn]
        upright += [Rule(x, cell.y1, cell.y2) for x, drawn in ((cell.x1, cell.left), (cell.x2, cell.right)) if drawn]
    xs = (table.cols[0][0], *(column[1] for column in table.cols))
    ys = (table.rows[0][0], *(row[1] for row in table.rows))
    return ruled.Lattice(xs, ys, tuple(across), tuple(upright))


def _by_columns(table: Any, inside: Sequence[Word], across: Sequence[Rule], upright: Sequence[Rule]) -> Grid | None:
    """Return a table by the columns that Camelot found; what is one row of several lines is seen here."""
    lines = [line for line in lines_of(inside, upright) if line.segments]
    if len(lines) < 2 or len(table.cols) < 2:
        return None
    edges = [table.cols[0][0] - 1, *(column[1] for column in table.cols[:-1]), table.cols[-1][1] + 1]
    grid = trimmed(grid_between(Region(tuple(lines), _box(table)), edges, across))
    return grid if is_table(grid, bounded=False) else None
