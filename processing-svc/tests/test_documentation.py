"""The pages of the service name every code that a person may meet."""

import re
from pathlib import Path

from processing_svc.domain import FAILURES
from processing_svc.handlers.registry import formats

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "processing-svc" / "src" / "processing_svc"
PAGE = "".join((ROOT / "docs" / name).read_text() for name in ("processing-svc.md", "formats.md"))


def test_every_reason_code_is_documented() -> None:
    text = "\n".join(path.read_text() for path in SOURCE.rglob("*.py"))
    raised = set(re.findall(r'HandlerError\(\s*"([a-z_]+)"', text))
    raised |= set(re.findall(r'reason_code="([a-z_]+)"', text))
    raised |= set(re.findall(r'SheetTypeEnum\.\w+, "([a-z_]+)"', text))
    assert len(raised) > 20
    assert {code for code in raised | set(FAILURES) if f"`{code}`" not in PAGE} == set()


def test_every_repair_and_finding_is_documented() -> None:
    text = "\n".join(path.read_text() for path in SOURCE.rglob("*.py"))
    noted = set(re.findall(r'\w+\.add\(\s*"([a-z_]+)"', text)) - {"object_store"}
    assert len(noted) > 10
    assert {kind for kind in noted if f"`{kind}`" not in PAGE} == set()


def test_every_format_is_documented() -> None:
    assert {name for name in formats() if name.lower() not in PAGE.lower()} == set()
