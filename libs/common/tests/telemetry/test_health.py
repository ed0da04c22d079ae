import asyncio

import httpx
from prometheus_client import Gauge

from dataplatform.telemetry import Health, health_app, metrics

WIDTH = Gauge("dataplatform_test_width", "Set by a test", registry=metrics.REGISTRY)


async def _get(health: Health, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(health_app(health)), base_url="http://test") as client:
        return await client.get(path)


async def _works() -> None:
    return None


async def _is_down() -> None:
    raise ConnectionRefusedError("port 5432")


async def _hangs() -> None:
    await asyncio.Event().wait()


async def test_a_role_is_ready_when_every_dependency_answers() -> None:
    health = Health()
    health.add("postgres", _works)
    response = await _get(health, "/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready", "checks": {"postgres": "ok"}})


async def test_a_role_is_unready_while_a_dependency_is_down_and_names_it() -> None:
    health = Health(timeout_seconds=0.05)
    health.add("postgres", _is_down)
    health.add("objects", _hangs)
    health.add("kafka", _works)
    response = await _get(health, "/readyz")
    assert response.status_code == 503
    assert response.json()["checks"] == {
        "postgres": "ConnectionRefusedError: port 5432",
        "objects": "no answer in 0.05 s",
        "kafka": "ok",
    }
    assert (await _get(health, "/healthz")).status_code == 200


async def test_a_scrape_refreshes_what_has_to_be_measured_and_survives_a_failure() -> None:
    async def measure() -> None:
        WIDTH.set(42)

    health = Health()
    health.measure(_is_down)
    health.measure(measure)
    response = await _get(health, "/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    assert "dataplatform_test_width 42.0" in response.text
