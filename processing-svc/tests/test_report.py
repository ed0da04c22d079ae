"""The report's schema is the committed one, and every end of a parse is described by it."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from dataplatform.events.base import Origin
from processing_svc.report import LIMITS, NOTHING, SCHEMA_FILE, line_of, outcome_of_refusal, schema_text, source_of

ParseBytes = Callable[..., Any]


def test_the_committed_schema_is_what_the_models_say() -> None:
    assert SCHEMA_FILE.read_text("utf-8") == schema_text(), "run `make schemas`"
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


def test_a_report_on_a_messy_file_is_described_by_the_schema(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(b"a,b\n1,2,3\n4\n", "csv", options={"names": {"gone": "x"}})
    jsonschema.validate(parsed.report, json.loads(SCHEMA_FILE.read_text("utf-8")))
    repairs = parsed.report["tables"][0]["repairs"]
    assert {repair["line"] for repair in repairs} == {2, 3}


@pytest.mark.parametrize(
    ("code", "status"), [("no_tables", "nothing"), ("timed_out", "limit"), ("corrupt_file", "refused")]
)
def test_a_reason_says_what_kind_of_end_it_is(code: str, status: str) -> None:
    assert outcome_of_refusal(code, "").status == status
    assert not NOTHING & LIMITS


def test_a_place_is_spelled_out_for_its_kind() -> None:
    assert source_of(Origin(kind="sheet", name="A")).sheet == "A"
    page = source_of(Origin(kind="page", first=3, last=5))
    assert (page.page, page.last_page, page.line_range) == (3, 5, None)
    assert source_of(Origin(kind="lines", first=4, last=9)).line_range == (4, 9)
    assert [line_of(text) for text in ("line 7", "lines 3-9", "row 2", "B3", None)] == [7, 3, 2, None, None]
