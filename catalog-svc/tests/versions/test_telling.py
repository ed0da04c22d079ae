"""Lineage of a version, and the events of a dataset, as the caller may see them."""

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pyarrow as pa
import pytest

from catalog_svc.projections.inbox import ProjectionInbox
from dataplatform.events.identity import dataset_id, institution_id, table_id

pytestmark = pytest.mark.integration

AIR = dataset_id(institution_id("demo"), "air-quality")
API = f"/api/v1/datasets/{AIR}"
ROWS = pa.table({"station": ["a", "b"], "pm10": [1, 2]})


async def get(client: httpx.AsyncClient, path: str, status: int = 200, headers: Any = None) -> Any:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == status, (path, answer.text)
    return answer.json()


async def test_the_lineage_of_a_version_is_a_graph_from_its_upload_on(
    client: httpx.AsyncClient, publish: Any, make_token: Any
) -> None:
    version: UUID = await asyncio.to_thread(publish, 1, [ROWS, ROWS], keys=[["station"]])
    told = (await get(client, f"/api/v1/versions/{version}"))["links"]["lineage"]
    graph = await get(client, told)
    nodes = {node["id"]: node for node in graph["nodes"]}
    kinds = sorted(node["kind"] for node in graph["nodes"])
    # the version that the examination was compared with is one that only its event knows
    assert kinds == [
        "assessment", "dataset", "examination", "run", "table", "table", "upload", "version", "version",
    ]  # fmt: skip
    assert all(edge["source"] in nodes and edge["target"] in nodes for edge in graph["edges"])
    edges = {(edge["source"].split(":")[0], edge["relation"], edge["target"].split(":")[0]) for edge in graph["edges"]}
    assert edges >= {
        ("upload", "used", "run"), ("run", "was_generated_by", "table"), ("table", "is_part_of", "version"),
        ("assessment", "was_informed_by", "version"), ("version", "was_examined_by", "examination"),
        ("version", "is_version_of", "dataset"),
    }  # fmt: skip
    run = nodes[f"run:{version}"]
    assert (run["handler"], run["handler_version"], run["table_count"]) == ("csv", "1", 2)
    for node in graph["nodes"]:
        if node["id"] in {f"version:{version}", f"table:{table_id(version, 0)}", f"dataset:{AIR}"}:
            await get(client, node["href"])
    admin = make_token("root", demo="administrator")
    await client.post(f"/api/v1/versions/{version}/erase", json={"reason": "licence"}, headers=admin)
    after = await get(client, told)
    assert sorted(node["kind"] for node in after["nodes"]) == ["dataset", "run", "upload", "version"]
    assert {node.get("sha256") for node in after["nodes"]} == {None}
    await get(client, f"/api/v1/versions/{UUID(int=1)}/lineage", 404)


async def test_the_events_of_a_dataset_are_shown_to_those_they_concern(
    client: httpx.AsyncClient, publisher: Any, inbox: ProjectionInbox, make_token: Any,
    catalog: psycopg.Connection[Any],
) -> None:  # fmt: skip
    await asyncio.to_thread(publisher.publish, 1, [ROWS])
    story = publisher.story
    failed = story.upload(number=2)
    await asyncio.to_thread(inbox.receive, story.enclose(failed, story.run_failed(failed)))
    steward, reader = make_token("anna", demo="steward"), make_token("ben", demo="reader")
    version = (await get(client, API))["version_id"]
    withdrawal = {"reason": "outdated", "detail": "For readers."}
    await client.post(f"/api/v1/versions/{version}/withdraw", json=withdrawal, headers=steward)

    everybody = (await get(client, f"{API}/events"))["items"]
    assert [event["type"] for event in everybody] == [
        "dataset.registered.v1", "version.published.v1", "version.withdrawn.v1",
    ]  # fmt: skip
    assert "withdrawn_by" not in everybody[2]["data"]
    members = (await get(client, f"{API}/events?limit=200", headers=reader))["items"]
    assert {"upload.received.v1", "run.completed.v1", "assessment.completed.v1"} <= {event["type"] for event in members}
    assert "withdrawn_by" in next(event for event in members if event["type"] == "version.withdrawn.v1")["data"]
    assert [event["time"] for event in members] == sorted(event["time"] for event in members)
    assert len(members) == catalog.execute("SELECT count(*) FROM event_index").fetchone()[0]  # type: ignore[index]

    pages, path = [], f"{API}/events?limit=2"
    following = ""
    while True:
        page = await get(client, f"{path}{following}", headers=reader)
        pages += page["items"]
        if page["next"] is None:
            break
        following = f"&cursor={page['next']}"
    assert pages == members
    chosen = await get(client, f"{API}/events?type=run.failed.v1&type=version.withdrawn.v1", headers=reader)
    assert {event["type"] for event in chosen["items"]} == {"run.failed.v1", "version.withdrawn.v1"}
    assert (await get(client, f"{API}/events?type=run.failed.v1"))["items"] == []

    one = await client.get(f"/api/v1/events/{everybody[1]['id']}")
    assert one.headers["content-type"] == "application/cloudevents+json"
    assert one.json() == {name: value for name, value in everybody[1].items() if value is not None}
    stored = catalog.execute("SELECT data, event_id FROM events WHERE type = 'version.published.v1'").fetchone()
    assert stored
    assert {**one.json()["data"]} == json.loads(json.dumps(stored[0]))
    assert one.json()["specversion"] == "1.0"
    hidden = next(event for event in members if event["type"] == "run.failed.v1")["id"]
    for wrong in (f"/api/v1/events/{UUID(int=1)}", f"/api/v1/events/{hidden}"):
        assert (await get(client, wrong, 404))["detail"] == "there is no such event"
    assert (await get(client, f"{API}/events?type=nonsense", 422))["code"] == "unknown_event_type"
    assert (await get(client, f"{API}/events?cursor=x", 422))["code"] == "invalid_cursor"
