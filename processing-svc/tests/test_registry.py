"""The handler that the documentation shows works when it is pasted: a format costs one file and one entry point."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from processing_svc.handlers import registry
from processing_svc.handlers.interface import HandlerError, Original
from processing_svc.standardize import standardize

PAGE = Path(__file__).parents[2] / "docs" / "how-to-add-a-format.md"


def test_the_documented_handler_reads_its_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    module = tmp_path / "jsonl_handler.py"
    module.write_text(re.sub(r"^   ", "", found[1], flags=re.MULTILINE))
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("jsonl", "jsonl_handler:JsonLinesHandler", registry.GROUP)
    monkeypatch.setattr(registry, "_points", lambda: (point,))
    (tmp_path / "data").write_text('{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n')
    handler = registry.handler_for("jsonl")
    (table,) = handler.extract(Original(tmp_path / "data", "jsonl", tmp_path))
    assert not isinstance(table, HandlerError)
    written: Any = standardize(table, tmp_path / "t.parquet")  # type: ignore[arg-type]
    assert (written.row_count, [column.name for column in written.columns]) == (2, ["a", "b"])


def test_every_registered_handler_says_what_it_reads() -> None:
    for name in registry.formats():
        handler = registry.handler_for(name)
        assert name in handler.formats
        assert handler.version


def test_an_unknown_format_is_refused_by_name() -> None:
    with pytest.raises(HandlerError) as refusal:
        registry.handler_for("docx")
    assert refusal.value.code == "unsupported_format"
