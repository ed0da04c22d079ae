"""What the catalog shows comes from Kafka alone: tables emptied or dropped are rebuilt, and 0 rows differ."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from harness import files
from harness.audit import query, settle
from harness.person import Person
from harness.platform import Platform, wait_until

from dataplatform.log.replay import replaying

PROJECTIONS = ("institutions", "datasets", "versions", "uploads", "runs", "tables", "assessments", "search_documents")
TOPICS_OF = {
    "processing": ["ingest.uploads.v1"],
    "quality": ["processing.runs.v1"],
    "catalog": ["ingest.uploads.v1", "processing.runs.v1", "quality.assessments.v1", "catalog.datasets.v1"],
}


@pytest.fixture
def filled(platform: Platform, person: Person, dataset: str) -> str:
    """A dataset with two versions and a failed upload, on a platform that has come to rest."""
    broken = bytearray(files.parquet(files.hospitals(2000, seed=1)))
    broken[100:-2000] = bytes(len(broken) - 2100)
    contents = [files.csv_file(files.hospitals(n, seed=n)) for n in (3, 4)] + [bytes(broken)]
    uploads = [person.upload(content, "a.csv", dataset=dataset).json()["upload_id"] for content in contents]
    settle(platform, uploads, 120)
    return dataset


def rows(platform: Platform) -> dict[str, set[str]]:
    """Return the hash of every row of every projection, by table."""
    return {
        table: {_hash(row) for row in query(platform, "catalog", f"SELECT * FROM {table}")} for table in PROJECTIONS
    }


def _hash(row: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(row, sort_keys=True, default=str).encode()).hexdigest()


def execute(platform: Platform, sql: str) -> None:
    with psycopg.connect(platform.database_url("catalog")) as connection:
        connection.execute(sql.encode())


def test_a_check_of_the_live_catalog_differs_in_no_row(platform: Platform, filled: str) -> None:
    answer = platform.command("catalog", "rebuild", "--check")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_a_check_notices_one_changed_row(platform: Platform, filled: str) -> None:
    execute(platform, f"UPDATE datasets SET title = 'Tampered' WHERE slug = '{filled}'")
    answer = platform.command("catalog", "rebuild", "--check")
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert platform.command("catalog", "rebuild").returncode == 0
    assert platform.command("catalog", "rebuild", "--check").returncode == 0


@pytest.mark.parametrize("ruin", ["TRUNCATE {} CASCADE", "DROP TABLE {} CASCADE"])
def test_a_ruined_catalog_is_rebuilt_from_kafka_row_by_row(
    platform: Platform, person: Person, filled: str, ruin: str
) -> None:
    before = rows(platform)
    assert before["versions"]
    execute(platform, "; ".join(ruin.format(table) for table in PROJECTIONS))
    answer = platform.command("catalog", "rebuild")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert rows(platform) == before
    found = person.get("/api/v1/datasets", q=filled.replace("-", " "))["items"]
    assert [item["slug"] for item in found] == [filled]


def test_topics_read_again_from_offset_0_change_no_row(platform: Platform, filled: str) -> None:
    before = {service: _everything(platform, service) for service in ("processing", "quality")}
    catalog = rows(platform)
    groups = {"processing-consumer-1": "processing", "quality-consumer-1": "quality", "catalog-projector-1": "catalog"}
    for member in groups:
        platform.stop_process(member)
    for group in groups.values():
        asyncio.run(_go_back_to_the_start(platform.bootstrap_servers, group))
    for member in groups:
        platform.start_process(member)
    for group in groups.values():
        wait_until(partial(_has_read_all, platform, group), f"{group} read everything again", 120)
    assert rows(platform) == catalog
    assert {service: _everything(platform, service) for service in ("processing", "quality")} == before


def _everything(platform: Platform, service: str) -> list[list[dict[str, Any]]]:
    statements = (
        "SELECT stream_id, version FROM events ORDER BY 1, 2",
        "SELECT consumer, stream_id, version FROM stream_positions ORDER BY 1, 2",
        "SELECT id, state, attempt, fence FROM jobs ORDER BY 1",
        "SELECT * FROM parked_events",
    )
    return [query(platform, service, statement) for statement in statements]


async def _go_back_to_the_start(bootstrap_servers: str, group: str) -> None:
    """Commit offset 0 everywhere, as soon as the group has lost its stopped member."""
    async with _member_of(bootstrap_servers, group) as consumer, asyncio.timeout(60):
        while True:
            try:
                await consumer.commit(dict.fromkeys(consumer.assignment(), 0))
            except KafkaError:
                await asyncio.sleep(0.5)
            else:
                return


def _has_read_all(platform: Platform, group: str) -> bool:
    return asyncio.run(_caught_up(platform.bootstrap_servers, group))


async def _caught_up(bootstrap_servers: str, group: str) -> bool:
    async with _member_of(bootstrap_servers, group) as consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        return all([(await consumer.committed(part) or 0) >= end for part, end in ends.items()])


@asynccontextmanager
async def _member_of(bootstrap_servers: str, group: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Speak for a group without joining it."""
    async with replaying(bootstrap_servers, TOPICS_OF[group]) as replay:
        partitions = list(await replay.ends())
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(partitions)
        yield consumer
    finally:
        await consumer.stop()
