"""The clients that people use, through the load balancer, with a replica killed in the middle of an upload."""

import hashlib
import random
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from harness import tus
from harness.audit import query
from harness.person import Person
from harness.platform import Platform

MIB = 1 << 20


@pytest.fixture
def big_csv(tmp_path: Path) -> Path:
    """A CSV of 48 MiB."""
    chance, path = random.Random(11), tmp_path / "big.csv"
    block = "".join(f"{n},{chance.random()},Zürich\n" for n in range(40_000)).encode()
    with path.open("wb") as file:
        file.write(b"number,value,town\n")
        while file.tell() < 48 * MIB:
            file.write(block)
    return path


def options_for(person: Person, dataset: str, path: Path, **more: Any) -> dict[str, Any]:
    origin = str(person.http.base_url).rstrip("/")
    endpoint = f"{origin}/v1/institutions/demo/datasets/{dataset}/tus"
    return {"endpoint": endpoint, "token": person.token, "file": str(path), "name": "Größe 1.csv", **more}


def assert_received(platform: Platform, person: Person, last: dict[str, Any], path: Path) -> None:
    assert last["event"] == "success", last
    address = urlsplit(last["url"]).path
    head = person.http.head(address, headers={"Tus-Resumable": "1.0.0"})
    assert head.headers["upload-outcome"] == "received"
    upload_id = head.headers["link"].partition(">")[0].rpartition("/")[2]
    shown = person.get(f"/v1/uploads/{upload_id}")
    assert shown["file"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (shown["file"]["name"], shown["file"]["format"]) == ("Größe 1.csv", "csv")
    rows = query(platform, "ingest", f"SELECT type FROM events WHERE stream_id = 'upload:{upload_id}'")
    assert [row["type"] for row in rows if row["type"].startswith("upload.re")] == ["upload.received.v1"]


class Killer:
    """Kills the replica that takes the upload in, once, when the client has told of enough bytes."""

    def __init__(self, platform: Platform, after: int) -> None:
        self._platform = platform
        self._after = after
        self._names = [name for name in platform.roles if name.startswith("ingest-api")]
        self._before = {name: platform.metric(name, "dataplatform_ingest_bytes_total") for name in self._names}
        self.killed: str | None = None

    def __call__(self, sent: int) -> None:
        if self.killed is None and sent >= self._after:
            self.killed = max(self._names, key=self._taken)
            assert self._taken(self.killed) > 0
            assert self._platform.kill(self.killed)

    def _taken(self, name: str) -> float:
        return self._platform.metric(name, "dataplatform_ingest_bytes_total") - self._before[name]


@pytest.mark.parametrize(
    ("client", "more"),
    [
        ("tuspy", {"chunkSize": 3 * MIB}),
        ("tus-js-client", {}),
        ("tus-js-client", {"chunkSize": 5 * MIB + 1}),
        ("tus-js-client", {"parallel": 3}),
        ("uppy", {}),
    ],
    ids=["tuspy", "tus-js-client", "tus-js-client in chunks", "tus-js-client in parallel", "uppy"],
)
def test_a_client_goes_on_through_the_other_replica_when_its_own_is_killed(
    platform: Platform, person: Person, dataset: str, big_csv: Path, client: str, more: dict[str, Any]
) -> None:
    killer = Killer(platform, after=20 * MIB)
    last = tus.upload(client, options_for(person, dataset, big_csv, **more), killer)
    assert killer.killed is not None
    assert_received(platform, person, last, big_csv)
    platform.wait_ready()


def test_a_small_file_by_every_client_is_published(
    person: Person, dataset: str, tmp_path: Path, platform: Platform
) -> None:
    for number, client in enumerate(("tuspy", "tus-js-client", "uppy")):
        path = tmp_path / f"{client}.csv"
        path.write_text("a,b\n" + f"{number},{number}\n" * 3)
        last = tus.upload(client, options_for(person, f"{dataset}-{number}", path, chunkSize=MIB))
        assert_received(platform, person, last, path)
        state = person.wait_for(urlsplit(last["url"]).path.rpartition("/")[2])
        assert state["state"] == "published", state


def test_a_file_that_is_rejected_is_told_to_the_client(person: Person, dataset: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"rows": []}')
    last = tus.upload("tus-js-client", options_for(person, dataset, path))
    assert (last["event"], last["status"]) == ("failure", 422)
    assert "unsupported_format" in last["message"]
