"""What is left of a body when the answer is ready: read before the answer, within limits."""

import asyncio

import pytest
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from dataplatform.telemetry import unread
from dataplatform.telemetry.http import RequestMiddleware

CHUNK = b"x" * 1000


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without a look at the body."""
    await JSONResponse({"code": "refused"}, 404)(scope, receive, send)


async def _log_of(chunks: int, headers: dict[str, str], *, ends: bool = True) -> list[str]:
    """Return what happened in which order; a body that does not end says nothing more after its last chunk."""
    log: list[str] = []

    async def receive() -> Message:
        read = log.count("read")
        if read == chunks:
            await asyncio.Event().wait()
        log.append("read")
        return {"type": "http.request", "body": CHUNK, "more_body": not ends or read < chunks - 1}

    async def send(message: Message) -> None:
        log.append(message["type"].rpartition(".")[2])

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": raw, "query_string": b""}
    await RequestMiddleware(_refuse)(scope, receive, send)
    return log


@pytest.mark.parametrize("headers", [{"content-length": "3000"}, {"transfer-encoding": "chunked"}])
async def test_a_refusal_follows_the_rest_of_the_body(headers: dict[str, str]) -> None:
    assert await _log_of(3, headers) == ["read"] * 3 + ["start", "body"]


@pytest.mark.parametrize("headers", [{}, {"content-length": "0"}, {"content-length": "3000", "expect": "100-continue"}])
async def test_nothing_is_read_where_nothing_is_sent_yet(headers: dict[str, str]) -> None:
    assert await _log_of(3, headers) == ["start", "body"]


async def test_nobody_is_waited_for_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "LINGER_SECONDS", 0.05)
    assert await _log_of(2, {"content-length": "3000"}, ends=False) == ["read"] * 2 + ["start", "body"]


async def test_no_more_is_read_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "LINGER_BYTES", 5000)
    assert await _log_of(100, {"content-length": "100000"}) == ["read"] * 5 + ["start", "body"]
