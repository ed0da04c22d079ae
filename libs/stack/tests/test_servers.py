"""Each server really starts, answers, and keeps its data through a crash, a pause and a move to other ports."""

import asyncio
import threading
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError
from botocore.exceptions import ClientError

from dataplatform_stack.errors import StackError
from dataplatform_stack.ports import free_ports
from dataplatform_stack.services import Identity, Kafka, Postgres, SeaweedFS
from dataplatform_stack.testing import TestPostgres, TestS3

pytestmark = pytest.mark.integration


async def _make_topic(kafka: Kafka, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def _send(kafka: Kafka, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, enable_idempotence=True)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def _read(kafka: Kafka, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        return [(await asyncio.wait_for(consumer.getone(), 30)).value or b"" for _ in range(count)]
    finally:
        await consumer.stop()


async def test_kafka_keeps_messages_through_a_crash(kafka_server: Kafka, topic_name: str) -> None:
    await _make_topic(kafka_server, topic_name)
    await _send(kafka_server, topic_name, b"before")
    kafka_server.kill()
    assert not kafka_server.is_ready()
    kafka_server.start()
    await _send(kafka_server, topic_name, b"after")
    assert await _read(kafka_server, topic_name, 2) == [b"before", b"after"]


async def test_kafka_keeps_messages_when_it_moves_to_other_ports(tmp_path: Path) -> None:
    first = Kafka(tmp_path, port=free_ports(1)[0], controller_port=free_ports(1)[0]).start()
    try:
        await _make_topic(first, "moving")
        await _send(first, "moving", b"kept")
    finally:
        first.stop()
    second = Kafka(tmp_path, port=free_ports(1)[0], controller_port=free_ports(1)[0]).start()
    try:
        assert await _read(second, "moving", 1) == [b"kept"]
    finally:
        second.kill()


async def test_a_paused_kafka_answers_nobody_until_it_is_resumed(kafka_server: Kafka) -> None:
    kafka_server.pause()
    try:
        assert kafka_server.running
        assert not kafka_server.is_ready()
    finally:
        kafka_server.resume()
    kafka_server.wait_ready(30)


async def test_kafka_makes_no_topic_by_itself(kafka_server: Kafka, topic_name: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap_servers, request_timeout_ms=1000)
    await producer.start()
    try:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.send_and_wait(topic_name, b"to nowhere")
    finally:
        await producer.stop()


def test_postgres_keeps_rows_through_a_crash(postgres_server: TestPostgres) -> None:
    url = postgres_server.create_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    postgres_server.kill()
    assert not postgres_server.is_ready()
    postgres_server.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    postgres_server.drop_database(url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_postgres_starts_when_a_dead_server_left_its_pid_file_to_another_process(postgres_server: TestPostgres) -> None:
    postgres_server.kill()
    pid_file = postgres_server.data_dir / "cluster" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join(["1", *lines[1:]]) + "\n")
    postgres_server.start()
    assert postgres_server.is_ready()


def test_postgres_asks_everybody_for_a_password(database_url: str) -> None:
    database = psycopg.conninfo.conninfo_to_dict(database_url)
    database["password"] = "wrong"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**database)  # type: ignore[arg-type]


def test_a_role_cannot_open_the_database_of_another(postgres_server: TestPostgres) -> None:
    for role in ("ingest", "quality"):
        postgres_server.ensure_role(role, f"password of {role}"[:12].replace(" ", "_"))
        postgres_server.ensure_database(role, role)
    own = postgres_server.url("ingest", "ingest", "password_of_")
    with psycopg.connect(own) as connection:
        connection.execute("CREATE TABLE mine (id int)")
    other = postgres_server.url("quality", "ingest", "password_of_")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(other)


def test_a_fresh_database_per_test_is_empty(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        connection.execute("CREATE TABLE leftovers (id int)")
        superuser = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert tables == (0,)
    assert superuser == (False,)


def test_s3_keeps_what_it_acknowledged_through_crashes(s3_server: TestS3) -> None:
    bucket = s3_server.create_bucket()
    contents = {f"key-{number}": bytes([number]) * 300_000 for number in range(20)}
    for number, (key, body) in enumerate(contents.items()):
        s3_server.client.put_object(Bucket=bucket, Key=key, Body=body)
        if number % 7 == 6:
            s3_server.kill()
            s3_server.start()
    s3_server.restart()
    for key, body in contents.items():
        assert s3_server.client.get_object(Bucket=bucket, Key=key)["Body"].read() == body


def test_s3_keeps_objects_when_it_moves_to_other_ports(tmp_path: Path) -> None:
    identities = [Identity("admin", "access", "secret", ("Admin",))]
    for attempt in range(2):
        port, *inner = free_ports(8)
        server = SeaweedFS(tmp_path, port=port, inner_ports=inner, identities=identities, volume_size_mib=64)
        server.start()
        try:
            server.ensure_bucket("moving")
            if attempt == 0:
                server.client.put_object(Bucket="moving", Key="kept", Body=b"x" * 100_000)
            server.client.put_object(Bucket="moving", Key=f"new-{attempt}", Body=b"y" * 100_000)
            kept = server.client.get_object(Bucket="moving", Key="kept")["Body"].read()
            assert kept == b"x" * 100_000
        finally:
            server.stop()


def test_s3_identities_reach_their_own_prefix_only(tmp_path: Path) -> None:
    identities = [
        Identity("admin", "access", "secret", ("Admin",)),
        Identity("ingest", "ingest-access", "ingest-secret", ("Write:dataplatform/originals/*", "List:dataplatform")),
    ]
    port, *inner = free_ports(8)
    server = SeaweedFS(tmp_path, port=port, inner_ports=inner, identities=identities, volume_size_mib=64)
    ingest = SeaweedFS(tmp_path, port=port, inner_ports=inner, identities=identities[1:]).client
    server.start()
    try:
        server.ensure_bucket("dataplatform")
        ingest.put_object(Bucket="dataplatform", Key="originals/a", Body=b"1")
        assert ingest.list_objects_v2(Bucket="dataplatform", MaxKeys=1)["KeyCount"] == 1
        with pytest.raises(ClientError, match="AccessDenied"):
            ingest.put_object(Bucket="dataplatform", Key="tables/a", Body=b"1")
        with pytest.raises(ClientError, match="AccessDenied"):
            ingest.get_object(Bucket="dataplatform", Key="originals/a")
        with pytest.raises(ClientError, match="AccessDenied"):
            ingest.create_bucket(Bucket="another")
    finally:
        server.kill()


def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    server = Postgres(tmp_path, port=port, superuser_password="secret", fast=True)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        assert server.running
        assert server.is_ready()
    finally:
        server.stop()
    assert not server.running


def test_a_taken_port_is_named_with_its_holder_and_its_setting(postgres_server: TestPostgres, tmp_path: Path) -> None:
    second = Postgres(tmp_path, port=postgres_server.port, superuser_password="secret", fast=True)
    with pytest.raises(StackError) as failure:
        second.start()
    assert failure.value.code == "port_taken"
    assert f"port {postgres_server.port} (PostgreSQL) is taken by postgres (pid " in failure.value.message
    assert "set DATAPLATFORM_POSTGRES_PORT" in failure.value.message
