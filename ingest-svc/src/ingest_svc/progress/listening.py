"""Wakes whoever waits for news of an upload: one listening connection for all streams of a replica."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dataplatform.log.metrics import every, wait
from dataplatform.log.postgres import open_connection

CHANNEL: Final = "upload_changed"
CHECK_SECONDS: Final = 2.0


class Listener:
    """Knows who waits for which upload. Who is woken looks for itself: a wake-up may be lost, or be for nothing."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.connected = False
        """Whether anybody is woken at present."""
        self.ending = False
        """Whether the role is about to end, so that no stream should hold it up."""

    @contextmanager
    def listening(self, upload_id: object) -> Iterator[asyncio.Event]:
        """Give an event that is set when there may be news of an upload."""
        woken, name = asyncio.Event(), str(upload_id)
        self._waiting[name].add(woken)
        try:
            yield woken
        finally:
            self._waiting[name].discard(woken)
            if not self._waiting[name]:
                del self._waiting[name]

    async def run(self, database_url: str, stop: asyncio.Event) -> None:
        """Listen until `stop` is set, again after every fault of PostgreSQL; then let every stream end."""

        async def hold() -> None:
            connection = await open_connection(database_url)
            try:
                await connection.add_listener(CHANNEL, self._on_notification)
                self.connected = True
                self._wake_all()  # whatever was missed before
                while not stop.is_set() and not connection.is_closed():
                    await wait(stop, CHECK_SECONDS)
            finally:
                self.connected = False
                self._wake_all()
                connection.terminate()

        try:
            await every(1.0, hold, stop)
        finally:
            self.ending = True
            self._wake_all()

    def _on_notification(self, *arguments: object) -> None:
        for woken in self._waiting.get(str(arguments[-1]), ()):
            woken.set()

    def _wake_all(self) -> None:
        for events in self._waiting.values():
            for woken in events:
                woken.set()
