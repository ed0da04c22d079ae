"""The REST interface over what events made: found, described, scoped."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from catalog_svc.projections.inbox import ProjectionInbox
from dataplatform.events.catalog import DatasetRevised
from dataplatform.events.identity import dataset_id, institution_id, run_id, table_id

pytestmark = pytest.mark.integration
DEMO = institution_id("demo")
AIR = dataset_id(DEMO, "air-quality")

NOBODY = UUID(int=404)


async def get(client: httpx.AsyncClient, path: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
    answer = await client.get(f"/api/v1{path}", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_openapi_document_is_valid_3_1(client: httpx.AsyncClient) -> None:
    document = await get(client, "/openapi.json")
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    assert "/api/v1/tables/{table_id}/rows" in document["paths"]
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["responses"]["default"]["content"].keys() == {"application/problem+json"}


async def test_a_published_dataset_is_found_by_title_column_table_and_institution(
    client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any
) -> None:
    inbox.receive([*story.published("air-quality"), *story.published("bus-stops", columns=("stop_name",))])
    for words in ("quality", "PM10", "air station", '"air quality"', "qualities", "air -bus"):
        found = await get(client, "/datasets", q=words)
        assert [item["slug"] for item in found["items"]] == ["air-quality"], words
    assert [item["slug"] for item in (await get(client, "/datasets", q="stop name"))["items"]] == ["bus-stops"]
    assert len((await get(client, "/datasets", q="demo"))["items"]) == 2
    assert (await get(client, "/datasets", q="nothing at all"))["items"] == []
    assert (await get(client, "/datasets", q="air", institution="other"))["items"] == []


async def test_from_a_dataset_everything_can_be_walked_to(
    client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any
) -> None:
    inbox.receive(story.published(tables=2))
    (found,) = (await get(client, "/datasets", q="air"))["items"]
    assert found["dataset_id"] == str(AIR)
    assert found["version_count"] == 1
    named = await get(client, "/institutions/demo/datasets/air-quality")
    assert named == await get(client, f"/datasets/{AIR}") == found | {"details": named["details"]}
    (version,) = (await get(client, found["links"]["versions"].removeprefix("/api/v1")))["items"]
    assert version == await get(client, found["links"]["version"].removeprefix("/api/v1"))
    assert (version["number"], version["quality"], version["format"]) == (1, 0.9, "csv")
    tables = (await get(client, version["links"]["tables"].removeprefix("/api/v1")))["items"]
    assert [table["index"] for table in tables] == [0, 1]
    assert tables[0] == await get(client, tables[0]["links"]["self"].removeprefix("/api/v1"))
    columns = (await get(client, tables[0]["links"]["columns"].removeprefix("/api/v1")))["items"]
    assert [column["name"] for column in columns] == ["station", "pm10"]
    (upload,) = (await get(client, f"/datasets/{AIR}/uploads"))["items"]
    assert upload == await get(client, f"/uploads/{version['upload_id']}")
    assert (upload["state"], upload["version_number"]) == ("published", 1)


async def test_a_failed_run_is_seen_on_its_dataset_with_its_reason_and_no_words_of_the_file(
    client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any, make_token: Callable[..., Any]
) -> None:
    headers = make_token("ada", demo="reader")
    upload = story.upload()
    inbox.receive(story.enclose(upload, story.run_failed(upload)))
    (seen,) = (await get(client, f"/datasets/{AIR}/uploads"))["items"]
    assert (seen["state"], seen["reason_code"], seen["detail"]) == ("failed", "table_not_found", None)
    assert (await get(client, f"/datasets/{AIR}"))["version_count"] == 0
    inside = await get(client, f"/uploads/{upload.upload_id}", headers)
    assert inside["detail"] == "line 3 says 'secret'"


async def test_pages_follow_one_another_and_end(client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any) -> None:
    slugs = {f"air-{number}" for number in range(7)}
    inbox.receive([envelope for slug in sorted(slugs) for envelope in story.published(slug)])
    queries: tuple[dict[str, Any], ...] = ({}, {"q": "air"})
    for query in queries:
        seen: list[str] = []
        cursor: dict[str, Any] = {}
        while True:
            page = await get(client, "/datasets", limit=3, **query, **cursor)
            seen += [item["slug"] for item in page["items"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert len(seen) == len(slugs)
        assert set(seen) == slugs


@pytest.mark.parametrize("cursor", ["x", "e30", "WzFd", "W10", "bnVsbA", "é", "A" * 500, "WyJOYU4iLCAiYSJd"])
@pytest.mark.parametrize("query", [{}, {"q": "air"}])
async def test_a_cursor_that_is_not_ours_is_told(client: httpx.AsyncClient, cursor: str, query: dict[str, str]) -> None:
    answer = await client.get("/api/v1/datasets", params={"cursor": cursor, **query})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/datasets?limit=0", 422),
        ("/datasets?limit=1000000000", 422),
        ("/datasets?limit=many", 422),
        ("/datasets?q=%00", 422),
        ("/datasets/nothing", 404),
        (f"/datasets/{NOBODY}", 404),
        (f"/versions/{NOBODY}", 404),
        (f"/versions/{NOBODY}/quality", 404),
        (f"/tables/{NOBODY}/rows", 404),
        (f"/tables/{NOBODY}/download?format=docx", 422),
        (f"/uploads/{NOBODY}", 404),
        ("/institutions/none", 404),
        ("/institutions/demo/datasets/%00", 404),
        ("/nowhere", 404),
    ],
)
async def test_what_is_wrong_or_missing_is_a_problem_document(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await client.get(f"/api/v1{path}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


async def test_searching_odd_words_finds_nothing_and_breaks_nothing(client: httpx.AsyncClient) -> None:
    for words in ("' OR 1=1 --", "& | ! ( )", "%s %(a)s", "\\", '"', "a" * 1000, "the", "💥", "or or -"):
        assert (await get(client, "/datasets", q=words))["items"] == [], words


VISIBILITIES = ("public", "institution", "restricted")
SEES = {
    "anybody": {"public"},
    "reader": {"public", "institution"},
    "uploader": {"public", "institution"},
    "steward": set(VISIBILITIES),
    "administrator": set(VISIBILITIES),
    "foreign administrator": {"public"},
    "platform administrator": set(VISIBILITIES),
}


def header_of(who: str, make_token: Callable[..., Any]) -> dict[str, str]:
    match who:
        case "anybody":
            return {}
        case "platform administrator":
            return dict(make_token("ada", is_admin=True))
        case "foreign administrator":
            return dict(make_token("ada", other="administrator"))
        case role:
            return dict(make_token("ada", demo=role))


def paths_of(upload: Any) -> tuple[list[str], list[str]]:
    """Where an upload's dataset can be read, and where its bytes can."""
    version, base = run_id(upload.upload_id), f"/datasets/{upload.dataset_id}"
    table = f"/tables/{table_id(version, 0)}"
    return (
        [
            base,
            f"{base}/versions",
            f"{base}/uploads",
            f"/institutions/demo/datasets/{upload.dataset}",
            f"/versions/{version}",
            f"/versions/{version}/tables",
            table,
            f"{table}/columns",
        ],
        [
            f"{table}/rows",
            f"{table}/download",
            f"{table}/download?format=csv",
            f"/versions/{version}/quality",
            f"/versions/{version}/report",
            f"/versions/{version}/download",
        ],
    )


@pytest.mark.parametrize("who", SEES)
async def test_each_sees_what_is_theirs_and_the_rest_is_not_there(
    client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any, make_token: Callable[..., Any], who: str
) -> None:
    headers = header_of(who, make_token)
    uploads = {visibility: story.upload(visibility) for visibility in VISIBILITIES}
    for visibility, upload in uploads.items():
        inbox.receive(story.enclose(upload, *story.run(upload), story.assessment(upload)))
        revision = DatasetRevised(dataset_id=upload.dataset_id, visibility=visibility, revised_at=story.tick())
        story.advance(revision.stream, 2)  # registered and published by the policy before
        inbox.receive(story.enclose(revision))
    for listed in (await get(client, "/datasets", headers), await get(client, "/datasets", headers, q="demo")):
        assert {item["slug"] for item in listed["items"]} == SEES[who]
    for visibility, upload in uploads.items():
        readable, bytes_of = paths_of(upload)
        for path in readable if visibility in SEES[who] else [*readable, *bytes_of]:
            status = (await client.get(f"/api/v1{path}", headers=headers)).status_code
            assert status == (200 if visibility in SEES[who] else 404), (path, visibility)


async def test_stewards_describe_and_others_do_not(
    client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any, make_token: Callable[..., Any]
) -> None:
    inbox.receive(story.published())
    steward, reader = make_token("sam", demo="steward"), make_token("rita", demo="reader")
    changes = {"title": "Air <b>in</b> the city", "tags": ["särme"], "licence": "CC-BY-4.0"}
    for headers, status in (({}, 401), (reader, 403), (steward, 200)):
        answer = await client.patch(f"/api/v1/datasets/{AIR}", json=changes, headers=headers)
        assert answer.status_code == status
    # written and read in one breath: by its new words too
    (found,) = (await get(client, "/datasets", q="särme city"))["items"]
    assert {name: found[name] for name in changes} == changes
    assert found["description"] == ""
    page = await client.get("/")
    assert "Air &lt;b&gt;in&lt;/b&gt; the city" in page.text


async def test_administrators_register_institutions_and_others_do_not(
    client: httpx.AsyncClient, make_token: Callable[..., Any]
) -> None:
    admin, other = make_token("ada", is_admin=True), make_token("bob", demo="administrator")
    body = {"slug": "met", "name": "Weather service", "members": {"bob": ["uploader"]}}
    assert (await client.post("/api/v1/institutions", json=body)).status_code == 401
    assert (await client.post("/api/v1/institutions", json=body, headers=other)).status_code == 403
    made = await client.post("/api/v1/institutions", json=body, headers=admin)
    assert made.status_code == 201
    assert made.json()["institution_id"] == str(institution_id("met"))
    again = await client.post("/api/v1/institutions", json=body, headers=admin)
    assert (again.status_code, again.json()["code"]) == (409, "institution_exists")
    token = await client.post("/api/v1/tokens", json={"username": "bob", "password": "correct horse battery staple"})
    headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
    assert (await get(client, "/me", headers))["institutions"] == {"demo": ["administrator"], "met": ["uploader"]}
    for bad in (
        {"slug": "No Slug", "name": "x"},
        {"slug": "b", "name": ""},
        {"slug": "c", "name": "c", "members": {"x": ["reader"]}},
    ):
        assert (await client.post("/api/v1/institutions", json=bad, headers=admin)).status_code == 422
    listed = await get(client, "/institutions")
    assert [item["slug"] for item in listed["items"]] == ["met"]


async def test_a_withdrawn_version_is_a_tombstone(
    client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any
) -> None:
    upload = story.upload()
    inbox.receive(story.enclose(upload, *story.run(upload), story.assessment(upload)))
    inbox.receive(story.enclose(story.withdrawal(upload)))
    version = run_id(upload.upload_id)
    shown = await get(client, f"/versions/{version}")
    assert shown["withdrawn_reason"] == "owner_request"
    assert "original" not in shown["links"]
    for path in (
        f"/versions/{version}/tables",
        f"/versions/{version}/download",
        f"/tables/{table_id(version, 0)}/rows",
    ):
        answer = await client.get(f"/api/v1{path}")
        assert (answer.status_code, answer.json()["code"]) == (410, "version_withdrawn")
    assert (await get(client, f"/datasets/{AIR}"))["version_id"] is None


async def test_browsers_are_told_to_be_careful(client: httpx.AsyncClient, inbox: ProjectionInbox, story: Any) -> None:
    inbox.receive(story.published())
    page = await client.get("/", params={"q": '"><script>alert(1)</script>'})
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "Air quality" in (await client.get("/")).text
    assert (await client.get("/", headers={"Host": "evil.example"})).status_code == 400
    assert (await client.get("/nothing/here")).headers["content-type"] == "application/problem+json"


async def test_a_document_that_the_caller_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/api/v1/datasets")
    assert first.headers["vary"] == "Authorization, Accept, Cookie"
    again = await client.get("/api/v1/datasets", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = await client.get("/api/v1/datasets", headers={"If-None-Match": '"another"'})
    assert (other.status_code, other.content) == (200, first.content)
    missing = await client.get("/api/v1/datasets/nowhere")
    assert "etag" not in missing.headers
