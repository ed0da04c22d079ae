import asyncio
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from dataplatform.problems import EXCEPTION_HANDLERS
from dataplatform.telemetry import current_traceparent, metrics
from dataplatform.telemetry.http import CORRELATION_HEADER, RequestMiddleware, correlation_id_of
from dataplatform.telemetry.tracing import configure_traces

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def _show(request: Request) -> Response:
    return JSONResponse({"correlation": str(correlation_id_of(request.scope)), "traceparent": current_traceparent()})


async def _break(request: Request) -> Response:
    raise RuntimeError("defect")


def _client() -> httpx.AsyncClient:
    configure_traces("some-svc", "api")
    app = Starlette(routes=[Route("/show/{x}", _show), Route("/break", _break)], exception_handlers=EXCEPTION_HANDLERS)
    transport = httpx.ASGITransport(RequestMiddleware(app), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_a_given_correlation_id_travels_through() -> None:
    given = UUID(int=99)
    async with _client() as client:
        response = await client.get("/show/1", headers={CORRELATION_HEADER: str(given)})
    assert response.headers[CORRELATION_HEADER] == response.json()["correlation"] == str(given)


async def test_without_a_usable_correlation_id_one_is_made() -> None:
    async with _client() as client:
        response = await client.get("/show/1", headers={CORRELATION_HEADER: "x' or 1=1"})
    assert UUID(response.headers[CORRELATION_HEADER]).version == 4


async def test_the_request_joins_the_trace_of_its_client() -> None:
    async with _client() as client:
        response = await client.get("/show/1", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    assert response.json()["traceparent"].split("-")[1] == TRACE


async def test_a_defect_still_answers_with_a_correlation_id_and_is_counted() -> None:
    async with _client() as client:
        response = await client.get("/break")
    assert response.status_code == 500
    assert response.headers[CORRELATION_HEADER]
    assert 'method="GET",route="/break",status="500"' in metrics.exposition().decode()


async def test_paths_do_not_become_labels() -> None:
    async with _client() as client:
        await client.get("/nowhere/f4c1")
    assert "f4c1" not in metrics.exposition().decode()


async def test_a_request_that_the_ending_role_gives_up_is_told_to_come_again() -> None:
    reached, sent = asyncio.Event(), list[Message]()

    async def slow(_scope: Scope, _receive: Receive, _send: Send) -> None:
        reached.set()
        await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    task = asyncio.create_task(RequestMiddleware(slow)(scope, receive, send))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"2") in sent[0]["headers"]
    assert b"service_unavailable" in sent[1]["body"]
