"""Contracts over REST, and versions held back because a critical rule failed."""

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

import httpx
import psycopg
import pytest

from catalog_svc.projections.arrears import catch_up
from catalog_svc.projections.inbox import ProjectionInbox
from catalog_svc.projections.policy import Storage
from dataplatform.events.catalog import ContractDefined, VersionPublished
from dataplatform.events.quality import AssessmentCompleted, RuleOutcome

pytestmark = pytest.mark.integration

CONTRACT = b"apiVersion: v3.1.0\nkind: DataContract\nid: air\nversion: 1.2.0\nstatus: active\n"


def emitted(catalog: psycopg.Connection[Any], event_type: str) -> list[dict[str, Any]]:
    rows = catalog.execute("SELECT data FROM events WHERE type = %s ORDER BY position", [event_type]).fetchall()
    return [row[0] for row in rows]


def state(catalog: psycopg.Connection[Any], upload_id: object) -> tuple[Any, ...] | None:
    sql = "SELECT state, reason_code, detail, ended_at IS NOT NULL FROM upload_states WHERE upload_id = %s"
    return catalog.execute(sql, [upload_id]).fetchone()


def served(catalog: psycopg.Connection[Any]) -> Any:
    sql = "SELECT v.number FROM search_documents d JOIN versions v USING (version_id)"
    return catalog.execute(sql).fetchone()


@pytest.fixture
def ruled(make_reference: Callable[..., Any]) -> Callable[..., AssessmentCompleted]:
    def rule(assessment: AssessmentCompleted, critical: int, failed: int = 1) -> AssessmentCompleted:
        rules = RuleOutcome(
            contract=make_reference("contracts/x"),
            result=make_reference("profiles/contract.json"),
            passed=3,
            failed=failed,
            not_evaluated=0,
            critical_failed=critical,
        )
        return assessment.model_copy(update={"rules": rules})

    return rule


async def test_a_steward_defines_a_contract_and_everybody_reads_it_as_it_was(
    catalog: Any, inbox: ProjectionInbox, story: Any, client: httpx.AsyncClient, make_token: Any
) -> None:
    upload = story.upload()
    inbox.receive(story.enclose(upload))
    address = f"/api/v1/datasets/{upload.dataset_id}"
    steward, reader = make_token("anna", demo="steward"), make_token("ben", demo="reader")
    assert (await client.get(f"{address}/contract")).status_code == 404
    assert (await client.put(f"{address}/contract", content=CONTRACT, headers=reader)).status_code == 403
    assert (await client.put(f"{address}/contract", content=CONTRACT)).status_code == 401
    for _ in range(2):
        answer = await client.put(f"{address}/contract", content=CONTRACT, headers=steward)
        assert answer.status_code == 200, answer.text
    assert {key: answer.json()[key] for key in ("contract_id", "version", "api_version")} == {
        "contract_id": "air", "version": "1.2.0", "api_version": "v3.1.0",
    }  # fmt: skip
    (event,) = emitted(catalog, ContractDefined.type)
    assert event["contract"] == answer.json()["contract"]
    shown = await client.get(f"{address}/contract")
    assert (shown.content, shown.headers["content-type"]) == (CONTRACT, "application/yaml")
    assert (await client.get(address)).json()["links"]["contract"] == f"{address}/contract"
    body = json.dumps({"apiVersion": "v3.0.2", "kind": "DataContract", "id": "b", "version": "2", "status": "x"})
    await client.put(f"{address}/contract", content=body, headers=steward)
    shown = await client.get(f"{address}/contract")
    assert (shown.json()["id"], shown.headers["content-type"]) == ("b", "application/json")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"kind: nothing", 422, "invalid_contract"),
        (b"a: &a [*a]", 422, "invalid_contract"),
        (b"\xff", 422, "invalid_contract"),
        (b"a" * 3_000_000, 413, "document_too_large"),
    ],
)
async def test_what_is_no_contract_is_refused_and_not_stored(
    body: bytes, status: int, code: str, catalog: Any, inbox: Any, story: Any, client: httpx.AsyncClient,
    make_token: Any, objects_folder: Any,
) -> None:  # fmt: skip
    upload = story.upload()
    inbox.receive(story.enclose(upload))
    address = f"/api/v1/datasets/{upload.dataset_id}/contract"
    answer = await client.put(address, content=body, headers=make_token("anna", demo="steward"))
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (status, code)
    assert emitted(catalog, ContractDefined.type) == []
    assert not (objects_folder / "contracts").exists()


def test_a_version_that_breaks_a_critical_rule_is_held_and_the_old_one_goes_on_serving(
    catalog: Any, catalog_url: str, inbox: ProjectionInbox, story: Any, clock: Any, ruled: Any, make_reference: Any
) -> None:
    inbox.receive(story.published(number=1))
    upload = story.upload(number=2)
    services = import_module("catalog_svc.datasets.services")
    hold = {"publication": "hold_on_critical"}
    services.revise(upload.dataset_id, hold, now=clock(), correlation_id=story.correlation_id)
    inbox.receive(story.enclose(upload, *story.run(upload), ruled(story.assessment(upload), critical=2)))
    assert len(emitted(catalog, VersionPublished.type)) == 1
    assert served(catalog) == (1,)
    assert state(catalog, upload.upload_id) == (
        "held", "critical_rule_failed", "2 critical rules of the contract failed", True,
    )  # fmt: skip
    storage = Storage(lambda key: key, make_reference)
    assert catch_up(catalog_url, storage, clock) == 0
    third = story.upload(number=3)
    inbox.receive(story.enclose(third, *story.run(third), ruled(story.assessment(third), critical=0, failed=1)))
    assert served(catalog) == (2,)
    assert [event["upload_id"] for event in emitted(catalog, VersionPublished.type)][1:] == [str(third.upload_id)]


def test_without_the_owners_word_a_broken_rule_holds_nothing(
    catalog: Any, inbox: ProjectionInbox, story: Any, ruled: Any
) -> None:
    upload = story.upload()
    inbox.receive(story.enclose(upload, *story.run(upload), ruled(story.assessment(upload), critical=1)))
    assert len(emitted(catalog, VersionPublished.type)) == 1


async def test_what_is_held_is_published_once_the_owner_says_so(
    catalog: Any, inbox: ProjectionInbox, story: Any, ruled: Any, client: httpx.AsyncClient, make_token: Any
) -> None:
    upload = story.upload()
    inbox.receive(story.enclose(upload))
    address = f"/api/v1/datasets/{upload.dataset_id}"
    steward = make_token("anna", demo="steward")
    assert (await client.get(address)).json()["publication"] == "automatic"
    answer = await client.patch(address, json={"publication": "hold_on_critical"}, headers=steward)
    assert answer.json()["publication"] == "hold_on_critical"
    inbox.receive(story.enclose(*story.run(upload), ruled(story.assessment(upload), critical=1)))
    assert emitted(catalog, VersionPublished.type) == []
    shown = await client.get(f"/api/v1/uploads/{upload.upload_id}", headers=steward)
    assert (shown.json()["state"], shown.json()["reason_code"]) == ("held", "critical_rule_failed")
    answer = await client.patch(address, json={"publication": "automatic"}, headers=steward)
    assert answer.json()["version_count"] == 1
    assert len(emitted(catalog, VersionPublished.type)) == 1
