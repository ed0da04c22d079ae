"""`inspect` and `extract` as people call them: as processes, with their exit codes; nothing else runs."""

import hashlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from dataplatform_cli.main import app
from processing_svc.report import SCHEMA_FILE

CSV = b"Id;Preis [EUR];Datum\n1;1.234,50;31.12.2020\n2;n/a;1.1.2021\n3;7,00;2.1.2021\n"
LARGE = b"id,name\n" + b"".join(b"%d,name of %d\n" % (number, number * 7919) for number in range(3_000_000))
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("DATAPLATFORM_")}


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Call the command in a process of its own."""
    command = [sys.executable, "-m", "dataplatform_cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def invoke(*arguments: object) -> Result:
    """Call the command in this process, which saves its start."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def valid(document: dict[str, Any]) -> dict[str, Any]:
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    return document


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "preise.csv"
    path.write_bytes(CSV)
    return path


def test_a_table_becomes_parquet_and_a_report_that_its_schema_describes(csv: Path, tmp_path: Path) -> None:
    done = call("extract", csv, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    report = valid(json.loads((tmp_path / "out" / "report.json").read_text()))
    (table,) = report["tables"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [table["path"], "report.json"]
    written = pq.read_table(tmp_path / "out" / table["path"])
    assert written.column("preis_eur").to_pylist() == [1234.5, None, 7.0]
    price = table["columns"][1]
    assert (price["unit"], price["null_spellings"], price["source_name"]) == ("EUR", {"n/a": 1}, "Preis [EUR]")
    assert (report["detected"]["format"], report["detected"]["encoding"]) == ("csv", "utf-8")
    assert "1,234" not in done.stdout
    assert "3 rows" in done.stdout


def test_inspect_tells_the_same_and_writes_nothing(csv: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    done = invoke("inspect", csv, "--json")
    assert done.exit_code == 0, done.stderr
    report = valid(json.loads(done.stdout))
    assert [column["type"] for column in report["tables"][0]["columns"]] == ["int64", "double", "date32[day]"]
    assert "path" not in report["tables"][0]
    assert sorted(tmp_path.iterdir()) == before


def test_options_are_those_of_the_parse(csv: Path, tmp_path: Path) -> None:
    done = invoke("extract", csv, "-o", tmp_path / "out", "--type", "Id=string", "--name", "Datum=tag", "--json")
    report = valid(json.loads(done.stdout))
    assert [(column["name"], column["type"]) for column in report["tables"][0]["columns"]] == [
        ("id", "string"), ("preis_eur", "double"), ("tag", "date32[day]"),
    ]  # fmt: skip
    assert report["options"]["types"] == {"Id": "string"}


@pytest.mark.parametrize(
    ("content", "arguments", "exit_code", "status", "reason"),
    [
        (b"", [], 2, "nothing", "empty_file"),
        (b"%PDF-1.7 garbage", [], 3, "refused", None),
        (b"PK\x03\x04 garbage", [], 3, "refused", None),
        (LARGE, ["--memory", "20MB"], 4, "limit", "memory_limit_exceeded"),
        (LARGE, ["--time", "0.1"], 4, "limit", "timed_out"),
        (LARGE + b"1,2,3\n", ["--cpu-time", "0.1"], 4, "limit", "cpu_limit_exceeded"),
        (LARGE, ["--max-output", "1kB"], 4, "limit", "output_limit_exceeded"),
    ],
    ids=["empty", "pdf", "zip", "memory", "time", "cpu", "output"],
)
def test_an_end_without_tables_has_an_exit_code_and_a_reason(
    content: bytes, arguments: list[str], exit_code: int, status: str, reason: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    done = invoke("extract", path, "--out", tmp_path / "out", *arguments)
    assert done.exit_code == exit_code, done.stderr
    report = valid(json.loads((tmp_path / "out" / "report.json").read_text()))
    assert report["outcome"]["status"] == status
    assert reason in {None, report["outcome"]["reason_code"]}
    assert report["outcome"]["reason_code"] in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.json"], "nothing half is left"


@pytest.mark.parametrize("arguments", [["nowhere.csv"], ["--memory", "much"], ["--bogus"], ["--pages", "x"]])
def test_misuse_is_no_word_about_a_file(arguments: list[str], csv: Path, tmp_path: Path) -> None:
    file = [] if arguments[0] == "nowhere.csv" else [csv]
    assert invoke("extract", *file, *arguments, "--out", tmp_path / "out").exit_code == 64


def test_the_same_file_gives_the_same_bytes_in_another_process_and_folder(csv: Path, tmp_path: Path) -> None:
    digests = set()
    for folder in ("one", "two/deeper"):
        call("extract", csv, "--out", tmp_path / folder)
        (table,) = (tmp_path / folder).glob("*.parquet")
        digests.add((table.name, hashlib.sha256(table.read_bytes()).hexdigest()))
        digests.add(("report", (tmp_path / folder / "report.json").read_text()))
    assert len(digests) == 2


def test_a_terminal_sees_how_far_it_is_and_nobody_else(csv: Path, tmp_path: Path) -> None:
    assert call("inspect", csv).stderr == ""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "dataplatform_cli", "inspect", str(csv)]
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, env={**ENVIRONMENT, "TERM": "xterm"}):
        os.close(theirs)
        seen = os.read(ours, 1)
    os.close(ours)
    assert seen


def test_a_name_cannot_order_the_terminal_about(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,\x1b[31mred\x1b[0m\n1,2\n3,4\n")
    assert "\x1b" not in invoke("inspect", path).stdout
