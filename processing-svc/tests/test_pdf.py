import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, PageBreak, SimpleDocTemplate, Table, TableStyle

from processing_svc.handlers.interface import HandlerError

ParseBytes = Callable[..., Any]

ROWS = [["region", "year", "tons"], *([f"region {n}", str(2000 + n), f"{n * 1.5:.1f}"] for n in range(12))]


def _document(pages: int = 1, *, encrypt: Any = None) -> bytes:
    target = io.BytesIO()
    style = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black)])
    story: list[Flowable] = [part for _ in range(pages) for part in (Table(ROWS, style=style), PageBreak())]
    SimpleDocTemplate(target, pagesize=A4, encrypt=encrypt).build(story)
    return target.getvalue()


def _drawn(draw: Callable[[Canvas], object]) -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4)
    draw(canvas)
    canvas.save()
    return target.getvalue()


def test_a_ruled_table_comes_out_with_its_types(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(_document(), "pdf")
    assert parsed.table.column_names == ["region", "year", "tons"]
    assert parsed.table.num_rows == 12
    assert parsed.table.to_pylist()[2] == {"region": "region 2", "year": 2002, "tons": 3.0}
    assert parsed.report["tables"][0]["source"]["page"] == 1


def test_every_page_of_a_long_document_gives_its_table(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(_document(12), "pdf")
    assert [table["source"]["first"] for table in parsed.report["tables"]] == list(range(1, 13))
    assert {table.num_rows for table in parsed.tables} == {12}


def test_a_document_with_a_password_says_so(parse_bytes: ParseBytes) -> None:
    data = _document(encrypt=StandardEncryption("secret", strength=128))
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(data, "pdf")
    assert refusal.value.code == "encrypted_pdf"


def test_pages_that_only_show_pictures_need_ocr(parse_bytes: ParseBytes) -> None:
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(_drawn(lambda canvas: canvas.rect(100, 100, 200, 200, fill=1)), "pdf")
    assert refusal.value.code == "needs_ocr"


def test_a_page_without_text_among_others_is_named(parse_bytes: ParseBytes) -> None:
    def draw(canvas: Canvas) -> None:
        for row, cells in enumerate(ROWS):
            for column, cell in enumerate(cells):
                canvas.drawString(80 + 120 * column, 700 - 20 * row, cell)
        canvas.showPage()
        canvas.rect(100, 100, 200, 200, fill=1)

    parsed = parse_bytes(_drawn(draw), "pdf")
    assert len(parsed.tables) == 1
    assert [(part["reason_code"], part["source"]["first"]) for part in parsed.report["unextracted"]] == [
        ("needs_ocr", 2)
    ]


def test_running_text_is_no_table(parse_bytes: ParseBytes) -> None:
    def draw(canvas: Canvas) -> None:
        for line in range(30):
            canvas.drawString(72, 750 - 14 * line, "The quick brown fox jumps over the lazy dog and goes home.")

    with pytest.raises(HandlerError) as refusal:
        parse_bytes(_drawn(draw), "pdf")
    assert refusal.value.code == "no_tables"


def test_a_blank_page_has_no_tables(parse_bytes: ParseBytes) -> None:
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(_drawn(lambda canvas: canvas.showPage()), "pdf")
    assert refusal.value.code == "no_tables"


@pytest.mark.parametrize("keep", [0.02, 0.3])
def test_a_damaged_document_is_corrupt(keep: float, parse_bytes: ParseBytes) -> None:
    data = _document()
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(data[: int(len(data) * keep)], "pdf")
    assert refusal.value.code in {"corrupt_file", "no_tables"}


def test_more_pages_than_allowed_are_refused(parse_bytes: ParseBytes) -> None:
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(_document(3), "pdf", budget={"pages": 2})
    assert refusal.value.code == "too_many_pages"


def test_rotated_tables_are_read(corpus: Path, parse_bytes: ParseBytes) -> None:
    upright = parse_bytes(corpus / "pdf" / "camelot" / "clockwise_table_1.pdf", "pdf")
    assert upright.table.num_columns == 10
    assert upright.table.num_rows >= 10


@pytest.mark.parametrize("name", ["row_span_2", "row_span_3", "medicine"])
def test_a_ruled_table_with_lines_of_text_inside_its_cells_is_not_torn_apart(
    name: str, corpus: Path, parse_bytes: ParseBytes
) -> None:
    parsed = parse_bytes(corpus / "pdf" / "camelot" / f"{name}.pdf", "pdf")
    assert max(table.num_columns for table in parsed.tables) >= 6
    assert parsed.tables[0].num_rows >= 5


def test_what_the_owner_forbids_to_extract_says_so(corpus: Path, parse_bytes: ParseBytes) -> None:
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(corpus / "pdf" / "camelot" / "birdisland.pdf", "pdf")
    assert refusal.value.code == "extraction_not_allowed"
