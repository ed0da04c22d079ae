"""PDF documents of tables whose rows, columns and spans are known, in the styles that offices and statisticians use;
and the measure of the ICDAR 2013 table competition: which cells were found to be neighbours.
"""

import io
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reportlab.lib import colors
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BalancedColumns,
    Flowable,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

STYLES: Final = ("ruled", "semi", "unruled", "zebra", "rows", "boxed")
WORDS: Final = [
    "annual",
    "average",
    "area",
    "agriculture",
    "balance",
    "budget",
    "capital",
    "census",
    "change",
    "coal",
    "country",
    "district",
    "domestic",
    "education",
    "energy",
    "exports",
    "female",
    "fishing",
    "forest",
    "goods",
    "growth",
    "health",
    "holdings",
    "households",
    "imports",
    "income",
    "industry",
    "labour",
    "land",
    "livestock",
    "male",
    "manufacturing",
    "mining",
    "national",
    "output",
    "population",
    "price",
    "production",
    "public",
    "rate",
    "region",
    "rural",
    "sector",
    "services",
    "share",
    "size",
    "tax",
    "total",
    "trade",
    "transport",
    "unemployment",
    "urban",
    "value",
    "wages",
    "water",
    "wheat",
    "women",
    "workers",
    "year",
]
PLACES: Final = (
    "Alba", "Brema", "Corvo", "Dinant", "Elva", "Faro", "Gotha", "Huesca", "Isar", "Jena", "Kalmar", "Lugo", "Mons",
    "Narva", "Oulu", "Parma", "Quimper", "Riga", "Siena", "Trier", "Ulm", "Vigo", "Wels", "Xanten", "Ypres", "Zagreb",
)  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """A cell: where it begins, how far it spans, and its text."""

    row: int
    column: int
    text: str
    rows: int = 1
    columns: int = 1


@dataclass
class Document:
    """A PDF and the tables in it, each as its cells."""

    content: bytes
    tables: list[list[Truth]]
    kind: str


Relation = tuple[str, str, str]


def relations(cells: Iterable[Truth]) -> "Counter[Relation]":
    """Return which cells are neighbours: for each one the next that holds text, to the right and below."""
    held: dict[tuple[int, int], tuple[int, int, str]] = {}
    for cell in cells:
        if text := "".join(cell.text.split()):
            for row in range(cell.row, cell.row + cell.rows):
                for column in range(cell.column, cell.column + cell.columns):
                    held[row, column] = (cell.row, cell.column, text)
    last_row, last_column = max((row for row, _ in held), default=0), max((column for _, column in held), default=0)
    found: set[tuple[Any, Any, str]] = set()
    for (row, column), here in held.items():
        right = [held.get((row, at)) for at in range(column + 1, last_column + 1)]
        below = [held.get((at, column)) for at in range(row + 1, last_row + 1)]
        for others, way in ((right, "right"), (below, "below")):
            if (other := next((other for other in others if other not in (None, here)), None)) is not None:
                found.add((here, other, way))
    return Counter((one[2], other[2], way) for one, other, way in found)


def score(truth: Sequence[Sequence[Truth]], found: Sequence[Sequence[Truth]]) -> tuple[int, int, int]:
    """Return how many relations are right, found, and true, over all tables of a document together."""
    true: Counter[Relation] = Counter()
    seen: Counter[Relation] = Counter()
    for table in truth:
        true += relations(table)
    for table in found:
        seen += relations(table)
    return (true & seen).total(), seen.total(), true.total()


def f1(right: int, found: int, true: int) -> float:
    """Return the harmonic mean of precision and recall."""
    return 2 * right / (found + true) if found + true else 1.0


@dataclass
class _Maker:
    """Draws one document. Everything that is drawn depends on the seed alone."""

    draw: random.Random
    size: float = 9

    def label(self, least: int = 1, most: int = 3) -> str:
        return " ".join(self.draw.choice(WORDS) for _ in range(self.draw.randint(least, most))).capitalize()

    def number(self, places: int, width: int) -> str:
        if self.draw.random() < 0.04:
            return self.draw.choice(["-", "..", "n.a.", ""])
        value = self.draw.random() * 10**width
        return f"{value:,.{places}f}"

    def sentence(self, words: int) -> str:
        return (" ".join(self.draw.choice(WORDS) for _ in range(words))).capitalize() + "."

    def prose(self, sentences: int) -> Paragraph:
        style = ParagraphStyle("prose", fontSize=self.size, leading=1.25 * self.size, alignment=TA_JUSTIFY)
        return Paragraph(" ".join(self.sentence(self.draw.randint(8, 20)) for _ in range(sentences)), style)

    def cell(self, text: str, *, bold: bool = False, right: bool = False) -> Any:
        font = "Helvetica-Bold" if bold else "Helvetica"
        style = ParagraphStyle(
            "cell", fontName=font, fontSize=self.size, leading=1.15 * self.size, alignment=2 if right else 0
        )
        return Paragraph(text, style) if text else ""

    def table(
        self, style: str, *, spans: bool, wrapped: bool, sections: bool, text: bool = False
    ) -> tuple[Flowable, list[Truth]]:
        """Make one table and its truth."""
        columns, rows = self.draw.randint(3, 7), self.draw.randint(4, 14)
        first = self.draw.choice([80, 110, 140]) if not wrapped else 85
        widths = [first, *[max(self.draw.choice([55, 65, 75]), 6.2 * self.size + 12)] * (columns - 1)]
        if text:
            columns, rows = self.draw.randint(2, 4), self.draw.randint(3, 7)
            widths = [80, *[430 / columns] * (columns - 1)]
        data: list[list[Any]] = []
        truth: list[Truth] = []
        commands: list[Any] = []
        header = self._header(data, truth, commands, widths, spans=spans)
        places = [self.draw.randint(0, 2) for _ in range(columns)]
        powers = [self.draw.randint(1, 5) for _ in range(columns)]
        for number in range(rows):
            if sections and number and number % 4 == 0:
                title = self.label(1, 2)
                data.append([self.cell(title, bold=True), *[""] * (columns - 1)])
                truth.append(Truth(len(data) - 1, 0, title))
            row = len(data)
            label = (
                f"{self.draw.choice(PLACES)} {self.label(3, 6).lower()}"
                if wrapped and self.draw.random() < 0.5
                else self.draw.choice(PLACES)
            )
            values = [label]
            values += [
                self.sentence(self.draw.randint(3, 14)) if text else self.number(places[column], powers[column])
                for column in range(1, columns)
            ]
            data.append([self.cell(value, right=column > 0 and not text) for column, value in enumerate(values)])
            truth += [Truth(row, column, value) for column, value in enumerate(values) if value]
        commands += self._look(style, header, len(data))
        return Table(data, colWidths=widths, style=TableStyle(commands), repeatRows=header), truth

    def _header(
        self, data: list[list[Any]], truth: list[Truth], commands: list[Any], widths: list[float], *, spans: bool
    ) -> int:
        columns = len(widths)
        if not spans or columns < 4:
            names = [self.label(1, 2) for _ in range(columns)]
            data.append([self.cell(name, bold=True, right=column > 0) for column, name in enumerate(names)])
            truth += [Truth(0, column, name) for column, name in enumerate(names)]
            return 1
        half = 1 + (columns - 1) // 2
        top = [self.label(1, 1), self.label(1, 2), self.label(1, 2)]
        years = [str(2000 + self.draw.randint(0, 20)) for _ in range(columns - 1)]
        data.append([self.cell(top[0], bold=True), *[""] * (columns - 1)])
        centred = ParagraphStyle(
            "span", fontName="Helvetica-Bold", fontSize=self.size, leading=1.15 * self.size, alignment=1
        )
        data[0][1], data[0][half] = Paragraph(top[1], centred), Paragraph(top[2], centred)
        data.append(["", *[self.cell(year, bold=True, right=True) for year in years]])
        commands += [("SPAN", (0, 0), (0, 1)), ("SPAN", (1, 0), (half - 1, 0)), ("SPAN", (half, 0), (columns - 1, 0))]
        truth += [
            Truth(0, 0, top[0], rows=2),
            Truth(0, 1, top[1], columns=half - 1),
            Truth(0, half, top[2], columns=columns - half),
        ]
        truth += [Truth(1, column, year) for column, year in enumerate(years, 1)]
        if self.draw.random() < 0.5:
            commands += [
                ("LINEBELOW", (1, 0), (half - 1, 0), 0.4, colors.black),
                ("LINEBELOW", (half, 0), (-1, 0), 0.4, colors.black),
            ]
        return 2

    def _look(self, style: str, header: int, height: int) -> list[Any]:
        pad = self.draw.choice([1, 2, 3])
        commands: list[Any] = [("TOPPADDING", (0, 0), (-1, -1), pad), ("BOTTOMPADDING", (0, 0), (-1, -1), pad),
                               ("VALIGN", (0, 0), (-1, -1), self.draw.choice(["TOP", "MIDDLE", "BOTTOM"]))]  # fmt: skip
        match style:
            case "ruled":
                commands.append(("GRID", (0, 0), (-1, -1), 0.5, colors.black))
            case "semi":
                commands += [
                    ("LINEABOVE", (0, 0), (-1, 0), 1, colors.black),
                    ("LINEBELOW", (0, header - 1), (-1, header - 1), 0.5, colors.black),
                    ("LINEBELOW", (0, -1), (-1, -1), 1, colors.black),
                ]
            case "zebra":
                commands.append(("ROWBACKGROUNDS", (0, header), (-1, -1), [colors.white, colors.Color(0.9, 0.9, 0.95)]))
                commands.append(("BACKGROUND", (0, 0), (-1, header - 1), colors.Color(0.8, 0.8, 0.9)))
            case "rows":
                commands += [("LINEBELOW", (0, row), (-1, row), 0.3, colors.grey) for row in range(header - 1, height)]
            case "boxed":
                commands += [
                    ("BOX", (0, 0), (-1, -1), 1, colors.black),
                    ("LINEBELOW", (0, header - 1), (-1, header - 1), 1, colors.black),
                ]
        return commands


def document(
    seed: int,
    style: str,
    *,
    spans: bool = False,
    wrapped: bool = False,
    sections: bool = False,
    text: bool = False,
    tables: int = 1,
    turned: bool = False,
    prose: bool = True,
) -> Document:
    """Return a document of one or more tables in one style, with what stands around them in reports."""
    draw = random.Random(seed)
    maker = _Maker(draw, draw.choice([7.5, 8, 9, 10]))
    story: list[Flowable] = []
    truths: list[list[Truth]] = []
    for number in range(tables):
        if prose:
            story += [maker.prose(draw.randint(2, 5)), Spacer(1, 10)]
        flow, truth = maker.table(style, spans=spans, wrapped=wrapped, sections=sections, text=text)
        caption = Paragraph(f"Table {number + 1}. {maker.sentence(6)}", ParagraphStyle("caption", fontSize=maker.size))
        note = Paragraph(f"Source: {maker.sentence(8)}", ParagraphStyle("note", fontSize=maker.size - 1.5))
        story += [KeepTogether([caption, Spacer(1, 4), flow, Spacer(1, 3), note]), Spacer(1, 14)]
        truths.append(truth)
    if prose:
        story.append(maker.prose(4))
    sink = io.BytesIO()
    SimpleDocTemplate(sink, pagesize=landscape(A4) if turned else A4, invariant=1).build(
        story, onFirstPage=_turn if turned else _nothing
    )
    marks = {"spans": spans, "wrapped": wrapped, "sections": sections, "text": text, "turned": turned}
    name = "+".join([style, *(mark for mark, on in marks.items() if on), *([f"{tables} tables"] if tables > 1 else [])])
    return Document(sink.getvalue(), truths, name)


def _nothing(_canvas: Canvas, _document: Any) -> None:
    """Leave the page as it is."""


def _turn(canvas: Canvas, _document: Any) -> None:
    canvas.setPageRotation(90)


def two_columns(seed: int) -> Document:
    """Return a page of running text in two columns, without any table."""
    maker = _Maker(random.Random(seed), 9)
    sink = io.BytesIO()
    story: list[Flowable] = [BalancedColumns([maker.prose(6) for _ in range(5)], nCols=2)]
    SimpleDocTemplate(sink, pagesize=A4, invariant=1).build(story)
    return Document(sink.getvalue(), [], "two columns of text")


def long_document(pages: int, rows: int = 40, seed: int = 1) -> bytes:
    """Return a document with a table of its own on every page."""
    draw = random.Random(seed)
    sink = io.BytesIO()
    canvas = Canvas(sink, pagesize=A4, invariant=1)
    for page in range(pages):
        canvas.setFont("Helvetica", 9)
        canvas.drawString(72, 790, f"Report, page {page + 1}")
        for row in range(rows):
            values = (
                [draw.choice(PLACES), *(f"{draw.random() * 1000:,.1f}" for _ in range(5))]
                if row
                else ["Place", "a", "b", "c", "d", "e"]
            )
            for column, value in enumerate(values):
                put: Callable[..., None] = canvas.drawRightString if column else canvas.drawString
                put(72 + 80 * column + (40 if column else 0), 760 - 16 * row, value)
        canvas.showPage()
    canvas.save()
    return sink.getvalue()


def suite(seeds: int = 3) -> list[Document]:
    """Return documents of every style, plain and with everything that makes tables hard."""
    found = []
    for seed in range(seeds):
        for number, style in enumerate(STYLES):
            key = 100 * seed + number
            found.append(document(key, style))
            found.append(document(key + 1000, style, spans=True))
            found.append(document(key + 2000, style, wrapped=True))
            found.append(document(key + 3000, style, sections=True, spans=True))
            found.append(document(key + 4000, style, tables=2, prose=False))
            found.append(document(key + 5000, style, text=True))
            found.append(document(key + 6000, style, spans=True, turned=True))
        found.append(two_columns(seed))
    return found
