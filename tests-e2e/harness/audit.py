"""The audit: what must hold over all databases and topics, whatever happened before."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg.rows import dict_row

from dataplatform.events import registry
from dataplatform.log.replay import replaying
from harness.platform import Platform, wait_until

SERVICES = ("ingest", "processing", "quality", "catalog")
TOPICS = [topic.name for topic in registry.TOPICS]


def query(platform: Platform, service: str, sql: str) -> list[dict[str, Any]]:
    """Return rows of a service's database."""
    with psycopg.connect(platform.database_url(service), row_factory=dict_row) as connection:
        return connection.execute(sql.encode()).fetchall()


def settle(platform: Platform, uploads: Iterable[str], seconds: float) -> None:
    """Return when every upload is in a final state and every outbox is empty."""
    wanted = set(uploads)

    def settled() -> bool:
        final = query(platform, "catalog", "SELECT upload_id::text AS id FROM upload_states WHERE state IN "
                      "('published', 'failed', 'rejected', 'withdrawn')")  # fmt: skip
        outboxes = [
            query(platform, name, "SELECT 1 FROM events WHERE published_at IS NULL LIMIT 1") for name in SERVICES
        ]
        return wanted <= {row["id"] for row in final} and not any(outboxes)

    wait_until(settled, f"{len(wanted)} uploads have ended and every outbox is empty", seconds, every=0.5)


def stored_streams(platform: Platform) -> dict[str, set[int]]:
    """Return the versions of every stream in the event stores."""
    rows = [row for name in SERVICES for row in query(platform, name, "SELECT stream_id, version FROM events")]
    return _by_stream((row["stream_id"], row["version"]) for row in rows)


async def _records(bootstrap_servers: str) -> list[tuple[str, int, str, dict[str, Any]]]:
    found = []
    async with replaying(bootstrap_servers, TOPICS) as replay:
        async for batch in replay.until(await replay.ends()):
            for record in batch:
                headers = {name: value.decode() for name, value in record.headers}
                body = json.loads(record.value)
                found.append((headers["ce_subject"], int(headers["ce_sequence"]), headers["ce_type"], body))
    return found


def published_records(platform: Platform) -> list[tuple[str, int, str, dict[str, Any]]]:
    """Return stream, version, type and body of every record on every topic."""
    return asyncio.run(_records(platform.bootstrap_servers))


def _by_stream(pairs: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for stream, version in pairs:
        found[stream].add(version)
    return dict(found)


def audit(platform: Platform, uploads: Iterable[str]) -> dict[str, int]:
    """Assert everything that must hold after any storm; return the counts that a person would ask for."""
    wanted = set(uploads)
    stored, records = stored_streams(platform), published_records(platform)
    on_kafka = _by_stream((stream, version) for stream, version, _, _ in records)
    assert {name for name, versions in stored.items() if versions != set(range(1, len(versions) + 1))} == set()
    assert on_kafka == stored, "Kafka and the event stores hold the same streams, whole"
    _audit_uploads(platform, wanted)
    _audit_versions(records, wanted)
    _audit_rest(platform)
    _audit_rebuild(platform)
    duplicates = len(records) - sum(len(versions) for versions in on_kafka.values())
    return {"uploads": len(wanted), "streams": len(stored), "records": len(records), "duplicate records": duplicates}


def _audit_uploads(platform: Platform, wanted: set[str]) -> None:
    rows = query(platform, "catalog", "SELECT upload_id::text AS id, state, reason_code FROM upload_states")
    states = {row["id"]: row for row in rows}
    assert len(rows) == len(states)
    assert wanted - set(states) == set(), "no acknowledged upload is lost"
    undecided = {name: row for name, row in states.items() if row["state"] not in ("published", "failed", "rejected")}
    assert undecided == {}, "every upload is published, or failed with a reason"
    assert [row for row in rows if row["state"] != "published" and not row["reason_code"]] == []


def _audit_versions(records: Iterable[tuple[str, int, str, dict[str, Any]]], wanted: set[str]) -> None:
    versions: dict[str, set[str]] = defaultdict(set)
    numbers: dict[str, list[int]] = defaultdict(list)
    seen = set()
    for stream, version, kind, body in records:
        if kind == "version.published.v1" and (stream, version) not in seen:
            seen.add((stream, version))
            versions[body["upload_id"]].add(body["version_id"])
            numbers[body["dataset_id"]].append(body["number"])
    assert {upload: ids for upload, ids in versions.items() if len(ids) != 1} == {}
    assert sum(map(len, numbers.values())) == len(versions), "no upload is published twice"
    assert {name: found for name, found in numbers.items() if sorted(found) != list(range(1, len(found) + 1))} == {}


def _audit_rest(platform: Platform) -> None:
    for name in SERVICES:
        assert query(platform, name, "SELECT * FROM parked_events") == [], f"nothing is parked in {name}"
        assert query(platform, name, "SELECT * FROM dead_letters") == [], f"no dead letters in {name}"
        assert query(platform, name, "SELECT * FROM jobs WHERE state IN ('ready', 'running')") == []


def _audit_rebuild(platform: Platform) -> None:
    answer = platform.command("catalog", "rebuild", "--check", timeout=600)
    assert answer.returncode == 0, f"a rebuild differs from the live catalog:\n{answer.stdout}{answer.stderr}"
