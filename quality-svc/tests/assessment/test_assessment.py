"""The assessment document: whole for any table, by its schema, and whatever fails in a section leaves the others."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator

from dataplatform.engine import EngineLimits
from quality_svc.assessment import Assessment, Source, Wanted, build, building
from quality_svc.assessment.__main__ import SCHEMA_FILE, main, schema_text
from quality_svc.assessment.local import assess_file

ODD = {
    "empty": pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}),
    "no columns": pa.table({}),
    "one row": pa.table({"a": [1], "b": ["x"]}),
    "all null": pa.table({"a": pa.nulls(50), "b": pa.array([None] * 50, pa.float64())}),
    "constant": pa.table({"a": [7] * 100}),
    "infinite": pa.table({"a": [float("nan"), float("inf"), -float("inf"), 1.0] * 20}),
    "nested": pa.table({"a": [[1, 2], None] * 20, "b": [b"\0\xff", b""] * 20}),
    "ends of time": pa.table({"a": pa.array(np.array(["0001-01-01", "9999-12-31"] * 30, dtype="datetime64[D]"))}),
}


def argument_for(folder: Path, table: pa.Table, **more: Any) -> dict[str, Any]:
    pq.write_table(table, folder / "t.parquet")
    return {
        "name": "a file", "tables": [{"index": 0, "name": "t", "parts": [str(folder / "t.parquet")]}], "seed": 0,
        "document": str(folder / "document.json"), "scratch": str(folder), "memory_bytes": 256 << 20, "threads": 1,
        "rows": False, "reference": None, "contract": None, "html": False, **more,
    }  # fmt: skip


def test_the_committed_schema_is_the_generated_one() -> None:
    assert SCHEMA_FILE.read_text("utf-8") == schema_text(), "run `make schemas`"
    assert main(["check"]) == 0


@pytest.mark.parametrize("kind", ODD)
def test_odd_tables_have_a_document_by_the_schema(kind: str, tmp_path: Path) -> None:
    assess_file(argument_for(tmp_path, ODD[kind], html=True))
    document = json.loads((tmp_path / "document.json").read_bytes())
    Draft202012Validator(json.loads(SCHEMA_FILE.read_text("utf-8"))).validate(document)
    assert not [failure for failure in document["failures"] if failure["code"] == "internal_error"]
    assert Assessment.model_validate(document).tables[0].row_count == ODD[kind].num_rows
    assert (tmp_path / "document.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_cells_are_named_by_data_row_from_0_with_evidence_and_suggestion(tmp_path: Path) -> None:
    values = ["amsterdam", "rotterdam", "eindhoven"] * 100
    values[7] = "amsterdxm"
    assess_file(argument_for(tmp_path, pa.table({"city": values, "n": list(range(300))})))
    (cell,) = json.loads((tmp_path / "document.json").read_bytes())["anomalies"]["cells"]
    assert (cell["row"], cell["column"], cell["suggestion"], cell["table"]) == (7, "city", "amsterdam", 0)
    assert cell["evidence"]


def test_a_section_that_fails_is_named_and_the_others_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a value of the data")

    monkeypatch.setattr(building, "find_relations", broken)
    pq.write_table(pa.table({"a": [1, 2, 3]}), tmp_path / "t.parquet")
    source = Source(0, "t", (tmp_path / "t.parquet",))
    document, failures = build("x", [source], EngineLimits(256 << 20, 1, tmp_path), seed=0, wanted=Wanted())
    (failure,) = failures
    assert (failure.section, failure.table, failure.code) == ("relations", 0, "internal_error")
    assert "value of the data" not in failure.detail
    assert document.scores is not None
    assert document.tables[0].columns


def test_a_reference_is_compared_with(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pq.write_table(pa.table({"x": pa.array(rng.normal(size=2000))}), tmp_path / "old.parquet")
    old = [{"index": 0, "name": "t", "parts": [str(tmp_path / "old.parquet")]}]
    assess_file(argument_for(tmp_path, pa.table({"x": pa.array(rng.normal(0.4, 1, 2000))}), reference=old))
    drift = json.loads((tmp_path / "document.json").read_bytes())["drift"]
    assert (drift["verdict"], drift["tables"][0]["findings"][0]["kind"]) == ("drifted", "distribution")
