"""Tables of generated pages whose rows, columns and spans are known, and of the corpus as a person sees them."""

import io
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest
from harness.pdf_tables import STYLES, Truth, document, f1, long_document, score, suite, two_columns
from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas

from processing_svc.handlers.interface import HandlerError
from processing_svc.pages.document import iso_date, wanted_pages
from processing_svc.pages.finding import tables_of
from processing_svc.pages.geometry import Box, PageContent, back, turn
from processing_svc.pages.grids import Grid
from processing_svc.pages.headers import names_of
from processing_svc.pages.lines import is_caption, is_number
from processing_svc.pages.patience import OutOfPatienceError, within
from processing_svc.pages.reading import read_page

Draw = Callable[[Canvas], object]


def drawn(draw: Draw, size: tuple[float, float] = A4) -> bytes:
    sink = io.BytesIO()
    canvas = Canvas(sink, pagesize=size)
    canvas.setFont("Helvetica", 10)
    draw(canvas)
    canvas.save()
    return sink.getvalue()


def contents(data: bytes | Path) -> list[PageContent]:
    with pdfium.PdfDocument(data) as pdf:
        return [read_page(page) for page in pdf]


def grids(data: bytes | Path) -> list[Grid]:
    return [grid for content in contents(data) for grid in tables_of(content)]


def put(canvas: Canvas, rows: list[list[str]], *, left: float = 80, top: float = 700, step: float = 110) -> None:
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            canvas.drawString(left + step * column, top - 16 * number, text)


def truths(found: list[Grid]) -> list[list[Truth]]:
    return [[Truth(c.row, c.column, c.text, c.rows, c.columns) for c in grid.cells] for grid in found]


ROWS = [["place", "area", "people"], *([f"place {n}", f"{n * 7.5:.1f}", str(n * 1000 + 5)] for n in range(8))]


class TestStructure:
    def test_neighbours_of_cells_are_found_in_every_style(self) -> None:
        documents = suite(1)
        results: dict[str, float] = {}
        for made in documents:
            results[made.kind] = f1(*score(made.tables, truths(grids(made.content))))
        assert sum(results.values()) / len(results) > 0.97
        assert min(results.values()) > 0.7

    @pytest.mark.parametrize("style", STYLES)
    def test_names_of_columns_under_common_names(self, style: str) -> None:
        made = document(3, style, spans=True)
        (grid,) = grids(made.content)
        assert grid.header == 2
        top = [cell for cell in made.tables[0] if cell.row == 0]
        second = next(cell for cell in made.tables[0] if (cell.row, cell.column) == (1, 1))
        assert names_of(grid)[1] == f"{top[1].text} {second.text}"
        assert names_of(grid)[0] == top[0].text

    def test_running_text_in_two_columns_is_no_table(self) -> None:
        assert [grids(two_columns(seed).content) for seed in range(4)] == [[], [], [], []]

    def test_lists_contents_and_prose_are_no_tables(self) -> None:
        def draw(canvas: Canvas) -> None:
            for number in range(10):
                canvas.drawString(72, 760 - 14 * number, f"{number + 1}.")
                canvas.drawString(100, 760 - 14 * number, "an item of a list that says something about itself")
                canvas.drawString(72, 560 - 14 * number, f"Chapter {number} " + "." * 60)
                canvas.drawString(480, 560 - 14 * number, str(3 * number + 1))
                canvas.drawString(
                    72, 360 - 14 * number, "The quick brown fox jumps over the lazy dog, and home it goes."
                )

        assert grids(drawn(draw)) == []

    @pytest.mark.parametrize("turns", [0, 90, 180, 270])
    def test_pages_turned_by_their_rotation_read_alike(self, turns: int) -> None:
        def draw(canvas: Canvas) -> None:
            canvas.setPageRotation(turns)
            put(canvas, ROWS)

        (grid,) = grids(drawn(draw))
        assert grid.rows() == ROWS

    @pytest.mark.parametrize("angle", [90, 180, 270])
    def test_text_that_is_turned_on_the_page_reads_alike(self, angle: int) -> None:
        width, height = A4
        shift = {90: (0, -width), 180: (-width, -height), 270: (-height, 0)}[angle]

        def draw(canvas: Canvas) -> None:
            canvas.rotate(angle)
            canvas.translate(*shift)
            canvas.setFont("Helvetica", 10)
            put(canvas, ROWS, top=500 if angle != 180 else 700)

        content = contents(drawn(draw))[0]
        (grid,) = tables_of(content)
        assert grid.rows() == ROWS
        box = content.original_box(grid.box)
        assert 0 < box.left < box.right < width
        assert 0 < box.bottom < box.top < height

    def test_a_cell_over_several_rows_and_one_over_several_columns(self) -> None:
        made = document(3, "ruled", spans=True)
        spans = {(cell.row, cell.column): (cell.rows, cell.columns) for cell in grids(made.content)[0].cells}
        assert all(spans[cell.row, cell.column] == (cell.rows, cell.columns) for cell in made.tables[0])

    def test_captions_and_notes_are_no_rows(self) -> None:
        def draw(canvas: Canvas) -> None:
            canvas.drawString(80, 720, "Table 4. What there is of places")
            put(canvas, ROWS)
            canvas.drawString(80, 560, "Source: those who counted, 2020")

        (grid,) = grids(drawn(draw))
        assert grid.rows() == ROWS
        assert grid.titles == ["Table 4. What there is of places"]

    def test_signs_of_currency_belong_to_their_numbers(self) -> None:
        def draw(canvas: Canvas) -> None:
            put(canvas, [["item", "price"], *([f"item {n}", f"{n + 1}.50"] for n in range(8))], step=200)
            for number in range(1, 9):
                canvas.drawString(240, 700 - 16 * number, "$")

        (grid,) = grids(drawn(draw))
        assert grid.width == 2
        assert grid.rows()[1][1] == "$ 1.50"

    def test_columns_without_any_value_are_known_by_their_names(self) -> None:
        rows = [["place", "area", "people", "cars"], *([f"place {n}", f"{n * 7.5:.1f}", "", ""] for n in range(9))]
        (grid,) = grids(drawn(lambda canvas: put(canvas, rows)))
        assert (grid.width, grid.rows()[0]) == (4, rows[0])

    def test_a_word_that_a_hyphen_breaks_is_put_together(self) -> None:
        def draw(canvas: Canvas) -> None:
            canvas.grid([80, 200, 320], [700, 660, 620, 580])
            put(canvas, [["name", "note"]], left=90, top=675, step=120)
            canvas.drawString(90, 645, "unemploy-")
            canvas.drawString(90, 630, "ment")
            canvas.drawString(210, 645, "1")
            put(canvas, [["x", "2"]], left=90, top=600, step=120)

        assert grids(drawn(draw))[0].rows() == [["name", "note"], ["unemployment", "1"], ["x", "2"]]

    def test_superscripts_stay_with_their_word(self) -> None:
        def draw(canvas: Canvas) -> None:
            put(canvas, ROWS)
            canvas.setFont("Helvetica", 6)
            canvas.drawString(80 + 6 + canvas.stringWidth("place 0", "Helvetica", 10) - 6, 688, "a")

        assert grids(drawn(draw))[0].rows()[1][0] == "place 0a"

    def test_a_page_of_one_number_has_no_table(self) -> None:
        assert grids(drawn(lambda canvas: canvas.drawString(300, 40, "17"))) == []

    def test_a_drawing_of_many_lines_costs_no_time(self) -> None:
        def draw(canvas: Canvas) -> None:
            source = random.Random(1)
            for _ in range(6_000):
                x, y = source.random() * 500, source.random() * 800
                canvas.line(x, y, x + 30, y)
                canvas.line(x, y, x, y + 30)

        data = drawn(draw)
        began = time.process_time()
        grids(data)
        assert time.process_time() - began < 5

    def test_the_same_page_gives_the_same_tables(self) -> None:
        made = document(5, "semi", spans=True, wrapped=True)
        assert truths(grids(made.content)) == truths(grids(made.content))


SEEN = {
    "foo": [(7, 7)],
    "anticlockwise_table_1": [(13, 10)],
    "clockwise_table_1": [(13, 10)],
    "row_span_2": [(7, 10)],
    "row_span_3": [(7, 10)],
    "multiple_tables": [(7, 4), (3, 3)],
    "twotables_2": [(13, 8), (13, 8)],
    "population_growth": [(37, 7)],
    "rainfall_distribution": [(43, 10), (8, 3)],
    "background_lines_1": [(8, 8)],
    "budget": [(41, 9)],
    "only_page_number": [],
    "empty": [],
}
"""Rows and columns of tables in the corpus, counted by eye; with the header, without titles and notes."""


@pytest.mark.parametrize("name", SEEN)
def test_tables_of_the_corpus_are_those_that_a_person_sees(name: str, corpus: Path) -> None:
    found = grids(corpus / "pdf" / "camelot" / f"{name}.pdf")
    assert [(grid.height, grid.width) for grid in found] == SEEN[name]


class TestWords:
    @pytest.mark.parametrize(
        "text", ["1", "-1,234.50", "(12)", "12 %", "1 234,5", "..", "\u2013", "n.a.", "$ 5", "12.5*", "<0.1"]
    )
    def test_numbers(self, text: str) -> None:
        assert is_number(text)

    @pytest.mark.parametrize("text", ["a", "2019 census", "1st", "room 12", "", "12 to 13"])
    def test_no_numbers(self, text: str) -> None:
        assert not is_number(text)

    @pytest.mark.parametrize("text", ["Table 3. Fish", "Source: all", "Note: none", "Figure 2"])
    def test_captions(self, text: str) -> None:
        assert is_caption(text)
        assert not is_caption("Tables and chairs")

    @pytest.mark.parametrize("turns", range(4))
    def test_turning_back_undoes_turning(self, turns: int) -> None:
        x, y = turn(turns, 10, 20, 100, 300)
        width, height = (100, 300) if turns % 2 == 0 else (300, 100)
        assert back(turns, x, y, width, height) == (10, 20)
        assert 0 <= x <= width
        assert 0 <= y <= height


class TestDocuments:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("D:20240131120501+02'00'", "2024-01-31T12:05:01+02:00"),
            ("D:20240131120501Z", "2024-01-31T12:05:01Z"),
            ("D:2024", "2024"),
            ("20240131", "2024-01-31"),
            ("yesterday", None),
            ("", None),
        ],
    )
    def test_dates(self, text: str, moment: str | None) -> None:
        assert iso_date(text) == moment

    def test_pages_are_chosen(self) -> None:
        assert wanted_pages(10, 100, None) == list(range(1, 11))
        assert wanted_pages(10, 100, "2-4,9,50-60") == [2, 3, 4, 9]
        with pytest.raises(HandlerError) as refusal:
            wanted_pages(10, 100, "11")
        assert refusal.value.code == "no_such_page"
        with pytest.raises(HandlerError) as refusal:
            wanted_pages(10, 5, None)
        assert refusal.value.code == "too_many_pages"
        assert wanted_pages(4_000_000, 5, "7-8") == [7, 8]

    def test_patience_ends(self) -> None:
        with pytest.raises(OutOfPatienceError), within(0.05):
            while True:
                pass
        with within(5):
            assert sum(range(10)) == 45


def mutated(seed: int, sources: list[bytes]) -> bytes:
    draw = random.Random(seed)
    data = bytearray(draw.choice(sources))
    for _ in range(draw.randint(1, 20)):
        place = draw.randrange(len(data))
        match draw.randrange(4):
            case 0 | 1:
                data[place] = draw.randrange(256)
            case 2:
                del data[place : place + draw.randrange(60)]
            case _:
                data[place:place] = data[draw.randrange(len(data)) :][: draw.randrange(80)]
    return bytes(data)


def test_damaged_documents_are_read_or_refused_by_name(parse_bytes: Callable[..., Any]) -> None:
    sources = [drawn(lambda canvas: put(canvas, ROWS)), document(1, "ruled", spans=True).content]
    outcomes = set()
    for seed in range(120):
        try:
            parse_bytes(mutated(seed, sources), "pdf")
            outcomes.add("tables")
        except HandlerError as refusal:
            outcomes.add(refusal.code)
    assert "tables" in outcomes
    assert outcomes <= {"tables", "corrupt_file", "no_tables", "needs_ocr", "unreadable_page", "encrypted_pdf"}


def test_every_table_of_a_long_document_is_in_one(parse_bytes: Callable[..., Any]) -> None:
    parsed = parse_bytes(long_document(25), "pdf")
    assert parsed.table.num_rows == 25 * 39
    assert parsed.table.column_names == ["place", "a", "b", "c", "d", "e"]
    report = parsed.report["tables"][0]
    assert (report["source"]["first"], report["source"]["last"]) == (1, 25)
    assert parsed.findings["joined_pages"] == 1


def test_a_landscape_page_beside_upright_ones(parse_bytes: Callable[..., Any]) -> None:
    def draw(canvas: Canvas) -> None:
        put(canvas, ROWS)
        canvas.showPage()
        canvas.setPageSize(landscape(A4))
        canvas.setFont("Helvetica", 10)
        put(canvas, ROWS, top=400)

    assert [table.num_rows for table in parse_bytes(drawn(draw), "pdf").tables] == [8, 8]


def test_boxes_overlap_and_hold() -> None:
    box = Box(0, 0, 10, 20)
    assert box.overlaps(Box(5, 5, 30, 30))
    assert not box.overlaps(Box(10, 0, 20, 20))
    assert box.grown(2) == Box(-2, -2, 12, 22)
    assert (box.width, box.height, box.x, box.y) == (10, 20, 5, 10)
