import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
import xlsxwriter

from processing_svc.handlers.interface import HandlerError

ParseBytes = Callable[..., Any]
MOMENT = datetime.fromisoformat("2024-01-31T12:30:00")


def _workbook(sheets: Mapping[str, Sequence[Any]], change: Callable[[Any], object] = lambda book: book) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    change(book)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _written(sheets: Mapping[str, Sequence[Any]]) -> bytes:
    """Write a workbook as Excel does: with shared strings."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for index, row in enumerate(rows):
                sheet.write_row(index, 0, row)
    return target.getvalue()


def _replaced(data: bytes, member: str, old: bytes, new: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as sink:
        for name in source.namelist():
            content = source.read(name)
            assert name != member or old in content
            sink.writestr(name, content.replace(old, new) if name == member else content)
    return target.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def test_every_sheet_becomes_a_table_and_hidden_ones_are_marked(parse_bytes: ParseBytes) -> None:
    def hide(book: Any) -> None:
        book["two"].sheet_state = "hidden"
        book["three"].sheet_state = "veryHidden"

    rows = [["id", "name"], [1, "a"], [2, "b"]]
    parsed = parse_bytes(_workbook({"one": rows, "two": rows, "three": rows}, hide), "xlsx")
    origins = [table["source"] for table in parsed.report["tables"]]
    assert [(origin["name"], origin["hidden"]) for origin in origins] == [
        ("one", False), ("two", True), ("three", True),
    ]  # fmt: skip
    assert [table.to_pylist() for table in parsed.tables] == [[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]] * 3


def test_cells_get_the_types_that_they_have(parse_bytes: ParseBytes) -> None:
    header = ["whole", "part", "flag", "day", "moment", "clock", "text", "code", "none"]
    rows = [
        header,
        [1, 1.5, True, date(2024, 1, 31), MOMENT, time(12, 30), "x", "007", None],
        [2, 2, False, date(2024, 2, 1), MOMENT, time(1), "=y", "12", None],
    ]
    parsed = parse_bytes(_workbook({"data": rows}), "xlsx")
    assert [str(field.type) for field in parsed.table.schema] == [
        "int64", "double", "bool", "date32[day]", "timestamp[us]", "time64[us]", "string", "string", "string",
    ]  # fmt: skip
    first = parsed.table.to_pylist()[0]
    assert first["day"] == date(2024, 1, 31)
    assert first["moment"] == MOMENT
    assert first["clock"] == time(12, 30)
    assert first["code"] == "007"


def test_a_column_of_mixed_kinds_is_text_as_a_person_would_write_it(parse_bytes: ParseBytes) -> None:
    rows = [["mixed"], [1], [2.5], ["n/a"], [True], [MOMENT], [timedelta(hours=30, minutes=5)]]
    parsed = parse_bytes(_workbook({"data": rows}), "xlsx")
    assert parsed.table.column("mixed").to_pylist() == [
        "1", "2.5", "n/a", "true", "2024-01-31 12:30:00", "30:05:00",
    ]  # fmt: skip


def test_error_cells_are_null_and_counted(parse_bytes: ParseBytes) -> None:
    data = _workbook({"data": [["a", "b"], [1, 2], [3, 4]]})
    data = _replaced(data, SHEET, b'<c r="B3" t="n"><v>4</v></c>', b'<c r="B3" t="e"><v>#DIV/0!</v></c>')
    parsed = parse_bytes(data, "xlsx")
    assert parsed.table.column("b").to_pylist() == [2, None]
    assert parsed.findings["error_cells"] == 1
    listed = parsed.report["tables"][0]["findings"]
    assert [item["position"] for item in listed if item["kind"] == "error_cells"] == ["B3"]


def test_titles_above_the_table_and_blank_rows_inside_are_left_out_and_named(parse_bytes: ParseBytes) -> None:
    rows = [["Report 2024"], [], ["id", "name", "n"], [1, "a", 2], [], [2, "b", 3], [], []]
    parsed = parse_bytes(_workbook({"data": rows}), "xlsx")
    assert parsed.table.to_pylist() == [{"id": 1, "name": "a", "n": 2}, {"id": 2, "name": "b", "n": 3}]
    assert parsed.findings["preamble"] == 1
    assert parsed.findings["blank_rows"] == 1


def test_a_table_without_header_keeps_its_first_row(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(_workbook({"data": [[1, "a"], [2, "b"]]}), "xlsx")
    assert parsed.table.to_pylist() == [{"column_1": 1, "column_2": "a"}, {"column_1": 2, "column_2": "b"}]


def test_a_chart_sheet_and_an_empty_sheet_are_named_with_their_reasons(parse_bytes: ParseBytes) -> None:
    def add_chart(book: Any) -> None:
        book.create_chartsheet("chart")

    parsed = parse_bytes(_workbook({"data": [["a"], [1]], "empty": []}, add_chart), "xlsx")
    reasons = {part["source"]["name"]: part["reason_code"] for part in parsed.report["unextracted"]}
    assert reasons == {"empty": "empty_sheet", "chart": "chart_sheet"}


def test_a_workbook_of_empty_sheets_has_no_tables(parse_bytes: ParseBytes) -> None:
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(_workbook({"one": [], "two": []}), "xlsx")
    assert refusal.value.code == "no_tables"


def test_two_cells_at_the_far_corners_of_a_sheet_are_read_in_bounded_memory(parse_bytes: ParseBytes) -> None:
    def corners(book: Any) -> None:
        book["data"]["A1"] = "first"
        book["data"]["XFD200000"] = "last"

    parsed = parse_bytes(_workbook({"data": []}, corners), "xlsx")
    values = [value for row in parsed.table.to_pylist() for value in row.values()]
    assert sorted(filter(None, values)) in (["last"], ["first", "last"])
    assert parsed.table.nbytes < 1_000_000


@pytest.mark.parametrize("lie", [b"A1", b"A1:XFD1048576"])
def test_a_dimension_that_lies_changes_nothing(lie: bytes, parse_bytes: ParseBytes) -> None:
    data = _workbook({"data": [["a", "b"], [1, 2], [3, 4]]})
    parsed = parse_bytes(_replaced(data, SHEET, b'<dimension ref="A1:B3"', b'<dimension ref="%s"' % lie), "xlsx")
    assert parsed.table.to_pylist() == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_strict_ooxml_is_read(corpus: Path, parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(corpus / "excel" / "poi" / "SimpleStrict.xlsx", "xlsx")
    assert len(parsed.tables) >= 2
    assert parsed.tables[0].num_rows > 0


@pytest.mark.parametrize("suffix", ["xls", "xlsb", "xlsx"])
def test_dates_of_the_1904_system_are_what_people_see(suffix: str, corpus: Path, parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(corpus / "excel" / "calamine" / f"date_1904.{suffix}", suffix)
    # a duration below them makes the column text
    assert parsed.table.column(0).to_pylist() == ["2021-01-01", "2021-01-02", "255:10:10"]


@pytest.mark.parametrize("name", ["pass_protected.xlsx", "pass_protected.xlsb", "pass_protected.ods", "issue_385.xls"])
def test_a_workbook_with_a_password_says_so(name: str, corpus: Path, parse_bytes: ParseBytes) -> None:
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(corpus / "excel" / "calamine" / name, name.rpartition(".")[2])
    assert refusal.value.code == "encrypted_workbook"


@pytest.mark.parametrize("cut", [10, 500, 3000])
def test_a_workbook_cut_short_is_corrupt(cut: int, parse_bytes: ParseBytes) -> None:
    data = _workbook({"data": [["a", "b"], [1, 2]]})
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(data[:cut], "xlsx")
    assert refusal.value.code == "corrupt_file"


def test_an_archive_that_claims_to_unpack_to_too_much_is_refused(parse_bytes: ParseBytes) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * 100_000_000)
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(target.getvalue(), "xlsx", budget={"ratio": 100})
    assert refusal.value.code == "decompression_limit_exceeded"


@pytest.mark.parametrize(
    ("member", "root"),
    [
        ("xl/workbook.xml", b"<workbook "),
        ("xl/worksheets/sheet1.xml", b"<worksheet "),
        ("xl/sharedStrings.xml", b"<sst "),
        ("xl/styles.xml", b"<styleSheet "),
    ],
)
def test_xml_entities_are_refused_before_they_expand(member: str, root: bytes, parse_bytes: ParseBytes) -> None:
    data = _written({"data": [["a"], ["text"]]})
    head = b'<!DOCTYPE x [<!ENTITY lol "lol"><!ENTITY file SYSTEM "file:///etc/passwd">]>'
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(_replaced(data, member, root, head + root), "xlsx")
    assert refusal.value.code in {"corrupt_file", "corrupt_sheet"}


def test_xls_and_ods_are_read_as_xlsx_is(corpus: Path, parse_bytes: ParseBytes) -> None:
    tables = {}
    for suffix in ("xls", "xlsb", "xlsx", "ods"):
        parsed = parse_bytes(corpus / "excel" / "calamine" / f"issues.{suffix}", suffix)
        tables[suffix] = {
            described["name"]: table.to_pylist()
            for described, table in zip(parsed.report["tables"], parsed.tables, strict=True)
        }["issue2"]
    assert tables["xls"] == tables["xlsb"] == tables["xlsx"] == tables["ods"]


def test_whole_numbers_beyond_the_exact_range_of_a_double_stay_doubles(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(_workbook({"data": [["n"], [2.0**60], [1]]}), "xlsx")
    assert parsed.table.schema.field("n").type == pa.float64()
