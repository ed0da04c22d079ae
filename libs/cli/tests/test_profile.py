"""`dataplatform profile` on CSV, Excel and Parquet, as text and as JSON by the published schema."""

import json
from pathlib import Path

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from typer.testing import CliRunner, Result

from dataplatform_cli.main import app
from dataplatform_cli.profile_text import bars
from quality_svc.profile.__main__ import SCHEMA_FILE

ROWS = [(f"k{row}@b.example", row * 1.5, "Berlin" if row % 3 else "Bonn") for row in range(40)]
HEADER = ("E-Mail", "Gewicht (kg)", "Ort")


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["profile", *map(str, arguments)])


@pytest.fixture(params=["csv", "xlsx", "parquet"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"menschen.{request.param}"
    if request.param == "csv":
        lines = [
            ";".join(HEADER),
            *(f"{mail};{weight:.1f};{city}".replace(".0;", ",0;") for mail, weight, city in ROWS),
        ]
        path.write_text("\n".join(line.replace(".5;", ",5;") for line in lines) + "\n")
    elif request.param == "xlsx":
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate([HEADER, *ROWS]):
                sheet.write_row(number, 0, row)
    else:
        columns = dict(zip(HEADER, map(list, zip(*ROWS, strict=True)), strict=True))
        pq.write_table(pa.table(columns), path)
    return path


def test_a_file_is_profiled_by_the_schema_without_any_service(file: Path) -> None:
    done = invoke(file, "--json")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    mail, weight, city = document["tables"][0]["columns"]
    assert (mail["semantic"]["type"], mail["personal"]["kind"]) == ("email", "email")
    assert (weight["unit"]["symbol"], sum(weight["histogram"]["counts"])) == ("kg", 40)
    assert (city["semantic"]["type"], city["distinct"]["value"]) == ("city", 2)


def test_people_see_words_bars_and_patterns(file: Path) -> None:
    done = invoke(file)
    assert done.exit_code == 0, done.stderr
    for words in ("40 rows, 3 columns", "PERSONAL DATA: email", "in kg", "bins of 5", "Berlin 6", "█"):
        assert words in done.stdout


def test_one_table_can_be_chosen_and_one_that_is_not_there_cannot(file: Path) -> None:
    assert invoke(file, "--table", "0").exit_code == 0
    assert invoke(file, "--table", "7").exit_code == 64


def test_a_file_without_tables_ends_as_inspect_does(tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    path.write_bytes(b"")
    assert invoke(path).exit_code == 2


def test_bars_show_what_is_small() -> None:
    assert bars([0, 1, 1000]) == " ▁█"
