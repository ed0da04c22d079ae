"""A committed JSON Schema: what `write` writes `check` accepts, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from dataplatform.schema_file import SchemaFile


def test_what_is_written_is_current_until_a_model_or_the_file_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema: dict[str, Any] = {"title": "Größe"}
    file = SchemaFile("part.of.it", tmp_path / "part.schema.json", lambda: schema)
    assert file.main(["check"]) == 1
    assert file.main(["write"]) == 0
    assert file.path.read_text("utf-8") == '{\n  "title": "Größe"\n}\n'
    assert file.main(["check"]) == 0
    schema["type"] = "object"
    assert file.main(["check"]) == 1
    assert "make schemas" in capsys.readouterr().err
