"""Processing requests over HTTP: who may ask for what, what becomes of it, and what a repetition means."""

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from dataplatform.events.base import Event
from dataplatform.events.identity import run_id
from dataplatform.events.ingest import ProcessingRequested
from dataplatform.identity.testing import LocalIssuer
from dataplatform.log import store

pytestmark = pytest.mark.integration

PATH = "/v1/institutions/aq/datasets/{dataset}/uploads"
REQUESTS = "/v1/processing-requests"


async def upload(client: httpx.AsyncClient, number: int = 0, dataset: str = "air") -> str:
    answer = await client.post(PATH.format(dataset=dataset), content=b"a,b\n%d,2\n" % number)
    return str(answer.json()["upload_id"])


async def events_of(pool: asyncpg.Pool, upload_id: str) -> list[Event]:
    async with pool.acquire() as connection:
        return [envelope.event() for envelope in await store.load(connection, f"upload:{upload_id}")]


@pytest.fixture
async def steward(address: str, issuer: LocalIssuer) -> Any:
    headers = {"Authorization": f"Bearer {issuer.token({'aq': ['steward']}, subject=UUID(int=8))}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=30) as client:
        yield client


async def test_an_upload_is_asked_for_with_options_and_the_event_carries_all_that_a_run_takes(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    upload_id = await upload(client)
    wish = {
        "upload_id": upload_id,
        "options": {"encoding": "windows-1252", "delimiter": ";", "sheet": "S", "header_row": 3, "pages": "1-3,7"},
        "handler_version": "4",
    }
    answer = await client.post(REQUESTS, json=wish)
    assert answer.status_code == 202
    shown = answer.json()
    assert (shown["state"], shown["counts"]["runs"], shown["counts"]["under_way"]) == ("requested", 1, 1)
    received, asked = await events_of(pool, upload_id)
    assert isinstance(asked, ProcessingRequested)
    assert asked.upload == received
    assert asked.options.model_dump(exclude_defaults=True) == wish["options"]
    assert (asked.handler_version, str(asked.request_id)) == ("4", shown["request_id"])
    assert asked.run_id == run_id(UUID(upload_id), shown["request_id"])
    assert (await client.get(answer.headers["location"])).json() == shown
    progress = (await client.get(f"/v1/uploads/{upload_id}")).json()["progress"]
    assert (progress["stage"], progress["final"]) == ("stored", False)


async def test_the_same_key_is_the_same_request_and_another_wish_under_it_is_refused(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    upload_id, headers = await upload(client), {"Idempotency-Key": "again-1"}
    first = await client.post(REQUESTS, json={"upload_id": upload_id}, headers=headers)
    second = await client.post(REQUESTS, json={"upload_id": upload_id}, headers=headers)
    assert (second.status_code, second.json()) == (202, first.json())
    assert second.headers["idempotent-replayed"] == "true"
    other = {"upload_id": upload_id, "options": {"delimiter": ";"}}
    refused = await client.post(REQUESTS, json=other, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    await pool.execute("UPDATE processing_requests SET requested_at = requested_at - interval '31 days'")
    assert (await client.post(REQUESTS, json=other, headers=headers)).json()["request_id"] != first.json()["request_id"]
    assert len(await events_of(pool, upload_id)) == 3


async def test_a_whole_dataset_is_for_stewards_and_skips_what_the_version_made_already(
    client: httpx.AsyncClient, steward: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    ids = [await upload(client, number) for number in range(4)]
    await upload(client, 9, "other")
    await client.delete(f"/v1/uploads/{ids[3]}")
    await pool.execute(
        "UPDATE run_progress SET handler_version = '7', completed_at = now() WHERE upload_id = $1", UUID(ids[0])
    )
    wish = {"institution": "aq", "dataset": "air", "handler_version": "7"}
    refused = await client.post(REQUESTS, json=wish)
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
    shown = (await steward.post(REQUESTS, json=wish)).json()
    assert (shown["counts"]["runs"], shown["skipped"]) == (2, 1)
    assert "upload_id" not in shown
    found, cursor = [], None
    while True:
        params = {"limit": 1, **({"cursor": cursor} if cursor else {})}
        page = (await client.get(f"{REQUESTS}/{shown['request_id']}/runs", params=params)).json()
        found += [run["upload_id"] for run in page["items"]]
        cursor = page.get("next")
        if cursor is None:
            break
    assert sorted(found) == sorted(ids[1:3])
    everything = await steward.post(REQUESTS, json={"institution": "aq", "dataset": "air"})
    assert everything.json()["counts"]["runs"] == 3


async def test_the_runs_of_a_request_are_counted_by_what_became_of_them(
    steward: httpx.AsyncClient, client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    ids = [await upload(client, number) for number in range(3)]
    shown = (await steward.post(REQUESTS, json={"institution": "aq", "dataset": "air"})).json()
    path = f"{REQUESTS}/{shown['request_id']}"
    runs = [run_id(UUID(one), shown["request_id"]) for one in ids]
    await pool.execute("UPDATE run_progress SET started_at = now() WHERE run_id = $1", runs[0])
    assert (await client.get(path)).json()["state"] == "running"
    await pool.execute(
        "UPDATE run_progress SET completed_at = now(), assessed_at = now(), published_at = now(), number = 2 "
        "WHERE run_id = $1", runs[0],
    )  # fmt: skip
    await pool.execute("UPDATE run_progress SET failed_at = now(), reason_code = 'x' WHERE run_id = $1", runs[1])
    assert (await client.get(path)).json()["state"] == "running"
    await pool.execute("UPDATE run_progress SET failed_at = now(), reason_code = 'x' WHERE run_id = $1", runs[2])
    shown = (await client.get(path)).json()
    assert shown["state"] == "completed"
    assert shown["counts"] == {"runs": 3, "published": 1, "held": 0, "failed": 2, "cancelled": 0, "under_way": 0}
    stages = {run["upload_id"]: run["stage"] for run in (await client.get(f"{path}/runs")).json()["items"]}
    assert stages == {ids[0]: "published", ids[1]: "failed", ids[2]: "failed"}


async def test_a_cancelled_request_says_so_in_the_streams_and_again_is_harmless(
    client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    upload_id = await upload(client)
    shown = (await client.post(REQUESTS, json={"upload_id": upload_id})).json()
    path = f"{REQUESTS}/{shown['request_id']}"
    first = await client.post(f"{path}/cancellation")
    assert (first.status_code, first.json()["state"]) == (200, "cancelling")
    assert (await client.delete(path)).status_code == 204
    types = [type(event).type for event in await events_of(pool, upload_id)]
    assert types == ["upload.received.v1", "processing.requested.v1", "processing.cancelled.v1"]
    await pool.execute(
        "UPDATE run_progress SET failed_at = now(), reason_code = 'request_cancelled' WHERE request_id = $1",
        UUID(shown["request_id"]),
    )
    assert (await client.get(path)).json()["state"] == "cancelled"


async def test_what_can_not_be_processed_is_refused(client: httpx.AsyncClient, steward: httpx.AsyncClient) -> None:
    rejected = (await client.post(PATH.format(dataset="air"), content=b"")).json()["upload_id"]
    withdrawn = await upload(client, 1)
    await client.delete(f"/v1/uploads/{withdrawn}")
    for one in (rejected, withdrawn):
        answer = await client.post(REQUESTS, json={"upload_id": one})
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_not_processable")
    assert (await client.post(REQUESTS, json={"upload_id": str(uuid4())})).json()["code"] == "unknown_upload"
    for dataset in ("air", "none"):
        answer = await steward.post(REQUESTS, json={"institution": "aq", "dataset": dataset})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_dataset")


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"institution": "aq"},
        {"upload_id": str(uuid4()), "institution": "aq", "dataset": "air"},
        {"upload_id": str(uuid4()), "options": {"encoding": "no-such"}},
        {"upload_id": str(uuid4()), "options": {"encoding": "rot13"}},
        {"upload_id": str(uuid4()), "options": {"encoding": "a\x00b"}},
        {"upload_id": str(uuid4()), "options": {"delimiter": "\n"}},
        {"upload_id": str(uuid4()), "options": {"pages": "3-1"}},
        {"upload_id": str(uuid4()), "options": {"pages": "9" * 5000}},
        {"upload_id": str(uuid4()), "options": {"header_row": -1}},
        {"upload_id": str(uuid4()), "options": {"header_row": 2**40}},
        {"upload_id": str(uuid4()), "options": {"colour": "red"}},
        {"upload_id": str(uuid4()), "options": {"names": {"a": "\x00"}}},
        {"upload_id": str(uuid4()), "handler_version": "../x"},
    ],
)
async def test_a_wish_without_sense_is_refused_before_anything_is_looked_up(
    client: httpx.AsyncClient, wish: dict[str, Any]
) -> None:
    answer = await client.post(REQUESTS, json=wish)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_requests_are_listed_latest_first_in_pages(client: httpx.AsyncClient) -> None:
    upload_id = await upload(client)
    made = [(await client.post(REQUESTS, json={"upload_id": upload_id})).json()["request_id"] for _ in range(3)]
    page = (await client.get(REQUESTS, params={"institution": "aq", "limit": 2})).json()
    rest = (await client.get(REQUESTS, params={"institution": "aq", "limit": 2, "cursor": page["next"]})).json()
    assert [item["request_id"] for item in (*page["items"], *rest["items"])] == made[::-1]
    assert "next" not in rest
    assert (await client.get(REQUESTS, params={"institution": "aq", "cursor": "x"})).json()["code"] == "invalid_cursor"


@pytest.mark.parametrize("body", [b"{", b"\xff", b"\r\\\xff("])
async def test_a_body_that_is_no_json_or_no_text_is_an_invalid_request(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    refused = await client.post("/v1/processing-requests", content=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert refused.json()["errors"][0]["where"][0] == "body"
