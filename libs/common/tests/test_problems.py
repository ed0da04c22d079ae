import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dataplatform.problems import EXCEPTION_HANDLERS, MEDIA_TYPE, Problem


async def _refuse(request: Request) -> Response:
    raise Problem("too_big", "Too big", 413, "5 of 4", extra={"limit": 4}, headers={"Retry-After": "7"})


async def _break(request: Request) -> Response:
    raise RuntimeError("inner secret")


def _client() -> httpx.AsyncClient:
    app = Starlette(routes=[Route("/refuse", _refuse), Route("/break", _break)], exception_handlers=EXCEPTION_HANDLERS)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_a_problem_becomes_a_problem_document() -> None:
    async with _client() as client:
        response = await client.get("/refuse")
    assert response.status_code == 413
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.headers["retry-after"] == "7"
    assert response.json() == {
        "type": "/problems/too_big",
        "title": "Too big",
        "status": 413,
        "code": "too_big",
        "detail": "5 of 4",
        "limit": 4,
    }


async def test_what_the_framework_refuses_is_a_problem_too() -> None:
    async with _client() as client:
        missing = await client.get("/nowhere")
        wrong = await client.post("/refuse")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"]


async def test_a_defect_tells_nothing_about_our_insides() -> None:
    async with _client() as client:
        response = await client.get("/break")
    assert response.json()["code"] == "internal_error"
    assert "secret" not in response.text


def test_extra_members_cannot_replace_the_standard_ones() -> None:
    assert Problem("a_code", "T", 400, extra={"status": 200}).to_dict()["status"] == 400
