"""Names of an xlsb: the records are those that Excel wrote, the rest is made here."""

import struct
from pathlib import Path

import pytest

from processing_svc.handlers.interface import Budget, Original
from processing_svc.workbook.binary_names import EXTERN_SHEETS, NAME, SELF_LINK, BinaryNames
from processing_svc.workbook.open import open_workbook
from processing_svc.workbook.xlsb import XlsbWorkbook

SUPPORTING_BOOK = 355


def sheets(*places: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", len(places)) + b"".join(struct.pack("<Iii", *place) for place in places)


def name(text: str, formula: bytes) -> bytes:
    written = struct.pack("<I", len(text)) + text.encode("utf-16-le")
    return bytes(9) + written + struct.pack("<I", len(formula)) + formula + bytes(8)


def area(place: int, top: int, bottom: int, left: int, right: int) -> bytes:
    return struct.pack("<BHIIHH", 0x3B, place, top, bottom, left, right)


def test_the_names_that_excel_wrote(corpus: Path, tmp_path: Path) -> None:
    path = corpus / "excel" / "calamine" / "issues.xlsb"
    with open_workbook(path, Original(path, "xlsb", tmp_path, budget=Budget())) as book:
        assert isinstance(book, XlsbWorkbook)
        found = {book.sheets[index].name: facts.names for index, facts in book.names.items()}
    assert {sheet: [(title, str(where)) for title, where in names] for sheet, names in found.items()} == {
        "datatypes": [("MyDataTypes", "A1:A6")],
        "Sheet1": [("OneRange", "A1")],
    }


@pytest.mark.parametrize("links", [(SELF_LINK, SUPPORTING_BOOK), (SUPPORTING_BOOK, SELF_LINK)], ids=["first", "last"])
def test_a_range_of_another_workbook_is_none_of_ours(links: tuple[int, int]) -> None:
    names = BinaryNames()
    for code in links:
        names.take(code, b"")
    names.take(EXTERN_SHEETS, sheets((0, 1, 1), (1, 1, 1)))
    names.take(NAME, name("at link 0", area(0, 0, 4, 1, 27)))
    names.take(NAME, name("at link 1", area(1, 0, 4, 1, 27)))
    assert list(names.ranges(["one", "it's"])) == [(f"at link {links.index(SELF_LINK)}", None, "'it''s'!B1:AB5")]


@pytest.mark.parametrize(
    ("places", "formula"),
    [
        ([(0, 0, 2)], area(0, 0, 1, 0, 1)),
        ([(0, -1, -1)], area(0, 0, 1, 0, 1)),
        ([(0, 9, 9)], area(0, 0, 1, 0, 1)),
        ([(0, 0, 0)], area(7, 0, 1, 0, 1)),
        ([(0, 0, 0)], area(0, 0, 1, 0, 1) + b"\x10"),
        ([(0, 0, 0)], b""),
    ],
    ids=["several sheets", "a sheet that was deleted", "no such sheet", "no such place", "a union", "no formula"],
)
def test_what_is_no_range_of_one_sheet_names_nothing(places: list[tuple[int, int, int]], formula: bytes) -> None:
    names = BinaryNames()
    names.take(SELF_LINK, b"")
    names.take(EXTERN_SHEETS, sheets(*places))
    names.take(NAME, name("x", formula))
    assert list(names.ranges(["a", "b", "c"])) == []
