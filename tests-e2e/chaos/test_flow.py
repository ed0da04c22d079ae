"""Files come at a steady pace while what takes them in is started again and again: none is lost, none is doubled."""

import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from harness import files
from harness.audit import audit, query, settle
from harness.person import Person
from harness.platform import Platform, wait_until

PATIENCE_SECONDS = 240.0
RESTARTED = (("ingest-api-1", "roles"), ("postgres", "infra"), ("ingest-api-2", "roles"), ("s3", "infra"))
PAUSE_SECONDS = 4.0
"""Between one restart and the next: the outage is over, and there is a moment of peace."""


@pytest.fixture
def flowing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.setenv("DATAPLATFORM_EXAMINE_CONCURRENCY", "0")  # so that the flow has the processors
    started = Platform(tmp_path / "platform", {"ingest-api": 2, "processing-worker": 2})
    yield started
    started.stop()


@dataclass
class Flow:
    """Files at `per_second` from one person, each sent until it is acknowledged; `late` counts the tries again."""

    platform: Platform
    count: int
    per_second: float
    acknowledged: dict[int, str] = field(default_factory=dict)
    again: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Send everything; return when all of it is acknowledged."""
        person = Person(self.platform.url, "admin", self.platform.password)
        key, began = secrets.token_hex(4), time.monotonic()
        with ThreadPoolExecutor(max_workers=64) as pool:
            sent = []
            for number in range(self.count):
                time.sleep(max(0.0, began + number / self.per_second - time.monotonic()))
                sent.append(pool.submit(self._send, person, number, f"{key}-{number}"))
            for one in sent:
                one.result()
        person.close()

    def _send(self, person: Person, number: int, key: str) -> None:
        content, began = files.csv_file(files.hospitals(10, seed=number)), time.monotonic()
        while time.monotonic() < began + PATIENCE_SECONDS:
            try:
                answer = person.upload(content, f"{number}.csv", dataset=f"flow-{number % 5}", key=key)
            except httpx.TransportError as error:
                self.again[type(error).__name__] += 1
            else:
                if answer.is_success:
                    self.acknowledged[number] = answer.json()["upload_id"]
                    self.seconds.append(time.monotonic() - began)
                    return
                self.again[answer.json()["code"]] += 1
                assert answer.status_code >= 500, answer.text
            time.sleep(0.2)
        raise AssertionError(f"file {number} was not kept in {PATIENCE_SECONDS} s")


def restart_until(platform: Platform, stop: threading.Event, restarts: Counter[str]) -> None:
    """Restart what takes files in, one after the other: in good order and by SIGKILL in turn."""
    for turn in range(1000):
        name, group = RESTARTED[turn % len(RESTARTED)]
        if turn // len(RESTARTED) % 2 == 0:
            platform.stop_process(name, group)
            platform.start_process(name, group)
        else:
            platform.kill(name)
        restarts[name] += 1
        wait_until(lambda name=name: bool(platform.pid(name)), f"{name} runs again", 120)  # type: ignore[misc]
        if stop.wait(PAUSE_SECONDS):
            return


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_steady_flow_through_restarts_of_replicas_database_and_object_store(flowing: Platform) -> None:
    flow = Flow(flowing, int(os.environ.get("FLOW_FILES", "500")), float(os.environ.get("FLOW_PER_SECOND", "20")))
    stop, restarts = threading.Event(), Counter[str]()
    restarter = threading.Thread(target=restart_until, args=(flowing, stop, restarts), daemon=True)
    began = time.monotonic()
    restarter.start()
    try:
        flow.run()
    finally:
        sent = time.monotonic()
        stop.set()
        restarter.join()
    flowing.wait_ready(180)
    ids = set(flow.acknowledged.values())
    assert len(ids) == flow.count, "every file is an upload of its own"
    settle(flowing, ids, 900)
    settled = time.monotonic()
    counts = audit(flowing, ids)
    received = query(flowing, "ingest", "SELECT stream_id FROM events WHERE type = 'upload.received.v1'")
    versions = query(flowing, "catalog", "SELECT upload_id FROM versions")
    stages = query(flowing, "ingest", "SELECT stage, final FROM upload_progress")
    print(
        f"\n{flow.count} files in {sent - began:.0f} s, settled {settled - sent:.0f} s later; restarts {dict(restarts)}"
    )
    waits = sorted(flow.seconds)
    print(f"tries again {dict(flow.again)}; to the acknowledgement: median {waits[len(waits) // 2]:.2f} s, "
          f"worst {waits[-1]:.1f} s; {counts}")  # fmt: skip
    assert "internal_error" not in flow.again, "what is away for a while is told as such"
    assert {row["stream_id"] for row in received} == {f"upload:{one}" for one in ids}
    assert len(versions) == len({row["upload_id"] for row in versions}) == flow.count
    wait_until(
        lambda: (
            {row["stage"] for row in query(flowing, "ingest", "SELECT stage FROM upload_progress")} == {"published"}
        ),
        f"every upload is shown as published, not {Counter(row['stage'] for row in stages)}",
        120,
    )
    assert sum(restarts.values()) >= len(RESTARTED)
