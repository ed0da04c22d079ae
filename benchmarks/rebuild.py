"""Events a second of `dataplatform catalog rebuild`, from real Kafka into an empty catalog, and its peak memory.

    make bench BENCH=rebuild [ARGS="--datasets 3000 --columns 20"]

Each dataset has five uploads; each upload is eight events on the four topics that the catalog is made from.
"""

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from aiokafka import AIOKafkaProducer

from dataplatform.events import identity
from dataplatform.events.base import Column, Event, ObjectRef, Origin
from dataplatform.events.catalog import DatasetRegistered, InstitutionRegistered, PublishedTable, VersionPublished
from dataplatform.events.ingest import UploadReceived
from dataplatform.events.processing import RunCompleted, RunStarted, TableStandardized, TableSummary
from dataplatform.events.quality import AssessmentCompleted
from dataplatform.log import topics
from dataplatform.log.envelope import Context, Envelope, enclose, to_kafka
from dataplatform_stack.ports import free_ports
from dataplatform_stack.services import Kafka
from dataplatform_stack.testing import TestPostgres

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
UPLOADS = 5
INSTITUTION = identity.institution_id("bench")


def reference(key: str) -> ObjectRef:
    """Return a reference to an object that nobody reads here."""
    return ObjectRef(key=key, sha256="0" * 64, size_bytes=1000)


def life_of(dataset: str, number: int, now: datetime, columns: tuple[Column, ...]) -> list[Event]:
    """Return what happens to upload `number` (from 1) of a dataset, from its receipt to its publication."""
    dataset_id = identity.dataset_id(INSTITUTION, dataset)
    upload_id = uuid5(dataset_id, str(number))
    run = identity.run_id(upload_id)
    names: dict[str, Any] = {"dataset_id": dataset_id, "institution_id": INSTITUTION, "institution": "bench"}
    ran: dict[str, Any] = {"dataset_id": dataset_id, "run_id": run, "upload_id": upload_id}
    handler = {"handler": "csv", "handler_version": "1"}
    original = reference(f"originals/bench/{dataset}/{upload_id}/original")
    table = TableStandardized(
        **ran,
        table_id=identity.table_id(run, 0),
        index=0,
        name=dataset,
        origin=Origin(),
        parts=(reference(f"tables/{dataset_id}/{run}/1/0/part-00000.parquet"),),
        row_count=1000,
        column_count=len(columns),
        columns=columns,
    )
    assessment_id = identity.assessment_id(run)
    published = PublishedTable(**table.model_dump(), uris=(f"s3://dataplatform/{table.parts[0].key}",))
    return [
        UploadReceived(
            **names,
            upload_id=upload_id,
            dataset=dataset,
            original=original,
            file_name=f"{dataset}.csv",
            format="csv",
            media_type="text/csv",
            received_at=now,
            uploaded_by=UUID(int=1),
        ),
        RunStarted(**ran, **handler, started_at=now),
        table,
        RunCompleted(
            **ran,
            **handler,
            original=original,
            tables=(TableSummary.model_validate(table.model_dump()),),
            completed_at=now,
        ),
        AssessmentCompleted(
            dataset_id=dataset_id,
            assessment_id=assessment_id,
            run_id=run,
            profile=reference(f"profiles/{dataset_id}/{run}/1/profile.json"),
            overall=0.9,
            completed_at=now,
        ),
        VersionPublished(
            **names,
            dataset=dataset,
            version_id=run,
            number=number,
            upload_id=upload_id,
            run_id=run,
            assessment_id=assessment_id,
            original=original,
            format="csv",
            **handler,
            tables=(published,),
            table_count=1,
            quality=0.9,
            published_at=now,
        ),
    ]


def history(datasets: int, column_count: int) -> Iterator[Envelope]:
    """Yield the events of a catalog, upload after upload."""
    columns = tuple(Column(name=f"column_{at}", position=at, type="string") for at in range(column_count))
    versions: dict[str, int] = {}

    def told(event: Event, now: datetime) -> Envelope:
        after = versions.get(event.stream, 0)
        versions[event.stream] = after + 1
        return enclose([event], after, service="bench", now=now, context=Context(UUID(int=7)))[0]

    yield told(
        InstitutionRegistered(institution_id=INSTITUTION, slug="bench", name="Bench", registered_at=BEGAN), BEGAN
    )
    for number in range(1, UPLOADS + 1):
        for index in range(datasets):
            now, slug = BEGAN + timedelta(seconds=number * datasets + index), f"set-{index}"
            if number == 1:
                registered = DatasetRegistered(
                    dataset_id=identity.dataset_id(INSTITUTION, slug),
                    institution_id=INSTITUTION,
                    institution="bench",
                    slug=slug,
                    title=slug,
                    registered_at=now,
                )
                yield told(registered, now)
            for event in life_of(slug, number, now, columns):
                yield told(event, now)


async def produce(bootstrap_servers: str, envelopes: Iterator[Envelope]) -> int:
    """Put events on Kafka; return how many."""
    await topics.apply(bootstrap_servers)
    count = 0
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, linger_ms=50, max_batch_size=1 << 19) as producer:
        for envelope in envelopes:
            key, value, headers = to_kafka(envelope)
            await producer.send(envelope.topic, value, key=key, headers=headers)
            count += 1
    return count


def run(arguments: list[str], environment: dict[str, str]) -> float:
    """Run a command of the project in a process of its own; return its seconds."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", *arguments], env={**os.environ, **environment}, check=True)
    return time.monotonic() - began


def main(arguments: Any = None) -> None:
    """Start a broker and a database, fill the one, rebuild the other, compare, stop them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=2000)
    parser.add_argument("--columns", type=int, default=10)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        port, controller = free_ports(2)
        kafka = Kafka(Path(folder) / "kafka", port=port, controller_port=controller)
        postgres = TestPostgres(Path(folder) / "postgres")
        try:
            kafka.start()
            postgres.start()
            environment = {
                "DATAPLATFORM_DATABASE_URL": postgres.create_database(),
                "DATAPLATFORM_CATALOG_DATABASE_URL": "",
                "DATAPLATFORM_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
                "DATAPLATFORM_OBJECT_STORE_URL": f"file://{folder}",
                "DATAPLATFORM_SECRET_KEY": "only for a benchmark, never for a server",
            }
            run(["catalog_svc", "migrate"], environment)
            count = asyncio.run(produce(kafka.bootstrap_servers, history(chosen.datasets, chosen.columns)))
            seconds = run(["dataplatform_cli", "catalog", "rebuild"], environment)
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"{count:,} events, {chosen.datasets:,} datasets of {UPLOADS} versions, {chosen.columns} columns")
            print(f"rebuilt in {seconds:.1f} s, start and swap included: {count / seconds:,.0f} events/s (aim 10,000)")
            print(f"peak memory {peak:.0f} MiB")
            run(["dataplatform_cli", "catalog", "rebuild", "--check"], environment)
        finally:
            kafka.kill()
            postgres.kill()


if __name__ == "__main__":
    main()
