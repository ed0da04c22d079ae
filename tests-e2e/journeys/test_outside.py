"""The same code on outside servers by environment alone, and on a plain folder instead of S3."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import files
from harness.person import Person
from harness.platform import Platform, wait_until

from dataplatform_stack.services import Kafka
from dataplatform_stack.testing import TestPostgres


@pytest.fixture
def outside(tmp_path: Path, kafka_server: Kafka, postgres_server: TestPostgres) -> Iterator[Platform]:
    """A platform that starts no server of its own but the load balancer."""
    databases = {f"{name}_database_url": postgres_server.create_database() for name in
                 ("ingest", "processing", "quality", "catalog")}  # fmt: skip
    settings = {
        "kafka_bootstrap_servers": kafka_server.bootstrap_servers,
        "object_store_url": f"file://{tmp_path}/objects",
        **databases,
    }
    started = Platform(tmp_path / "platform", settings=settings)
    yield started
    started.stop()


def test_outside_kafka_and_postgresql_and_a_folder_carry_a_file_from_upload_to_rows(
    outside: Platform, tmp_path: Path
) -> None:
    assert [server.name for server in outside.plan.infra] == []
    person = Person(outside.url, "admin", outside.password)
    rows = files.hospitals(12, seed=12)
    upload = person.upload(files.csv_file(rows), "a.csv", dataset="outside").json()
    state = person.wait_for(upload["upload_id"])
    assert state["state"] == "published", state
    (table,) = person.get(f"/api/v1/versions/{state['version_id']}/tables")["items"]
    assert len(person.get(f"/api/v1/tables/{table['table_id']}/rows")["items"]) == 12
    assert person.http.get(table["links"]["csv"]).text.count("\n") == 13
    examination: dict[str, Any] = {}

    def examined() -> bool:
        answer = person.http.get(f"/api/v1/versions/{state['version_id']}/examination")
        if answer.is_success:
            examination.update(answer.json())
        return bool(examination)

    wait_until(examined, "the version is examined", 60)
    assert {found["task"] for table in examination["tables"] for found in table["suitability"]} >= {"classification"}
    stored = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path / "objects").parts[0] for path in stored} == {
        "originals", "tables", "profiles", "examinations",
    }  # fmt: skip
    person.close()
