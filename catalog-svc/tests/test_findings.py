"""Findings, scores and profiles over REST, from documents as the services write them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog_svc.projections.inbox import ProjectionInbox
from dataplatform.events.base import Measure
from dataplatform.events.identity import run_id, table_id
from dataplatform.events.processing import RunCompleted
from dataplatform.events.quality import RuleOutcome, TableAssessment

pytestmark = pytest.mark.integration

API = "/api/v1"
REPORT = {
    "version": 1,
    "tables": [
        {
            "index": 0,
            "name": "table 0",
            "columns": [{"name": "pm10", "failed_casts": {"count": 3, "samples": [{"row": 1, "value": "SECRET"}]}}],
            "repairs": [{"kind": "padded_row", "line": 3, "what": "SECRET"}],
            "repair_counts": {"padded_row": 7},
            "finding_counts": {"override_not_applied": 1},
        }
    ],
    "unextracted": [{"source": {"kind": "sheet", "name": "Notes"}, "reason_code": "no_tables", "detail": ""}],
    "findings": [{"kind": "override_missing_column", "detail": "there is no column `gone`"}],
}
CONTRACT = {
    "contract_id": "air",
    "clauses": [
        {
            "path": "/schema/0",
            "table": "table 0",
            "result": {"kind": "unique", "state": "passed", "severity": "warning"},
        },
        {
            "path": "/schema/1",
            "table": "table 0",
            "result": {"kind": "range", "state": "failed", "severity": "critical", "columns": ["pm10"], "failed": 2},
        },
    ],
}
EXAMINATION = {
    "tables": [{"index": 0, "name": "table 0"}],
    "anomalies": {
        "cells": [{"evidence": "SECRET"}],
        "by_column": [{"table": 0, "column": "station", "kind": "typo", "found": 4}],
    },
    "drift": {
        "verdict": "drifted",
        "tables": [
            {"table": "table 0", "findings": [{"kind": "distribution", "severity": "warning", "column": "pm10"}]}
        ],
        "findings": [{"kind": "table_added", "severity": "info"}],
    },
}


def profile(tables: list[Any]) -> dict[str, Any]:
    return {
        "profile": "1",
        "tables": [
            {
                "table_id": str(identity),
                "columns": [{"position": at, "name": f"c{at}", "top": {"values": [index]}} for at in range(5)],
                "measures": [{"name": "m", "definition": "1"}],
            }
            for index, identity in enumerate(tables)
        ],
    }


@pytest.fixture
def version(
    inbox: ProjectionInbox, story: Any, make_reference: Callable[..., Any], objects_folder: Path
) -> dict[str, Any]:
    """A version with every document about it; its id, and those of its tables."""
    upload = story.upload()
    run = run_id(upload.upload_id)
    tables = [table_id(run, index) for index in range(2)]

    def stored(name: str, body: Any) -> Any:
        path = objects_folder / "documents" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(body))
        return make_reference(f"documents/{name}", path.read_bytes())

    measures = (Measure(name="completeness", dimension="completeness", numerator=9, denominator=10, score=0.9),)
    rules = RuleOutcome(
        contract=make_reference("contracts/x"), result=stored("contract.json", CONTRACT), passed=1, failed=1,
        not_evaluated=0, critical_failed=1,
    )  # fmt: skip
    assessment = story.assessment(upload).model_copy(
        update={
            "profile": stored("profile.json", profile(tables)),
            "measures": measures,
            "tables": (TableAssessment(table_id=tables[0], row_count=3, measures=measures),),
            "rules": rules,
        }
    )
    report = stored("report.json", REPORT)
    run_events = [
        event.model_copy(update={"report": report}) if isinstance(event, RunCompleted) else event
        for event in story.run(upload, tables=2)
    ]
    examination = story.examination(upload).model_copy(update={"document": stored("examination.json", EXAMINATION)})
    inbox.receive(story.enclose(upload, *run_events, assessment, examination))
    return {"id": run, "tables": tables}


async def test_all_that_was_found_is_one_list_and_quotes_no_cell(
    version: dict[str, Any], client: httpx.AsyncClient
) -> None:
    address = f"{API}/versions/{version['id']}/findings"
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    found = {
        (item["source"], item["code"], item["table"], item["column"], item["count"]) for item in answer.json()["items"]
    }
    assert found == {
        ("report", "padded_row", "table 0", None, 7),
        ("report", "override_not_applied", "table 0", None, 1),
        ("report", "failed_casts", "table 0", "pm10", 3),
        ("report", "no_tables", "Notes", None, None),
        ("report", "override_missing_column", None, None, None),
        ("contract", "range", "table 0", "pm10", 2),
        ("anomalies", "typo", "table 0", "station", 4),
        ("drift", "distribution", "table 0", "pm10", None),
        ("drift", "table_added", None, None, None),
    }
    assert "SECRET" not in answer.text
    for item in answer.json()["items"]:
        assert (await client.get(item["evidence"])).status_code == 200
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while len(seen) < 99:
        page = (await client.get(address, params={"limit": 2, **cursor})).json()
        seen += [item["finding_id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == [item["finding_id"] for item in answer.json()["items"]]
    few = await client.get(
        address, params={"severity[in]": "warning,critical", "count[gte]": 2, "fields": "code,count"}
    )
    assert few.json()["items"] == [{"code": "range", "count": 2}, {"code": "failed_casts", "count": 3}]


async def test_scores_come_by_dimension_with_the_versions_of_their_definitions(
    version: dict[str, Any], client: httpx.AsyncClient
) -> None:
    found = (await client.get(f"{API}/versions/{version['id']}/assessment")).json()
    (dimension,) = found["dimensions"]
    assert (dimension["dimension"], dimension["measures"][0]["score"]) == ("completeness", 0.9)
    assert dimension["measures"][0]["definition"] == "1"
    assert found["tables"][0]["table_id"] == str(version["tables"][0])
    assert found["rules"] == {"passed": 1, "failed": 1, "not_evaluated": 0, "critical_failed": 1}
    assert (await client.get(found["links"]["contract-result"])).json()["contract_id"] == "air"


async def test_a_profile_comes_by_table_in_pages_and_by_column(
    version: dict[str, Any], client: httpx.AsyncClient
) -> None:
    second = f"{API}/tables/{version['tables'][1]}"
    page = (await client.get(f"{second}/profile", params={"limit": 3})).json()
    assert [column["name"] for column in page["items"]] == ["c0", "c1", "c2"]
    assert page["items"][0]["top"] == {"values": [1]}
    assert page["measures"] == [{"name": "m", "definition": "1"}]
    rest = (await client.get(f"{second}/profile", params={"limit": 3, "after": page["next"]})).json()
    assert ([column["name"] for column in rest["items"]], rest["next"]) == (["c3", "c4"], None)
    column = (await client.get(f"{second}/columns/4/profile")).json()
    assert (column["name"], column["top"]) == ("c4", {"values": [1]})
    assert (await client.get(f"{second}/columns/5/profile")).status_code == 404


async def test_what_somebody_may_not_see_has_no_findings(
    version: dict[str, Any], client: httpx.AsyncClient, make_token: Any
) -> None:
    steward = make_token("sam", demo="steward")
    dataset = (await client.get(f"{API}/versions/{version['id']}")).json()["dataset_id"]
    await client.patch(f"{API}/datasets/{dataset}", json={"visibility": "restricted"}, headers=steward)
    table = version["tables"][0]
    for path in (f"versions/{version['id']}/findings", f"versions/{version['id']}/assessment",
                 f"versions/{version['id']}/contract-result", f"tables/{table}/profile",
                 f"tables/{table}/columns/0/profile"):  # fmt: skip
        assert (await client.get(f"{API}/{path}")).status_code == 404, path
        assert (await client.get(f"{API}/{path}", headers=steward)).status_code == 200, path
