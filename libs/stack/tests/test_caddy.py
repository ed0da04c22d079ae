"""The load balancer shares the work, passes by a dead replica, decides by path, and buffers nothing."""

import contextlib
import http.server
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dataplatform_stack.ports import free_ports
from dataplatform_stack.services import Caddy, Upstreams

pytestmark = pytest.mark.integration


class Replica:
    """A tiny HTTP server that says who it is and what it received; it can turn unready or die."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready = True
        self.first_bytes = threading.Event()
        replica = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status = 200 if replica.ready or self.path != "/readyz" else 503
                if self.path == f"/problems/unknown-to-{replica.name[:3]}":
                    status = 404
                self._answer(status, {"name": replica.name, "path": self.path, "headers": dict(self.headers)})

            def do_POST(self) -> None:
                size = 0
                while length := int(self.rfile.readline(), 16):
                    size += len(self.rfile.read(length))
                    self.rfile.readline()
                    replica.first_bytes.set()
                self.rfile.readline()
                self._answer(200, {"name": replica.name, "size": size})

            def _answer(self, status: int, body: dict[str, object]) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

            def setup(self) -> None:
                super().setup()
                replica.connections.append(self.connection)

        self.connections: list[socket.socket] = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def die(self) -> None:
        """End as a killed process does: nothing listens, and open connections break."""
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self.server.server_close()


@pytest.fixture
def replicas() -> Iterator[dict[str, Replica]]:
    made = {name: Replica(name) for name in ("ingest-1", "ingest-2", "web-1", "data-1")}
    yield made
    for replica in made.values():
        replica.die()


@pytest.fixture
def caddy(tmp_path: Path, replicas: dict[str, Replica]) -> Iterator[Caddy]:
    (port,) = free_ports(1)
    upstreams = Upstreams(
        ingest_api=(replicas["ingest-1"].port, replicas["ingest-2"].port),
        catalog_web=(replicas["web-1"].port,),
        catalog_data=(replicas["data-1"].port,),
    )
    server = Caddy(tmp_path, port=port, upstreams=upstreams).start()
    yield server
    server.stop()


@pytest.fixture
def client(caddy: Caddy) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=caddy.url, timeout=20) as client:
        yield client


def _names(client: httpx.Client, count: int) -> Counter[str]:
    return Counter(str(client.get("/v1/uploads").json()["name"]) for _ in range(count))


def test_two_replicas_share_the_work(client: httpx.Client) -> None:
    names = _names(client, 40)
    assert set(names) == {"ingest-1", "ingest-2"}
    assert min(names.values()) >= 5


def test_no_request_fails_when_a_replica_dies(client: httpx.Client, replicas: dict[str, Replica]) -> None:
    assert set(_names(client, 20)) == {"ingest-1", "ingest-2"}
    replicas["ingest-1"].die()
    assert _names(client, 40) == {"ingest-2": 40}


def test_an_unready_replica_gets_no_requests(client: httpx.Client, replicas: dict[str, Replica]) -> None:
    replicas["ingest-2"].ready = False
    for _ in range(200):  # each round is 10 requests; the health check runs every second
        if set(_names(client, 10)) == {"ingest-1"}:
            break
    assert _names(client, 20) == {"ingest-1": 20}


def test_a_service_without_a_ready_replica_is_a_503_problem(client: httpx.Client, replicas: dict[str, Replica]) -> None:
    replicas["ingest-1"].die()
    replicas["ingest-2"].die()
    response = client.get("/v1/uploads")
    assert response.status_code in {502, 503}
    assert response.headers["Content-Type"] == "application/problem+json"
    assert int(response.headers["Retry-After"]) > 0
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["code"] == "service_unavailable"
    assert client.get("/api/v1/datasets").json()["name"] == "web-1"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "web-1"),
        ("/api/v1/datasets", "web-1"),
        ("/api/v1/datasets/demo/rows-of-trees", "web-1"),
        ("/.well-known/jwks.json", "web-1"),
        ("/api/v1/datasets/demo/trees/versions/1/tables/0/rows", "data-1"),
        ("/api/v1/datasets/demo/trees/versions/1/tables/0/rows?limit=5", "data-1"),
        ("/api/v1/datasets/demo/trees/versions/1/download", "data-1"),
        ("/api/v1/datasets/demo/trees/versions/1/download.csv", "data-1"),
    ],
)
def test_the_path_decides_the_service(client: httpx.Client, path: str, name: str) -> None:
    assert client.get(path).json()["name"] == name


def test_metrics_are_not_shown_outside(client: httpx.Client) -> None:
    assert client.get("/metrics").status_code == 404


def test_upstreams_learn_who_asks_and_cannot_be_lied_to(client: httpx.Client, caddy: Caddy) -> None:
    received = client.get("/v1/uploads", headers={"X-Forwarded-For": "192.0.2.1"}).json()["headers"]
    assert received["X-Forwarded-For"] == "127.0.0.1"
    assert received["X-Forwarded-Proto"] == "http"
    assert received["X-Forwarded-Host"] == f"127.0.0.1:{caddy.port}"


def test_an_upload_reaches_the_service_while_it_is_still_being_sent(
    client: httpx.Client, replicas: dict[str, Replica]
) -> None:
    ingest = [replicas["ingest-1"], replicas["ingest-2"]]
    arrived = threading.Event()
    for replica in ingest:
        replica.first_bytes = arrived

    def body() -> Iterator[bytes]:
        yield b"x" * 65_536
        assert arrived.wait(10), "the balancer held the body back"
        yield b"y" * 65_536

    response = client.post("/v1/uploads", content=body())
    assert response.json()["size"] == 131_072


@pytest.mark.parametrize("path", ["/docs", "/docs/assets/page.js", "/redoc", "/problems"])
def test_the_pages_on_the_interface_are_those_of_ingest(client: httpx.Client, path: str) -> None:
    assert str(client.get(path).json()["name"]).startswith("ingest")


def test_a_problem_that_ingest_does_not_know_is_explained_by_the_catalog(client: httpx.Client) -> None:
    assert str(client.get("/problems/known").json()["name"]).startswith("ingest")
    elsewhere = client.get("/problems/unknown-to-ing")
    assert (elsewhere.status_code, elsewhere.json()["name"]) == (200, "web-1")
