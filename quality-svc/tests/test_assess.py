"""A whole assessment in one process: the document keeps to its schema, the scores to their definitions."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator

from quality_svc.assess import assess
from quality_svc.checks.interface import registered_checks
from quality_svc.contracts import ContractResult
from quality_svc.profile.__main__ import SCHEMA_FILE, main, schema_text
from quality_svc.profile.document import ProfileDocument, TableProfile
from quality_svc.profile.table import UnreadableTableError


def argument_for(folder: Path, *tables: pa.Table) -> dict[str, Any]:
    described = []
    for index, table in enumerate(tables):
        path = folder / f"{index}.parquet"
        pq.write_table(table, path)
        described.append({"table_id": str(UUID(int=index)), "index": index, "name": f"t{index}", "parts": [str(path)]})
    return {
        "dataset_id": str(UUID(int=100)),
        "run_id": str(UUID(int=101)),
        "assessment_id": str(UUID(int=102)),
        "tables": described,
        "document": str(folder / "profile.json"),
        "memory_bytes": 256 * 2**20,
        "threads": 1,
        "scratch": str(folder),
    }


def scores(table: TableProfile) -> dict[str, float | None]:
    return {measure.name: measure.score for measure in table.measures}


def test_the_committed_schema_is_the_generated_one() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
    assert main(["check"]) == 0


def test_the_document_keeps_to_its_schema_and_loads(tmp_path: Path) -> None:
    awkward = pa.table(
        {
            "half": [1, None],
            "float": [float("nan"), float("inf")],
            "text": ['"quoted" \u2028 \\ ü', ""],
            "empty": pa.array([None, None], pa.null()),
            "nested": [[1], None],
        }
    )
    result = assess(argument_for(tmp_path, awkward, awkward.slice(0, 0), pa.table({})))
    text = (tmp_path / "profile.json").read_text(encoding="utf-8")
    content = json.loads(text)
    Draft202012Validator(json.loads(schema_text())).validate(content)
    document = ProfileDocument.model_validate(content)
    assert [(table.row_count, table.column_count) for table in document.tables] == [(2, 5), (0, 5), (0, 0)]
    assert document.overall == result["overall"]
    measures = {measure.name: measure for measure in document.measures}
    assert measures.keys() == {check.name for check in registered_checks()}
    assert measures["completeness_cells"].score == pytest.approx(0.6)
    assert [scores(table)["completeness_cells"] for table in document.tables] == [0.6, None, None]
    told = [{measure["name"] for measure in table["measures"]} for table in result["tables"]]
    assert told == [{name for name, score in scores(table).items() if score is not None} for table in document.tables]
    assert [table["row_count"] for table in result["tables"]] == [2, 0, 0]


def test_a_version_without_any_cell_has_no_score(tmp_path: Path) -> None:
    result = assess(argument_for(tmp_path, pa.table({"a": pa.array([], pa.int64())})))
    assert result["overall"] is None
    assert ProfileDocument.model_validate_json((tmp_path / "profile.json").read_text()).overall is None


def test_what_is_returned_for_events_holds_no_value_of_the_data(tmp_path: Path) -> None:
    result = assess(argument_for(tmp_path, pa.table({"secret": ["Jane Roe"] * 3})))
    assert "Jane" not in json.dumps(result)
    assert "Jane Roe" in (tmp_path / "profile.json").read_text(encoding="utf-8")


def test_an_unreadable_table_is_a_typed_error(tmp_path: Path) -> None:
    argument = argument_for(tmp_path, pa.table({"a": [1]}))
    Path(argument["tables"][0]["parts"][0]).write_bytes(b"not parquet")
    with pytest.raises(UnreadableTableError):
        assess(argument)


CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: c
version: "1"
status: active
schema:
  - name: anything
    properties:
      - {name: a, logicalType: integer, required: true}
      - {name: gone}
"""


def test_a_contract_is_enforced_counted_and_caps_the_score(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2, 3], "b": ["x", "y", "secret z"]})
    plain = assess(argument_for(tmp_path, table))
    (tmp_path / "contract").write_text(CONTRACT)
    result = tmp_path / "contract.json"
    held = {"path": str(tmp_path / "contract"), "result": str(result), "at": "2026-03-01T00:00:00+00:00"}
    found = assess({**argument_for(tmp_path, table), "contract": held})
    assert found["rules"] == {"passed": 3, "failed": 1, "not_evaluated": 0, "critical_failed": 1}
    assert found["overall"] == pytest.approx(0.5 * 3 / 4)
    assert plain["overall"] > found["overall"]
    assert "rules" not in plain
    compliance = next(measure for measure in found["measures"] if measure["name"] == "compliance_contract")
    assert (compliance["numerator"], compliance["denominator"]) == (3, 4)
    assert ContractResult.model_validate_json(result.read_text()).critical_failed == 1
    assert "secret" not in json.dumps(found)
