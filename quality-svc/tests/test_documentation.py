"""The service's page and its how-to say what the code does."""

import re
from pathlib import Path

import pytest

from dataplatform.engine import EngineLimits
from quality_svc import domain
from quality_svc.checks.interface import Check, TableFacts, registered_checks
from quality_svc.contracts.unenforced import REASONS
from quality_svc.profile.plan import EXACT_ROWS, GROUP_COLUMNS
from quality_svc.rules.model import RuleBase
from quality_svc.settings import QualitySettings

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def page() -> str:
    return (DOCS / "quality-svc.md").read_text("utf-8")


def test_every_reason_code_is_on_the_page(page: str) -> None:
    for code in domain.FAILURES:
        assert f"`{code}`" in page


def test_every_setting_is_on_the_page(page: str) -> None:
    common = set(QualitySettings.__mro__[1].model_fields)  # type: ignore[attr-defined]
    for name in set(QualitySettings.model_fields) - common:
        assert f"`DATAPLATFORM_{name.upper()}`" in page


def test_every_measure_is_on_the_page(page: str) -> None:
    for check in registered_checks():
        assert f"| `{check.name}` | {check.dimension} |" in page


@pytest.mark.parametrize("check", registered_checks(), ids=lambda check: check.name)
def test_every_measure_has_a_page_of_its_definition(check: Check) -> None:
    text = (DOCS / "measures" / f"{check.name}.md").read_text("utf-8")
    assert text.startswith(
        f"# `{check.name}`\n\n{check.dimension.capitalize()}. X = A/B. Definition {check.definition}.\n"
    )
    for part in ("| A | ", "| B | ", "| scope | ", "| source | ISO/IEC ", "Example: "):
        assert part in text
    assert f"[`{check.name}`]({check.name}.md) | {check.dimension} |" in (DOCS / "measures" / "README.md").read_text(
        "utf-8"
    )


def test_every_kind_of_rule_and_every_reason_is_on_the_page_of_contracts() -> None:
    text = (DOCS / "contracts.md").read_text("utf-8")
    for code in (*REASONS, *(kind.model_fields["kind"].default for kind in RuleBase.__subclasses__())):
        assert f"`{code}`" in text


def test_the_figures_on_the_page_are_those_of_the_code(page: str) -> None:
    assert f"{EXACT_ROWS:,} values" in page
    assert f"groups of {GROUP_COLUMNS} columns" in page


def test_the_example_of_the_how_to_is_a_check_that_works() -> None:
    text = (DOCS / "how-to-add-a-check.md").read_text("utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    code = "\n".join(line.removeprefix("   ") for line in found[1].splitlines())
    names: dict[str, type[Check]] = {}
    exec(code, names)  # noqa: S102 - the example is ours
    check = names["FilledColumns"]()
    assert isinstance(check, Check)
    assert check.measure(TableFacts(0, (), (), EngineLimits(0, 1, DOCS))).score is None
