"""`dataplatform assess` as people call it: text, JSON by its schema, a page, a reference, exit codes."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from dataplatform_cli.main import app
from quality_svc.assessment.__main__ import SCHEMA_FILE


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["assess", *(str(argument) for argument in arguments)])


def valid(text: str) -> dict[str, Any]:
    document = json.loads(text)
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text("utf-8")))
    return dict(document)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    rows = [f"{number},{['amsterdam', 'rotterdam'][number % 2]},{100 + number % 17}" for number in range(400)]
    rows[12] = "12,amsterdxm,112"
    path = tmp_path / "cities.csv"
    path.write_text("id,city,price\n" + "\n".join(rows) + "\n", "utf-8")
    return path


def test_a_file_is_assessed_in_words_and_as_a_page_and_compared(csv: Path, tmp_path: Path) -> None:
    older = tmp_path / "older.csv"
    older.write_text(csv.read_text("utf-8").replace("city", "town").replace("amsterdxm", "amsterdam"), "utf-8")
    done = invoke(csv, "--html", tmp_path / "report.html", "--reference", older)
    assert done.exit_code == 0, done.stderr
    assert "overall" in done.stdout
    assert "row 12, city" in done.stdout
    assert "column_renamed: city: was called 'town'" in done.stdout
    assert "amsterdxm" in (tmp_path / "report.html").read_text("utf-8")


def test_json_has_cells_and_on_request_a_score_of_every_row(csv: Path) -> None:
    document = valid(invoke(csv, "--json", "--rows", "--reference", csv).stdout)
    assert {"row": 12, "column": "city", "suggestion": "amsterdam"}.items() <= document["anomalies"]["cells"][0].items()
    assert [row["row"] for row in document["anomalies"]["rows"]] == list(range(400))
    assert document["drift"]["verdict"] == "stable"


CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: cities
version: 1.0.0
status: active
schema:
  - name: cities
    properties:
      - name: id
        logicalType: integer
        required: true
        unique: true
      - name: price
        logicalType: integer
        logicalTypeOptions: {maximum: 50}
"""


def test_a_broken_contract_ends_with_1_and_one_that_is_none_is_misuse(csv: Path, tmp_path: Path) -> None:
    contract = tmp_path / "contract.yaml"
    contract.write_text(CONTRACT, "utf-8")
    done = invoke(csv, "--contract", contract, "--json")
    assert done.exit_code == 1, done.stderr
    assert "critical rules failed" in done.stderr
    document = valid(done.stdout)
    assert (document["contract"]["state"], document["contract"]["critical_failed"]) == ("broken", 1)
    assert document["scores"]["overall"] <= document["scores"]["uncapped"]
    contract.write_text("apiVersion: v3.1.0", "utf-8")
    assert invoke(csv, "--contract", contract).exit_code == 64


def test_misuse_and_files_without_tables_have_the_codes_of_inspect(csv: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    assert invoke(tmp_path / "empty.csv").exit_code == 2
    assert invoke(csv, "--reference", tmp_path / "empty.csv").exit_code == 2
    assert invoke(tmp_path / "nowhere.csv").exit_code == 64
    assert invoke(csv, "--html", tmp_path / "no" / "folder.html").exit_code == 64
