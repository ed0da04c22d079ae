from pathlib import Path

from dataplatform.settings import CommonSettings
from dataplatform_formats.detection.outcome import REASONS
from ingest_svc.problems import CATALOGUE, problem
from ingest_svc.settings import IngestSettings

PAGE = (Path(__file__).parents[2] / "docs" / "ingest-svc.md").read_text()


def test_the_page_names_every_problem_with_its_status() -> None:
    missing = [code for code, (status, _) in CATALOGUE.items() if f"| `{code}` | {status} |" not in PAGE]
    assert missing == []


def test_the_page_names_every_setting_with_its_default() -> None:
    own = {
        name: field for name, field in IngestSettings.model_fields.items() if name not in CommonSettings.model_fields
    }
    missing = [
        name for name, field in own.items() if f"| `DATAPLATFORM_{name.upper()}` | {field.default} |" not in PAGE
    ]
    assert missing == []


def test_every_reason_to_refuse_a_file_is_a_problem() -> None:
    assert {problem(code).status for code in REASONS} == {422}
