"""The roles `web` and `data`: Django on the role's own event loop, with health, metrics and an end in good order."""

import asyncio
from functools import partial
from typing import Any

import psycopg
from django.core.asgi import get_asgi_application
from starlette.types import ASGIApp, Receive, Scope, Send

from catalog_svc.objects import documents
from catalog_svc.settings import CatalogSettings
from dataplatform import telemetry
from dataplatform.telemetry import Health
from dataplatform.telemetry.http import RequestMiddleware

HEALTH_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


def application(health: Health) -> ASGIApp:
    """Return health and metrics beside Django, all behind the middleware that traces and counts requests."""
    django: Any = get_asgi_application()
    beside = telemetry.health_app(health)

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in HEALTH_PATHS:
            await beside(scope, receive, send)
        else:
            await django(scope, receive, send)

    return RequestMiddleware(route)


async def serve(settings: CatalogSettings, role: str) -> None:
    """Serve until a signal; `data` is ready only while the object store answers too."""
    stop = telemetry.stop_on_signals()
    health = Health()
    health.add("postgresql", partial(check_database, settings.database_url))
    if role == "data":
        health.add("object_store", _check_store)
    try:
        await telemetry.serve(application(health), settings.http_host, settings.http_port, stop)
    finally:
        await asyncio.wait_for(documents.close(), 5)


async def check_database(url: str) -> None:
    """Ask the database a question on a connection of its own; raises `psycopg.Error`."""
    async with await psycopg.AsyncConnection.connect(url, connect_timeout=2, autocommit=True) as connection:
        await connection.execute("SELECT 1")


async def _check_store() -> None:
    await (await documents.store()).check()
