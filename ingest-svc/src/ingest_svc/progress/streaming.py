"""The changes of an upload as Server-Sent Events (WHATWG HTML, section 9.2): numbered, resumable, with an end."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from dataplatform.identity import Principal
from ingest_svc.commands import DatabaseUnavailableError, UnknownUploadError
from ingest_svc.progress.listening import Listener
from ingest_svc.progress.reading import Change, News, Progress

MEDIA_TYPE: Final = "text/event-stream"
RETRY_MILLISECONDS: Final = 1000
KEEP_ALIVE_SECONDS: Final = 15.0
POLL_SECONDS: Final = 1.0
"""How often a stream looks by itself while nobody would wake it."""
SLOW_POLL_SECONDS: Final = 15.0
"""The same while somebody does: how long a lost wake-up can delay news."""
LONGEST_SECONDS: Final = 3600.0
"""A stream ends after so long, and its client comes back with a token that is still valid."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stream:
    """Streams what is new of one upload to one client."""

    progress: Progress
    listener: Listener
    principal: Principal
    upload_id: UUID

    async def events(self, news: News) -> AsyncIterator[str]:
        """Yield `news` and what follows, until the upload has come to its end or the role comes to its own."""
        until = time.monotonic() + LONGEST_SECONDS
        spoke = time.monotonic()
        yield f"retry: {RETRY_MILLISECONDS}\n\n"
        with self.listener.listening(self.upload_id) as woken:
            # what came between the first look and the listening
            news = await self._look(news) or news
            while True:
                for change in news.changes:
                    spoke = time.monotonic()
                    yield _told(change)
                if news.final:
                    yield "event: end\ndata: {}\n\n"
                if news.final or self.listener.ending or time.monotonic() > until:
                    return
                await _woken(woken, SLOW_POLL_SECONDS if self.listener.connected else POLL_SECONDS)
                found = await self._look(News((), news.latest, news.final))
                if found is None:
                    return
                news = found
                if not news.changes and time.monotonic() - spoke >= KEEP_ALIVE_SECONDS:
                    spoke = time.monotonic()
                    yield ": still here\n\n"

    async def _look(self, seen: News) -> News | None:
        """Return what is new, with what `seen` had; None when it cannot be had: the client will come again."""
        try:
            found = await self.progress.since(self.principal, self.upload_id, _last_of(seen))
        except (DatabaseUnavailableError, UnknownUploadError) as error:
            _log.warning("stream_ends_early", upload_id=str(self.upload_id), error=type(error).__name__)
            return None
        return News((*seen.changes, *found.changes), max(seen.latest, found.latest), found.final)


def _last_of(seen: News) -> int:
    return seen.changes[-1].number if seen.changes else seen.latest


def _told(change: Change) -> str:
    body = json.dumps(change.snapshot, ensure_ascii=False, separators=(",", ":"))
    return f"id: {change.number}\nevent: progress\ndata: {body}\n\n"


async def _woken(woken: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(woken.wait(), seconds)
    except TimeoutError:
        return
    finally:
        woken.clear()
