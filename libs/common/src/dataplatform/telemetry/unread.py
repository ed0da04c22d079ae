"""What is left of a request's body when the answer is ready is read first: a refusal must reach who still sends."""

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

LINGER_BYTES: Final = 16 * 1024 * 1024
LINGER_SECONDS: Final = 2.0


class RequestBody:
    """The body of one request; `receive` is what the application reads it by."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = Headers(scope=scope)
        self._receive = receive
        self._ended = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        # who waits for a 100 Continue has sent nothing yet, and reading would ask for it
        self._invited = headers.get("expect", "").lower() != "100-continue"

    async def receive(self) -> Message:
        """Return the next ASGI message."""
        self._invited = True
        message = await self._receive()
        self._ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def linger(self) -> None:
        """Read on for a moment and forget it, up to `LINGER_BYTES` and `LINGER_SECONDS`.

        A connection that is closed with unread bytes is reset, and takes the answer with it; load balancers close the
        one to an upstream that answers before they have sent it everything.
        """
        left = LINGER_BYTES if self._invited else 0
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while not self._ended and left > 0:
                    left -= len((await self.receive()).get("body", b""))
        except TimeoutError:
            self._ended = True
