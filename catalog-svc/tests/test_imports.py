"""Descriptions from elsewhere: ours come back the same, strange ones are taken as far as they go, bad ones refused."""

import json
import time
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from asgiref.sync import sync_to_async

from catalog_svc.imports.licences import spdx_of
from catalog_svc.projections.inbox import ProjectionInbox
from dataplatform.events.catalog import InstitutionRegistered
from dataplatform.events.identity import institution_id

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")]

PATH = "/api/v1/institutions/demo/imports"
RICH = {
    "title": "Air of the city", "description": "What is in it.\nHourly.", "licence": "CC-BY-4.0",
    "tags": ["air", "city"],
    "update_frequency": "DAILY", "themes": ["ENVI", "HEAL"], "languages": ["de", "en"],
    "spatial": {"name": "Bern", "west": 7.2, "south": 46.9, "east": 7.5, "north": 47.0},
    "temporal": {"start": "2020-01-01"}, "landing_page": "https://example.org/air", "doi": "10.5072/air",
    "contact": {"name": "Office", "email": "office@example.org"},
    "creators": [{"name": "Office of Air", "kind": "organization", "identifier": "https://ror.org/02crff812"}],
}  # fmt: skip


@pytest.fixture
def steward(inbox: ProjectionInbox, story: Any, make_token: Any) -> dict[str, str]:
    """A steward of an institution that is registered."""
    for slug in ("demo", "other"):
        registered = InstitutionRegistered(
            institution_id=institution_id(slug), slug=slug, name=slug.title(), registered_at=story.tick()
        )
        inbox.receive(story.enclose(registered))
    token: dict[str, str] = make_token("steward", demo="steward", other="steward")
    return token


@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        ("dcat.ttl", "text/turtle"),
        ("dcat.rdf", "application/rdf+xml"),
        ("dcat.jsonld", "application/ld+json"),
        ("datapackage.json", "application/json"),
    ],
)
async def test_our_own_description_comes_back_the_same(
    client: httpx.AsyncClient,
    inbox: ProjectionInbox,
    story: Any,
    steward: dict[str, str],
    document: str,
    media_type: str,
) -> None:
    envelopes = story.published()
    inbox.receive(envelopes)
    dataset = f"/api/v1/datasets/{envelopes[0].data['dataset_id']}"
    await describe(envelopes[0].data["dataset_id"])
    body = (await client.get(f"{dataset}/{document}")).content
    headers = {**steward, "Content-Type": media_type}
    here = (await client.post(PATH, content=body, headers=headers)).json()
    assert (here["unchanged"], here["items"][0]["left"]) == (1, []), here
    there = (await client.post("/api/v1/institutions/other/imports", content=body, headers=headers)).json()
    assert there["created"] == 1
    copy, original = [await known(one["items"][0]["dataset_id"]) for one in (there, here)]
    assert {name: _plain(copy[name]) for name in RICH} == {name: _plain(original[name]) for name in RICH}
    assert all(copy.values())
    assert len(there["items"][0]["distributions"]) == (1 if document == "datapackage.json" else 3)
    again = (await client.post("/api/v1/institutions/other/imports", content=body, headers=headers)).json()
    assert again["unchanged"] == 1


async def describe(dataset_id: str) -> None:
    """Let a steward say all there is to say of a dataset."""
    stewards, models = import_module("catalog_svc.stewardship.services"), import_module("catalog_svc.datasets.models")
    act = stewards.Act(uuid4(), datetime.now(UTC), uuid4())
    await sync_to_async(lambda: stewards.describe(models.Dataset.objects.get(pk=dataset_id), RICH, act))()


async def known(dataset_id: str) -> dict[str, Any]:
    """Return all that the catalog says of a dataset."""
    services, models = import_module("catalog_svc.imports.services"), import_module("catalog_svc.datasets.models")
    found: dict[str, Any] = await sync_to_async(lambda: services._known(models.Dataset.objects.get(pk=dataset_id)))()
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(json.dumps(_plain(one), sort_keys=True) for one in value)
    return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


STRANGE = """
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
<https://x.example/set/Lärm%20Daten> a dcat:Dataset ;
  dct:title "Lärm"@de, "Noise"@en ; dct:license <http://dcat-ap.de/def/licenses/dl-by-de/2.0> ;
  dcat:keyword "noise", "{long}" ; dct:accrualPeriodicity <http://purl.org/cld/freq/daily> ; dct:accessRights
  <http://publications.europa.eu/resource/authority/access-right/NON_PUBLIC> ; dcat:distribution
  [ dcat:accessURL <https://x.example/noise.csv> ;
    dcat:mediaType <https://www.iana.org/assignments/media-types/text/csv> ] .
""".replace("{long}", "x" * 65)


async def test_a_strangers_description_is_taken_as_far_as_it_goes_and_the_rest_is_told(
    client: httpx.AsyncClient, steward: dict[str, str], catalog: psycopg.Connection[Any]
) -> None:
    headers = {**steward, "Content-Type": "text/turtle"}
    shown = (await client.post(f"{PATH}?dry_run=true", content=STRANGE.encode(), headers=headers)).json()
    assert catalog.execute("SELECT count(*) FROM datasets").fetchone() == (0,)
    done = (await client.post(PATH, content=STRANGE.encode(), headers=headers)).json()
    (item,) = done["items"]
    assert [{**one, "links": {}} for one in shown["items"]] == [{**item, "links": {}}]
    assert (item["outcome"], item["slug"], item["visibility"]) == ("created", "larm-20daten", "restricted")
    assert {left["what"] for left in item["left"]} == {"title", "tags", "frequency"}
    assert item["distributions"] == [{"url": "https://x.example/noise.csv", "title": None, "media_type": "text/csv"}]
    dataset = (await client.get(item["links"]["dataset"], headers=steward)).json()
    assert (dataset["title"], dataset["licence"], dataset["tags"]) == ("Noise", "DL-DE-BY-2.0", ["noise"])
    audited = catalog.execute("SELECT action, details ->> 'created' FROM audit_entries ORDER BY action").fetchall()
    assert ("datasets.imported", "1") in audited


async def test_columns_of_a_data_package_are_described(client: httpx.AsyncClient, steward: dict[str, str]) -> None:
    package = {"name": "noise", "licenses": [{"name": "ODC-PDDL-1.0", "path": "http://opendatacommons.org/licenses/pddl/"}],
               "resources": [{"name": "t", "title": "table 0", "path": "t.csv",
                              "schema": {"fields": [{"name": "db", "description": "Level"}]}}]}  # fmt: skip
    done = (await client.post(PATH, json=package, headers=steward)).json()
    assert sorted(done["items"][0]["changed"]) == ["columns", "licence", "title"]
    assert (await client.post(PATH, json=package, headers=steward)).json()["unchanged"] == 1
    package["resources"][0]["schema"]["fields"][0]["description"] = "Level in dB"  # type: ignore[index]
    assert (await client.post(PATH, json=package, headers=steward)).json()["items"][0]["changed"] == ["columns"]
    skipped = await client.post(f"{PATH}?existing=skip", json=package | {"title": "New"}, headers=steward)
    assert skipped.json()["skipped"] == 1


_BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">&b;</rdf:RDF>"""
_FILE = """<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>"""
BAD = {
    "entities": ("application/rdf+xml", _BOMB, "document type"),
    "a file": ("application/rdf+xml", _FILE, "document type"),
    "no XML": ("application/rdf+xml", "<a>", "not XML"),
    "a remote context": ("application/ld+json", '{"@context": "http://127.0.0.1:1/x"}', "not known"),
    "one inside": (
        "application/ld+json",
        '{"@context": {"a": {"@id": "x:y", "@context": ["http://h/x"]}}}', "not known",
    ),
    "an import": ("application/ld+json", '{"@context": {"@import": "http://h/x"}}', "imports another"),
    "deep": ("application/ld+json", "[" * 5000 + "]" * 5000, "deep"),
    "no JSON": ("application/json", "a: 1", "no JSON"),
    "nothing": ("application/json", "{}", "data package"),
    "no dataset": ("text/turtle", "<a:b> <c:d> 1 .", "no `dcat:Dataset`"),
    "no Turtle": ("text/turtle", "<a:b> <c:d> [", "not turtle"),
    "brackets": ("text/turtle", "<a:b> <c:d> " + "[" * 100_000, "not turtle"),
    "many triples": ("text/turtle", "\n".join(f"<a:{n}> <c:d> 1 ." for n in range(20_001)), "triples"),
    "many datasets": (
        "text/turtle",
        "@prefix d: <http://www.w3.org/ns/dcat#> .\n" + "\n".join(f"<a:{n}> a d:Dataset ." for n in range(201)), "200",
    ),
}  # fmt: skip


async def test_what_would_hurt_is_refused_quickly(client: httpx.AsyncClient, steward: dict[str, str]) -> None:
    for name, (media_type, body, word) in BAD.items():
        began = time.process_time()
        answer = await client.post(PATH, content=body.encode(), headers={**steward, "Content-Type": media_type})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_description"), (name, answer.text)
        assert word in answer.json()["detail"], (name, answer.text)
        assert time.process_time() - began < 5, name
    large = await client.post(
        PATH, content=b" " * (1 << 20) + b"{}", headers={**steward, "Content-Type": "text/turtle"}
    )
    assert large.json()["code"] == "document_too_large"
    other = await client.post(PATH, content=b"{}", headers={**steward, "Content-Type": "text/plain"})
    assert (other.status_code, other.json()["code"]) == (415, "unsupported_media_type")


async def test_only_stewards_import(client: httpx.AsyncClient, steward: dict[str, str], make_token: Any) -> None:
    assert (await client.post(PATH, json={"name": "x", "resources": []})).status_code == 401
    uploader = make_token("uploader", demo="uploader")
    refused = await client.post(PATH, json={"name": "x", "resources": []}, headers=uploader)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    missing = await client.post(PATH.replace("demo", "nobody"), json={}, headers=steward)
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("said", "identifier"),
    [
        ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("http://creativecommons.org/licenses/by-nc-sa/3.0/legalcode", "CC-BY-NC-SA-3.0"),
        ("http://publications.europa.eu/resource/authority/licence/CC_BY_4_0", "CC-BY-4.0"),
        ("http://publications.europa.eu/resource/authority/licence/CC_BYSA_4_0", "CC-BY-SA-4.0"),
        ("https://spdx.org/licenses/MIT.html", "MIT"),
        ("https://www.govdata.de/dl-de/by-2-0", "DL-DE-BY-2.0"),
        ("cc-by-4.0", "CC-BY-4.0"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("https://opendatacommons.org/licenses/odbl/1-0/", "ODbL-1.0"),
        ("https://example.org/terms", None),
        ("free", None),
    ],
)
def test_licences_of_others_are_known_by_their_spdx_identifier(said: str, identifier: str | None) -> None:
    assert spdx_of(said) == identifier
