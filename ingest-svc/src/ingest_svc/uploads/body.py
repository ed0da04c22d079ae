"""A request's body as a stream of chunks that ends whole, or says why it did not."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Protocol

from starlette.types import Message, Receive

from ingest_svc import metrics
from ingest_svc.problems import problem

LINGER_BYTES = 16 * 1024 * 1024
LINGER_SECONDS = 2.0


class ByteSource(Protocol):
    """Whatever yields the bytes of a file: a body, or a part of one."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes in order, once."""
        ...


class Body:
    """Reads one ASGI request body once, at the pace of whoever consumes `chunks`."""

    def __init__(self, receive: Receive, *, idle_seconds: float) -> None:
        self._receive = receive
        self._idle_seconds = idle_seconds
        self._ended = False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body; raises the problems `incomplete_body` and `stalled_body`."""
        while not self._ended:
            chunk = self._chunk(await self._next())
            metrics.BYTES.inc(len(chunk))
            if chunk:
                yield chunk

    async def linger(self) -> None:
        """Read on for a moment and forget it, so that a client who is still sending gets to read the refusal.

        A connection that is closed with unread bytes is reset, and takes the answer with it.
        """
        left = LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while not self._ended and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
        except TimeoutError:
            return

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(self._idle_seconds):
                return await self._receive()
        except TimeoutError:
            raise problem("stalled_body", f"no bytes for {self._idle_seconds:g} s") from None

    def _chunk(self, message: Message) -> bytes:
        if message["type"] == "http.disconnect":
            self._ended = True
            raise problem("incomplete_body")
        self._ended = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk
