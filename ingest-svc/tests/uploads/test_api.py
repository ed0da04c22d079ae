"""Uploads over HTTP, on real PostgreSQL and S3: what is answered, stored and written down."""

import asyncio
import hashlib
import io
import random
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import httpx
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from openapi_spec_validator import validate
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dataplatform.events.identity import dataset_id, institution_id, run_id
from dataplatform.identity.testing import LocalIssuer
from dataplatform.log import store as log
from dataplatform.log.envelope import Envelope
from dataplatform.storage import ObjectStore
from dataplatform.telemetry.http import CORRELATION_HEADER
from dataplatform.telemetry.tracing import configure_traces
from ingest_svc.settings import IngestSettings

pytestmark = pytest.mark.integration

PATH = "/v1/institutions/aq/datasets/air-quality/uploads"
AGAIN = PATH + "?force=true"
CSV = b"station,no2\nnorth,12\nsouth,7\n"
TRACE = "0af7651916cd43dd8448eb211c80319c"


async def events_of(pool: asyncpg.Pool, upload_id: str) -> list[Envelope]:
    async with pool.acquire() as connection:
        return await log.load(cast("Any", connection), f"upload:{upload_id}")


async def everything_written(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM events"))


async def stored_keys(store: ObjectStore) -> list[str]:
    return [stat.key async for stat in store.list("originals/")]


async def content_of(store: ObjectStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.stream(key)])


def problem_of(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["type"] == f"/problems/{document['code']}"
    assert document["status"] == response.status_code
    assert response.headers[CORRELATION_HEADER]
    return document


def workbook(rows: int = 1) -> bytes:
    sink = io.BytesIO()
    book = openpyxl.Workbook()
    sheet = book.create_sheet("numbers")
    for row in range(rows):
        sheet.append([random.Random(row).random() for _ in range(10)])
    book.save(sink)
    return sink.getvalue()


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": random.Random(1).choices(range(10**9), k=50_000)}), sink)
    return sink.getvalue()


class TestUploading:
    async def test_a_file_is_stored_written_down_and_shown(
        self, client: httpx.AsyncClient, pool: asyncpg.Pool, store: ObjectStore
    ) -> None:
        headers = {"Content-Disposition": "attachment; filename*=UTF-8''m%C3%A4rz.csv"}
        response = await client.post(PATH, content=CSV, headers=headers)
        assert response.status_code == 201
        shown = response.json()
        upload_id = shown["upload_id"]
        assert response.headers["location"] == shown["links"]["self"] == f"/v1/uploads/{upload_id}"
        assert shown["file"] == {
            "name": "märz.csv",
            "size_bytes": len(CSV),
            "sha256": hashlib.sha256(CSV).hexdigest(),
            "format": "csv",
            "media_type": "text/csv",
            "encoding": "utf-8",
            "confidence": 1.0,
        }
        assert shown["state"] == "received"
        assert shown["dataset_id"] == str(dataset_id(institution_id("aq"), "air-quality"))
        assert shown["version_id"] == str(run_id(UUID(upload_id)))
        later = (await client.get(response.headers["location"])).json()
        assert {name: later[name] for name in shown if name != "links"} | {"links": shown["links"]} == shown

        (envelope,) = await events_of(pool, upload_id)
        original = envelope.data["original"]
        assert envelope.type == "upload.received.v1"
        assert original["key"] == f"originals/aq/air-quality/{upload_id}/original"
        assert await content_of(store, original["key"]) == CSV

    @pytest.mark.parametrize(
        ("content", "expected"),
        [(workbook(), "xlsx"), (workbook(3000), "xlsx"), (parquet(), "parquet"), (b"a;b\n1;2\n" * 50_000, "csv")],
        ids=["small workbook", "workbook over the head", "parquet over the head", "csv over the head"],
    )
    async def test_the_format_is_found_in_what_was_stored(
        self, client: httpx.AsyncClient, content: bytes, expected: str
    ) -> None:
        response = await client.post(PATH, content=content, headers={"Content-Type": "image/png"})
        assert (response.status_code, response.json()["file"]["format"]) == (201, expected)

    async def test_a_body_of_unknown_length_over_several_parts(
        self, client: httpx.AsyncClient, store: ObjectStore
    ) -> None:
        piece = b"0123456789abcde\n" * 65536

        async def pieces() -> Any:
            for _ in range(20):
                yield piece

        response = await client.post(PATH, content=pieces())
        digest = hashlib.sha256(piece * 20).hexdigest()
        assert (response.json()["file"]["size_bytes"], response.json()["file"]["sha256"]) == (20 * len(piece), digest)
        (key,) = await stored_keys(store)
        assert hashlib.sha256(await content_of(store, key)).hexdigest() == digest

    async def test_the_trace_and_correlation_of_the_request_travel_with_the_event(
        self, client: httpx.AsyncClient, pool: asyncpg.Pool
    ) -> None:
        exporter = InMemorySpanExporter()
        configure_traces("test", "api").add_span_processor(SimpleSpanProcessor(exporter))
        correlation = str(uuid4())
        headers = {CORRELATION_HEADER: correlation, "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        response = await client.post(PATH, content=CSV, headers=headers)
        (envelope,) = await events_of(pool, response.json()["upload_id"])
        assert str(envelope.correlation_id) == correlation == response.headers[CORRELATION_HEADER]
        finished = exporter.get_finished_spans()
        spans = {span.name: span for span in finished}
        assert len(spans) == len(finished)
        server = spans["POST /v1/institutions/{institution}/datasets/{dataset}/uploads"]
        assert server.context is not None
        assert envelope.traceparent == f"00-{TRACE}-{server.context.span_id:016x}-01"
        assert {"store original", "detect format"} <= set(spans)

    async def test_uploads_at_once_do_not_mix(self, client: httpx.AsyncClient, store: ObjectStore) -> None:
        contents = [f"a,b\n{number},{number}\n".encode() * (number * 2000 + 1) for number in range(12)]
        responses = await asyncio.gather(*(client.post(PATH, content=content) for content in contents))
        for content, response in zip(contents, responses, strict=True):
            key = f"originals/aq/air-quality/{response.json()['upload_id']}/original"
            assert await content_of(store, key) == content


class TestRejecting:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty_file"),
            (b"\x00\x01\x02\x03" * 50_000, "unknown_format"),
            (parquet()[:-1000], "truncated_parquet"),
            (workbook(3000)[:-1000], "damaged_archive"),
            (b"\x1f\x8b\x08" + bytes(100), "damaged_archive"),
            (b"7z\xbc\xaf\x27\x1c" + bytes(100), "unsupported_compression"),
            (b'{"rows": []}', "unsupported_format"),
        ],
    )
    async def test_what_cannot_be_taken_is_a_rejected_upload_of_which_nothing_is_kept(
        self, client: httpx.AsyncClient, pool: asyncpg.Pool, store: ObjectStore, content: bytes, code: str
    ) -> None:
        response = await client.post(PATH, content=content)
        document = problem_of(response)
        assert (response.status_code, document["code"]) == (422, code)
        (envelope,) = await events_of(pool, document["upload_id"])
        assert (envelope.type, envelope.data["reason_code"]) == ("upload.rejected.v1", code)
        assert envelope.data["size_bytes"] == len(content)
        assert await stored_keys(store) == []
        shown = (await client.get(response.headers["location"])).json()
        assert (shown["state"], shown["reason"]["code"]) == ("rejected", code)

    async def test_a_file_over_the_limit(
        self, client: httpx.AsyncClient, store: ObjectStore, pool: asyncpg.Pool, settings: IngestSettings
    ) -> None:
        async def endless() -> Any:
            for _ in range(settings.max_upload_bytes // len(piece) + 1):
                yield piece

        piece = b"0123456789abcde\n" * 65536
        announced = await client.post(PATH, content=b"x" * (settings.max_upload_bytes + 1))
        unannounced = await client.post(PATH, content=endless())
        for response in (announced, unannounced):
            document = problem_of(response)
            assert (response.status_code, document["code"]) == (413, "file_too_large")
            assert document["limit_bytes"] == settings.max_upload_bytes
        assert await stored_keys(store) == []
        assert await everything_written(pool) == 0

    @pytest.mark.parametrize("slug", ["Air", "air_quality", "-air", "a" * 65, "%2e%2e", "aír", "air%20"])
    async def test_a_dataset_that_is_no_slug(self, client: httpx.AsyncClient, slug: str) -> None:
        response = await client.post(f"/v1/institutions/aq/datasets/{slug}/uploads", content=CSV)
        assert (response.status_code, problem_of(response)["code"]) == (422, "invalid_dataset")

    @pytest.mark.parametrize("name", ['attachment; filename=".."', 'attachment; filename="' + "x" * 5000 + '"'])
    async def test_a_file_name_that_cannot_be_used(self, client: httpx.AsyncClient, name: str) -> None:
        response = await client.post(PATH, content=CSV, headers={"Content-Disposition": name})
        assert (response.status_code, problem_of(response)["code"]) == (400, "invalid_file_name")

    async def test_a_client_still_sending_gets_to_read_why_it_was_refused(self, client: httpx.AsyncClient) -> None:
        response = await client.post("/v1/institutions/aq/datasets/Nö/uploads", content=b"x" * 8_000_000)
        assert problem_of(response)["code"] == "invalid_dataset"


class TestAccess:
    async def test_without_a_token(self, address: str) -> None:
        async with httpx.AsyncClient(base_url=address, trust_env=False) as anonymous:
            response = await anonymous.post(PATH, content=CSV)
        assert (response.status_code, problem_of(response)["code"]) == (401, "token_missing")
        assert response.headers["www-authenticate"].startswith("Bearer")

    async def test_with_a_bad_token(self, client: httpx.AsyncClient, issuer: LocalIssuer, pool: asyncpg.Pool) -> None:
        rights = {"aq": ["uploader"]}
        tokens = {
            "token_expired": issuer.token(rights, lifetime=timedelta(minutes=-5)),
            "token_invalid": issuer.token(rights, key=Ed25519PrivateKey.generate()),
        }
        for code, token in tokens.items():
            response = await client.post(PATH, content=CSV, headers={"Authorization": f"Bearer {token}"})
            assert (response.status_code, problem_of(response)["code"]) == (401, code)
            assert "invalid_token" in response.headers["www-authenticate"]
        basic = await client.post(PATH, content=CSV, headers={"Authorization": "Basic YTpi"})
        assert problem_of(basic)["code"] == "token_invalid"
        assert await everything_written(pool) == 0

    async def test_a_reader_may_not_upload(self, client: httpx.AsyncClient) -> None:
        response = await client.post("/v1/institutions/bz/datasets/d/uploads", content=CSV)
        assert (response.status_code, problem_of(response)["code"]) == (403, "role_missing")

    @pytest.mark.parametrize("institution", ["elsewhere", "Not%20a%20Slug"])
    async def test_an_institution_that_the_token_does_not_name_does_not_exist(
        self, client: httpx.AsyncClient, institution: str
    ) -> None:
        response = await client.post(f"/v1/institutions/{institution}/datasets/d/uploads", content=CSV)
        assert (response.status_code, problem_of(response)["code"]) == (404, "unknown_institution")

    async def test_an_upload_of_a_foreign_institution_does_not_exist(
        self, client: httpx.AsyncClient, issuer: LocalIssuer
    ) -> None:
        made = (await client.post(PATH, content=CSV)).headers["location"]
        foreign = {"Authorization": f"Bearer {issuer.token({'bz': ['administrator']})}"}
        for response in (
            await client.get(made, headers=foreign),
            await client.delete(made, headers=foreign),
            await client.get(f"/v1/uploads/{uuid4()}"),
        ):
            assert (response.status_code, problem_of(response)["code"]) == (404, "unknown_upload")

    async def test_an_upload_id_that_is_no_uuid(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/v1/uploads/..%2f..%2fetc")
        assert response.status_code in (404, 422)
        response = await client.get("/v1/uploads/7")
        assert (response.status_code, problem_of(response)["code"]) == (422, "invalid_request")

    async def test_while_the_issuer_cannot_be_asked_for_its_keys(
        self, client: httpx.AsyncClient, issuer: LocalIssuer
    ) -> None:
        del issuer.app.router.routes[:]
        response = await client.post(PATH, content=CSV)
        assert (response.status_code, problem_of(response)["code"]) == (503, "identity_unavailable")
        assert response.headers["retry-after"]


class TestIdempotency:
    async def test_the_same_key_and_body_give_the_same_upload(
        self, client: httpx.AsyncClient, pool: asyncpg.Pool, store: ObjectStore
    ) -> None:
        headers = {"Idempotency-Key": "monday-1"}
        first = await client.post(PATH, content=CSV, headers=headers)
        second = await client.post(PATH, content=CSV, headers=headers)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert second.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers
        assert await everything_written(pool) == 1
        assert len(await stored_keys(store)) == 1

    async def test_a_rejection_is_repeated_too(self, client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
        headers = {"Idempotency-Key": "bad"}
        first, second = [await client.post(PATH, content=b"", headers=headers) for _ in range(2)]
        assert problem_of(first) == problem_of(second)
        assert await everything_written(pool) == 1

    async def test_another_body_or_dataset_under_a_used_key_is_refused(
        self, client: httpx.AsyncClient, pool: asyncpg.Pool, store: ObjectStore
    ) -> None:
        headers = {"Idempotency-Key": "monday-2"}
        await client.post(PATH, content=CSV, headers=headers)
        other_body = await client.post(PATH, content=CSV + b"east,1\n", headers=headers)
        other_dataset = await client.post(PATH.replace("air-quality", "water"), content=CSV, headers=headers)
        for response in (other_body, other_dataset):
            assert (response.status_code, problem_of(response)["code"]) == (422, "idempotency_key_reused")
        assert await everything_written(pool) == 1
        assert len(await stored_keys(store)) == 1

    async def test_a_key_belongs_to_its_principal(self, client: httpx.AsyncClient, issuer: LocalIssuer) -> None:
        headers = {"Idempotency-Key": "monday-3"}
        first = await client.post(AGAIN, content=CSV, headers=headers)
        other = issuer.token({"aq": ["uploader"]}, subject=UUID(int=8))
        second = await client.post(AGAIN, content=CSV, headers={**headers, "Authorization": f"Bearer {other}"})
        assert first.json()["upload_id"] != second.json()["upload_id"]

    async def test_one_key_many_times_at_once_makes_one_upload(
        self, client: httpx.AsyncClient, pool: asyncpg.Pool, store: ObjectStore
    ) -> None:
        headers = {"Idempotency-Key": "race"}
        responses = await asyncio.gather(*(client.post(PATH, content=CSV, headers=headers) for _ in range(8)))
        assert {response.status_code for response in responses} == {201}
        assert len({response.json()["upload_id"] for response in responses}) == 1
        assert await everything_written(pool) == 1
        assert len(await stored_keys(store)) == 1

    @pytest.mark.parametrize("key", ["", "x" * 256, "caf\xe9"])
    async def test_a_key_that_cannot_be_used(self, client: httpx.AsyncClient, key: str) -> None:
        response = await client.post(PATH, content=CSV, headers=[(b"Idempotency-Key", key.encode("latin-1"))])
        assert (response.status_code, problem_of(response)["code"]) == (400, "invalid_idempotency_key")


class TestWithdrawing:
    async def test_taking_an_upload_back_twice_is_harmless(self, client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
        made = (await client.post(PATH, content=CSV)).json()
        link = made["links"]["withdrawal"]
        first = await client.post(link, json={"reason_code": "wrong_file"})
        second = await client.post(link)
        deleted = await client.delete(made["links"]["self"])
        assert (first.status_code, second.status_code, deleted.status_code) == (200, 200, 204)
        assert first.json() == second.json()
        assert (first.json()["state"], first.json()["reason"]["code"]) == ("withdrawn", "wrong_file")
        types = [envelope.type for envelope in await events_of(pool, made["upload_id"])]
        assert types == ["upload.received.v1", "upload.withdrawn.v1"]

    async def test_taking_it_back_many_times_at_once_gives_one_event(
        self, client: httpx.AsyncClient, pool: asyncpg.Pool
    ) -> None:
        made = (await client.post(PATH, content=CSV)).json()
        responses = await asyncio.gather(*(client.delete(made["links"]["self"]) for _ in range(8)))
        assert {response.status_code for response in responses} == {204}
        assert len(await events_of(pool, made["upload_id"])) == 2

    async def test_only_its_uploader_or_a_steward_may(self, client: httpx.AsyncClient, issuer: LocalIssuer) -> None:
        own = (await client.post(PATH, content=CSV)).headers["location"]
        other = issuer.token({"aq": ["uploader"]}, subject=UUID(int=8))
        steward = issuer.token({"aq": ["steward"]}, subject=UUID(int=9))
        refused = await client.delete(own, headers={"Authorization": f"Bearer {other}"})
        assert (refused.status_code, problem_of(refused)["code"]) == (403, "role_missing")
        assert (await client.delete(own, headers={"Authorization": f"Bearer {steward}"})).status_code == 204

    async def test_a_rejected_upload_has_nothing_to_take_back(self, client: httpx.AsyncClient) -> None:
        rejected = (await client.post(PATH, content=b"")).headers["location"]
        response = await client.delete(rejected)
        assert (response.status_code, problem_of(response)["code"]) == (409, "upload_not_withdrawable")

    async def test_a_reason_that_is_not_on_the_list(self, client: httpx.AsyncClient) -> None:
        made = (await client.post(PATH, content=CSV)).json()
        response = await client.post(made["links"]["withdrawal"], json={"reason_code": "whim"})
        assert (response.status_code, problem_of(response)["code"]) == (422, "invalid_request")


class TestDocument:
    async def test_the_api_document_is_valid_and_names_every_problem(self, client: httpx.AsyncClient) -> None:
        document = (await client.get("/v1/openapi.json")).json()
        validate(document)
        responses = document["paths"]["/v1/institutions/{institution}/datasets/{dataset}/uploads"]["post"]["responses"]
        examples = responses["422"]["content"]["application/problem+json"]["examples"]
        assert {"empty_file", "encrypted_workbook", "invalid_dataset", "idempotency_key_reused"} <= set(examples)
        assert {"401", "403", "404", "413", "503"} <= set(responses)
        assert urlsplit(examples["empty_file"]["value"]["type"]).path == "/problems/empty_file"

    async def test_metrics_count_uploads_by_outcome(self, client: httpx.AsyncClient) -> None:
        await client.post(PATH, content=CSV)
        await client.post(PATH, content=b"")
        text = (await client.get("/metrics")).text
        assert 'dataplatform_ingest_uploads_total{format="csv",outcome="received"}' in text
        assert 'dataplatform_ingest_uploads_total{format="",outcome="rejected"}' in text
        assert "dataplatform_ingest_bytes_total" in text

    async def test_an_unknown_path_is_a_problem(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/v1/nowhere")
        assert (response.status_code, problem_of(response)["code"]) == (404, "not_found")
