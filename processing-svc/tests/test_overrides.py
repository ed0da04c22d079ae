"""What a person decided about columns, in every format."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing_svc.handlers.interface import Casts
from processing_svc.overrides import arrow_type, cast_without_loss

ParseBytes = Callable[..., Any]
CSV = b"Id,Zip Code,When,Share\n1,01067,1/2/2020,1.5\n2,10115,3/4/2021,2\n3,80331,5/6/2022,n/a\n"


def test_types_and_names_of_a_csv_are_those_that_a_person_set(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(CSV, "csv", options={
        "types": {"Id": "string", "when": "date32", "Share": "decimal128(10, 2)"}, "names": {"Zip Code": "plz"},
    })  # fmt: skip
    assert parsed.table.schema.names == ["id", "plz", "when", "share"]
    assert parsed.table.to_pylist()[0] == {
        "id": "1", "plz": "01067", "when": date(2020, 2, 1), "share": Decimal("1.50"),
    }  # fmt: skip
    columns = parsed.report["tables"][0]["columns"]
    assert [column.get("overridden_type") for column in columns] == ["string", None, "date32[day]", "decimal128(10, 2)"]
    assert [column["source_name"] for column in columns] == ["Id", "Zip Code", "When", "Share"]
    assert columns[3]["null_spellings"] == {"n/a": 1}


def test_text_that_is_to_stay_text_is_what_stands_in_the_file(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(b"a,b\n1.50,x\n 2e3 ,y\n", "csv", options={"types": {"a": "string"}})
    assert parsed.table.column("a").to_pylist() == ["1.50", " 2e3 "]


def test_a_few_cells_that_do_not_fit_are_quarantined_and_counted(parse_bytes: ParseBytes) -> None:
    rows = "".join(f"{number}\n" for number in range(50)) + "about 7\n"
    parsed = parse_bytes(b"a\n" + rows.encode(), "csv", options={"types": {"a": "int32"}})
    column = parsed.report["tables"][0]["columns"][0]
    assert column["type"] == "int32"
    assert column["failed_casts"] == {"count": 1, "samples": [{"row": 51, "value": "about 7"}]}


def test_a_type_that_no_longer_fits_is_not_applied_and_a_finding_says_so(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(b"a,b\nx,1\ny,2\nz,3\n", "csv", options={"types": {"a": "int64", "gone": "int64", "b": "wat"}})
    assert parsed.table.schema.field("a").type == pa.string()
    assert parsed.findings["override_not_applied"] == 2
    assert [finding["kind"] for finding in parsed.report["findings"]] == ["override_missing_column"]


def test_types_of_a_parquet_file_are_cast_without_loss(parse_bytes: ParseBytes, tmp_path: Path) -> None:
    numbers = [*range(20), 2**40]
    pq.write_table(pa.table({"n": numbers, "f": [float(number) for number in numbers]}), tmp_path / "t.parquet")
    parsed = parse_bytes(tmp_path / "t.parquet", "parquet", options={"types": {"n": "int32", "f": "int64"}})
    assert parsed.table.schema.types == [pa.int32(), pa.int64()]
    assert parsed.table.column("n").to_pylist() == [*range(20), None]
    assert parsed.table.column("f").to_pylist() == numbers
    assert parsed.report["tables"][0]["columns"][0]["failed_casts"]["samples"] == [{"row": 21, "value": str(2**40)}]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("int64", pa.int64()), ("decimal128(10, 2)", pa.decimal128(10, 2)), ("decimal(5,0)", pa.decimal128(5, 0)),
        ("timestamp[us, tz=UTC]", pa.timestamp("us", "UTC")), ("Date", pa.date32()), ("nonsense", None),
        ("decimal(99,1)", None), ("list<int64>", None),
    ],
)  # fmt: skip
def test_a_type_is_named_as_arrow_names_it(name: str, expected: pa.DataType | None) -> None:
    assert arrow_type(name) == expected


def test_an_integer_that_a_double_cannot_hold_is_no_double() -> None:
    casts = Casts()
    cast = cast_without_loss(pa.array([1, 2**53 + 1]), pa.float64(), casts, 1)
    assert cast.to_pylist() == [1.0, None]
    assert casts.samples == [(2, str(2**53 + 1))]
