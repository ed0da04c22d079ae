"""What people lay out in sheets: regions, headers, totals, notes, kinds of values; and the traps of the XML below."""

import importlib.util
import io
import random
import sys
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
import xlsxwriter
from openpyxl.worksheet.table import Table

from processing_svc.grid.cells import VOID, Area, SheetFacts, parse_area
from processing_svc.grid.values import as_text
from processing_svc.handlers.interface import Budget, HandlerError, Original
from processing_svc.workbook.open import open_workbook

ParseBytes = Callable[..., Any]
ROOT = Path(__file__).parents[2]
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
HEAD = f'<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="{MAIN}">'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def written(build: Callable[[Any, Any], object]) -> bytes:
    """Write a workbook of one sheet with XlsxWriter."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        build(book, book.add_worksheet("data"))
    return target.getvalue()


def of_rows(rows: Sequence[Sequence[Any]], first: tuple[int, int] = (0, 0)) -> bytes:
    def build(book: Any, sheet: Any) -> None:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for index, row in enumerate(rows, start=first[0]):
            for column, value in enumerate(row, start=first[1]):
                if isinstance(value, date):
                    sheet.write_datetime(index, column, value, day)
                elif value is not None:
                    sheet.write(index, column, value)

    return written(build)


def raw(sheet: str, *, strings: str = "", workbook: str = "", more: dict[str, str] | None = None) -> bytes:
    """Build a workbook around the XML of one sheet."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns:r="{RELATIONS}">{workbook}<sheets><sheet name="data" sheetId="1" r:id="rId1"/></sheets>'
            "</workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/worksheets/sheet1.xml", sheet if sheet.startswith("<?xml") else f"{HEAD}{sheet}</worksheet>"
        )
        if strings:
            archive.writestr("xl/sharedStrings.xml", f"<sst>{strings}</sst>")
        for name, text in (more or {}).items():
            archive.writestr(name, text)
    return target.getvalue()


def positions(parsed: Any, kind: str, table: int = 0) -> list[str]:
    listed = [*parsed.report["tables"][table]["findings"], *parsed.report["tables"][table]["repairs"]]
    return [item["position"] for item in listed if item["kind"] == kind]


def regions(parsed: Any) -> list[str]:
    return [table["source"]["region"] for table in parsed.report["tables"]]


SALES: list[list[Any]] = [["Region", "Units", "Price"], ["North", 3, 1.5], ["South", 4, 2.5], ["West", 5, 3.5]]
PEOPLE: list[list[Any]] = [["Id", "Name"], [1, "Ann"], [2, "Bob"], [3, "Cy"]]


# Regions --------------------------------------------------------------------------------------------------------------


def test_tables_one_under_another_and_side_by_side_are_tables_of_their_own(parse_bytes: ParseBytes) -> None:
    def build(_book: Any, sheet: Any) -> None:
        for top, left, rows in ((0, 0, SALES), (0, 4, PEOPLE), (6, 0, PEOPLE)):
            for index, row in enumerate(rows):
                sheet.write_row(top + index, left, row)

    parsed = parse_bytes(written(build), "xlsx")
    assert regions(parsed) == ["A1:C4", "E1:F4", "A7:B10"]
    assert [table.num_rows for table in parsed.tables] == [3, 3, 3]
    assert [table["name"] for table in parsed.report["tables"]] == ["data A1:C4", "data E1:F4", "data A7:B10"]
    assert parsed.report["tables"][0]["header_rows"] == [1]


def test_one_plain_block_anywhere_is_exactly_that_block(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(of_rows(SALES, (4, 3)), "xlsx")
    assert regions(parsed) == ["D5:F8"]
    assert parsed.table.to_pylist() == [dict(zip(("region", "units", "price"), row, strict=True)) for row in SALES[1:]]


def test_titles_notes_and_totals_stay_out_of_the_data_and_are_named_with_their_ranges(parse_bytes: ParseBytes) -> None:
    rows = [["Sales of 2024"], ["provisional figures"], *SALES, ["Total", 12, 7.5], [], ["Source: own books"]]
    parsed = parse_bytes(of_rows(rows), "xlsx")
    assert parsed.table.num_rows == 3
    assert positions(parsed, "preamble") == ["A1", "A2"]
    assert positions(parsed, "total_row") == ["A7:C7"]
    assert positions(parsed, "footnote") == ["A9"]


@pytest.mark.parametrize(
    "label", ["Total", "TOTALS:", "Grand Total", "Summe", "Zwischensumme", "Итого", "合计", "Sous-total"]
)
def test_totals_are_known_in_many_languages(label: str, parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(of_rows([*SALES, [label, 12, 7.5]]), "xlsx")
    assert parsed.table.column("region").to_pylist() == ["North", "South", "West"]


def test_subtotals_inside_and_a_total_of_formulas_without_a_label_are_kept_out(parse_bytes: ParseBytes) -> None:
    def build(_book: Any, sheet: Any) -> None:
        rows = [
            ["Region", "City", "Units"],
            ["N", "a", 1],
            ["N", "b", 2],
            ["Subtotal", None, 3],
            ["S", "c", 4],
            ["S", "d", 5],
        ]
        for index, row in enumerate(rows):
            sheet.write_row(index, 0, row)
        sheet.write_formula(6, 2, "=SUM(C2:C6)", None, 15)

    parsed = parse_bytes(written(build), "xlsx")
    assert parsed.table.column("units").to_pylist() == [1, 2, 4, 5]
    assert positions(parsed, "subtotal_row") == ["A4:C4"]
    assert positions(parsed, "total_row") == ["C7"]


def test_a_category_called_total_is_data(parse_bytes: ParseBytes) -> None:
    rows: list[list[Any]] = [["Year", "Sex", "Count"]]
    rows += [[2000 + year, sex, year * 3] for year in range(9) for sex in ("Male", "Total")]
    assert parse_bytes(of_rows(rows), "xlsx").table.num_rows == 18


def test_an_empty_column_for_looks_does_not_part_a_table(parse_bytes: ParseBytes) -> None:
    rows: list[list[Any]] = [["Item", None, "2023", None, "2024"], *([f"i{n}", None, n, None, n * 2] for n in range(5))]
    parsed = parse_bytes(of_rows(rows), "xlsx")
    assert regions(parsed) == ["A1:E6"]
    assert parsed.table.column_names == ["item", "_2023", "_2024"]


def test_a_header_and_a_total_that_blank_rows_part_from_the_values_belong_to_them(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(of_rows([SALES[0], [], *SALES[1:], [], ["Total", 12, 7.5]]), "xlsx")
    assert parsed.table.column_names == ["region", "units", "price"]
    assert parsed.table.num_rows == 3
    assert positions(parsed, "total_row") == ["A7:C7"]


def test_cells_that_are_no_table_are_named(parse_bytes: ParseBytes) -> None:
    def build(_book: Any, sheet: Any) -> None:
        for index, row in enumerate(SALES):
            sheet.write_row(index, 0, row)
        sheet.write(1, 9, 4711)

    assert positions(parse_bytes(written(build), "xlsx"), "loose_cells") == ["J2"]


def test_a_sheet_without_a_table_gives_what_it_holds(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(of_rows([["just a remark"]]), "xlsx")
    assert parsed.table.to_pylist() == [{"column_1": "just a remark"}]


def test_one_cell_at_each_end_of_the_largest_sheet_is_read_at_once(parse_bytes: ParseBytes) -> None:
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    parsed = parse_bytes(raw(f"<sheetData>{cells}</sheetData>"), "xlsx")
    assert sorted(value for row in parsed.table.to_pylist() for value in row.values() if value is not None) == [1, 2]
    assert regions(parsed) == ["A1:XFD1048576"]


# Header ---------------------------------------------------------------------------------------------------------------


def test_merged_headers_become_parent_and_child(parse_bytes: ParseBytes) -> None:
    def build(_book: Any, sheet: Any) -> None:
        sheet.merge_range("A1:A2", "Region")
        sheet.merge_range("B1:C1", "2023")
        sheet.merge_range("D1:E1", "2024")
        sheet.write_row(1, 1, ["Units", "Price", "Units", "Price"])
        sheet.write_row(2, 0, ["North", 1, 1.5, 2, 2.5])
        sheet.write_row(3, 0, ["South", 3, 3.5, 4, 4.5])

    parsed = parse_bytes(written(build), "xlsx")
    columns = [column["source_name"] for column in parsed.report["tables"][0]["columns"]]
    assert columns == ["Region", "2023 / Units", "2023 / Price", "2024 / Units", "2024 / Price"]
    assert parsed.report["tables"][0]["header_rows"] == [1, 2]
    assert parsed.table.num_rows == 2


def test_labels_that_are_merged_over_rows_count_for_each_of_them(parse_bytes: ParseBytes) -> None:
    def build(_book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["Region", "City", "Units"])
        sheet.merge_range("A2:A4", "North")
        for index in range(3):
            sheet.write_row(index + 1, 1, [f"c{index}", index])
        sheet.write_row(4, 0, ["South", "d", 9])

    parsed = parse_bytes(written(build), "xlsx")
    assert parsed.table.column("region").to_pylist() == ["North", "North", "North", "South"]
    assert parsed.repairs["merged_filled"] == 2


def test_names_in_two_rows_without_merged_cells_are_joined(parse_bytes: ParseBytes) -> None:
    rows: list[list[Any]] = [[None, "2023", None, "2024", None], ["Region", "Units", "Price", "Units", "Price"],
            ["North", 1, 1.5, 2, 2.5], ["South", 3, 3.5, 4, 4.5]]  # fmt: skip
    parsed = parse_bytes(of_rows(rows), "xlsx")
    columns = [column["source_name"] for column in parsed.report["tables"][0]["columns"]]
    assert columns == ["Region", "2023 / Units", "2023 / Price", "2024 / Units", "2024 / Price"]


def test_years_across_the_top_are_names(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(of_rows([["Country", 2021, 2022, 2023], ["A", 1.5, 2.5, 3.5], ["B", 4.5, 5.5, 6.5]]), "xlsx")
    assert parsed.table.column_names == ["country", "_2021", "_2022", "_2023"]


def test_filter_buttons_and_frozen_rows_point_at_the_header(parse_bytes: ParseBytes) -> None:
    rows = [["Stock of the year", None, None], ["as of", "June", None], ["code", "kind", "place"],
            *([f"{n:03}", "x", "y"] for n in range(6))]  # fmt: skip

    def build(freeze: bool) -> Callable[[Any, Any], None]:
        def write(_book: Any, sheet: Any) -> None:
            for index, row in enumerate(rows):
                sheet.write_row(index, 0, row)
            if freeze:
                sheet.freeze_panes(3, 0)
            else:
                sheet.autofilter(2, 0, 8, 2)

        return write

    for freeze in (True, False):
        parsed = parse_bytes(written(build(freeze)), "xlsx")
        assert parsed.table.column_names == ["code", "kind", "place"]
        assert parsed.report["tables"][0]["header_rows"][-1] == 3


def test_defined_tables_keep_their_range_name_and_totals_row(parse_bytes: ParseBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [*SALES, ["Sum of all", 12, 7.5], ["directly below", None, None]]:
        sheet.append(row)
    table = Table(displayName="Sales", ref="A1:C5", totalsRowCount=1)
    sheet.add_table(table)
    for index, row in enumerate(PEOPLE, start=1):
        for column, value in enumerate(row, start=5):
            sheet.cell(index, column, value)
    target = io.BytesIO()
    book.save(target)
    parsed = parse_bytes(target.getvalue(), "xlsx")
    assert [table["name"] for table in parsed.report["tables"]] == ["Sheet Sales", "Sheet E1:F4"]
    assert parsed.tables[0].num_rows == 3
    assert positions(parsed, "total_row") == ["A5:C5"]
    assert positions(parsed, "footnote") == ["A6"]


def test_a_person_may_name_the_sheet_and_the_header_row(parse_bytes: ParseBytes) -> None:
    def build(book: Any, sheet: Any) -> None:
        for index, row in enumerate([["x", "y"], ["1a", "b"], ["name", "place"], ["p", "q"], ["r", "s"]]):
            sheet.write_row(index, 0, row)
        book.add_worksheet("Other").write_row(0, 0, ["a", "b"])

    data = written(build)
    parsed = parse_bytes(data, "xlsx", options={"sheet": "data", "header_row": 3})
    assert parsed.table.to_pylist() == [{"name": "p", "place": "q"}, {"name": "r", "place": "s"}]
    assert parse_bytes(data, "xlsx", options={"sheet": "DATA", "header_row": 0}).table.num_rows == 5
    with pytest.raises(HandlerError) as refusal:
        parse_bytes(data, "xlsx", options={"sheet": "none of these"})
    assert refusal.value.code == "unknown_sheet"


# Values ---------------------------------------------------------------------------------------------------------------


def test_numbers_are_what_their_formats_show(parse_bytes: ParseBytes) -> None:
    formats = {
        "percent": ("0.0%", 0.25, 0.5), "euro": ("#,##0.00 €", 1.5, 2), "day": ("d. mmmm yyyy", 44927, 44928),
        "moment": ("dd/mm/yyyy hh:mm", 44927.5, 44928.25), "clock": ("h:mm AM/PM", 0.5, 0.75),
        "hours": ("[h]:mm:ss", 1.5, 0.25), "code": ("00000", 7, 8), "literal": ('0 "days"', 3, 4),
        "red": ("[Red]0.00", 1.5, 2.5),
    }  # fmt: skip

    def build(book: Any, sheet: Any) -> None:
        for column, (name, (number_format, *values)) in enumerate(formats.items()):
            sheet.write(0, column, name)
            for row, value in enumerate(values, start=1):
                sheet.write_number(row, column, value, book.add_format({"num_format": number_format}))

    parsed = parse_bytes(written(build), "xlsx")
    assert parsed.table.to_pylist()[0] == {
        "percent": 0.25, "euro": 1.5, "day": date(2023, 1, 1), "moment": datetime.fromisoformat("2023-01-01T12:00"),
        "clock": time(12), "hours": "36:00:00", "code": 7, "literal": 3, "red": 1.5,
    }  # fmt: skip
    inferred = {column["source_name"]: column["inferred_type"] for column in parsed.report["tables"][0]["columns"]}
    assert (inferred["percent"], inferred["euro"], inferred["hours"]) == ("percent", "currency", "duration")


@pytest.mark.parametrize(
    ("system", "serial", "shown"),
    [("", 1, date(1900, 1, 1)), ("", 59, date(1900, 2, 28)), ("", 61, date(1900, 3, 1)), ("", 45000, date(2023, 3, 15)),
     ('<workbookPr date1904="1"/>', 0, date(1904, 1, 1)), ('<workbookPr date1904="true"/>', 43538, date(2023, 3, 15))],
)  # fmt: skip
def test_days_count_in_the_systems_of_1900_and_1904(
    system: str, serial: int, shown: date, parse_bytes: ParseBytes
) -> None:
    styles = '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'
    cells = f'<row r="1"><c r="A1" s="1"><v>{serial}</v></c></row>'
    data = raw(f"<sheetData>{cells}</sheetData>", workbook=system, more={"xl/styles.xml": styles})
    assert parse_bytes(data, "xlsx").table.to_pylist() == [{"column_1": shown}]


def test_text_that_looks_like_a_number_stays_text(parse_bytes: ParseBytes) -> None:
    texts = ["0164", "1e5", "2024-01-01", "+49 30 1", "1,5", "=1+1", "TRUE"]

    def build(_book: Any, sheet: Any) -> None:
        sheet.write(0, 0, "code")
        for row, text in enumerate(texts, start=1):
            sheet.write_string(row, 0, text)

    assert parse_bytes(written(build), "xlsx").table.column("code").to_pylist() == texts


@pytest.mark.parametrize("name", ["errors.xlsx", "issues.xls"])
def test_errors_are_null_and_counted_in_every_format(name: str, corpus: Path, parse_bytes: ParseBytes) -> None:
    if name == "errors.xlsx":
        parsed = parse_bytes(corpus / "excel" / "calamine" / name, "xlsx")
        assert sum(table["finding_counts"].get("error_cells", 0) for table in parsed.report["tables"]) >= 7
    else:
        parsed = parse_bytes(corpus / "excel" / "poi" / "CodeFunctionTestCaseData.xls", "xls")
        assert [positions(parsed, "error_cells", number) for number in range(len(parsed.tables))][-1] == ["B8", "C8"]


def test_a_formula_without_a_stored_result_is_null_and_named(parse_bytes: ParseBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["a", "b"], [1, "=A2*2"], [2, "=A3*2"]):
        sheet.append(row)
    target = io.BytesIO()
    book.save(target)
    parsed = parse_bytes(target.getvalue(), "xlsx")
    assert parsed.table.to_pylist() == [{"a": 1, "b": None}, {"a": 2, "b": None}]
    assert positions(parsed, "formula_without_value") == ["B2", "B3"]


def test_a_rare_text_among_numbers_is_quarantined_and_shown(parse_bytes: ParseBytes) -> None:
    rows: list[list[Any]] = [["n", "m"], *([n, n] for n in range(500))]
    rows[250][0] = "see remark"
    parsed = parse_bytes(of_rows(rows), "xlsx")
    assert parsed.table.schema.field("n").type == pa.int64()
    assert parsed.table.column("n").null_count == 1
    assert positions(parsed, "quarantined_cells") == ["A251"]
    assert parsed.report["tables"][0]["columns"][0]["failed_casts"]["samples"] == [{"row": 250, "value": "see remark"}]


def test_rich_text_is_joined_and_phonetic_guides_are_left_out(parse_bytes: ParseBytes) -> None:
    strings = (
        "<si><r><t>Tō</t></r><r><rPr><b/></rPr><t xml:space='preserve'>kyō </t></r></si>"
        '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></si>'
        "<si><t>a_x000D_b &amp; &#x41;</t></si><si><t>  not preserved </t></si><si><t/></si>"
    )
    rows = "".join(
        f'<row r="{n}"><c r="A{n}" t="s"><v>{n - 1}</v></c><c r="B{n}"><v>{n}</v></c></row>' for n in range(1, 6)
    )
    inline = (
        '<row r="6"><c r="A6" t="inlineStr"><is><r><t>x</t></r><r><t>y</t></r></is></c></row>'
        '<row r="7"><c r="A7" t="inlineStr"><is><t xml:space="preserve"> z </t></is></c></row>'
        '<row r="8"><c r="A8" t="str"><f>"p"&amp;"q"</f><v>p&lt;q</v></c></row>'
    )
    parsed = parse_bytes(raw(f"<sheetData>{rows}{inline}</sheetData>", strings=strings), "xlsx")
    assert parsed.table.column(0).to_pylist() == [
        "Tōkyō ", "東京", "a\rb & A", "not preserved", None, "xy", " z ", "p<q",
    ]  # fmt: skip


# The XML below --------------------------------------------------------------------------------------------------------

NUMBERS = """<row r='2'><c r='A2'><v>1</v></c><c r='B2'><v>2.5</v></c></row>
    <row r='3'><c r='A3'><v>3</v></c><c r='B3'><v>4.5</v></c></row>"""
ODD_XML = {
    "no references": """<sheetData><row><c t='inlineStr'><is><t>k</t></is></c><c t='inlineStr'><is><t>v</t></is></c>
        </row>
        <row><c><v>1</v></c><c><v>2.5</v></c></row><row><c><v>3</v></c><c><v>4.5</v></c></row></sheetData>""",
    "comments and CDATA": f"""<sheetData><!-- a comment --><row r='1'><c r='A1' t='str'><v>k</v></c><c r='B1' t='str'>
        <v><![CDATA[v]]></v></c></row>{NUMBERS}</sheetData>""",
    "out of order": """<sheetData><row r="3"><c r="B3"><v>4.5</v></c><c r="A3"><v>3</v></c></row><row r="1">
        <c r="A1" t="str"><v>k</v></c><c r="B1" t="str"><v>v</v></c></row>
        <row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2.5</v></c></row>
        </sheetData>""",
    "other attributes": """<sheetData><row r="1"><c t="str" r="A1" ><v xml:space="preserve">k</v></c>
        <c r="B1" cm="1" t="str"><v>v</v></c></row><row r="2" spans="1:2"><c r="A2" s="0" t="n"><v>1</v></c><c r="B2">
        <v>2.5</v></c></row><row r="3"><c r="A3"><f>1+2</f><v>3</v></c><c r="B3"><v>4.5</v></c><c r="C3"/></row>
        </sheetData>""",
}


@pytest.mark.parametrize("sheet", ODD_XML.values(), ids=ODD_XML)
def test_xml_that_no_spreadsheet_program_writes_is_read_all_the_same(sheet: str, parse_bytes: ParseBytes) -> None:
    assert parse_bytes(raw(sheet), "xlsx").table.to_pylist() == [{"k": 1, "v": 2.5}, {"k": 3, "v": 4.5}]


def test_prefixed_tags_are_read(parse_bytes: ParseBytes) -> None:
    sheet = ('<?xml version="1.0"?><x:worksheet xmlns:x="urn:x"><x:sheetData><x:row r="1"><x:c r="A1">'
             '<x:v>1</x:v></x:c></x:row>'
             '<x:row r="2"><x:c r="A2"><x:v>2</x:v></x:c></x:row></x:sheetData></x:worksheet>')  # fmt: skip
    assert parse_bytes(raw(sheet), "xlsx").table.column(0).to_pylist() == [1, 2]


def test_a_sheet_that_breaks_off_gives_what_stands_before_and_says_so(parse_bytes: ParseBytes) -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}"><v>{n}</v></c></row>' for n in range(1, 30))
    parsed = parse_bytes(
        raw(f'<?xml version="1.0"?><worksheet><!-- --><sheetData><!-- -->{rows}<row r="30"><c r="A30"><v>'), "xlsx"
    )
    assert parsed.table.num_rows == 29
    assert parsed.findings["damaged_sheet"] == 1
    assert [part["reason_code"] for part in parsed.report["unextracted"]] == ["corrupt_sheet"]


@pytest.mark.parametrize("suffix", ["xlsx", "xlsb", "xls"])
def test_sheets_without_cells_are_named_with_their_kind(suffix: str, corpus: Path, parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(corpus / "excel" / "calamine" / f"any_sheets.{suffix}", suffix)
    reasons = {part["source"]["sheet"]: part["reason_code"] for part in parsed.report["unextracted"]}
    assert reasons["Chart"] == "chart_sheet"


def test_cells_are_those_that_another_reader_sees(corpus: Path, tmp_path: Path) -> None:
    """Compare with calamine, which shares no code: one cell in a thousand may differ, where calamine is wrong."""
    import python_calamine as other  # noqa: PLC0415

    seen = wrong = 0
    for path in sorted((corpus / "excel").rglob("*.xls?")) + sorted((corpus / "excel").rglob("*.ods")):
        try:
            theirs = other.CalamineWorkbook.from_path(path)
            with open_workbook(path, Original(path, path.suffix[1:], tmp_path, budget=Budget())) as ours:
                for sheet in ours.sheets:
                    if sheet.kind == "worksheet":
                        expected = _theirs(theirs.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False))
                        found = _ours(ours, sheet)
                        seen += len(expected)
                        wrong += sum(
                            expected.get(place) != found.get(place) for place in expected.keys() | found.keys()
                        )
        except (other.CalamineError, HandlerError, OSError):
            continue
    assert seen > 10_000
    assert wrong <= seen / 1000


def _theirs(rows: list[list[Any]]) -> dict[tuple[int, int], str]:
    return {
        (row, column): _written(value)
        for row, line in enumerate(rows)
        for column, value in enumerate(line)
        if value != ""
    }


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime):
        rounded = value + timedelta(microseconds=500)
        return rounded.replace(microsecond=rounded.microsecond // 1000 * 1000).isoformat(sep=" ")
    if isinstance(value, timedelta):
        total = round(value.total_seconds() * 1000)
        text = f"{total // 3_600_000}:{total // 60_000 % 60:02}:{total // 1000 % 60:02}"
        return f"{text}.{total % 1000:03}" if total % 1000 else text
    return str(value)


def _ours(book: Any, sheet: Any) -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    for block in book.read(sheet, SheetFacts()):
        if block is VOID:
            found.clear()
            continue
        texts = as_text(block.kinds, block.numbers, block.texts, book.shared)
        places = zip(block.rows.tolist(), block.columns.tolist(), strict=True)
        found.update({place: text for place, text in zip(places, texts, strict=True) if text})
    return found


# Made at random -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def layouts() -> ModuleType:
    """The generator of the benchmark."""
    spec = importlib.util.spec_from_file_location("workbooks_of_known_truth", ROOT / "benchmarks" / "workbooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_tables_as_people_lay_them_out_are_found_exactly(layouts: ModuleType, tmp_path: Path) -> None:
    score = layouts.measure(60, 2024, tmp_path)
    assert score.tables["all"] > 120
    assert score.exact["all"] / score.tables["all"] >= 0.96
    assert score.right / score.cells >= 0.98
    assert 0.97 <= score.found / score.tables["all"] <= 1.03


def test_the_same_workbook_gives_the_same_bytes(layouts: ModuleType, tmp_path: Path) -> None:
    from processing_svc.parse import parse  # noqa: PLC0415

    made = layouts.make(tmp_path / "one.xlsx", random.Random(5))
    written_twice = []
    for number in range(2):
        scratch, out = tmp_path / f"scratch{number}", tmp_path / f"out{number}"
        scratch.mkdir()
        out.mkdir()
        parse({"path": str(made.path), "format": "xlsx", "scratch": str(scratch), "out": str(out)})
        written_twice.append([path.read_bytes() for path in sorted(out.iterdir())])
    assert written_twice[0] == written_twice[1]
    assert written_twice[0]


@pytest.mark.parametrize(
    ("text", "area"),
    [("A1", Area(0, 0, 0, 0)), ("$B$2:C3", Area(1, 1, 2, 2)), ("C3:A1", Area(0, 0, 2, 2)),
     ("XFD1048576", Area(1048575, 16383, 1048575, 16383)),
     ("XFE1", None), ("A1048577", None), ("A0", None), ("", None), ("1A", None)],
)  # fmt: skip
def test_references_are_read(text: str, area: Area | None) -> None:
    assert parse_area(text) == area
    assert area is None or parse_area(str(area)) == area
