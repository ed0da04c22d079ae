"""A request's body as a stream of chunks that ends whole, or says why it did not."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Protocol

from starlette.types import Message, Receive

from dataplatform.problems import Problem
from ingest_svc import metrics
from ingest_svc.problems import problem

MIN_BYTES_PER_SECOND = 100
"""A modem of forty years ago is faster; who sends less holds a connection, not an upload."""


class ByteSource(Protocol):
    """Whatever yields the bytes of a file: a body, or a part of one."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes in order, once."""
        ...


class Pace:
    """What a body must keep up: so many bytes in `idle_seconds` of waiting for them that it does not live by drips.

    Only time in which the client is waited for counts, not what the store or a turn to write takes.
    """

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._waited_seconds, self._bytes = 0.0, 0

    def require(self, arrived: int, waited_seconds: float) -> None:
        """Count bytes; raises the problem `stalled_body` at the end of a window that brought too few."""
        self._bytes += arrived
        self._waited_seconds += waited_seconds
        if self._waited_seconds < self._idle_seconds:
            return
        if self._bytes < MIN_BYTES_PER_SECOND * self._waited_seconds:
            raise self.stalled()
        self._waited_seconds, self._bytes = 0.0, 0

    def stalled(self) -> Problem:
        """Return the problem of a body that is too slow."""
        least = f"{MIN_BYTES_PER_SECOND} bytes a second over {self._idle_seconds:g} s"
        return problem("stalled_body", f"bytes arrive more slowly than {least}")


class Body:
    """Reads one ASGI request body once, at the pace of whoever consumes `chunks`."""

    def __init__(self, receive: Receive, *, idle_seconds: float) -> None:
        self._receive = receive
        self._idle_seconds = idle_seconds
        self._pace = Pace(idle_seconds)
        self._ended = False
        self._interruption: Problem | None = None
        self._waiting: asyncio.Timeout | None = None

    def interrupt(self, reason: Problem) -> None:
        """Let whoever reads get `reason` instead of more bytes, at once."""
        self._interruption = reason
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body; raises the problems `incomplete_body` and `stalled_body`."""
        while not self._ended:
            began = time.monotonic()
            chunk = self._chunk(await self._next())
            self._pace.require(len(chunk), time.monotonic() - began)
            metrics.BYTES.inc(len(chunk))
            if chunk:
                yield chunk

    async def _next(self) -> Message:
        if self._interruption is not None:
            raise self._interruption
        try:
            async with asyncio.timeout(self._idle_seconds) as self._waiting:
                return await self._receive()
        except TimeoutError:
            raise self._interruption or self._pace.stalled() from None
        finally:
            self._waiting = None

    def _chunk(self, message: Message) -> bytes:
        if message["type"] == "http.disconnect":
            self._ended = True
            raise problem("incomplete_body")
        self._ended = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk
