"""`dataplatform suitability`: a table of a file is judged in the sandbox, and what cannot be is refused."""

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataplatform_cli.main import app


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    draw = random.Random(0)
    path = tmp_path / "loans.csv"
    lines = ["Monthly Income,Debt,Paid Back"]
    for _ in range(120):
        income, debt = draw.gauss(0, 1), draw.gauss(0, 1)
        lines.append(f"{income:.3f},{debt:.3f},{'yes' if income - debt + 0.3 * draw.gauss(0, 1) > 0 else 'no'}")
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_a_csv_is_judged_and_its_columns_go_by_their_names_in_the_file(loans: Path) -> None:
    arguments = ["suitability", str(loans), "--task", "classification", "--target", "Paid Back", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["verdict"] == "suitable"
    assert document["interval"]["low"] <= document["score"] <= document["interval"]["high"]
    assert sum(part["points"] for part in document["contributions"]) == pytest.approx(document["score"])


def test_people_are_told_what_closes_the_way(loans: Path) -> None:
    result = CliRunner().invoke(app, ["suitability", str(loans), "--task", "forecasting"])
    assert result.exit_code == 0
    assert "unsuitable" in result.stdout
    assert "FAIL time_key: no column has times" in result.stdout


def test_an_unknown_column_is_refused(loans: Path) -> None:
    result = CliRunner().invoke(app, ["suitability", str(loans), "--task", "regression", "--target", "Nothing"])
    assert result.exit_code == 3
    assert "unknown_column" in result.stderr
