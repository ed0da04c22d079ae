"""Files as local Parquet tables, and targets run over them with the limits and the words of the command line."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import typer

from dataplatform.events.base import ParseOptions
from dataplatform.jobs.sandbox import Limits
from dataplatform_cli.reading import Reading
from dataplatform_cli.tabled import run_over, tabled

LIMITS = Limits(memory_bytes=1 << 30, cpu_seconds=60, wall_seconds=60, output_bytes=1 << 30)
TARGET = """
from pathlib import Path

class TooOddError(Exception):
    code = "unreadable_table"
    detail = "it is too odd"

def count(argument):
    if argument.get("fail"):
        raise TooOddError
    Path(argument["document"]).write_text("made")
    return {"tables": argument["tables"], "memory": argument["memory_bytes"], "seed": argument["seed"]}
"""


def reading_of(path: Path, content: bytes) -> Reading:
    path.write_bytes(content)
    return Reading(path, ParseOptions(), LIMITS)


@pytest.fixture
def csv(tmp_path: Path) -> Reading:
    return reading_of(tmp_path / "preise.csv", b"Id;Preis [EUR]\n1;1,50\n2;n/a\n3;7,00\n")


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "counting.py").write_text(TARGET)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
    return "counting:count"


def test_a_file_becomes_tables_that_are_gone_afterwards(csv: Reading) -> None:
    with tabled(csv) as made:
        (table,) = made.tables
        written = pq.read_table(table.parts[0])
        assert written.column("preis_eur").to_pylist() == [1.5, None, 7.0]
        assert (table.name, table.n_rows, table.columns[1]["unit"]) == ("preise", 3, "EUR")
        assert made.report["detected"]["format"] == "csv"
    assert not made.folder.exists()


@pytest.mark.parametrize(
    ("content", "code", "reason"), [(b"", 2, "empty_file"), (b"%PDF-1.7 garbage", 3, "corrupt_file")]
)
def test_a_refusal_ends_as_inspect_does(
    content: bytes, code: int, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, tabled(reading_of(tmp_path / "file", content)):
        pass
    assert ended.value.exit_code == code
    assert reason in capsys.readouterr().err


def test_a_target_gets_the_tables_and_its_document_is_there(csv: Reading, target: str) -> None:
    with tabled(csv) as made:
        done = run_over(made, target, {"seed": 7}, preload=[])
        assert done.result["seed"] == 7
        assert done.result["memory"] == LIMITS.memory_bytes // 2
        assert done.result["tables"] == [
            {"index": 0, "name": "preise", "parts": [str(part) for part in made.tables[0].parts]}
        ]
        assert done.document.read_text() == "made"


def test_a_target_that_refuses_ends_the_command_in_its_words(
    csv: Reading, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argument: dict[str, Any] = {"fail": True}
    with tabled(csv) as made, pytest.raises(typer.Exit) as ended:
        run_over(made, target, argument, preload=[])
    assert ended.value.exit_code == 3
    assert "unreadable_table: it is too odd" in capsys.readouterr().err
