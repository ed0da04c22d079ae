"""The roles as real processes: they start, tell how they are, and end in good order."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from dataplatform.log import topics
from dataplatform_stack.ports import free_ports

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
MIB = 1024 * 1024


@contextmanager
def role(name: str, **variables: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start a role; gives the process and its URL. It must end with code 0 on SIGTERM."""
    (port,) = free_ports(1)
    environment = {**os.environ, "DATAPLATFORM_HTTP_PORT": str(port), **variables}
    process = subprocess.Popen([sys.executable, "-m", "catalog_svc", name], env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        answer_of(url, "/healthz", 200)
        yield process, url
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def answer_of(url: str, path: str, status: int, seconds: float = 30) -> httpx.Response:
    """Ask until the answer has this status."""
    deadline = time.monotonic() + seconds
    found = "nothing"
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(url + path, timeout=10, trust_env=False)
            if answer.status_code == status:
                return answer
            found = f"{answer.status_code} {answer.text}"
        except httpx.TransportError as error:
            found = repr(error)
        time.sleep(0.05)
    raise AssertionError(f"{path} does not answer {status} but {found}")


def run(name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, "-m", "catalog_svc", name],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("name", "most"), [("web", 130), ("data", 160)])
def test_web_and_data_serve_and_are_small_when_idle(catalog: psycopg.Connection[Any], name: str, most: int) -> None:
    with role(name) as (process, url):
        ready = answer_of(url, "/readyz", 200).json()
        assert ready["checks"]["postgresql"] == "ok"
        assert ("object_store" in ready["checks"]) == (name == "data")
        assert answer_of(url, "/api/v1/datasets", 200).json() == {"items": [], "next": None}
        metrics = answer_of(url, "/metrics", 200).text
        assert (
            'dataplatform_http_request_seconds_count{method="GET",route="/api/v1/datasets",status="200"} 1.0' in metrics
        )
        used = psutil.Process(process.pid).memory_full_info().pss / MIB
        assert used < most, f"{name} takes {used:.0f} MiB"


def test_the_projector_is_small_and_not_ready_without_kafka(
    catalog: psycopg.Connection[Any], kafka_server: Any
) -> None:
    kafka_server.start()
    asyncio.run(topics.apply(kafka_server.bootstrap_servers))
    with role("projector", DATAPLATFORM_KAFKA_BOOTSTRAP_SERVERS=kafka_server.bootstrap_servers) as (process, url):
        answer_of(url, "/readyz", 200)
        used = psutil.Process(process.pid).memory_full_info().pss / MIB
        assert used < 110, f"the projector takes {used:.0f} MiB"
    with role("projector", DATAPLATFORM_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1") as (_, url):
        assert "kafka" in answer_of(url, "/readyz", 503).text


def test_the_worker_is_small_when_idle_and_needs_no_object_store_to_be_ready(catalog: psycopg.Connection[Any]) -> None:
    with role("worker") as (process, url):
        assert answer_of(url, "/readyz", 200).json()["checks"] == {"postgresql": "ok"}
        assert "dataplatform_outbox_depth_events" in answer_of(url, "/metrics", 200).text
        used = psutil.Process(process.pid).memory_full_info().pss / MIB
        assert used < 110, f"the worker takes {used:.0f} MiB"


def test_without_a_database_web_says_so_and_answers_again_when_it_is_back(postgres_server: Any) -> None:
    url_of_database = postgres_server.create_database()
    assert run("migrate", DATAPLATFORM_DATABASE_URL=url_of_database).returncode == 0
    with role("web", DATAPLATFORM_DATABASE_URL=url_of_database) as (_, url):
        answer_of(url, "/api/v1/datasets", 200)
        postgres_server.stop()
        try:
            answer_of(url, "/readyz", 503)
            down = answer_of(url, "/api/v1/datasets", 503)
            assert down.json()["code"] == "database_unavailable"
            assert int(down.headers["retry-after"]) > 0
        finally:
            postgres_server.start()
        answer_of(url, "/readyz", 200)
        answer_of(url, "/api/v1/datasets", 200)


def test_bootstrap_makes_an_administrator_and_an_institution_once(catalog: psycopg.Connection[Any]) -> None:
    assert "admin_password" in run("bootstrap").stderr.lower()
    for _ in range(2):
        done = run("bootstrap", DATAPLATFORM_ADMIN_PASSWORD="correct horse battery staple")
        assert done.returncode == 0, done.stderr
    assert catalog.execute("SELECT username, is_admin FROM accounts").fetchall() == [("admin", True)]
    assert catalog.execute("SELECT slug FROM institutions").fetchall() == [("demo",)]
    assert catalog.execute("SELECT type FROM events").fetchall() == [("institution.registered.v1",)]
    assert catalog.execute("SELECT role FROM memberships").fetchall() == [("administrator",)]


def test_migrating_an_empty_database_twice_at_once_is_safe_and_again_is_quick(postgres_server: Any) -> None:
    variables = {"DATAPLATFORM_DATABASE_URL": postgres_server.create_database()}
    both = [
        subprocess.Popen([sys.executable, "-m", "catalog_svc", "migrate"], env={**os.environ, **variables})
        for _ in range(2)
    ]
    assert [process.wait(90) for process in both] == [0, 0]
    done = run("migrate", **variables)
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1])["applied"] == []


def test_a_missing_or_weak_secret_is_refused_by_name() -> None:
    done = run("web", DATAPLATFORM_SECRET_KEY="short")
    assert done.returncode != 0
    assert "secret_key" in done.stderr
    assert "short" not in done.stderr.replace("too short", "")


def test_an_unknown_role_is_told_which_there_are() -> None:
    done = run("teapot")
    assert done.returncode == 2
    assert "projector" in done.stderr
