"""One platform for the run of all journeys, a person signed in to it, and a subscriber outside the project."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.person import Person
from harness.platform import Platform
from harness.subscriber import Subscriber

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of two processes, one has what shares the platform, the other what starts its own servers or none."""
    for item in items:
        shared = "platform" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("shared" if shared else "own"))


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The whole platform with two replicas behind the load balancer, and two workers.

    Nothing is examined there: a second or two of processor time for each of a hundred versions would be spent on what
    `journeys/test_outside.py` looks at once.
    """
    replicas = {"ingest-api": 2, "catalog-web": 2, "processing-worker": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATAPLATFORM_EXAMINE_CONCURRENCY", "0")
        started = Platform(tmp_path_factory.mktemp("platform"), replicas)
    yield started
    started.stop()


@pytest.fixture
def person(platform: Platform) -> Iterator[Person]:
    """The administrator."""
    signed_in = Person(platform.url, "admin", platform.password)
    yield signed_in
    signed_in.close()


@pytest.fixture
def subscriber(platform: Platform) -> Iterator[Subscriber]:
    """A plain Kafka consumer outside the project."""
    subscribed = Subscriber(platform.bootstrap_servers)
    yield subscribed
    subscribed.close()


@pytest.fixture
def dataset() -> str:
    """A slug that no other test uses."""
    return f"set-{secrets.token_hex(6)}"


@pytest.fixture
def corpus() -> Path:
    """The folder of files that no one here wrote; the test is skipped where it is absent."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not beside this checkout")
    return CORPUS
