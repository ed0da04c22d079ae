"""Datasets in the words of the standards: each document by the validator of its own people."""

import io
import json
import re
import warnings
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pyarrow as pa
import pytest
from asgiref.sync import sync_to_async
from csvw import CSVW  # type: ignore[import-untyped]
from frictionless import Package
from jsonschema import Draft201909Validator, Draft202012Validator, ValidationError
from pyarrow import parquet
from pyshacl import validate
from rdflib import Graph, URIRef
from rdflib.namespace import DCAT, RDF
from referencing import Registry, Resource

from catalog_svc.projections.inbox import ProjectionInbox
from dataplatform.contracts import read_contract
from dataplatform.events.base import Measure
from dataplatform.events.catalog import ColumnDescription

pytestmark = pytest.mark.integration

STANDARDS = Path(__file__).parents[2].parent / "shared" / "standards"
SHAPES, LINEAGE = STANDARDS / "dcat-ap-3.0.1", STANDARDS / "openlineage"
ODCS = STANDARDS / "odcs-3.1.0" / "odcs-json-schema-v3.1.0.json"
TABLE = pa.table(
    {"id": pa.array([1, 2], pa.int64()), "Größe": [1.5, None], "name": ["a", "b"], "day": pa.array([0, 1], pa.date32())}
)


@pytest.fixture
def parquet_file(tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    parquet.write_table(TABLE, path)
    return path


PROFILE = {
    "profile": "1", "engine": {"name": "test", "version": "1"}, "measures": [],
    "tables": [{
        "index": 0, "name": "Table 1", "row_count": 2, "column_count": 4, "measures": [],
        "columns": [
            {"position": 0, "name": "id", "type": "int64", "kind": "integer", "count": 2, "nulls": 0, "min": 1,
             "distinct": {"value": 2, "exact": True}, "quantiles": {"values": [{"p": 0.5, "value": 1}], "basis": 2,
                                                                    "exact": True, "rank_error": 0}},
            {"position": 1, "name": "Größe", "type": "double", "kind": "float", "count": 1, "nulls": 1},
            {"position": 2, "name": "name", "type": "string", "kind": "text", "count": 2, "nulls": 0, "min": "a",
             "personal": {"kind": "health", "confidence": 0.9, "special": True}},
            {"position": 3, "name": "day", "type": "date32[day]", "kind": "date", "count": 2, "nulls": 0},
        ],
    }],
}  # fmt: skip
RICH = {
    "title": "Air of the city", "description": "What is in it.\nHourly.", "licence": "CC-BY-4.0", "tags": ["air"],
    "update_frequency": "DAILY", "themes": ["ENVI"], "languages": ["de", "en"],
    "spatial": {"name": "Bern", "west": 7.2, "south": 46.9, "east": 7.5, "north": 47.0},
    "temporal": {"start": "2020-01-01", "end": "2020-12-31"}, "landing_page": "https://example.org/air",
    "doi": "10.5072/air", "contact": {"name": "Office", "email": "office@example.org"},
    "creators": [{"name": "Office of Air", "kind": "organization", "identifier": "https://ror.org/02crff812"},
                 {"name": "Doe, Jo", "kind": "person"}],
}  # fmt: skip
MEASURE = Measure(dimension="completeness", numerator=7, denominator=8, score=0.875)


@pytest.fixture
async def dataset(
    inbox: ProjectionInbox, story: Any, make_reference: Any, parquet_file: Path, objects_folder: Path
) -> str:
    """A published dataset of one table in one part, with all that stewards may say; returns its id."""
    upload = story.upload()
    started, standardized, completed = story.run(upload)
    columns = tuple(
        standardized.columns[0].model_copy(update={"name": field.name, "position": n, "type": str(field.type)})
        for n, field in enumerate(TABLE.schema)
    )
    body = parquet_file.read_bytes()  # noqa: ASYNC240 - nothing else runs
    part = make_reference(standardized.parts[0].key, body)
    update = {"parts": (part,), "columns": columns, "column_count": 4, "row_count": 2, "name": "Table 1"}
    standardized = standardized.model_copy(update=update)
    tables = [{**PROFILE["tables"][0], "table_id": str(standardized.table_id)}]  # type: ignore[index]
    profile = json.dumps({**PROFILE, "tables": tables}).encode()
    assessment = story.assessment(upload)
    assessment = assessment.model_copy(
        update={"profile": make_reference(assessment.profile.key, profile), "measures": (MEASURE,)}
    )
    _store(objects_folder / part.key, body)
    _store(objects_folder / assessment.profile.key, profile)
    inbox.receive(story.enclose(upload, started, standardized, completed, assessment, story.examination(upload)))
    await _stewarded(str(upload.dataset_id))
    return str(upload.dataset_id)


def _store(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


async def _stewarded(dataset_id: str) -> None:
    stewards, models = import_module("catalog_svc.stewardship.services"), import_module("catalog_svc.datasets.models")
    act = stewards.Act(uuid4(), datetime.now(UTC), uuid4())
    meaning = ColumnDescription(table="Table 1", column="Größe", description="How large")

    def say() -> None:
        found = models.Dataset.objects.get(pk=dataset_id)
        stewards.describe(found, RICH, act)
        stewards.describe_columns(found, [meaning], act)

    await sync_to_async(say)()


async def test_croissant_is_valid_and_its_record_sets_load(
    client: httpx.AsyncClient, dataset: str, parquet_file: Path
) -> None:
    answer = await client.get(f"/api/v1/datasets/{dataset}/croissant.json")
    assert answer.headers["content-type"] == "application/ld+json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that it brings along
        mlcroissant = import_module("mlcroissant")

        document = answer.json()
        (file,) = [one for one in document["distribution"] if one["@id"] != "original"]
        found = mlcroissant.Dataset(jsonld=document, mapping={file["@id"]: parquet_file})
        assert not found.metadata.ctx.issues.errors
        (records,) = document["recordSet"]
        rows = list(found.records(records["@id"]))
    prefix = records["@id"]
    assert [row[f"{prefix}/0"] for row in rows] == [1, 2]
    assert [row[f"{prefix}/2"] for row in rows] == [b"a", b"b"]
    assert found.metadata.data_collection_missing_data == "Table 'Table 1', column 'Größe': 1 of 2 values are missing"
    personal = found.metadata.personal_sensitive_information
    personal = "".join(personal)
    assert "'name'" in personal
    assert "GDPR Article 9" in personal
    assert found.metadata.data_limitations == ["Completeness is 0.88 (7 of 8)"]
    assert found.metadata.data_biases is None


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # by rdflib itself
@pytest.mark.parametrize("suffix", ["jsonld", "ttl", "rdf"])
async def test_dcat_is_the_same_graph_in_every_serialization(
    client: httpx.AsyncClient, dataset: str, suffix: str
) -> None:
    formats = {"jsonld": "json-ld", "ttl": "turtle", "rdf": "xml"}
    answer = await client.get(f"/api/v1/datasets/{dataset}/dcat.{suffix}")
    graph = Graph().parse(io.BytesIO(answer.content), format=formats[suffix])
    turtle = Graph().parse(
        io.BytesIO((await client.get(f"/api/v1/datasets/{dataset}/dcat.ttl")).content), format="turtle"
    )
    assert set(graph) == set(turtle)
    assert len(list(graph.subjects(RDF.type, DCAT.Distribution))) == 3


SHAPE_FILES = ("shapes.ttl", "range.ttl", "deprecateduris.ttl", "shapes_recommended.ttl", "mdr-vocabularies.shape.ttl")


async def test_the_catalog_passes_all_shapes_of_dcat_ap(client: httpx.AsyncClient, dataset: str) -> None:
    if not SHAPES.is_dir():
        pytest.skip("../shared/standards is absent")
    answer = await client.get("/api/v1/catalog.ttl")
    graph = Graph().parse(io.BytesIO(answer.content), format="turtle")
    assert len(list(graph.objects(None, DCAT.dataset))) == 1
    for name in SHAPE_FILES:
        shapes = Graph().parse(SHAPES / name, format="turtle")
        if name.startswith("mdr"):
            # it wants https in the address of an algorithm: SPDX's own namespace, and so its addresses, have http
            graph.remove((None, URIRef("http://spdx.org/rdf/terms#algorithm"), None))
        # what is recommended is a warning, and what no institution can say: its code in the EU's table of authorities
        conforms, _, text = validate(graph, shacl_graph=shapes, inference="none", advanced=False, allow_warnings=True)
        assert conforms, text


async def test_a_page_of_the_catalog_leads_to_the_next(
    client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.receive(story.published("another", 2))
    monkeypatch.setattr("catalog_svc.standards.api.CATALOG_PAGE", 1)
    seen: list[object] = []
    path = "/api/v1/catalog.ttl"
    while path:
        answer = await client.get(path)
        seen += Graph().parse(io.BytesIO(answer.content), format="turtle").objects(None, DCAT.dataset)
        link = answer.links.get("next", {}).get("url", "")
        path = link.partition("://")[2].partition("/")[2] and f"/{link.partition('://')[2].partition('/')[2]}"
    assert len(seen) == len(set(seen)) == 2
    assert any(str(found).endswith(dataset) for found in seen)


async def test_the_data_package_and_its_data_are_valid(
    client: httpx.AsyncClient, dataset: str, csv_file: Any, tmp_path: Path
) -> None:
    document = (await client.get(f"/api/v1/datasets/{dataset}/datapackage.json")).json()
    assert not list(Package.validate_descriptor(document).flatten(["message"])), json.dumps(document)
    (resource,) = document["resources"]
    assert [field["name"] for field in resource["schema"]["fields"]] == TABLE.column_names
    assert [field["type"] for field in resource["schema"]["fields"]] == ["integer", "number", "string", "date"]
    assert resource["schema"]["fields"][1]["description"] == "How large"
    resource |= {"path": (await csv_file(resource["path"])).name, "scheme": "file"}
    report = Package(document, basepath=str(tmp_path)).validate()
    assert report.valid, report.flatten(["message"])
    assert report.stats["tasks"] == 1


@pytest.fixture
def csv_file(client: httpx.AsyncClient, tmp_path: Path) -> Any:
    """Get a file that a document names; returns its path."""

    async def get(url: str) -> Path:
        answer = await client.get("/" + url.split("/", 3)[3])
        assert answer.status_code == 200, answer.text
        path = tmp_path / "data.csv"
        path.write_bytes(answer.content)
        return path

    return get


@pytest.mark.filterwarnings("default:Invalid column value")
async def test_csvw_describes_the_csv_as_it_is(
    client: httpx.AsyncClient, dataset: str, csv_file: Any, tmp_path: Path
) -> None:
    group = (await client.get(f"/api/v1/datasets/{dataset}/csvw.json")).json()
    columns = group["tables"][0]["tableSchema"]["columns"]
    assert [(column["titles"], column["datatype"]) for column in columns] == [
        ("id", "integer"), ("Größe", "double"), ("name", "string"), ("day", "date"),
    ]  # fmt: skip
    group["tables"][0]["url"] = (await csv_file(group["tables"][0]["url"])).name
    path = tmp_path / "csvw.json"
    path.write_text(json.dumps(group))
    checked = CSVW(str(path), validate=True)
    assert checked.is_valid, checked.warnings
    (table,) = checked.tables
    rows = list(table)
    assert [row["id"] for row in rows] == [1, 2]
    assert [row["Größe"] for row in rows] == [1.5, None]
    (tmp_path / "data.csv").write_text((tmp_path / "data.csv").read_text().replace("1.5", "much"))
    assert not CSVW(str(path), validate=True).is_valid, "the validator looks at the data"


async def test_schema_org_has_only_properties_and_types_of_its_vocabulary(
    client: httpx.AsyncClient, dataset: str
) -> None:
    described = (await client.get(f"/api/v1/datasets/{dataset}/schema-org.json")).json()
    assert [measured["name"] for measured in described["variableMeasured"]] == TABLE.column_names
    assert len(described["distribution"]) == 3
    _in_vocabulary(described)
    with pytest.raises(AssertionError):
        _in_vocabulary({"@type": "Dataset", "nonsense": 1})
    with pytest.raises(AssertionError):
        _in_vocabulary({"@type": "Dataset", "distribution": {"@type": "Person", "name": "x"}})


def _in_vocabulary(said: dict[str, Any]) -> set[str]:
    """Hold a node and those in it against the vocabulary's own properties and ranges; returns its types."""
    module = import_module("schema_org.models." + re.sub(r"(?<!^)(?=[A-Z])", "_", said["@type"]).lower())
    model = getattr(module, said["@type"])  # not of the package's registry, which builds hundreds of others first
    properties = {one.schema_name: one for one in model.SCHEMA_PROPERTIES}
    for name, values in said.items():
        if name.startswith("@"):
            continue
        assert name in properties, f"{said['@type']} has no {name}"
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, dict):
                types = _in_vocabulary(value)
                assert types & set(properties[name].ranges), f"{name} takes no {value['@type']}"
    return {base.__name__ for base in model.__mro__}


async def test_a_draft_of_a_contract_is_valid_and_says_what_held(client: httpx.AsyncClient, dataset: str) -> None:
    answer = await client.get(f"/api/v1/datasets/{dataset}/odcs.yaml")
    contract = read_contract(answer.content)
    assert (contract.api_version, contract.document["status"]) == ("v3.1.0", "draft")
    if ODCS.is_file():
        Draft201909Validator(json.loads(ODCS.read_bytes())).validate(contract.document)
    assert read_contract(contract.to_yaml().encode()) == contract
    (table,) = contract.objects
    columns = {column["name"]: column for column in table["properties"]}
    assert (columns["id"]["required"], columns["id"]["unique"]) == (True, True)
    assert columns["Größe"]["description"] == "How large"
    assert columns["Größe"]["quality"][0]["mustBeLessOrEqualTo"] == 50
    assert columns["name"]["classification"] == "restricted"


async def test_a_contract_that_was_defined_takes_the_place_of_the_draft(
    client: httpx.AsyncClient, dataset: str, make_token: Any
) -> None:
    draft = (await client.get(f"/api/v1/datasets/{dataset}/odcs.yaml")).content
    steward = make_token("steward", demo="steward")
    body = draft.replace(b"status: draft", b"status: active").replace(b"version: 1.0.0", b"version: 2.0.0")
    assert (await client.put(f"/api/v1/datasets/{dataset}/contract", content=body, headers=steward)).status_code == 200
    shown = await client.get(f"/api/v1/datasets/{dataset}/odcs.yaml")
    assert read_contract(shown.content) == read_contract(body)


async def test_openlineage_tells_each_run_by_the_schemas_of_its_specification(
    client: httpx.AsyncClient, dataset: str
) -> None:
    version = (await client.get(f"/api/v1/datasets/{dataset}")).json()["version_id"]
    events = (await client.get(f"/api/v1/versions/{version}/openlineage.json")).json()
    told = [(event["job"]["name"].rpartition("/")[2], event["eventType"]) for event in events]
    assert told == [(job, kind) for job in ("parse", "assess", "publish") for kind in ("START", "COMPLETE")]
    times = [event["eventTime"] for event in events[:4]]  # the catalog's own clock, that of `publish`, stands still
    assert times == sorted(times)
    (table,) = events[1]["outputs"]
    assert table["facets"]["columnLineage"]["fields"]["id"]["inputFields"][0]["name"] == events[1]["inputs"][0]["name"]
    metrics = events[3]["inputs"][0]["inputFacets"]["dataQualityMetrics"]["columnMetrics"]
    assert metrics["Größe"] == {"count": 1, "nullCount": 1}
    if LINEAGE.is_dir():
        assert _valid_lineage(events) > 20
        events[0]["run"]["runId"] = "none"
        with pytest.raises(ValidationError):
            _valid_lineage(events)


def _valid_lineage(events: list[dict[str, Any]]) -> int:
    """Validate events, and each facet by its own schema at the version that it names; returns how many facets."""
    schemas = [json.loads(path.read_bytes()) for path in (LINEAGE / "OpenLineage.json", *LINEAGE.glob("facets/*.json"))]
    registry_ = Registry().with_resources((one["$id"], Resource.from_contents(one)) for one in schemas)
    known = {one["$id"] for one in schemas}
    checker = Draft202012Validator.FORMAT_CHECKER
    seen = 0
    for event in events:
        Draft202012Validator({"$ref": event["schemaURL"]}, registry=registry_, format_checker=checker).validate(event)
        entries = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
        for entry in entries:
            for name, facet in (entry["facets"] | entry.get("inputFacets", {}) | entry.get("outputFacets", {})).items():
                address = facet["_schemaURL"].partition("#")[0]
                assert address in known
                schema = {"$ref": address}
                Draft202012Validator(schema, registry=registry_, format_checker=checker).validate({name: facet})
                seen += 1
    return seen


async def test_what_the_caller_may_not_see_is_in_no_document(
    client: httpx.AsyncClient, dataset: str, catalog: psycopg.Connection[Any]
) -> None:
    for table in ("datasets", "search_documents"):
        catalog.execute(f"UPDATE {table} SET visibility = 'restricted'")
    catalog.commit()
    for path in ("croissant.json", "dcat.ttl", "schema-org.json"):
        answer = await client.get(f"/api/v1/datasets/{dataset}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert dataset not in (await client.get("/api/v1/catalog.ttl")).text
