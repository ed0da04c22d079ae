"""Who may do what, on every operation there is: a new one without a row here fails. Foreign things do not exist."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest

from dataplatform.identity.testing import LocalIssuer
from ingest_svc.settings import IngestSettings

pytestmark = pytest.mark.integration

OWNER, OTHER = UUID(int=7), UUID(int=8)
ROLES: dict[str, dict[str, Any]] = {
    "stranger": {"institutions": {"bz": ["administrator"]}, "subject": OTHER},
    "reader": {"institutions": {"aq": ["reader"]}, "subject": OTHER},
    "uploader": {"institutions": {"aq": ["uploader"]}, "subject": OTHER},
    "owner": {"institutions": {"aq": ["uploader"]}, "subject": OWNER},
    "owner who lost the role": {"institutions": {"aq": ["reader"]}, "subject": OWNER},
    "steward": {"institutions": {"aq": ["steward"]}, "subject": OTHER},
    "administrator": {"institutions": {"aq": ["administrator"]}, "subject": OTHER},
    "platform administrator": {"institutions": {}, "subject": OTHER, "admin": True},
}
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}


@dataclass(frozen=True)
class Row:
    """An operation, how it is called, and what each role gets."""

    operation: str
    method: str
    path: str
    expected: tuple[int, int, int, int, int, int, int, int]
    extra: dict[str, Any] = field(default_factory=dict)


IN = "/v1/institutions/aq"
#                                                 stranger reader uploader owner owner- steward admin. platform
MATRIX = (
    Row("uploadOneFile", "POST", f"{IN}/datasets/d/uploads", (404, 403, 201, 201, 403, 201, 201, 404),
        {"content": b"a,b\n1,2\n", "params": {"force": "true"}}),
    Row("uploadOneFileByPut", "PUT", f"{IN}/datasets/d/uploads", (404, 403, 201, 201, 403, 201, 201, 404),
        {"content": b"a,b\n1,2\n", "params": {"force": "true"}}),
    Row("uploadOneFileByPutNamedByThePath", "PUT", f"{IN}/datasets/d/uploads/x.csv",
        (404, 403, 201, 201, 403, 201, 201, 404), {"content": b"a,b\n1,2\n", "params": {"force": "true"}}),
    Row("beginAResumableUpload", "POST", f"{IN}/datasets/d/tus", (404, 403, 201, 201, 403, 201, 201, 404),
        {"headers": {**TUS, "Upload-Length": "8"}}),
    Row("whereAResumableUploadStands", "HEAD", "/v1/tus/{tus}", (404, 403, 200, 200, 403, 200, 200, 404),
        {"headers": TUS}),
    Row("sendBytesOfAResumableUpload", "PATCH", "/v1/tus/{tus}", (404, 403, 403, 204, 403, 403, 403, 404),
        {"headers": BYTES, "content": b"a,b\n1,2\n"}),
    Row("endAResumableUpload", "DELETE", "/v1/tus/{tus}", (404, 403, 403, 204, 403, 204, 204, 404), {"headers": TUS}),
    Row("showAnUpload", "GET", "/v1/uploads/{upload}", (404, 200, 200, 200, 200, 200, 200, 404)),
    Row("followAnUpload", "GET", "/v1/uploads/{rejected}/events", (404, 200, 200, 200, 200, 200, 200, 404)),
    Row("listUploads", "GET", "/v1/uploads?institution=aq", (404, 200, 200, 200, 200, 200, 200, 404)),
    Row("takeAnUploadBack", "POST", "/v1/uploads/{upload}/withdrawal", (404, 403, 403, 200, 403, 200, 200, 404)),
    Row("takeAnUploadBackInShort", "DELETE", "/v1/uploads/{upload}", (404, 403, 403, 204, 403, 204, 204, 404)),
    Row("processAnUploadOrADatasetAgain", "POST", "/v1/processing-requests",
        (404, 403, 403, 202, 403, 202, 202, 404), {"json": {"upload_id": "{upload}"}}),
    Row("processAnUploadOrADatasetAgain", "POST", "/v1/processing-requests",
        (404, 403, 403, 403, 403, 202, 202, 404), {"json": {"institution": "aq", "dataset": "d"}}),
    Row("listProcessingRequests", "GET", "/v1/processing-requests?institution=aq",
        (404, 200, 200, 200, 200, 200, 200, 404)),
    Row("showAProcessingRequest", "GET", "/v1/processing-requests/{request}",
        (404, 200, 200, 200, 200, 200, 200, 404)),
    Row("listTheRunsOfAProcessingRequest", "GET", "/v1/processing-requests/{request}/runs",
        (404, 200, 200, 200, 200, 200, 200, 404)),
    Row("cancelAProcessingRequest", "POST", "/v1/processing-requests/{request}/cancellation",
        (404, 403, 403, 200, 403, 200, 200, 404)),
    Row("cancelAProcessingRequestInShort", "DELETE", "/v1/processing-requests/{request}",
        (404, 403, 403, 204, 403, 204, 204, 404)),
    Row("showTheLimitsOfAnInstitution", "GET", f"{IN}/limits", (404, 403, 200, 200, 403, 200, 200, 200)),
    Row("setTheLimitsOfAnInstitution", "PUT", f"{IN}/limits", (404, 403, 403, 403, 403, 403, 403, 200),
        {"json": {}}),
)  # fmt: skip
OPEN = {"whatOfTusIsOffered"}
"""For anyone: they tell nothing of what anyone has."""


@pytest.fixture
def settings(settings: IngestSettings) -> IngestSettings:
    """As elsewhere, but with a rate of processing requests that the matrix does not reach."""
    return settings.model_copy(update={"rate_processing_requests_per_minute": 10_000})


Things = Callable[[], Awaitable[dict[str, str]]]


@pytest.fixture
async def callers(address: str, issuer: LocalIssuer) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        made = {}
        for name, claims in {**ROLES, "nobody": None, "forger": None}.items():
            headers = {} if name == "nobody" else {"Authorization": "Bearer forged.token.here"}
            if claims is not None:
                headers = {"Authorization": f"Bearer {issuer.token(**claims)}"}
            client = httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=30)
            made[name] = await stack.enter_async_context(client)
        yield made


@pytest.fixture
def things(callers: dict[str, httpx.AsyncClient]) -> Things:
    """Makes the owner's things anew: an upload, a rejected one, a request, and a resumable upload under way."""

    async def make() -> dict[str, str]:
        owner, path = callers["owner"], f"{IN}/datasets/d/uploads?force=true"
        upload = (await owner.post(path, content=b"a,b\n1,2\n")).json()["upload_id"]
        rejected = (await owner.post(path, content=b"")).json()["upload_id"]
        request = (await owner.post("/v1/processing-requests", json={"upload_id": upload})).json()["request_id"]
        begun = await owner.post(f"{IN}/datasets/d/tus", headers={**TUS, "Upload-Length": "8"})
        tus = begun.headers["location"].rpartition("/")[2]
        return {"upload": upload, "rejected": rejected, "request": request, "tus": tus}

    return make


def filled(value: Any, things: dict[str, str]) -> Any:
    if isinstance(value, str) and "{" in value:
        return value.format(**things)
    return {name: filled(one, things) for name, one in value.items()} if isinstance(value, dict) else value


async def test_every_operation_has_its_row(callers: dict[str, httpx.AsyncClient]) -> None:
    document = (await callers["nobody"].get("/v1/openapi.json")).json()
    operations = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    assert operations - OPEN == {row.operation for row in MATRIX}


async def test_each_role_gets_what_it_may_on_every_operation(
    callers: dict[str, httpx.AsyncClient], things: Things
) -> None:
    kept, wrong = await things(), {}
    for row in MATRIX:
        found = {}
        for name in (*ROLES, "nobody", "forger"):
            own = kept if row.method in {"GET", "HEAD"} else await things()
            answer = await callers[name].request(row.method, filled(row.path, own), **filled(row.extra, own))
            found[name] = answer.status_code
            if row.method != "HEAD" and answer.status_code >= 400:
                assert answer.json()["status"] == answer.status_code
        expected = {**dict(zip(ROLES, row.expected, strict=True)), "nobody": 401, "forger": 401}
        if found != expected:
            wrong[f"{row.operation} {row.extra.get('json', '')}"] = {
                name: (found[name], expected[name]) for name in found if found[name] != expected[name]
            }
    assert wrong == {}
