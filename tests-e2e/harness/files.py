"""Small real files, made on the spot, with what is in them known."""

import csv
import io
import random
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Table, TableStyle

Rows = Sequence[Sequence[object]]


def csv_file(rows: Rows) -> bytes:
    """Return a CSV of `rows`, the first of which is the header."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def hospitals(count: int, seed: int) -> list[list[object]]:
    """Return a header and `count` rows with every common type, different for every seed."""
    chance = random.Random(seed)
    towns = ("Aarhus", "Bergen", "Córdoba", "Dresden", "Évora")
    header: list[object] = ["hospital", "town", "beds", "occupancy", "opened", "code"]
    return [header] + [
        [f"Hospital {n}", chance.choice(towns), chance.randint(10, 900), round(chance.random(), 3),
         f"{chance.randint(1950, 2024)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}", f"{n:05d}"]
        for n in range(count)
    ]  # fmt: skip


def workbook(sheets: Mapping[str, Rows]) -> bytes:
    """Return an xlsx with one sheet for each entry."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def pdf(tables: Sequence[Rows]) -> bytes:
    """Return a PDF with one ruled table a page, each below a sentence of prose."""
    data = io.BytesIO()
    style = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black)])
    story: list[Flowable] = []
    for number, rows in enumerate(tables, start=1):
        story.append(
            Paragraph(f"Report {number}. The table below has {len(rows) - 1} rows.", getSampleStyleSheet()["Normal"])
        )
        story.append(Table([[str(cell) for cell in row] for row in rows], style=style))
        story.append(PageBreak())
    SimpleDocTemplate(data, pagesize=A4).build(story)
    return data.getvalue()


def parquet(rows: Rows) -> bytes:
    """Return a Parquet file of `rows`, the first of which is the header."""
    header, *body = rows
    columns = {str(name): [row[index] for row in body] for index, name in enumerate(header)}
    data = io.BytesIO()
    pq.write_table(pa.table(columns), data)
    return data.getvalue()
