"""One journey per format: from HTTP upload to search hit, rows, download, and to a subscriber outside."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from harness import files
from harness.person import Person
from harness.subscriber import Received, Subscriber

HOSPITALS = files.hospitals(40, seed=1)
SCHOOLS: list[list[object]] = [["school", "pupils"], *[[f"School {n}", 100 + n] for n in range(12)]]


@dataclass(frozen=True)
class Journey:
    """A file and what a person would find in it."""

    name: str
    content: bytes
    format: str
    tables: Sequence[files.Rows] = field(default_factory=list)


MADE = [
    Journey("hospitals.csv", files.csv_file(HOSPITALS), "csv", [HOSPITALS]),
    Journey("book.xlsx", files.workbook({"Hospitals": HOSPITALS, "Schools": SCHOOLS}), "xlsx", [HOSPITALS, SCHOOLS]),
    Journey("report.pdf", files.pdf([HOSPITALS[:11], SCHOOLS]), "pdf", [HOSPITALS[:11], SCHOOLS]),
    Journey("hospitals.parquet", files.parquet(HOSPITALS), "parquet", [HOSPITALS]),
]


@pytest.mark.parametrize("journey", MADE, ids=lambda journey: journey.format)
def test_a_file_is_found_read_and_downloaded_and_the_subscriber_hears_of_it(
    person: Person, subscriber: Subscriber, dataset: str, journey: Journey
) -> None:
    answer = person.upload(journey.content, journey.name, dataset=dataset)
    assert answer.status_code == 201, answer.text
    upload = answer.json()
    assert upload["file"]["format"] == journey.format

    state = person.wait_for(upload["upload_id"])
    assert state["state"] == "published", state
    event = subscriber.wait_for(lambda received: received.body["upload_id"] == upload["upload_id"])

    found = find(person, dataset)
    assert found["version_id"] == state["version_id"] == event.body["version_id"]
    tables = person.get(f"/api/v1/versions/{state['version_id']}/tables")["items"]
    assert len(tables) == len(journey.tables)
    for table, expected, told in zip(tables, journey.tables, event.body["tables"], strict=True):
        assert_rows(person, table, expected)
        assert_downloads(person, table, told, expected)
    assert_original(person, state["version_id"], journey.content, event)
    assert_profiled(person, state["version_id"], journey)


def find(person: Person, dataset: str) -> dict[str, Any]:
    """Return the dataset from the search for its slug's words."""
    items = person.get("/api/v1/datasets", q=dataset.replace("-", " "))["items"]
    return next(item for item in items if item["slug"] == dataset)


def assert_rows(person: Person, table: dict[str, Any], expected: files.Rows) -> None:
    header, *body = expected
    assert table["row_count"] == len(body)
    assert [column["source_name"] or column["name"] for column in table["columns"]] == list(header)
    page = person.get(f"/api/v1/tables/{table['table_id']}/rows", limit=5)
    got = [[str(value) for value in row.values()] for row in page["items"]]
    assert got == [[str(value) for value in row] for row in body[:5]]


def assert_downloads(person: Person, table: dict[str, Any], told: dict[str, Any], expected: files.Rows) -> None:
    parquet = person.http.get(table["links"]["parquet"]).content
    (part,) = told["parts"]
    assert hashlib.sha256(parquet).hexdigest() == part["sha256"]
    schema = pq.read_schema(io.BytesIO(parquet))
    assert [column["name"] for column in told["columns"]] == schema.names
    assert told["uris"][0].endswith(part["key"])
    text = person.http.get(table["links"]["csv"]).text
    assert len(list(csv.reader(io.StringIO(text)))) == len(expected)


def assert_original(person: Person, version_id: str, content: bytes, event: Received) -> None:
    downloaded = person.http.get(f"/api/v1/versions/{version_id}/download")
    assert downloaded.content == content
    assert event.body["original"]["sha256"] == hashlib.sha256(content).hexdigest()


def assert_profiled(person: Person, version_id: str, journey: Journey) -> None:
    profile = person.get(f"/api/v1/versions/{version_id}/quality")
    assert len(profile["tables"]) == len(journey.tables)
    assert "hospital" in json.dumps(profile)
    assert person.get(f"/api/v1/versions/{version_id}")["quality"] == 1.0


@pytest.mark.parametrize(
    ("path", "format_"),
    [
        ("csv/csv-spectrum/csvs/utf8.csv", "csv"),
        ("excel/calamine/any_sheets.xlsx", "xlsx"),
        ("excel/calamine/date.xls", "xls"),
        ("excel/calamine/date.ods", "ods"),
        ("excel/calamine/date.xlsb", "xlsb"),
        ("parquet/data/alltypes_plain.parquet", "parquet"),
        ("pdf/camelot/foo.pdf", "pdf"),
        ("errors/hospital/dirty.csv", "csv"),
    ],
)
def test_a_file_from_the_corpus_becomes_a_version(
    person: Person, corpus: Path, dataset: str, path: str, format_: str
) -> None:
    answer = person.upload((corpus / path).read_bytes(), Path(path).name, dataset=dataset)
    assert answer.json()["file"]["format"] == format_
    state = person.wait_for(answer.json()["upload_id"])
    assert state["state"] == "published", state
    tables = person.get(f"/api/v1/versions/{state['version_id']}/tables")["items"]
    assert tables
    assert sum(table["row_count"] for table in tables) > 0


def test_a_table_too_wide_for_an_event_is_told_by_a_manifest(
    person: Person, subscriber: Subscriber, dataset: str
) -> None:
    tables: dict[str, files.Rows] = {
        f"Part {n}": [[f"c{n}_{c}" for c in range(950)], list(range(950))] for n in range(11)
    }
    upload = person.upload(files.workbook(tables), "wide.xlsx", dataset=dataset).json()
    event = subscriber.wait_for(lambda received: received.body["upload_id"] == upload["upload_id"])
    assert (event.body["tables"], event.body["table_count"]) == ([], 11)
    assert event.body["manifest"]["key"].startswith("manifests/")
    tables_now = person.get(f"/api/v1/versions/{event.body['version_id']}/tables")["items"]
    assert [table["column_count"] for table in tables_now] == [950] * 11


def test_a_second_upload_makes_the_next_version_and_the_first_stays(
    person: Person, subscriber: Subscriber, dataset: str
) -> None:
    numbers = []
    for count in (3, 4):
        content = files.csv_file(files.hospitals(count, seed=count))
        upload = person.upload(content, "a.csv", dataset=dataset).json()
        assert person.wait_for(upload["upload_id"])["state"] == "published"
        event = subscriber.wait_for(lambda received: received.body["upload_id"] == upload["upload_id"])  # noqa: B023
        numbers.append(event.body["number"])
    assert numbers == [1, 2]
    found = find(person, dataset)
    versions = person.get(f"/api/v1/datasets/{found['dataset_id']}/versions")["items"]
    assert sorted(version["number"] for version in versions) == [1, 2]
    tables = person.get(f"/api/v1/versions/{found['version_id']}/tables")["items"]
    assert tables[0]["row_count"] == 4


def test_a_subscriber_that_reads_again_from_offset_0_gets_the_same(
    person: Person, subscriber: Subscriber, dataset: str, request: pytest.FixtureRequest
) -> None:
    upload = person.upload(files.csv_file(HOSPITALS), "a.csv", dataset=dataset).json()
    first = subscriber.wait_for(lambda received: received.body["upload_id"] == upload["upload_id"])
    again = Subscriber(request.getfixturevalue("platform").bootstrap_servers)
    try:
        second = again.wait_for(lambda received: received.body["upload_id"] == upload["upload_id"])
    finally:
        again.close()
    assert second == first
