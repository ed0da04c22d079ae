"""The person always knows what is going on: to the end, through another replica, processed again, taken back."""

import itertools

import httpx
import pytest
from harness import files
from harness.following import Heard, follow
from harness.person import Person
from harness.platform import Platform, wait_until

STAGES = ["stored", "parsing", "assessing", "publishing", "published"]


def stages_of(heard: list[Heard]) -> list[str]:
    return [stage for stage, _ in itertools.groupby(one.data["stage"] for one in heard if one.id is not None)]


def upload(person: Person, content: bytes, dataset: str) -> str:
    answer = person.upload(content, "readings.csv", dataset=dataset)
    assert answer.status_code == 201, answer.text
    upload_id: str = answer.json()["upload_id"]
    return upload_id


def test_an_upload_is_followed_from_its_arrival_to_its_publication(person: Person, dataset: str) -> None:
    upload_id = upload(person, files.csv_file(files.hospitals(50, seed=1)), dataset)
    heard = list(follow(str(person.http.base_url), person.token, upload_id))
    seen = stages_of(heard)
    assert seen == [stage for stage in STAGES if stage in seen]
    assert (seen[0], seen[-1]) == ("stored", "published")
    assert heard[-1].id is None
    told = heard[-2].data
    assert told["final"] is True
    assert told["run"]["rows"] == 50
    shown = person.get(f"/v1/uploads/{upload_id}")["progress"]
    assert (shown["stage"], shown["version"]["number"]) == ("published", 1)
    assert person.wait_for(upload_id)["state"] == "published"


def test_a_stream_goes_on_through_another_replica_after_a_kill(
    platform: Platform, person: Person, dataset: str
) -> None:
    workers = [name for name in platform.roles if name.startswith("processing-worker")]
    ports = {replica.title: replica.port for replica in platform.plan.replicas}
    for worker in workers:
        platform.stop_process(worker)
    try:
        upload_id = upload(person, files.csv_file(files.hospitals(30, seed=2)), dataset)
        stream = follow(f"http://127.0.0.1:{ports['ingest-api-1']}", person.token, upload_id)
        first = [next(stream)]
        platform.kill("ingest-api-1")
        with pytest.raises(httpx.TransportError):
            first += list(stream)
    finally:
        for worker in workers:
            platform.start_process(worker)
    rest = list(follow(f"http://127.0.0.1:{ports['ingest-api-2']}", person.token, upload_id, first[-1].id))
    numbers = [one.id for one in (*first, *rest) if one.id is not None]
    assert numbers == sorted(set(numbers))
    assert stages_of([*first, *rest])[-1] == "published"
    assert [one.data["stage"] for one in first] == ["stored"]
    platform.wait_ready()


def test_processing_again_with_options_is_a_new_version_and_the_old_one_serves_until_then(
    person: Person, dataset: str
) -> None:
    upload_id = upload(person, b"note: x\na|b;c\n1|2;3\n4|5;6\n", dataset)
    before = person.wait_for(upload_id)
    wish = {"upload_id": upload_id, "options": {"delimiter": "|", "header_row": 2}}
    headers = {"Idempotency-Key": "again"}
    answer = person.http.post("/v1/processing-requests", json=wish, headers=headers)
    assert answer.status_code == 202, answer.text
    # the same request, which may have come further meanwhile
    again = person.http.post("/v1/processing-requests", json=wish, headers=headers).json()
    assert again["request_id"] == answer.json()["request_id"]
    path = answer.headers["location"]
    wait_until(lambda: person.get(path)["state"] == "completed", "the request is completed")
    (run,) = person.get(f"{path}/runs")["items"]
    assert run["version"]["number"] == (before["version_number"] or 0) + 1
    after = person.wait_for(upload_id)
    assert (after["state"], after["version_id"]) == ("published", run["run_id"])
    (table,) = person.get(f"/api/v1/versions/{run['run_id']}/tables")["items"]
    columns = person.get(f"/api/v1/tables/{table['table_id']}/columns")["items"]
    assert [column["source_name"] for column in columns] == ["a", "b;c"]


def test_a_request_that_nothing_can_do_fails_with_its_reason_and_takes_nothing_away(
    person: Person, dataset: str
) -> None:
    upload_id = upload(person, b"a,b\n1,2\n3,4\n", dataset)
    assert person.wait_for(upload_id)["state"] == "published"
    wish = {"institution": "demo", "dataset": dataset, "handler_version": "0.0.0-never"}
    path = person.http.post("/v1/processing-requests", json=wish).headers["location"]
    wait_until(lambda: person.get(path)["state"] == "failed", "the request has failed")
    (run,) = person.get(f"{path}/runs")["items"]
    assert run["reason"]["code"] == "handler_version_unavailable"
    assert person.state(upload_id)["state"] == "published"


def test_what_is_taken_back_before_it_was_processed_is_not_processed(
    platform: Platform, person: Person, dataset: str
) -> None:
    workers = [name for name in platform.roles if name.startswith("processing-worker")]
    for worker in workers:
        platform.stop_process(worker)
    try:
        upload_id = upload(person, b"a,b\n1,2\n", dataset)
        for _ in range(2):
            assert person.http.delete(f"/v1/uploads/{upload_id}").status_code == 204
        assert person.wait_for(upload_id)["state"] == "withdrawn"
        heard = list(follow(str(person.http.base_url), person.token, upload_id))
        assert stages_of(heard)[-1] == "withdrawn"
    finally:
        for worker in workers:
            platform.start_process(worker)
    platform.wait_ready()


def test_one_page_offers_the_documents_of_both_services_and_every_problem_has_its_page(person: Person) -> None:
    for path in ("/docs", "/redoc"):
        page = person.http.get(path).text
        assert "/docs/assets/page.js" in page
        for name, url in (("ingest", "/v1/openapi.json"), ("catalog", "/api/v1/openapi.json")):
            assert f"document={name}" in page
            assert person.get(url)["openapi"].startswith("3.1")
    assert len(person.http.get("/docs/assets/swagger-ui-bundle.js").content) > 1_000_000
    refusals = [
        person.http.get("/v1/uploads"),
        person.http.get("/v1/nowhere"),
        person.http.get("/api/v1/nowhere"),
        person.http.get("/api/v1/datasets", params={"cursor": "x"}),
        person.http.post("/api/v1/tokens", json={"username": "nobody", "password": "wrong"}),
    ]
    for refusal in refusals:
        told = refusal.json()
        explained = person.http.get(told["type"])
        assert (explained.status_code, told["code"] in explained.text) == (200, True), told
