"""Harvesting: by a client of OAI-PMH that others wrote, against a real server; sitemaps; signposts."""

import gzip
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpx
import psycopg
import pytest
from django.core.wsgi import get_wsgi_application
from oaipmh_scythe import Scythe
from oaipmh_scythe.exceptions import BadResumptionToken, IdDoesNotExist, NoRecordsMatch
from rdflib import Graph
from rdflib.namespace import DCAT, RDF

from catalog_svc.projections.inbox import ProjectionInbox
from dataplatform.events.base import Event
from dataplatform.events.catalog import DatasetRevised, InstitutionRegistered, VersionWithdrawn
from dataplatform.events.identity import dataset_id, run_id
from dataplatform.log import cursor as log

pytestmark = pytest.mark.integration

NS = {"o": "http://www.openarchives.org/OAI/2.0/", "s": "http://www.sitemaps.org/schemas/sitemap/0.9"}
DC = "{http://purl.org/dc/elements/1.1/}"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the parent has it
        """Say nothing."""


def parsed(body: bytes | str) -> ET.Element:
    """Return what we ourselves wrote."""
    return ET.fromstring(body)  # noqa: S314


@pytest.fixture
def server(catalog: psycopg.Connection[Any]) -> Iterator[str]:
    """The application on a port of its own; returns its address."""
    made = make_server("127.0.0.1", 0, get_wsgi_application(), server_class=_Server, handler_class=_Quiet)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def public(inbox: ProjectionInbox, story: Any, make_story: Any) -> list[str]:
    """Five public datasets of two institutions; returns their ids."""
    demo = InstitutionRegistered(
        institution_id=story.institution_id, slug="demo", name="Demo & Söhne", registered_at=story.tick()
    )
    inbox.receive(story.enclose(demo))
    envelopes = [e for n in range(4) for e in story.published(f"air-{n}")] + make_story("other").published("water")
    inbox.receive(envelopes)
    return [str(e.data["dataset_id"]) for e in envelopes if e.type == "upload.received.v1"]


@pytest.fixture
def happen(inbox: ProjectionInbox, story: Any, catalog: psycopg.Connection[Any]) -> Callable[[Event], None]:
    """Let an event of a dataset's own stream happen."""

    def make(event: Event) -> None:
        with catalog.cursor() as cursor:
            story.advance(event.stream, log.version_of(cursor, event.stream))
        inbox.receive(story.enclose(event))

    return make


@pytest.fixture
def gone(public: list[str], story: Any, happen: Callable[[Event], None]) -> list[str]:
    """One dataset is restricted again, of another the only version was withdrawn; one was never public."""
    hidden, emptied = (dataset_id(story.institution_id, f"air-{n}") for n in (0, 1))
    happen(DatasetRevised(dataset_id=hidden, visibility="restricted", revised_at=story.tick()))
    version = run_id(story.upload("air-1").upload_id)
    happen(VersionWithdrawn(
        dataset_id=emptied, version_id=version, reason_code="owner_request", withdrawn_at=story.tick(),
    ))  # fmt: skip
    return [str(hidden), str(emptied)]


def test_a_real_harvester_gathers_every_record_over_many_pages_and_is_told_what_is_gone(
    server: str, public: list[str], gone: list[str], monkeypatch: pytest.MonkeyPatch, catalog: psycopg.Connection[Any]
) -> None:
    monkeypatch.setattr("catalog_svc.harvesting.oai.PAGE", 2)
    never = "UPDATE {} SET visibility = 'restricted' WHERE dataset_id = %s"
    for table in ("datasets", "search_documents"):
        catalog.execute(never.format(table), (public[2],))
    scythe: Any
    with Scythe(f"{server}/oai") as scythe:
        identity = scythe.identify()
        assert (identity.protocolVersion, identity.deletedRecord) == ("2.0", "persistent")
        assert [(found.setSpec, found.setName) for found in scythe.list_sets()] == [("demo", "Demo & Söhne")]
        assert {found.metadataPrefix for found in scythe.list_metadata_formats()} == {
            "oai_dc",
            "oai_datacite",
            "dcat_ap",
        }
        headers = list(scythe.list_identifiers(metadata_prefix="oai_dc"))
        assert {h.identifier.rpartition(":")[2]: h.deleted for h in headers} == {
            **{found: found in gone for found in public if found != public[2]}
        }
        assert [h.datestamp for h in headers] == sorted(h.datestamp for h in headers)
        records = list(scythe.list_records(metadata_prefix="oai_dc", ignore_deleted=True))
        assert {record.metadata["title"][0] for record in records} == {"Air 3", "Water"}
        (only,) = scythe.list_records(metadata_prefix="oai_dc", set_="other")
        assert only.metadata["type"] == ["Dataset"]
        record = scythe.get_record(only.header.identifier, metadata_prefix="dcat_ap")
        (rdf,) = parsed(str(record)).iterfind(".//{*}RDF")
        graph = Graph().parse(data=ET.tostring(rdf), format="xml")
        assert len(list(graph.subjects(RDF.type, DCAT.Dataset))) == 1
        cited = scythe.get_record(only.header.identifier, metadata_prefix="oai_datacite")
        assert cited.metadata["identifier"] == [f"http://127.0.0.1:8080/api/v1/{version_of(catalog, public[4])}"]
        assert cited.metadata["title"] == ["Water"]
        with pytest.raises(IdDoesNotExist):
            scythe.get_record(headers[0].identifier[:-36] + public[2])
        with pytest.raises(NoRecordsMatch):
            next(iter(scythe.list_records(metadata_prefix="oai_dc", until="2020-01-01")))
        with pytest.raises(BadResumptionToken):
            next(iter(scythe.list_identifiers(resumption_token="made up")))


def version_of(catalog: psycopg.Connection[Any], dataset: str) -> str:
    found = catalog.execute("SELECT version_id FROM versions WHERE dataset_id = %s", (dataset,)).fetchone()
    assert found
    return f"versions/{found[0]}"


QUESTIONS = {
    "": "badVerb",
    "verb=Nonsense": "badVerb",
    "verb=Identify&verb=Identify": "badVerb",
    "verb=Identify&more=1": "badArgument",
    "verb=ListRecords": "badArgument",
    "verb=ListRecords&metadataPrefix=oai_dc&metadataPrefix=oai_dc": "badArgument",
    "verb=ListRecords&metadataPrefix=marc": "cannotDisseminateFormat",
    "verb=ListRecords&metadataPrefix=oai_dc&from=yesterday": "badArgument",
    "verb=ListRecords&metadataPrefix=oai_dc&from=2026-02-30": "badArgument",
    "verb=ListRecords&metadataPrefix=oai_dc&from=2026-02-01&until=2026-02-01T00:00:00Z": "badArgument",
    "verb=ListRecords&metadataPrefix=oai_dc&from=2026-02-02&until=2026-02-01": "badArgument",
    "verb=ListRecords&metadataPrefix=oai_dc&set=nobody": "noRecordsMatch",
    "verb=ListRecords&resumptionToken=x&metadataPrefix=oai_dc": "badArgument",
    "verb=ListRecords&resumptionToken=W10": "badResumptionToken",
    "verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:x:y": "idDoesNotExist",
    "verb=GetRecord&metadataPrefix=oai_dc": "badArgument",
    "verb=ListMetadataFormats&identifier=%00": "idDoesNotExist",
    "verb=ListRecords&metadataPrefix=oai_dc&set=%00": "noRecordsMatch",
}


async def test_each_condition_of_the_protocol_has_its_error_code_by_get_and_by_post(
    client: httpx.AsyncClient, public: list[str]
) -> None:
    for question, code in QUESTIONS.items():
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for answer in (await client.get(f"/oai?{question}"), await client.post("/oai", content=question, headers=form)):
            assert answer.status_code == 200, question
            root = parsed(answer.content)
            assert [found.get("code") for found in root.findall("o:error", NS)] == [code], question
            asked = root.find("o:request", NS)
            assert asked is not None
            assert bool(asked.attrib) == (code not in {"badVerb", "badArgument"}), question


async def test_a_token_says_how_many_there_are_and_ends_after_a_day(
    client: httpx.AsyncClient, public: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog_svc.harvesting.oai.PAGE", 3)
    question = {"verb": "ListIdentifiers", "metadataPrefix": "oai_dc"}
    places = []
    while question:
        root = parsed((await client.get("/oai", params=question)).content)
        end = root.find("o:ListIdentifiers/o:resumptionToken", NS)
        assert end is not None
        places.append((end.get("completeListSize"), end.get("cursor"), bool(end.get("expirationDate"))))
        token, question = end.text, {"verb": "ListIdentifiers", "resumptionToken": end.text} if end.text else {}
        if token:
            other = {"verb": "ListRecords", "resumptionToken": token}
            assert b"badResumptionToken" in (await client.get("/oai", params=other)).content
            with monkeypatch.context() as later:
                later.setattr("catalog_svc.clock.now", lambda: datetime.now(UTC) + timedelta(days=2))
                assert b"badResumptionToken" in (await client.get("/oai", params=question)).content
    assert places == [("5", "0", True), ("5", "3", False)]


async def test_sitemaps_name_every_public_dataset_and_nothing_else(
    client: httpx.AsyncClient, public: list[str], gone: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog_svc.harvesting.sitemap.PAGE", 3)
    robots = (await client.get("/robots.txt")).text
    assert "/sitemap.xml" in robots
    index = parsed((await client.get("/sitemap.xml")).content)
    found: list[str] = []
    for one in index.iterfind("s:sitemap", NS):
        path = "/" + str(one.findtext("s:loc", "", NS)).split("/", 3)[3]
        page = parsed(gzip.decompress((await client.get(path)).content))
        changes = [str(url.findtext("s:lastmod", "", NS)) for url in page.iterfind("s:url", NS)]
        assert max(changes) == one.findtext("s:lastmod", "", NS)
        found += [str(url.findtext("s:loc", "", NS)) for url in page.iterfind("s:url", NS)]
    assert sorted(address.rpartition("/")[2] for address in found) == sorted(set(public) - {gone[0]})
    shown = await client.get("/datasets/" + found[0].rpartition("/")[2])
    assert shown.status_code == 200
    assert (await client.get(f"/datasets/{gone[0]}")).status_code == 404


async def test_the_page_of_a_dataset_has_signposts_and_its_description_for_search_engines(
    client: httpx.AsyncClient, public: list[str], happen: Callable[[Event], None], story: Any
) -> None:
    happen(DatasetRevised(
        dataset_id=dataset_id(story.institution_id, "air-0"), licence="CC-BY-4.0", doi="10.5072/x",
        title="</script><b>\x01", revised_at=story.tick(),
    ))  # fmt: skip
    page = await client.get(f"/datasets/{public[0]}")
    assert page.text.count("</script>") == 1
    links = re.findall(r'<([^>]+)>; rel="([a-z-]+)"', page.headers["link"])
    assert {rel for _, rel in links} == {"cite-as", "type", "license", "describedby", "item", "linkset"}
    assert ("https://doi.org/10.5072/x", "cite-as") in links
    for address, rel in links:
        if rel in {"describedby", "linkset"}:
            answer = await client.get("/" + address.split("/", 3)[3])
            assert answer.status_code == 200, address
            assert "\x01" not in answer.text
    (document,) = [a for a, rel in links if rel == "linkset"]
    (targets, *_) = (await client.get("/" + document.split("/", 3)[3])).json()["linkset"]
    assert len(targets["item"]) == 3
    for prefix in ("oai_dc", "oai_datacite", "dcat_ap"):
        question = {"verb": "ListRecords", "metadataPrefix": prefix, "set": "demo"}
        root = parsed((await client.get("/oai", params=question)).content)
        assert "10.5072/x" in " ".join(root.itertext()), prefix
    told = await client.get(f"/api/v1/datasets/{public[0]}")
    assert 'rel="linkset"' in told.headers["link"]
