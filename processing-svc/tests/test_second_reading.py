"""Pages whose tables are in doubt: what Camelot sees there is taken where it is better, and only there."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest
from harness.pdf_tables import document
from PIL import Image, ImageDraw
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from processing_svc.handlers import pdf
from processing_svc.pages.camelot_reading import camelots_tables
from processing_svc.pages.finding import tables_of
from processing_svc.pages.geometry import Box, PageContent
from processing_svc.pages.grids import Cell, Grid
from processing_svc.pages.opinions import better, doubt, quality
from processing_svc.pages.reading import read_page

TERMS = [
    ["what is insured", "whatever the owner of the house has in it at the time of the fire"],
    ["what is not", "money, jewels and stamps, and what belongs to somebody else who lives there"],
    ["from when on", "from the day after the first premium was paid in full to the company"],
]
"""A table of running text that only its rules make one."""


def _pictured(*, turned: bool) -> bytes:
    """Return a page with a table whose rules are in a picture behind the text, as forms have it; turned or not."""
    width, height = (int(2 * side) for side in A4)
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    for y in range(4):
        pen.line((100, 200 + 120 * y, 1100, 200 + 120 * y), fill="black", width=3)
    for x in (100, 420, 1100):
        pen.line((x, 200, x, 560), fill="black", width=3)
    sink = io.BytesIO()
    canvas = Canvas(sink, pagesize=landscape(A4) if turned else A4)
    if turned:
        canvas.rotate(90)
        canvas.translate(0, -A4[1])
    canvas.drawImage(ImageReader(picture), 0, 0, *A4)
    canvas.setFont("Helvetica", 9)
    for row, (label, text) in enumerate(TERMS):
        top = A4[1] - 100 - 60 * row
        canvas.drawString(60, top - 20, label)
        for number, part in enumerate((text[:40], text[40:])):
            canvas.drawString(220, top - 20 - 14 * number, part)
    canvas.save()
    return sink.getvalue()


PLACE = Box(0, 0, 100, 100)


def _grid(rows: list[list[str]], box: Box = PLACE, confidence: float = 0.6) -> Grid:
    cells = [Cell(r, c, text) for r, row in enumerate(rows) for c, text in enumerate(row) if text]
    edges = tuple(box.left + box.width * n / len(rows[0]) for n in range(len(rows[0]) + 1))
    return Grid(box, len(rows), len(rows[0]), cells, edges, confidence=confidence)


@pytest.mark.parametrize("turned", [False, True])
def test_a_table_whose_rules_are_in_a_picture_is_found(*, turned: bool, parse_bytes: Callable[..., Any]) -> None:
    parsed = parse_bytes(_pictured(turned=turned), "pdf")
    rows = [["".join(cell.split()) for cell in row.values()] for row in parsed.table.to_pylist()]
    assert rows == [["".join(cell.split()) for cell in row] for row in TERMS]
    assert parsed.findings["second_reading"] == 1
    (finding,) = [found for found in parsed.report["tables"][0]["findings"] if found["kind"] == "second_reading"]
    assert "Camelot" in finding["detail"]


def test_pages_beyond_doubt_are_read_once(parse_bytes: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_arguments: object) -> list[Grid]:
        raise AssertionError

    monkeypatch.setattr(pdf, "camelots_tables", read)
    parsed = parse_bytes(document(2, "ruled", spans=True).content, "pdf")
    assert "second_reading" not in parsed.findings


@pytest.mark.parametrize("failure", [RuntimeError, AssertionError])
def test_a_second_reading_that_fails_leaves_the_first(
    failure: type[Exception], parse_bytes: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def read(*_arguments: object) -> list[Grid]:
        asked.append(1)
        raise failure

    monkeypatch.setattr(pdf, "camelots_tables", read)
    monkeypatch.setattr(pdf, "doubt", lambda _page, _grids: "hybrid")
    parsed = parse_bytes(document(2, "ruled", spans=True).content, "pdf")
    assert asked
    assert parsed.table.num_rows > 1


def test_both_readings_of_a_plain_table_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "made.pdf"
    path.write_bytes(document(5, "ruled", spans=False).content)
    with pdfium.PdfDocument(path) as opened:
        content = read_page(opened[0])
        for flavour in ("lattice", "hybrid"):
            (one,), (other,) = tables_of(content), camelots_tables(opened, 1, content, flavour, tmp_path)
            assert other.rows()[1:] == one.rows()[1:]
            assert other.engine == f"Camelot ({flavour})"


class TestCriterion:
    page = PageContent((), (), (), 600, 800)

    def test_values_in_columns_are_better_than_sentences_cut_in_pieces(self) -> None:
        table = _grid([["place", "people"], ["here", "12"], ["there", "7"], ["elsewhere", "120"]])
        prose = _grid(
            [
                ["the valves of the engine", "are to be closed before"],
                ["it is stopped by hand or", "by the driver of the car"],
                ["who has to see to it that", "nobody else is in the car"],
            ]
        )
        assert quality(table) > 0.95
        assert quality(prose) < 0.2

    def test_cells_of_several_numbers_count_less(self) -> None:
        apart = _grid([["a", "b"], ["1", "2"], ["3", "4"]])
        together = _grid([["a", "b"], ["1 2", "2 5"], ["3 4", "4 8"]])
        assert quality(together) < 0.5 * quality(apart)

    def test_nothing_is_in_doubt_on_a_page_without_words(self) -> None:
        assert doubt(self.page, []) is None

    def test_a_poor_table_that_nobody_else_sees_is_dropped(self) -> None:
        poor = _grid([["the valves of the engine", "are to be closed"], ["it is stopped by hand", "by the driver"]])
        assert better(self.page, [poor], []) == []
        sure = _grid([["the valves of the engine", "are to be closed"], ["it is stopped by hand", "by the driver"]],
                     confidence=0.9)  # fmt: skip
        assert better(self.page, [sure], []) == [sure]

    def test_what_overlaps_nothing_is_taken_if_it_is_good(self) -> None:
        first = _grid([["a", "b"], ["1", "2"], ["3", "4"]], Box(0, 500, 100, 600))
        second = _grid([["c", "d"], ["5", "6"], ["7", "8"]], Box(0, 100, 100, 200))
        assert better(self.page, [first], [second]) == [first, second]
