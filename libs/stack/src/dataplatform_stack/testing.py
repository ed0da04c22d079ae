"""A pytest plugin: real Kafka, PostgreSQL, S3 and browser, each started once per run and only when a test asks for it.

With pytest-xdist every worker has servers of its own. Nothing outlives the run, also when it is killed. The plugin is
registered by entry point, so installing this package is all it takes. What tests put into the servers is theirs.
"""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from aiokafka import AIOKafkaProducer

from dataplatform.log import topics
from dataplatform_stack.builds import default_build_dir
from dataplatform_stack.ports import free_ports
from dataplatform_stack.services import Identity, Kafka, Postgres, SeaweedFS
from dataplatform_stack.services.seaweedfs import REGION

if TYPE_CHECKING:
    from dataplatform_stack.browser import Browser

_TEST_ROLE = "test"
_INNER_PORTS = 7
Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


class TestPostgres(Postgres):
    """PostgreSQL whose databases belong to an ordinary role, so that a test notices a missing privilege."""

    __test__ = False  # not a class of tests

    def __init__(self, data_dir: Path) -> None:
        (port,) = free_ports(1)
        super().__init__(data_dir, port=port, superuser_password=secrets.token_hex(16), fast=True)
        self._role_password = secrets.token_hex(16)
        self._role_made = False
        self._numbers = itertools.count(1)

    def create_database(self, name: str | None = None) -> str:
        """Make a fresh database (about 40 ms) and return its URL; the name is made up unless given."""
        name = name or f"test_{next(self._numbers)}"
        if not self._role_made:
            self.ensure_role(_TEST_ROLE, self._role_password, may_create_databases=True)
            self._role_made = True
        self.ensure_database(name, _TEST_ROLE)
        return self.url(name, _TEST_ROLE, self._role_password)

    def drop_database(self, database: str) -> None:
        """Drop a database given by name or by the URL of `create_database`, with whatever is connected to it."""
        name = database
        if "://" in database:
            name = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
        super().drop_database(name)


class TestS3(SeaweedFS):
    """S3 with one administrator, whose keys are `access_key_id` and `secret_access_key`."""

    __test__ = False  # not a class of tests

    region = REGION

    def __init__(self, data_dir: Path) -> None:
        port, *inner_ports = free_ports(1 + _INNER_PORTS)
        self.access_key_id = secrets.token_hex(10)
        self.secret_access_key = secrets.token_hex(20)
        administrator = Identity("test", self.access_key_id, self.secret_access_key, ("Admin",))
        super().__init__(data_dir, port=port, inner_ports=inner_ports, identities=[administrator], volume_size_mib=128)
        self._numbers = itertools.count(1)

    def create_bucket(self, name: str | None = None) -> str:
        """Make a bucket and return its name, which is made up unless given."""
        name = name or f"test-{next(self._numbers)}"
        self.ensure_bucket(name)
        return name

    def settings(self, bucket: str) -> dict[str, Any]:
        """Return what `CommonSettings` needs for this bucket, as environment variables without their prefix."""
        return {
            "OBJECT_STORE_URL": f"s3://{bucket}",
            "S3_ENDPOINT_URL": self.endpoint_url,
            "S3_REGION": REGION,
            "S3_ACCESS_KEY_ID": self.access_key_id,
            "S3_SECRET_ACCESS_KEY": self.secret_access_key,
        }


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Give a real Kafka on `bootstrap_servers`, shared by the whole run: give topics and groups names of their own."""
    port, controller_port = free_ports(2)
    server = Kafka(tmp_path_factory.mktemp("kafka"), port=port, controller_port=controller_port)
    yield server.start()
    server.kill()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestPostgres]:
    """Give a real PostgreSQL shared by the whole run; `create_database()` gives a fresh database's URL."""
    server = TestPostgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestS3]:
    """Give a real S3 shared by the whole run; `create_bucket()` gives a fresh bucket's name."""
    server = TestS3(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Give a real browser shared by the whole run, unpacked at need; it reaches this machine only."""
    from dataplatform_stack.browser import Browser, ensure_chromium  # noqa: PLC0415 few runs open a page

    with Browser(ensure_chromium(default_build_dir())) as opened:
        yield opened


@pytest.fixture
def database_url(postgres_server: TestPostgres) -> Iterator[str]:
    """Give the URL of a fresh database, dropped after the test."""
    postgres_server.start()  # a test before this one may have left it stopped
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def topic_name(request: pytest.FixtureRequest) -> str:
    """Give a topic name that no other test of this run uses; the test makes the topic."""
    return f"{request.node.originalname or 'test'}-{secrets.token_hex(4)}"


@pytest.fixture
async def kafka(kafka_server: Kafka) -> Kafka:
    """Give the shared Kafka, running, with the platform's topics."""
    kafka_server.start()
    await topics.apply(kafka_server.bootstrap_servers)
    return kafka_server


@pytest.fixture
async def producer(kafka: Kafka) -> AsyncIterator[AIOKafkaProducer]:
    """Give a producer on the shared Kafka."""
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as opened:
        yield opened


@pytest.fixture
def eventually() -> Eventually:
    """Give a function that waits until a condition holds; it raises `TimeoutError` after 60 s."""

    async def wait(condition: Callable[[], Awaitable[object]]) -> None:
        async with asyncio.timeout(60):
            while True:
                if await condition():
                    return
                await asyncio.sleep(0.02)

    return wait
