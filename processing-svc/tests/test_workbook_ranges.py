"""What a workbook says about its ranges: names that are tables of their own, rows and columns that are not shown."""

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from processing_svc.grid.cells import SheetFacts
from processing_svc.workbook.xlsb import XlsbWorkbook, _Cells

ParseBytes = Callable[..., Any]


def written(build: Callable[[Any], object], names: dict[str, str] | None = None) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        build(book.add_worksheet("data"))
        for name, formula in (names or {}).items():
            book.define_name(name, formula)
    return target.getvalue()


def put(sheet: Any, rows: Sequence[Sequence[object]], row: int = 0, column: int = 0) -> None:
    for number, values in enumerate(rows, start=row):
        sheet.write_row(number, column, values)


PEOPLE: list[list[object]] = [["name", "age"], ["ann", 31], ["bob", 42], ["cid", 53]]
PRICES: list[list[object]] = [["item", "price"], ["ink", 1.5], ["pen", 2.5], ["pad", 3.5]]


def regions(parsed: Any) -> list[str]:
    return [table["source"]["region"] for table in parsed.report["tables"]]


def positions(parsed: Any, kind: str) -> list[str]:
    return [found["position"] for found in parsed.report["tables"][0]["findings"] if found["kind"] == kind]


class TestNames:
    def test_tables_that_touch_are_parted_by_their_names(self, parse_bytes: ParseBytes) -> None:
        def build(sheet: Any) -> None:
            put(sheet, PEOPLE)
            put(sheet, PRICES, column=2)

        assert regions(parse_bytes(written(build), "xlsx")) == ["A1:D4"]
        names = {"people": "=data!$A$1:$B$4", "prices": "=data!$C$1:$D$4"}
        parsed = parse_bytes(written(build, names), "xlsx")
        assert regions(parsed) == ["A1:B4", "C1:D4"]
        assert [table.column_names for table in parsed.tables] == [["name", "age"], ["item", "price"]]
        assert [table["name"] for table in parsed.report["tables"]] == ["data people", "data prices"]

    def test_a_note_that_touches_a_named_range_is_no_row_of_it(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(
            written(lambda sheet: put(sheet, [*PEOPLE, ["as of may"]]), {"people": "=data!$A$1:$B$4"}), "xlsx"
        )
        assert parsed.table.num_rows == 3
        assert parsed.report["tables"][0]["source"]["region"] == "A1:B4"

    @pytest.mark.parametrize(
        "area",
        ["$A$2:$B$4", "$A$1:$A$4", "$A$1:$B$3", "$B$2:$C$4", "$A:$B", "$1:$2"],
        ids=["body", "column", "upper rows", "some columns", "whole columns", "whole rows"],
    )
    def test_names_of_parts_of_a_table_do_not_tear_it(self, area: str, parse_bytes: ParseBytes) -> None:
        rows = [[*left, *right] for left, right in zip(PEOPLE, PRICES, strict=True)]
        parsed = parse_bytes(written(lambda sheet: put(sheet, rows), {"part": f"=data!{area}"}), "xlsx")
        assert regions(parsed) == ["A1:D4"]

    def test_a_name_over_two_tables_is_none(self, parse_bytes: ParseBytes) -> None:
        def build(sheet: Any) -> None:
            put(sheet, PEOPLE)
            put(sheet, PRICES, row=6)

        parsed = parse_bytes(written(build, {"report": "=data!$A$1:$B$10"}), "xlsx")
        assert regions(parsed) == ["A1:B4", "A7:B10"]


class TestHidden:
    @pytest.mark.parametrize("unusual", [False, True])
    def test_rows_and_columns_that_are_not_shown_are_kept_and_named(
        self, *, unusual: bool, parse_bytes: ParseBytes
    ) -> None:
        rows: list[list[object]] = [["name", "age", "x", "y"], *([f"n{number}", number, 1, 2] for number in range(9))]

        def build(sheet: Any) -> None:
            put(sheet, rows)
            for row in (2, 3, 7):
                sheet.set_row(row, None, None, {"hidden": True})
            sheet.set_column(1, 2, None, None, {"hidden": True})

        data = written(build)
        parsed = parse_bytes(_with_comment(data) if unusual else data, "xlsx")
        assert parsed.table.num_rows == 9
        assert positions(parsed, "hidden_rows") == ["3:4", "8:8"]
        assert positions(parsed, "hidden_columns") == ["B:C"]
        assert parsed.findings["hidden_rows"] == 3
        assert parsed.findings["hidden_columns"] == 2

    def test_rows_of_a_filter_and_of_a_closed_group_are_rows(self, parse_bytes: ParseBytes) -> None:
        def build(sheet: Any) -> None:
            put(sheet, [["name", "age"], *([f"n{number}", number] for number in range(9))])
            sheet.autofilter(0, 0, 9, 1)
            sheet.filter_column(1, "x > 4")
            for row in range(1, 6):
                sheet.set_row(row, None, None, {"hidden": True})
            sheet.set_row(7, None, None, {"level": 1, "hidden": True})
            sheet.set_row(8, None, None, {"collapsed": True})

        parsed = parse_bytes(written(build), "xlsx")
        assert parsed.table.num_rows == 9
        assert positions(parsed, "hidden_rows") == ["2:6", "8:8"]
        details = [
            found["detail"] for found in parsed.report["tables"][0]["findings"] if found["kind"] == "hidden_rows"
        ]
        assert all("by a filter or by hand" in detail for detail in details)

    def test_an_opendocument_sheet_says_the_same(self, parse_bytes: ParseBytes) -> None:
        parsed = parse_bytes(_document(), "ods")
        assert regions(parsed) == ["A1:B4", "C1:D4"]
        assert [table.num_rows for table in parsed.tables] == [3, 3]
        assert positions(parsed, "hidden_rows") == ["3:4"]
        assert positions(parsed, "hidden_columns") == ["B:B"]

    def test_an_old_binary_workbook_says_the_same(self, corpus: Path, parse_bytes: ParseBytes) -> None:
        (path,) = (corpus / "excel").rglob("optional_records.xls")
        parsed = parse_bytes(path, "xls")
        counts = [table["finding_counts"] for table in parsed.report["tables"]]
        assert sum(count.get("hidden_columns", 0) for count in counts) == 1

    def test_the_records_of_binary_workbooks(self) -> None:
        facts = SheetFacts()
        cells = _Cells(XlsbWorkbook.__new__(XlsbWorkbook), facts)
        cells.take(60, struct.pack("<IIIIH", 2, 3, 0, 0, 1))
        cells.take(60, struct.pack("<IIIIH", 5, 5, 0, 0, 0))
        for row, hidden in ((0, 0), (1, 0x10), (2, 0x10), (7, 0x12)):
            cells.take(0, struct.pack("<IIHBBB", row, 0, 300, 0, hidden, 0))
        assert facts.hidden_columns == [(2, 3)]
        assert facts.hidden_rows == [(1, 2), (7, 7)]


def _with_comment(data: bytes) -> bytes:
    """Return a workbook whose sheets have a comment, which only the slow reader takes."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as sink:
        for item in source.infolist():
            content = source.read(item)
            if item.filename.startswith("xl/worksheets/"):
                content = content.replace(b"<sheetData>", b"<sheetData><!-- by hand -->")
            sink.writestr(item, content)
    return target.getvalue()


def _document() -> bytes:
    cells = "".join(
        f"<table:table-row{visible}>"
        + "".join(
            f'<table:table-cell office:value-type="float" office:value="{value}"/>'
            if isinstance(value, float | int)
            else f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
            for value in [*left, *right]
        )
        + "</table:table-row>"
        for left, right, visible in zip(PEOPLE, PRICES, ["", "", *[' table:visibility="filter"'] * 2], strict=True)
    )
    content = f"""<?xml version="1.0" encoding="UTF-8"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:spreadsheet><table:table
 table:name="data"><table:table-column/><table:table-column table:visibility="collapse"/><table:table-column
 table:number-columns-repeated="2"/>{cells}</table:table><table:named-expressions><table:named-range table:name="prices"
 table:cell-range-address="$data.$C$1:.$D$4" table:base-cell-address="$data.$A$1"/></table:named-expressions>
 <table:database-ranges><table:database-range table:name="people" table:target-range-address="data.A1:data.B4"/>
 </table:database-ranges></office:spreadsheet></office:body></office:document-content>"""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    return target.getvalue()
