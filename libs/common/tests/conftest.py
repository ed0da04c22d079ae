"""Fixtures of the event core: a migrated database, a pool on it, and events to put into it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest

from dataplatform.events.ingest import UploadWithdrawn
from dataplatform.log.envelope import Context, Envelope, enclose
from dataplatform.log.postgres import migrate, open_pool

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def log_url(database_url: str) -> str:
    migrate(database_url)
    return database_url


@pytest.fixture
async def pool(log_url: str) -> AsyncIterator[asyncpg.Pool]:
    opened = await open_pool(log_url)
    yield opened
    opened.terminate()


def _withdrawal(upload: UUID) -> UploadWithdrawn:
    return UploadWithdrawn(
        dataset_id=UUID(int=7), upload_id=upload, reason_code="by_owner", withdrawn_at=NOW, withdrawn_by=UUID(int=1)
    )


def _stream_of(length: int, upload: UUID | None = None) -> list[Envelope]:
    event = _withdrawal(upload or uuid4())
    return enclose([event] * length, 0, service="ingest-svc", now=NOW, context=Context(UUID(int=3)))


async def _until(holds: Callable[[], Awaitable[bool]], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        await asyncio.sleep(0.01)


@pytest.fixture
def withdrawal() -> Callable[[UUID], UploadWithdrawn]:
    """Makes an event of the stream of an upload."""
    return _withdrawal


@pytest.fixture
def stream_of() -> Callable[..., list[Envelope]]:
    """Makes the envelopes of one stream: `stream_of(length, upload=None)`."""
    return _stream_of


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Waits for a condition with a deadline: `await until(holds, what, seconds=30)`."""
    return _until
