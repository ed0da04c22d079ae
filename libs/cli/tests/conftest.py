"""What the tests of the command line share: each leaves logging as it found it."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a command set up: its streams are closed when the test is over."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
