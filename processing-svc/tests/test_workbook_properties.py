"""Random tables of random types, written as xlsx (by two writers) and ods, are read back equal."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing_svc.grid.serials import from_iso, serial
from processing_svc.grid.values import duration_text
from processing_svc.handlers.excel import ExcelHandler
from processing_svc.handlers.interface import ExtractedTable, Original
from processing_svc.workbook.formats import kind_of
from processing_svc.workbook.sheetsax import tokenize_slowly
from processing_svc.workbook.sheetxml import RawCells, tokenize

MILLISECOND = timedelta(milliseconds=1)
words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Co")), min_size=1, max_size=12
).filter(lambda text: bool(text.strip()) and text.strip() == text and not text.startswith("_x") and "_x" not in text)
moments = st.datetimes(datetime.fromisoformat("1900-03-01"), datetime.fromisoformat("2200-01-01")).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
# the writers keep 16 significant digits, so 15 are drawn
KINDS: dict[str, tuple[st.SearchStrategy[Any], str | None]] = {
    "whole": (st.integers(-(10**9), 10**9), None),
    "fraction": (st.floats(-1e300, 1e300).map(lambda number: float(f"{number:.15g}")), None),
    "flag": (st.booleans(), None),
    "day": (st.dates(date(1900, 3, 1), date(2200, 1, 1)), "yyyy-mm-dd"),
    "moment": (moments, "yyyy-mm-dd hh:mm:ss.000"),
    "clock": (st.times().map(lambda clock: clock.replace(microsecond=0)), "hh:mm:ss"),
    "word": (words, None),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[str], list[list[Any]]]:
    """Draw the kinds of the columns, their names, and at least two full rows."""
    kinds = draw(
        st.lists(st.sampled_from(sorted(KINDS)), min_size=2, max_size=6).filter(lambda found: set(found) != {"word"})
    )
    names = [f"column {chr(97 + index)}" for index in range(len(kinds))]
    count = draw(st.integers(2, 12))
    first = [draw(KINDS[kind][0]) for kind in kinds]
    rest = [[draw(st.none() | KINDS[kind][0]) for kind in kinds] for _ in range(count - 1)]
    rows = [first, *([row[0] if row[0] is not None else first[0], *row[1:]] for row in rest)]
    return kinds, names, rows


def by_xlsxwriter(kinds: list[str], names: list[str], rows: list[list[Any]]) -> bytes:
    target = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, names)
        for index, row in enumerate(rows, start=1):
            for column, (kind, value) in enumerate(zip(kinds, row, strict=True)):
                number_format = KINDS[kind][1]
                style = book.add_format({"num_format": number_format}) if number_format else None
                if value is None:
                    continue
                if isinstance(value, date | time):
                    sheet.write_number(index, column, serial(value), style)
                else:
                    sheet.write(index, column, value, style)
    return target.getvalue()


def by_openpyxl(kinds: list[str], names: list[str], rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(names)
    for index, row in enumerate(rows, start=2):
        for column, (kind, value) in enumerate(zip(kinds, row, strict=True), start=1):
            cell: Any = sheet.cell(index, column)
            cell.value = value
            if isinstance(value, str):
                cell.data_type = "s"  # also where it looks like a formula
            if KINDS[kind][1] and value is not None:
                cell.number_format = KINDS[kind][1]
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def as_ods(_kinds: list[str], names: list[str], rows: list[list[Any]]) -> bytes:
    """Write a document as LibreOffice does: equal neighbours and empty rows are repeated."""
    lines = []
    for row in [names, *rows]:
        cells, index = "", 0
        while index < len(row):
            count = 1
            while index + count < len(row) and _alike(row[index], row[index + count]):
                count += 1
            cells += _ods_cell(row[index], count)
            index += count
        lines.append(
            f'<table:table-row>{cells}<table:table-cell table:number-columns-repeated="900"/></table:table-row>'
        )
    empty = '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>'
    content = (
        '<?xml version="1.0"?><office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x"><office:body>'
        f'<office:spreadsheet><table:table table:name="Sheet1">{"".join(lines)}{empty}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    return target.getvalue()


def _alike(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _ods_cell(value: Any, count: int) -> str:
    repeated = f' table:number-columns-repeated="{count}"' if count > 1 else ""
    match value:
        case None:
            return f"<table:table-cell{repeated}/>"
        case bool():
            typed = f'boolean" office:boolean-value="{str(value).lower()}'
        case int() | float():
            typed = f'float" office:value="{value!r}'
        case datetime():
            typed = f'date" office:date-value="{value.isoformat(timespec="milliseconds")}'
        case date():
            typed = f'date" office:date-value="{value.isoformat()}'
        case time():
            typed = f'time" office:time-value="PT{value.hour:02}H{value.minute:02}M{value.second:02}S'
        case _:
            spaced = (
                f'<text:s text:c="{len(part)}"/>' if part.isspace() else escape(part) for part in _parts(str(value))
            )
            text = "".join(spaced)
            return f'<table:table-cell{repeated} office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
    return f'<table:table-cell{repeated} office:value-type="{typed}"><text:p>shown</text:p></table:table-cell>'


def _spaces(part: str) -> str:
    return f'<text:s text:c="{len(part)}"/>'


def _parts(text: str) -> list[str]:
    """Cut a text at its spaces, which OpenDocument writes as elements."""
    parts: list[str] = []
    for character in text:
        if parts and (parts[-1][0] == " ") == (character == " "):
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def read(data: bytes, suffix: str, folder: Path) -> tuple[list[str | None], list[list[Any]]]:
    path = folder / f"table.{suffix}"
    path.write_bytes(data)
    found = []
    for item in ExcelHandler().extract(Original(path, suffix, folder)):
        assert isinstance(item, ExtractedTable)
        rows = [list(row.values()) for batch in item.batches for row in batch.to_pylist()]
        found.append(([column.name for column in item.columns], rows))
    (table,) = found
    return table


def same(expected: Any, found: Any) -> bool:
    if isinstance(expected, datetime) and isinstance(found, date) and not isinstance(found, datetime):
        return expected == datetime.combine(found, time())
    if isinstance(expected, datetime) and isinstance(found, datetime):
        return abs(expected - found) <= MILLISECOND
    if isinstance(expected, date) and isinstance(found, datetime):
        return datetime.combine(expected, time()) == found
    return bool(expected == found) and isinstance(expected, bool) == isinstance(found, bool)


@pytest.mark.parametrize(
    ("write", "suffix"),
    [(by_xlsxwriter, "xlsx"), (by_openpyxl, "xlsx"), (as_ods, "ods")],
    ids=["xlsxwriter", "openpyxl", "ods"],
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables())
def test_a_random_table_is_read_back_equal(
    write: Callable[[list[str], list[str], list[list[Any]]], bytes],
    suffix: str,
    tmp_path: Path,
    table: tuple[list[str], list[str], list[list[Any]]],
) -> None:
    kinds, names, rows = table
    columns, found = read(write(kinds, names, rows), suffix, tmp_path)
    assert columns == names
    assert len(found) == len(rows)
    for expected, actual in zip(rows, found, strict=True):
        assert all(map(same, expected, actual)), (expected, actual)


@st.composite
def sheets(draw: st.DrawFn) -> bytes:
    """Draw the XML of a sheet's data as spreadsheet programs write it."""
    lines = []
    for number in sorted(draw(st.sets(st.integers(1, 2_000), min_size=1, max_size=8))):
        cells = ""
        for column in sorted(draw(st.sets(st.integers(0, 800), max_size=6))):
            cells += _drawn_cell(draw, f"{_letters(column)}{number}")
        spans = draw(st.sampled_from(("", ' spans="1:9"', ' ht="15" hidden="1"')))
        lines.append(
            f'<row r="{number}"{spans}>{cells}</row>' if cells or draw(st.booleans()) else f'<row r="{number}"/>'
        )
    return f"{''.join(lines)}</sheetData><mergeCells/>".encode()


def _letters(index: int) -> str:
    first, second = divmod(index, 26)
    return (_letters(first - 1) if first else "") + chr(65 + second)


def _drawn_cell(draw: st.DrawFn, reference: str) -> str:
    style = draw(st.sampled_from(("", ' s="3"', ' s="12"')))
    formula = draw(st.sampled_from(("", "<f>A1+1</f>", '<f t="shared" si="0"/>')))
    text = escape(draw(words))
    kind = draw(st.sampled_from(("number", "shared", "inline", "kept", "formula", "flag", "error", "empty", "rich")))
    inside = {
        "number": f"{formula}<v>{draw(st.integers(-99, 99))}</v>", "shared": "<v>7</v>", "flag": f"{formula}<v>1</v>",
        "inline": f"<is><t>{text}</t></is>", "kept": f'<is><t xml:space="preserve"> {text} </t></is>',
        "formula": f"<f>B2</f><v>{text}</v>", "error": f"{formula}<v>#REF!</v>", "empty": formula,
        "rich": f"<is><r><t>{text}</t></r><r><rPr><b/></rPr><t>{text}</t></r></is>",
    }[kind]  # fmt: skip
    inline = dict.fromkeys(("inline", "kept", "rich"), "inlineStr")
    types = {"shared": "s", "formula": "str", "flag": "b", "error": "e", **inline}
    typed = f' t="{types[kind]}"' if kind in types else ""
    return f'<c r="{reference}"{style}{typed}>{inside}</c>' if inside else f'<c r="{reference}"{style}{typed}/>'


def _tokens(tokens: Callable[..., Any], data: bytes, chunk: int) -> tuple[list[tuple[Any, ...]], bytes]:
    stream = io.BytesIO(data)
    cells: list[tuple[Any, ...]] = []
    tail = b""
    for item in tokens(stream.read, chunk, stream.read(chunk)):
        if isinstance(item, RawCells):
            arrays = (
                np.asarray(part).tolist() for part in (item.rows, item.columns, item.types, item.styles, item.formulas)
            )
            cells += zip(*arrays, item.values.to_pylist(), strict=True)
        else:
            tail = item
    plain = ord("n")
    return [(row, column, kind or plain, style, formula, (value or b"").replace(b"&gt;", b">").replace(b"&lt;", b"<"))
            for row, column, kind, style, formula, value in cells], tail  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(data=sheets(), chunk=st.sampled_from((40, 333, 1 << 20)))
def test_both_tokenizers_see_the_same_cells(data: bytes, chunk: int) -> None:
    quick, rest = _tokens(tokenize, data, chunk)
    careful, other = _tokens(tokenize_slowly, data, chunk)
    assert quick == careful
    assert rest.startswith(b"</sheetData")
    assert other.startswith(b"</sheetData")


@given(moments)
def test_moments_survive_as_serial_days(moment: datetime) -> None:
    number, _ = from_iso(moment.isoformat())
    assert abs(serial(moment) - number) < 1e-9


@given(st.text(max_size=40))
def test_any_number_format_has_a_kind(text: str) -> None:
    assert kind_of(text)[0] > 0


@given(st.floats(-1e5, 1e5))
def test_any_duration_has_a_text(days: float) -> None:
    assert duration_text(days).count(":") == 2
