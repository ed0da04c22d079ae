"""Citations, read back by the libraries that read such things, and DOI metadata by DataCite's own schema."""

from importlib import import_module
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
import rispy
from bibtexparser.entrypoint import parse_string

from catalog_svc.projections.inbox import ProjectionInbox
from dataplatform.events.identity import dataset_id, institution_id, run_id

pytestmark = pytest.mark.integration

AIR = dataset_id(institution_id("demo"), "air-quality")
BUS = dataset_id(institution_id("demo"), "bus-stops")
API = "/api/v1"
TITLE = "Air & water, 100 % {clean}\r\nER  - not yet"
SAID: dict[str, Any] = {
    "title": TITLE,
    "description": "Readings.\n\nTwice a day.",
    "licence": "CC-BY-4.0",
    "tags": ["air", "särme"],
    "languages": ["en"],
    "doi": "10.5072/air",
    "spatial": {"name": "Tartu", "west": 26.6, "east": 26.8, "south": 58.3, "north": 58.4},
    "temporal": {"start": "2020-01-01"},
    "creators": [
        {"name": "Doe, Jane", "kind": "person", "identifier": "https://orcid.org/0000-0002-1825-0097"},
        {"name": "Office and Sons", "affiliation": "City of Tartu"},
    ],
}


@pytest.fixture
async def cited(client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any, make_token: Any) -> httpx.AsyncClient:
    """A client of a catalog with a dataset whose description is long and nasty."""
    inbox.receive([*story.published(), *story.published("bus-stops")])
    steward = make_token("sam", demo="steward")
    answer = await client.patch(f"{API}/datasets/{AIR}", json=SAID, headers=steward)
    assert answer.status_code == 200, answer.text
    relations = {"relations": [{"kind": "replaces", "dataset_id": str(BUS)}]}
    assert (await client.put(f"{API}/datasets/{AIR}/relations", json=relations, headers=steward)).status_code == 200
    return client


async def citation(client: httpx.AsyncClient, kind: str) -> httpx.Response:
    answer = await client.get(f"{API}/datasets/{AIR}/citation", params={"format": kind})
    assert answer.status_code == 200, answer.text
    return answer


async def test_people_get_a_line(cited: httpx.AsyncClient) -> None:
    line = (await citation(cited, "text")).text
    assert line == (
        "Doe, Jane; Office and Sons (2026): Air & water, 100 % {clean} ER - not yet. Version 1. demo."
        " https://doi.org/10.5072/air"
    )


async def test_reference_managers_read_what_was_said(cited: httpx.AsyncClient) -> None:
    library = parse_string((await citation(cited, "bibtex")).text)
    assert library.failed_blocks == []
    entry = {name: field.value for name, field in library.entries[0].fields_dict.items()}
    assert entry["author"] == "Doe, Jane and {Office and Sons}"
    assert (entry["year"], entry["version"], entry["doi"]) == ("2026", "1", "10.5072/air")
    assert r"Air \& water, 100 \% \{clean\}" in entry["title"]
    (record,) = rispy.loads((await citation(cited, "ris")).text)
    assert record["type_of_reference"] == "DATA"
    assert record["authors"] == ["Doe, Jane", "Office and Sons"]
    assert record["title"] == "Air & water, 100 % {clean} ER - not yet"
    (item,) = (await citation(cited, "csl-json")).json()
    assert item["author"] == [{"family": "Doe", "given": "Jane"}, {"literal": "Office and Sons"}]
    assert (item["type"], item["issued"]["date-parts"], item["version"]) == ("dataset", [[2026, 3, 1]], "1")


async def test_metadata_of_a_doi_is_what_datacite_takes(cited: httpx.AsyncClient) -> None:
    schema = import_module("datacite.schema45")
    found = (await citation(cited, "datacite-json")).json()
    schema.validator.validate(found)
    assert found["relatedIdentifiers"][0]["relationType"] == "Obsoletes"
    assert found["creators"][0]["nameIdentifiers"][0]["nameIdentifierScheme"] == "ORCID"
    root = ET.fromstring((await citation(cited, "datacite-xml")).text)  # noqa: S314 - our own
    kernel = "{http://datacite.org/schema/kernel-4}"
    assert root.findtext(f"{kernel}titles/{kernel}title") == TITLE
    assert root.findtext(f"{kernel}publicationYear") == "2026"


async def test_a_version_is_cited_by_its_own_address_and_a_bare_dataset_by_its_institution(
    cited: httpx.AsyncClient, story: Any
) -> None:
    schema = import_module("datacite.schema45")
    version = run_id(story.upload("bus-stops").upload_id)
    line = (await cited.get(f"{API}/versions/{version}/citation")).text
    assert line == f"demo (2026): Bus stops. Version 1. demo. http://127.0.0.1:8080/api/v1/versions/{version}"
    bare = await cited.get(f"{API}/versions/{version}/citation", params={"format": "datacite-json"})
    schema.validator.validate(bare.json())
    assert (await cited.get(f"{API}/datasets/{AIR}/citation", params={"format": "marc"})).status_code == 422
