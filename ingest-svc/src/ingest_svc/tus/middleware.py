"""What the tus protocol asks of every request and response below its addresses, whatever the endpoint says."""

import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dataplatform.problems import problem_response
from ingest_svc.problems import problem
from ingest_svc.tus.protocol import VERSION

_ADDRESSES: Final = re.compile(r"/v1/(institutions/[^/]+/datasets/[^/]+/tus|tus/[^/]+)/?")
_METHODS: Final = {"HEAD", "PATCH", "DELETE", "POST", "OPTIONS", "GET"}


_RECEIVED: Final = "ingest_svc.received_headers"


class KeepReceivedHeaders:
    """The outermost wrap: keeps hold of the server's own list of headers, to which it adds trailers as they arrive.

    Whoever looks at headers further in works with a copy (`starlette.datastructures.Headers`), where they never show.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http":
            scope[_RECEIVED] = scope["headers"], len(scope["headers"])
        await self._app(scope, receive, send)


def trailers_of(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return what came after the body, so far: names in lower case, and values."""
    received, before = scope[_RECEIVED]
    return list(received[before:])


class TusMiddleware:
    """Wraps the application: the version is checked and told, and a method may be named by a header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http" or not _ADDRESSES.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        override = headers.get("x-http-method-override", "").strip().upper()
        if override in _METHODS:
            scope["method"] = override

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                told["Tus-Resumable"] = VERSION
                if scope["method"] == "HEAD":
                    told["Cache-Control"] = "no-store"
            await send(message)

        if scope["method"] != "OPTIONS" and headers.get("tus-resumable") != VERSION:
            refusal = problem(
                "unsupported_tus_version", f"version {VERSION} is spoken", headers={"Tus-Version": VERSION}
            )
            await problem_response(refusal)(scope, receive, send_on)
            return
        await self._app(scope, receive, send_on)
