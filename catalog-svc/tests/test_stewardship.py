"""What stewards say over REST: descriptions, meanings of columns, overrides, relations, collections, by hand."""

from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from catalog_svc.projections.inbox import ProjectionInbox
from dataplatform.events.base import ParseOptions
from dataplatform.events.identity import dataset_id, institution_id

pytestmark = pytest.mark.integration

DEMO = institution_id("demo")
AIR = dataset_id(DEMO, "air-quality")
BUS = dataset_id(DEMO, "bus-stops")
API = "/api/v1"

DESCRIPTION: dict[str, Any] = {
    "licence": "cc-by-4.0",
    "update_frequency": "DAILY",
    "languages": ["en", "de-AT"],
    "themes": ["ENVI"],
    "spatial": {"name": "Tartu", "uri": "https://sws.geonames.org/588335/"},
    "temporal": {"start": "2020-01-01"},
    "landing_page": "https://example.org/air",
    "doi": "10.5072/air",
    "contact": {"name": "Air desk", "email": "air@example.org"},
    "creators": [{"name": "Doe, Jane", "kind": "person", "identifier": "https://orcid.org/0000-0002-1825-0097"}],
}


@pytest.fixture
def steward(make_token: Callable[..., dict[str, str]]) -> dict[str, str]:
    return make_token("sam", demo="steward")


def emitted(catalog: psycopg.Connection[Any], event_type: str) -> list[dict[str, Any]]:
    rows = catalog.execute("SELECT data FROM events WHERE type = %s ORDER BY position", [event_type]).fetchall()
    return [row[0] for row in rows]


def audited(catalog: psycopg.Connection[Any]) -> list[str]:
    return [row[0] for row in catalog.execute("SELECT action FROM audit_entries ORDER BY id")]


async def test_a_description_is_shown_whole_and_persons_are_in_no_event(
    catalog: Any, client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any, steward: dict[str, str]
) -> None:
    inbox.receive(story.published())
    address = f"{API}/datasets/{AIR}"
    answer = await client.patch(address, json=DESCRIPTION, headers=steward)
    assert answer.status_code == 200, answer.text
    details = (await client.get(address)).json()["details"]
    assert answer.json()["licence"] == "CC-BY-4.0"
    for name in ("update_frequency", "languages", "themes", "landing_page", "doi"):
        assert details[name] == DESCRIPTION[name]
    assert details["spatial"]["name"] == "Tartu"
    assert details["contact"]["email"] == "air@example.org"
    assert details["creators"][0]["name"] == "Doe, Jane"
    (event,) = emitted(catalog, "dataset.revised.v1")
    assert event["kept_apart"] == ["contact", "creators"]
    assert "Doe" not in str(event)
    assert "air@" not in str(event)
    gone = dict.fromkeys(("licence", "update_frequency", "spatial", "doi", "contact"))
    answer = await client.patch(address, json=gone | {"languages": [], "title": None}, headers=steward)
    details = answer.json()["details"]
    assert answer.json()["licence"] is None
    assert [details[name] for name in ("update_frequency", "spatial", "doi", "contact", "languages")] == [None] * 4 + [
        []
    ]
    assert details["themes"] == ["ENVI"]
    assert audited(catalog) == ["dataset.revised"] * 2


@pytest.mark.parametrize(
    "body",
    [
        {"licence": "MIT AND nonsense"},
        {"update_frequency": "SOMETIMES"},
        {"themes": ["AIR"]},
        {"languages": ["english please"]},
        {"spatial": {"west": 1}},
        {"temporal": {"start": "2021-01-01", "end": "2020-01-01"}},
        {"contact": {}},
        {"contact": {"email": "nobody"}},
        {"doi": "https://doi.org/10.1/x"},
        {"landing_page": "javascript:alert(1)"},
    ],
    ids=lambda body: next(iter(body)),
)
async def test_what_no_vocabulary_has_is_refused(
    body: dict[str, Any], catalog: Any, client: httpx.AsyncClient, inbox: Any, story: Any, steward: dict[str, str]
) -> None:
    inbox.receive(story.enclose(story.upload()))
    answer = await client.patch(f"{API}/datasets/{AIR}", json=body, headers=steward)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert emitted(catalog, "dataset.revised.v1") == []


async def test_what_a_column_means_holds_in_every_version(
    catalog: Any, client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any, steward: dict[str, str]
) -> None:
    inbox.receive([*story.published(number=1), *story.published(number=2)])
    address = f"{API}/datasets/{AIR}/column-descriptions"
    said = {"table": "table 0", "column": "pm10", "description": "Particles below 10 µm"}
    gone = {"table": "table 0", "column": "station", "description": "Where"}
    answer = await client.patch(address, json={"columns": [said, gone]}, headers=steward)
    assert answer.status_code == 200, answer.text
    await client.patch(address, json={"columns": [gone | {"description": ""}]}, headers=steward)
    listed = (await client.get(address)).json()["items"]
    assert [{key: item[key] for key in said} for item in listed] == [said]
    versions = (await client.get(f"{API}/datasets/{AIR}/versions")).json()["items"]
    assert len(versions) == 2
    for version in versions:
        (table,) = (await client.get(version["links"]["tables"])).json()["items"]
        columns = (await client.get(table["links"]["columns"])).json()["items"]
        assert [column["description"] for column in columns] == [None, "Particles below 10 µm"]


async def test_overrides_are_kept_as_a_document_of_options_and_said_once(
    catalog: Any, client: httpx.AsyncClient, inbox: Any, story: Any, steward: dict[str, str], objects_folder: Any
) -> None:
    inbox.receive(story.enclose(story.upload()))
    address = f"{API}/datasets/{AIR}/schema-overrides"
    assert (await client.get(address)).json()["overrides"] == {}
    said = {"types": {"Zip": "string", "share": "decimal128(10, 2)"}, "names": {"Zip": "plz"}, "header_row": 3}
    for _ in range(2):
        answer = await client.put(address, json=said, headers=steward)
        assert answer.status_code == 200, answer.text
    assert (await client.get(address)).json()["overrides"] == said
    (event,) = emitted(catalog, "schema.overridden.v1")
    document = (objects_folder / event["overrides"]["key"]).read_bytes()
    assert ParseOptions.model_validate_json(document).header_row == 3
    assert (await client.get(f"{API}/datasets/{AIR}")).json()["details"]["overridden"] is True
    for bad in ({"types": {"a": "a); DROP"}}, {"names": {"a": ""}}, {"colour": "red"}, {"header_row": -1}):
        assert (await client.put(address, json=bad, headers=steward)).status_code == 422, bad
    assert len(emitted(catalog, "schema.overridden.v1")) == 1


async def test_relations_are_seen_from_both_ends_by_who_sees_both(
    catalog: Any, client: httpx.AsyncClient, inbox: Any, story: Any, steward: dict[str, str]
) -> None:
    inbox.receive([*story.published(), *story.published("bus-stops")])
    said = [{"kind": "is_derived_from", "dataset_id": str(BUS)}, {"kind": "references", "url": "https://example.org"}]
    address = f"{API}/datasets/{AIR}/relations"
    answer = await client.put(address, json={"relations": said}, headers=steward)
    assert [found["kind"] for found in answer.json()["items"]] == ["is_derived_from", "references"], answer.text
    (back,) = (await client.get(f"{API}/datasets/{BUS}/relations")).json()["items"]
    assert (back["kind"], back["direction"], back["dataset_id"]) == ("is_source_of", "incoming", str(AIR))
    await client.patch(f"{API}/datasets/{BUS}", json={"visibility": "restricted"}, headers=steward)
    assert [item["kind"] for item in (await client.get(address)).json()["items"]] == ["references"]
    assert len((await client.get(address, headers=steward)).json()["items"]) == 2
    for bad in ({"kind": "references"}, {"kind": "likes", "url": "https://x.example"}):
        assert (await client.put(address, json={"relations": [bad]}, headers=steward)).status_code == 422
    unknown = {"relations": [{"kind": "references", "dataset_id": str(DEMO)}]}
    assert (await client.put(address, json=unknown, headers=steward)).json()["code"] == "unknown_dataset"


async def test_a_collection_has_an_order_and_shows_each_caller_what_that_one_sees(
    catalog: Any, client: httpx.AsyncClient, inbox: Any, story: Any, steward: dict[str, str], make_token: Any
) -> None:
    admin = make_token("ada", is_admin=True)
    await client.post(f"{API}/institutions", json={"slug": "demo", "name": "Demo"}, headers=admin)
    inbox.receive([*story.published(), *story.published("bus-stops")])
    address = f"{API}/institutions/demo/collections/shelf"
    body = {"title": "Shelf", "members": [str(BUS), str(AIR)]}
    assert (await client.put(address, json=body, headers=make_token("rita", demo="reader"))).status_code == 403
    made = await client.put(address, json=body, headers=steward)
    assert (made.status_code, made.json()["member_count"]) == (201, 2), made.text
    members = made.json()["links"]["datasets"]
    assert [item["slug"] for item in (await client.get(members)).json()["items"]] == ["bus-stops", "air-quality"]
    await client.patch(f"{API}/datasets/{BUS}", json={"visibility": "restricted"}, headers=steward)
    assert [item["slug"] for item in (await client.get(members)).json()["items"]] == ["air-quality"]
    inside = body | {"visibility": "institution", "title": "Inside"}
    assert (await client.put(address, json=inside, headers=steward)).status_code == 200
    assert (await client.get(f"{API}/collections")).json()["items"] == []
    assert (await client.get(members)).status_code == 404
    (listed,) = (await client.get(f"{API}/collections", headers=steward)).json()["items"]
    assert (listed["title"], listed["member_count"]) == ("Inside", 2)
    assert (await client.delete(address)).status_code == 401
    assert (await client.delete(address, headers=steward)).status_code == 204
    assert (await client.delete(address, headers=steward)).status_code == 404
    assert audited(catalog)[-1] == "collection.dissolved"


async def test_versions_wait_until_a_steward_publishes_them(
    catalog: Any, client: httpx.AsyncClient, inbox: Any, story: Any, steward: dict[str, str], make_token: Any
) -> None:
    first, second = story.upload(number=1), story.upload(number=2)
    inbox.receive(story.enclose(first))
    await client.patch(f"{API}/datasets/{AIR}", json={"publication": "by_hand"}, headers=steward)
    for upload in (first, second):
        events = ([] if upload is first else [upload]) + story.run(upload) + [story.assessment(upload)]
        inbox.receive(story.enclose(*events))
    told = [(held["upload_id"], held["reason_code"]) for held in emitted(catalog, "version.held.v1")]
    assert told == [(str(upload.upload_id), "awaiting_publication") for upload in (first, second)]
    address = f"{API}/uploads/{second.upload_id}"
    shown = (await client.get(address, headers=steward)).json()
    assert (shown["state"], shown["reason_code"]) == ("held", "awaiting_publication")
    assert (await client.post(f"{address}/publish", headers=make_token("rita", demo="reader"))).status_code == 403
    answer = await client.post(f"{address}/publish", headers=steward)
    assert (answer.status_code, answer.json()["state"]) == (200, "published"), answer.text
    assert (await client.post(f"{address}/publish", headers=steward)).json()["code"] == "not_held"
    assert (await client.get(f"{API}/datasets/{AIR}")).json()["version_count"] == 1
    waiting = (await client.get(f"{API}/uploads/{first.upload_id}", headers=steward)).json()
    assert waiting["state"] == "held"
    (event,) = emitted(catalog, "version.published.v1")
    assert event["upload_id"] == str(second.upload_id)
    assert audited(catalog)[-1] == "version.published_by_hand"
    assert len(emitted(catalog, "version.held.v1")) == 2
    await client.patch(f"{API}/datasets/{AIR}", json={"publication": "automatic"}, headers=steward)
    assert len(emitted(catalog, "version.published.v1")) == 2
    assert len(emitted(catalog, "version.held.v1")) == 2
