"""Bad input has a typed, documented result; nothing stops and nothing else is lost."""

import asyncio
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from aiokafka import AIOKafkaProducer
from harness import files
from harness.person import Person
from harness.platform import Platform, wait_until

GOOD = files.csv_file(files.hospitals(5, seed=5))


def problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["title"]


def test_an_empty_file_is_rejected_with_a_reason(person: Person, dataset: str) -> None:
    problem(person.upload(b"", "empty.csv", dataset=dataset), 422, "empty_file")


def test_an_unknown_format_is_rejected_with_a_reason(person: Person, dataset: str) -> None:
    problem(person.upload(bytes(range(1, 256)) * 9, "table.csv", dataset=dataset), 422, "unknown_format")


def test_a_truncated_parquet_is_rejected_with_a_reason(person: Person, dataset: str) -> None:
    whole = files.parquet(files.hospitals(50, seed=1))
    problem(person.upload(whole[: len(whole) // 2], "t.parquet", dataset=dataset), 422, "truncated_parquet")


def test_a_workbook_with_a_password_is_rejected_with_a_reason(person: Person, corpus: Path, dataset: str) -> None:
    content = (corpus / "excel/calamine/pass_protected.xlsx").read_bytes()
    problem(person.upload(content, "secret.xlsx", dataset=dataset), 422, "encrypted_workbook")


def test_a_file_that_cannot_be_read_is_a_failed_run_without_a_version(person: Person, dataset: str) -> None:
    whole = bytearray(files.parquet(files.hospitals(2000, seed=1)))
    whole[100:-2000] = bytes(len(whole) - 2100)  # magic and footer stay, the pages are gone
    answer = person.upload(bytes(whole), "broken.parquet", dataset=dataset)
    assert answer.status_code == 201, answer.text
    state = person.wait_for(answer.json()["upload_id"])
    assert (state["state"], state["version_id"]) == ("failed", None)
    assert state["reason_code"] == "corrupt_file"
    dataset_id = state["dataset_id"]
    assert person.get(f"/api/v1/datasets/{dataset_id}/versions")["items"] == []
    uploads = person.get(f"/api/v1/datasets/{dataset_id}/uploads")["items"]
    assert [(upload["state"], upload["reason_code"]) for upload in uploads] == [("failed", "corrupt_file")]


def test_a_body_cut_off_half_way_leaves_nothing(person: Person, platform: Platform, dataset: str) -> None:
    address = urlsplit(platform.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = (
            f"POST /v1/institutions/demo/datasets/{dataset}/uploads HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: Bearer {person.token}\r\nContent-Length: 100000\r\n"
            'Content-Disposition: attachment; filename="a.csv"\r\n\r\n'
        )
        connection.sendall(head.encode() + b"a,b\n1,2\n" * 100)
    answer = person.upload(GOOD, "a.csv", dataset=dataset)
    assert person.wait_for(answer.json()["upload_id"])["version_number"] == 1
    uploads = person.get(f"/api/v1/datasets/{answer.json()['dataset_id']}/uploads")["items"]
    assert len(uploads) == 1


@pytest.mark.parametrize("token", ["", "no.token.atall", "forged"])
def test_a_missing_or_forged_token_is_refused(person: Person, dataset: str, token: str) -> None:
    if token == "forged":
        claims = jwt.decode(person.token, options={"verify_signature": False})
        token = jwt.encode(
            claims, "k" * 32, algorithm="HS256", headers={"kid": jwt.get_unverified_header(person.token)["kid"]}
        )
    person.http.headers.pop("Authorization")
    if token:
        person.http.headers["Authorization"] = f"Bearer {token}"
    problem(person.upload(GOOD, "a.csv", dataset=dataset), 401, "token_missing" if not token else "token_invalid")


@pytest.mark.parametrize("slug", ["Not_A_Slug", "-a", "a" * 65, "..", "a%00b"])
def test_a_dataset_slug_that_is_none_is_refused(person: Person, slug: str) -> None:
    answer = person.upload(GOOD, "a.csv", dataset=slug)
    assert answer.status_code in {404, 422}, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_refusal_before_the_body_was_read_is_read_by_everybody(person: Person) -> None:
    # one in 200 lost it: the load balancer hangs up on an upstream that answers before it has sent everything
    assert {person.upload(GOOD, "a.csv", dataset="..").status_code for _ in range(400)} == {404}


def test_the_same_idempotency_key_is_the_same_upload_and_another_body_is_refused(person: Person, dataset: str) -> None:
    first = person.upload(GOOD, "a.csv", dataset=dataset, key=dataset).json()
    again = person.upload(GOOD, "a.csv", dataset=dataset, key=dataset)
    assert again.json()["upload_id"] == first["upload_id"]
    other = person.upload(GOOD + b"x,x,1,1,x,x\n", "a.csv", dataset=dataset, key=dataset)
    assert other.status_code == 422
    assert person.wait_for(first["upload_id"])["version_number"] == 1


def test_records_that_are_no_events_become_dead_letters_and_uploads_go_on(
    person: Person, platform: Platform, dataset: str
) -> None:
    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=platform.bootstrap_servers)
        await producer.start()
        try:
            for topic in ("ingest.uploads.v1", "processing.runs.v1", "quality.assessments.v1"):
                await producer.send_and_wait(topic, b"\xff not json", headers=[("ce_specversion", b"1.0")])
        finally:
            await producer.stop()

    asyncio.run(send())
    answer = person.upload(GOOD, "a.csv", dataset=dataset)
    assert person.wait_for(answer.json()["upload_id"])["state"] == "published"
    wait_until(lambda: platform.command("events", "dead-letters").stdout.count("body_not_json") >= 5, "5 dead letters")
    assert platform.command("events", "parked").returncode == 0
