"""The catalog made again from Kafka: equal to the live one, whatever happened to that."""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

import psycopg
import pytest
from aiokafka import AIOKafkaProducer

from catalog_svc.projections.apply import CONSUMER
from catalog_svc.settings import settings
from dataplatform.events.quality import RuleOutcome
from dataplatform.log import topics
from dataplatform.log.envelope import Envelope, to_kafka
from dataplatform_stack.ports import free_ports
from dataplatform_stack.services import Kafka

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture
def kafka(tmp_path_factory: pytest.TempPathFactory, catalog: Any) -> Iterator[str]:
    """A Kafka of its own: the source topics have fixed names, and must hold this test's events only."""
    port, controller = free_ports(2)
    server = Kafka(tmp_path_factory.mktemp("kafka"), port=port, controller_port=controller)
    server.start()
    asyncio.run(topics.apply(server.bootstrap_servers))
    yield server.bootstrap_servers
    server.kill()


@contextmanager
def projector(bootstrap_servers: str) -> Iterator[subprocess.Popen[bytes]]:
    """A real projector process, which also relays the catalog's own events."""
    environment = {**os.environ, "DATAPLATFORM_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers}
    process = subprocess.Popen([sys.executable, "-m", "catalog_svc", "projector"], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(20) == 0


ENDED = "SELECT count(*) FROM upload_states WHERE state IN ('published', 'failed', 'rejected', 'withdrawn')"


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def count(catalog: psycopg.Connection[Any], sql: str) -> int:
    row = catalog.execute(sql).fetchone()
    assert row
    return int(row[0])


async def produce(bootstrap_servers: str, envelopes: Sequence[Envelope]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
        for envelope in envelopes:
            key, value, headers = to_kafka(envelope)
            await producer.send(envelope.topic, value, key=key, headers=headers)


def rebuilt(bootstrap_servers: str, *, check: bool) -> Any:
    steps = import_module("catalog_svc.rebuild.steps")
    found = settings().model_copy(update={"kafka_bootstrap_servers": bootstrap_servers})
    return asyncio.run(steps.rebuild(found, check=check, patience_seconds=30))


def history(story: Any, datasets: int) -> list[Envelope]:
    """Uploads that are published, failed, rejected, withdrawn and poisoned, in an order that no one planned."""
    made: list[Envelope] = []
    for number in range(datasets):
        slug = f"set-{number}"
        made += story.published(slug, 1, tables=1 + number % 3)
        second = story.upload(slug, 2)
        ends = (
            [story.run_failed(second)],
            [
                *story.run(second),
                story.assessment(second),
                story.examination(second),
                *story.alert(second),
                story.withdrawal(second),
            ],
        )
        made += story.enclose(second, *ends[number % 2], story.rejection(slug, 3))
    broken = story.upload("broken")
    received, started, *others = story.enclose(broken, *story.run(broken))
    made += [received, replace(started, data={**started.data, "started_at": "never"}), *others]
    shuffled = random.Random(11)
    return sorted([*made, *made[::5]], key=lambda envelope: (shuffled.random(), envelope.stream))


def hold(story: Any) -> list[Envelope]:
    """An upload that breaks a critical clause of a contract which was defined before, of a dataset that holds such."""
    upload = story.upload("set-0", 9)
    reference, services = upload.original, import_module("catalog_svc.datasets.services")
    said = {"now": upload.received_at, "correlation_id": story.correlation_id}
    services.revise(upload.dataset_id, {"publication": "hold_on_critical"}, **said)
    services.define_contract(upload.dataset_id, reference, by=upload.uploaded_by, **said)
    rules = RuleOutcome(contract=reference, result=reference, passed=1, failed=1, not_evaluated=0, critical_failed=1)
    assessment = story.assessment(upload).model_copy(update={"rules": rules})
    made: list[Envelope] = story.enclose(upload, *story.run(upload), assessment)
    return made


def end(story: Any) -> None:
    """Versions that people withdraw, restore and erase; of one the whole dataset."""
    services, models = (import_module(f"catalog_svc.versions.{name}") for name in ("services", "models"))
    tables = import_module("catalog_svc.datasets.models")
    order = services.Order(story.institution_id, story.tick(), story.correlation_id)
    versions = list(tables.Version.objects.filter(number=1, withdrawn_at=None).order_by("version_id")[:4])
    datasets = [tables.Dataset.objects.get(pk=version.dataset_id) for version in versions]
    services.withdraw(datasets[0], versions[0].version_id, "outdated", "", order)
    services.withdraw(datasets[1], versions[1].version_id, "outdated", "", order)
    services.restore(datasets[1], versions[1].version_id, order)
    services.erase(datasets[2], versions[2].version_id, "personal_data", "DPO 1", order)
    services.erase_dataset(datasets[3], "licence", None, order)
    assert models.Erasure.objects.count() >= 3  # a version; a dataset, and each version in it


def test_whatever_happens_to_its_tables_the_catalog_comes_back_from_kafka(
    catalog: psycopg.Connection[Any], kafka: str, story: Any
) -> None:
    envelopes = history(story, 12)
    asyncio.run(produce(kafka, envelopes))
    with projector(kafka):
        until(lambda: count(catalog, ENDED) == 3 * 12)
        # one version is held, as its owner asked
        envelopes += (held := hold(story))
        asyncio.run(produce(kafka, held))
        until(lambda: count(catalog, "SELECT count(*) FROM upload_states WHERE state = 'held'") == 1)
        end(story)
        served = count(catalog, "SELECT count(*) FROM upload_states WHERE state = 'published'")
        # live and rebuilt are the same
        outcome = rebuilt(kafka, check=True)
        assert outcome.same, outcome
        assert outcome.behind == 0
        assert outcome.rows.keys() >= {"datasets", "versions", "tables", "uploads", "search_documents"}
        own = count(catalog, "SELECT count(*) FROM events")
        assert outcome.events == len(envelopes) + own

        # a row that is wrong is found, and put right
        catalog.execute("UPDATE versions SET number = number + 1 WHERE number = 1")
        outcome = rebuilt(kafka, check=True)
        assert outcome.rows["versions"] == 2 * 12
        assert sum(outcome.rows.values()) == 2 * 12
        assert sum(rebuilt(kafka, check=False).rows.values()) == 12
        assert rebuilt(kafka, check=True).same

        # so are tables that are empty
        catalog.execute("TRUNCATE datasets, versions, tables, uploads, runs, assessments, search_documents, alerts")
        assert not rebuilt(kafka, check=True).same
        rebuilt(kafka, check=False)
        assert rebuilt(kafka, check=True).same

        # and tables that are gone, while somebody uploads
        catalog.execute("DROP TABLE versions, uploads CASCADE")
        asyncio.run(produce(kafka, story.published("another")))
        rebuilt(kafka, check=False)
        until(lambda: count(catalog, "SELECT count(*) FROM upload_states WHERE state = 'published'") == served + 1)
        assert rebuilt(kafka, check=True).same
        assert count(catalog, "SELECT count(*) FROM upload_states WHERE state = 'held'") == 1
        assert count(catalog, "SELECT count(*) FROM events") == own + 2  # registered, published: no policy ran twice
        assert count(catalog, "SELECT count(*) FROM parked_events WHERE error_code IS NOT NULL") == 1
        assert count(catalog, "SELECT count(*) FROM pg_namespace WHERE nspname = 'rebuild'") == 0


def test_positions_are_rebuilt_too_so_a_catalog_with_an_empty_database_goes_on(
    catalog: psycopg.Connection[Any], kafka: str, story: Any
) -> None:
    asyncio.run(produce(kafka, history(story, 4)))
    with projector(kafka):
        until(lambda: count(catalog, ENDED) == 3 * 4)
        until(lambda: count(catalog, "SELECT count(*) FROM events WHERE published_at IS NULL") == 0)
    versions = count(catalog, "SELECT count(*) FROM versions")
    positions = count(catalog, "SELECT count(*) FROM stream_positions")
    catalog.execute("TRUNCATE datasets, versions, tables, uploads, runs, assessments, search_documents, alerts")
    catalog.execute("TRUNCATE stream_positions, parked_events")
    rebuilt(kafka, check=False)
    assert count(catalog, "SELECT count(*) FROM stream_positions") == positions
    assert count(catalog, f"SELECT count(*) FROM stream_positions WHERE consumer <> '{CONSUMER}'") == 0
    with projector(kafka):
        asyncio.run(produce(kafka, story.published("later")))
        until(lambda: count(catalog, "SELECT count(*) FROM versions") == versions + 1)
        assert rebuilt(kafka, check=True).same
