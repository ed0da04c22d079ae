"""Pages for people: all from this origin, under a policy that lets nothing else in; no problem without a page."""

import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from ingest_svc.documentation.document import operations
from ingest_svc.documentation.guidance import REMEDIES, explanations
from ingest_svc.problems import CATALOGUE

pytestmark = pytest.mark.integration


@pytest.fixture
async def anyone(address: str) -> Any:
    async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
        yield client


@pytest.fixture
async def document(anyone: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await anyone.get("/v1/openapi.json")).json()
    return found


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_a_page_brings_all_it_needs_and_offers_both_documents(anyone: httpx.AsyncClient, path: str) -> None:
    for name, url in (("ingest", "/v1/openapi.json"), ("catalog", "/api/v1/openapi.json")):
        answer = await anyone.get(path, params={"document": name})
        assert f"data-url='{url}'" in answer.text
        assert set(re.findall(r"document=(\w+)'", answer.text)) == {"ingest", "catalog"}
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "http" not in policy.replace("http-equiv", "")
        used = re.findall(r"(?:src|href)='(/docs/assets/[^']+)'", answer.text)
        assert len(used) == 3 + (path == "/docs")
        assert not re.search(r"(?:src|href)='(?:https?:)?//", answer.text)
        assert "<style" not in answer.text
        assert not re.search(r"<script(?![^>]* src=)", answer.text)
        for asset in used:
            served = await anyone.get(asset)
            assert (served.status_code, served.headers["x-content-type-options"]) == (200, "nosniff")
            assert len(served.content) > 100
    nonces = [re.search(r"nonce='([^']+)'", (await anyone.get("/redoc")).text) for _ in range(2)]
    assert len({found[1] for found in nonces if found}) == 2
    assert (await anyone.get("/docs/assets/../app.py")).status_code == 404
    assert (await anyone.get("/docs/assets/nothing.js")).status_code == 404


async def test_a_name_in_the_address_gets_nowhere_into_the_page(anyone: httpx.AsyncClient) -> None:
    answer = await anyone.get("/docs", params={"document": "'><script>alert(1)</script>"})
    assert "alert" not in answer.text


def test_every_problem_has_a_remedy() -> None:
    assert set(REMEDIES) == set(CATALOGUE)


async def test_every_problem_has_a_page_where_its_type_points(anyone: httpx.AsyncClient) -> None:
    listed = (await anyone.get("/problems")).text
    for code, explained in explanations().items():
        answer = await anyone.get(explained.path)
        assert answer.status_code == 200
        assert f"<code>{code}</code>" in answer.text
        assert f"href='{explained.path}'" in listed
        told = (await anyone.get(explained.path, headers={"Accept": "application/json"})).json()
        assert told["remedy"] == explained.remedy
    missing = await anyone.get("/problems/no_such")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not_found")


async def test_what_the_framework_refuses_has_a_page_too(anyone: httpx.AsyncClient) -> None:
    for method, path in (("GET", "/nowhere"), ("DELETE", "/v1/uploads"), ("GET", "/v1/uploads")):
        answer = await anyone.request(method, path)
        assert (await anyone.get(answer.json()["type"])).status_code == 200


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_every_operation_shows_every_parameter_body_answer_and_error(document: dict[str, Any]) -> None:
    missing = []
    for operation in operations(document):
        name = operation["operationId"]
        missing += [
            f"{name}: parameter {parameter['name']}"
            for parameter in operation.get("parameters", ())
            if not ({"example", "examples"} & set(parameter) or "examples" in parameter["schema"])
        ]
        bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
        missing += [
            f"{name}: {where} {media_type}"
            for where, body in bodies.items()
            for media_type, content in body.get("content", {}).items()
            if not content.get("example") and not content.get("examples")
        ]
        assert {"401", "429", "503"} <= set(operation["responses"]) or name == "whatOfTusIsOffered"
    assert missing == []


def test_every_example_is_what_its_schema_says(document: dict[str, Any]) -> None:
    checked = 0
    for operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (content for body in bodies for content in body.get("content", {}).items()):
            if "json" not in content[0]:
                continue
            shown = [example["value"] for example in content[1].get("examples", {}).values()]
            shown += [content[1]["example"]] if "example" in content[1] else []
            schema = {**content[1]["schema"], "components": document["components"]}
            for value in shown:
                Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)
                checked += 1
    assert checked > 100
