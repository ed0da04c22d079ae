"""Datasets in the words of the standards: each document by the validator of its own people."""

import io
import json
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pyarrow as pa
import pytest
from frictionless import Package
from pyarrow import parquet
from pyshacl import validate
from rdflib import Graph
from rdflib.namespace import DCAT, RDF

from catalog_svc.projections.inbox import ProjectionInbox

pytestmark = pytest.mark.integration

SHAPES = Path(__file__).parents[2].parent / "shared" / "standards" / "dcat-ap-3.0.1"
TABLE = pa.table(
    {"id": pa.array([1, 2], pa.int64()), "Größe": [1.5, None], "name": ["a", "b"], "day": pa.array([0, 1], pa.date32())}
)


@pytest.fixture
def parquet_file(tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    parquet.write_table(TABLE, path)
    return path


@pytest.fixture
def dataset(inbox: ProjectionInbox, story: Any, make_reference: Any, parquet_file: Path) -> str:
    """A published dataset of one table in one part; returns its id."""
    upload = story.upload()
    started, standardized, completed = story.run(upload)
    columns = tuple(
        standardized.columns[0].model_copy(update={"name": field.name, "position": n, "type": str(field.type)})
        for n, field in enumerate(TABLE.schema)
    )
    part = make_reference(standardized.parts[0].key, parquet_file.read_bytes())
    update = {"parts": (part,), "columns": columns, "column_count": 4, "row_count": 2, "name": "Table 1"}
    standardized = standardized.model_copy(update=update)
    inbox.receive(story.enclose(upload, started, standardized, completed, story.assessment(upload)))
    return str(upload.dataset_id)


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


async def test_the_catalog_passes_the_shapes_of_dcat_ap(client: httpx.AsyncClient, dataset: str) -> None:
    if not SHAPES.is_dir():
        pytest.skip("../shared/standards is absent")
    answer = await client.get("/api/v1/catalog.ttl")
    graph = Graph().parse(io.BytesIO(answer.content), format="turtle")
    assert len(list(graph.objects(None, DCAT.dataset))) == 1
    shapes = Graph().parse(SHAPES / "shapes.ttl", format="turtle")
    conforms, _, text = validate(graph, shacl_graph=shapes, inference="none", advanced=False)
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


async def test_the_data_package_is_valid_and_names_every_column(client: httpx.AsyncClient, dataset: str) -> None:
    document = (await client.get(f"/api/v1/datasets/{dataset}/datapackage.json")).json()
    assert not list(Package.validate_descriptor(document).flatten(["message"])), json.dumps(document)
    (resource,) = document["resources"]
    assert [field["name"] for field in resource["schema"]["fields"]] == TABLE.column_names
    assert [field["type"] for field in resource["schema"]["fields"]] == ["integer", "number", "string", "date"]


async def test_schema_org_and_csvw_name_files_and_columns(client: httpx.AsyncClient, dataset: str) -> None:
    described = (await client.get(f"/api/v1/datasets/{dataset}/schema-org.json")).json()
    assert described["@type"] == "Dataset"
    assert [measured["name"] for measured in described["variableMeasured"]] == TABLE.column_names
    assert len(described["distribution"]) == 3
    group = (await client.get(f"/api/v1/datasets/{dataset}/csvw.json")).json()
    columns = group["tables"][0]["tableSchema"]["columns"]
    assert [(column["titles"], column["datatype"]) for column in columns] == [
        ("id", "integer"), ("Größe", "double"), ("name", "string"), ("day", "date"),
    ]  # fmt: skip
    missing = await client.get(f"/api/v1/datasets/{dataset}/nothing.json")
    assert missing.status_code == 422


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
