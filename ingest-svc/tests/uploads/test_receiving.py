"""The ways in beside the raw POST, and the same bytes again."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from dataplatform.storage import ObjectStore

pytestmark = pytest.mark.integration

DATASET = "/v1/institutions/aq/datasets/air-quality"
PATH = f"{DATASET}/uploads"
CSV = b"station,no2\nnorth,12\nsouth,7\n"


async def everything_written(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM events"))


async def stored_keys(store: ObjectStore) -> list[str]:
    return [stat.key async for stat in store.list("originals/")]


def form(*parts: tuple[str, bytes], boundary: str = "x-1") -> tuple[dict[str, str], bytes]:
    lines = [
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    ]
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, b"".join(
        lines
    ) + f"--{boundary}--\r\n".encode()


class TestPut:
    async def test_put_gives_what_post_gives(self, client: httpx.AsyncClient) -> None:
        posted = (await client.post(f"{DATASET}-1/uploads", content=CSV)).json()
        put = await client.put(f"{DATASET}-2/uploads", content=CSV)
        assert put.status_code == 201
        assert put.json()["file"] == posted["file"]

    async def test_the_path_names_the_file_as_curl_does(self, client: httpx.AsyncClient) -> None:
        put = await client.put(f"{PATH}/m%C3%A4rz%202026.csv", content=CSV)
        assert (put.status_code, put.json()["file"]["name"]) == (201, "märz 2026.csv")

    @pytest.mark.parametrize(("name", "shown"), [("..%2F..%2Fetc%2Fpasswd", "passwd"), ("a%2Fb.csv", "b.csv")])
    async def test_a_name_is_never_a_path(
        self, client: httpx.AsyncClient, store: ObjectStore, name: str, shown: str
    ) -> None:
        put = await client.put(f"{PATH}/{name}", content=CSV)
        assert (put.status_code, put.json()["file"]["name"]) == (201, shown)
        assert await stored_keys(store) == [f"originals/aq/air-quality/{put.json()['upload_id']}/original"]

    @pytest.mark.parametrize("name", ["..%2F..", "a%01b", "x" * 300])
    async def test_a_name_that_cannot_be_shown_is_refused(self, client: httpx.AsyncClient, name: str) -> None:
        put = await client.put(f"{PATH}/{name}", content=CSV)
        assert (put.status_code, put.json()["code"]) == (400, "invalid_file_name")


class TestForm:
    async def test_a_form_gives_what_a_raw_body_gives(self, client: httpx.AsyncClient) -> None:
        raw = (await client.post(f"{DATASET}-1/uploads", content=CSV)).json()
        sent = await client.post(
            PATH, files={"file": ("märz.csv", CSV, "image/png")}, data={"comment": "hello", "other": "field"}
        )
        assert sent.status_code == 201, sent.text
        assert sent.json()["file"] == {**raw["file"], "name": "märz.csv"}

    @pytest.mark.parametrize("size", [0, 1, 70_000, 9_000_001])
    async def test_bytes_arrive_exactly_also_those_that_look_like_the_end(
        self, client: httpx.AsyncClient, size: int
    ) -> None:
        content = b"a,b\r\n--x-\r\n--x-2\r\n" + b"1,2\n" * (size // 4)
        headers, body = form(('name="file"; filename="a.csv"', content))

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(body), 8191):
                yield body[start : start + 8191]

        sent = await client.post(PATH, content=pieces(), headers=headers)
        shown = sent.json()["file"]
        assert (shown["size_bytes"], shown["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())

    @pytest.mark.parametrize(
        "parts",
        [
            (('name="a"', b"1"),),
            (('name="a"; filename="a.csv"', CSV), ('name="b"; filename="b.csv"', CSV)),
            (('name="a"', b"1" * 70_000), ('name="b"; filename="b.csv"', CSV)),
        ],
        ids=["no file", "two files", "a large field"],
    )
    async def test_a_form_with_other_than_one_file_leaves_nothing(
        self, client: httpx.AsyncClient, pool: asyncpg.Pool, store: ObjectStore, parts: Any
    ) -> None:
        headers, body = form(*parts)
        sent = await client.post(PATH, content=body, headers=headers)
        assert (sent.status_code, sent.json()["code"]) == (400, "invalid_form")
        assert await everything_written(pool) == 0
        assert await stored_keys(store) == []

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/form-data", CSV),
            ("multipart/form-data; boundary=" + "x" * 71, CSV),
            ("multipart/form-data; boundary=x", CSV),
            ("multipart/form-data; boundary=x", b""),
            ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; filename="a"\r\n\r\nhalf'),
            ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: " + b"a" * 100_000),
        ],
    )
    async def test_what_is_no_whole_form_is_refused(
        self, client: httpx.AsyncClient, store: ObjectStore, content_type: str, body: bytes
    ) -> None:
        sent = await client.post(PATH, content=body, headers={"Content-Type": content_type})
        assert (sent.status_code, sent.json()["code"]) == (400, "invalid_form")
        assert await stored_keys(store) == []


class TestSameBytesAgain:
    async def test_they_are_unchanged_by_whatever_way_they_come(
        self, client: httpx.AsyncClient, pool: asyncpg.Pool, store: ObjectStore
    ) -> None:
        first = await client.post(PATH, content=CSV)
        for again in (
            await client.post(PATH, content=CSV),
            await client.put(f"{PATH}/other-name.csv", content=CSV),
            await client.post(PATH, files={"file": ("a.csv", CSV)}),
        ):
            assert again.status_code == 200
            assert again.json() == {**first.json(), "state": "unchanged"}
            assert again.headers["location"] == first.headers["location"]
        assert await everything_written(pool) == 1
        assert len(await stored_keys(store)) == 1

    async def test_force_makes_them_an_upload_of_their_own(self, client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
        first, forced = [await client.post(f"{PATH}?force=true", content=CSV) for _ in range(2)]
        assert (first.status_code, forced.status_code) == (201, 201)
        assert first.json()["upload_id"] != forced.json()["upload_id"]
        assert await everything_written(pool) == 2

    async def test_going_back_to_older_bytes_is_a_change(self, client: httpx.AsyncClient) -> None:
        states = [(await client.post(PATH, content=c)).json()["state"] for c in (CSV, CSV + b"east,1\n", CSV, CSV)]
        assert states == ["received", "received", "received", "unchanged"]

    async def test_what_was_withdrawn_counts_no_more(self, client: httpx.AsyncClient) -> None:
        first = await client.post(PATH, content=CSV)
        newer = await client.post(PATH, content=CSV + b"east,1\n")
        await client.delete(newer.headers["location"])
        assert (await client.post(PATH, content=CSV)).json()["upload_id"] == first.json()["upload_id"]
        await client.delete(first.headers["location"])
        assert (await client.post(PATH, content=CSV)).status_code == 201

    async def test_what_failed_may_be_tried_again(self, client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
        first = (await client.post(PATH, content=CSV)).json()
        await pool.execute("UPDATE upload_progress SET stage = 'failed'")
        second = await client.post(PATH, content=CSV)
        assert (second.status_code, second.json()["upload_id"] != first["upload_id"]) == (201, True)

    async def test_another_dataset_is_another_matter(self, client: httpx.AsyncClient) -> None:
        answers = [await client.post(f"{DATASET}{suffix}/uploads", content=CSV) for suffix in ("", "-2")]
        assert [answer.status_code for answer in answers] == [201, 201]

    async def test_many_at_once_make_one_upload(
        self, client: httpx.AsyncClient, pool: asyncpg.Pool, store: ObjectStore
    ) -> None:
        answers = await asyncio.gather(*(client.post(PATH, content=CSV) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
        assert len({answer.json()["upload_id"] for answer in answers}) == 1
        assert await everything_written(pool) == 1
        assert len(await stored_keys(store)) == 1

    async def test_a_key_repeats_the_answer_unchanged(self, client: httpx.AsyncClient) -> None:
        await client.post(PATH, content=CSV)
        first, second = [await client.post(PATH, content=CSV, headers={"Idempotency-Key": "k"}) for _ in range(2)]
        assert (first.status_code, second.status_code) == (200, 200)
        assert first.json() == second.json()
        assert second.headers["idempotent-replayed"] == "true"


async def test_keys_expire(client: httpx.AsyncClient, pool: asyncpg.Pool) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await client.post(PATH, content=CSV, headers=headers)
    await pool.execute("UPDATE idempotency_keys SET created_at = created_at - $1::interval", timedelta(days=31))
    second = await client.post(PATH, content=CSV + b"east,1\n", headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    third = await client.post(PATH, content=CSV, headers=headers)
    assert third.json()["code"] == "idempotency_key_reused"
