"""Suggested rules over REST: seen by stewards, accepted into the contract once, refused for good."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.suggestions.contracting import first_contract, with_clause
from dataplatform.contracts import read_contract
from dataplatform.events.catalog import ContractDefined


def suggested(kind: str, column: str | None, quality: dict[str, Any]) -> dict[str, Any]:
    rule = {"kind": kind, "column": column} if column else {"kind": kind}
    return {
        "id": f"suggested-{kind}-{column}",
        "rule": rule,
        "evidence": {"rows": 100},
        "confidence": 0.97,
        "column": column,
        "quality": quality,
    }


NOT_NULL = {"type": "library", "metric": "nullValues", "mustBe": 0, "severity": "error"}
ROWS = {"type": "library", "metric": "rowCount", "mustBeGreaterOrEqualTo": 50, "severity": "warning"}
DOCUMENT = {
    "tables": [
        {
            "index": 0,
            "name": "table 0",
            "suggestions": [
                suggested("not_null", "pm10", NOT_NULL),
                suggested("not_null", "station", NOT_NULL),
                suggested("row_count", None, ROWS),
            ],
        }
    ]
}
CONTRACT = b"apiVersion: v3.1.0\nkind: DataContract\nid: air\nversion: 1.2.3\nstatus: active\nteam: {name: x}\n"


def test_a_clause_is_added_where_the_contract_speaks_of_the_column_and_nothing_else_changes() -> None:
    document = first_contract("c", "Air")
    made = with_clause(document, "table 0", "pm10", NOT_NULL, single=True)
    assert made.version == "0.1.0"
    again = with_clause(made.document, "other name", "PM10", NOT_NULL, single=True)
    assert again.document == made.document, "the only object of a dataset with one table, and no clause twice"
    two = with_clause(made.document, "another", None, ROWS, single=False)
    assert [body["name"] for body in two.objects] == ["table 0", "another"]
    assert two.objects[1]["quality"] == [ROWS]
    assert "schema" not in document


@pytest.mark.integration
async def test_a_steward_accepts_one_refuses_another_and_neither_is_suggested_again(
    catalog: Any, inbox: ProjectionInbox, story: Any, client: httpx.AsyncClient, make_token: Any, objects_folder: Path
) -> None:
    inbox.receive(story.published())
    upload = story.upload()
    body = json.dumps(DOCUMENT).encode()
    event = story.examination(upload, body)
    (objects_folder / event.document.key).parent.mkdir(parents=True)
    (objects_folder / event.document.key).write_bytes(body)
    address = f"/api/v1/datasets/{upload.dataset_id}"
    steward, reader = make_token("anna", demo="steward"), make_token("ben", demo="reader")
    assert (await client.get(f"{address}/suggestions", headers=steward)).json() == {"items": [], "next": None}
    inbox.receive(story.enclose(event))
    assert (await client.get(f"{address}/suggestions", headers=reader)).status_code == 403
    assert (await client.get(f"{address}/suggestions")).status_code == 401
    first = (await client.get(f"{address}/suggestions?limit=2", headers=steward)).json()
    rest = (await client.get(f"{address}/suggestions", params={"cursor": first["next"]}, headers=steward)).json()
    suggested: list[dict[str, Any]] = first["items"] + rest["items"]
    pm10, station, rows = suggested
    assert (pm10["column"], station["column"], rows["column"], rest["next"]) == ("pm10", "station", None, None)
    await client.put(f"{address}/contract", content=CONTRACT, headers=steward)

    async def decide(one: dict[str, Any], what: str, who: dict[str, str]) -> httpx.Response:
        return await client.post(f"{address}/suggestions/{one['suggestion_id']}/{what}", headers=who)

    assert (await decide(pm10, "accept", reader)).status_code == 403
    for _ in range(2):
        answer = await decide(pm10, "accept", steward)
        assert (answer.status_code, answer.json()["state"]) == (200, "accepted"), answer.text
    assert (await decide(rows, "accept", steward)).status_code == 200
    for _ in range(2):
        assert (await decide(station, "refuse", steward)).json()["state"] == "refused"
    taken_back = await decide(pm10, "refuse", steward)
    assert (taken_back.status_code, taken_back.json()["code"]) == (409, "suggestion_accepted")
    assert (await decide({"suggestion_id": upload.dataset_id}, "accept", steward)).status_code == 404
    contract = read_contract((await client.get(f"{address}/contract")).content)
    assert (contract.id, contract.version, contract.document["team"]) == ("air", "1.4.0", {"name": "x"})
    (table,) = contract.objects
    assert table["quality"] == [ROWS]
    assert table["properties"] == [{"name": "pm10", "quality": [NOT_NULL]}]
    defined = catalog.execute("SELECT count(*) FROM events WHERE type = %s", [ContractDefined.type]).fetchone()
    assert defined == (3,), "by hand, and once for each that was accepted"
    assert (await client.get(f"{address}/suggestions", headers=steward)).json()["items"] == []
    for state, count in (("accepted", 2), ("refused", 1)):
        found = (await client.get(f"{address}/suggestions", params={"state": state}, headers=steward)).json()
        assert len(found["items"]) == count
    entries = "SELECT action FROM audit_entries WHERE action LIKE 'suggestion.%' ORDER BY id"
    actions = catalog.execute(entries).fetchall()
    assert [row[0].partition(".")[2] for row in actions] == ["accepted", "accepted", "accepted", "refused", "refused"]
