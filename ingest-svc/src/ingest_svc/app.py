"""The role `api`: the HTTP application, and with it in one event loop the relay of the service's outbox."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import uuid4

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from dataplatform.identity import TokenVerifier
from dataplatform.log import metrics as log_metrics
from dataplatform.log.postgres import open_pool
from dataplatform.log.relay import Relay
from dataplatform.problems import EXCEPTION_HANDLERS, on_http_exception, problem_response
from dataplatform.roles import database_check, run_together
from dataplatform.storage import ObjectStore, open_store
from dataplatform.telemetry import Health, serve, stop_on_signals
from dataplatform.telemetry.http import RequestMiddleware
from ingest_svc import __version__
from ingest_svc.commands import Uploads
from ingest_svc.documentation import pages
from ingest_svc.documentation.document import completed, operation_id
from ingest_svc.limits import routes as limiting
from ingest_svc.limits.admitting import Limits, default_limits, rate_policies
from ingest_svc.limits.quotas import Quotas
from ingest_svc.limits.rates import RateFields, Rates
from ingest_svc.problems import problem
from ingest_svc.progress import routes as following
from ingest_svc.progress.listening import Listener
from ingest_svc.progress.reading import Progress
from ingest_svc.progress.routes import Window
from ingest_svc.requests import routes as requesting
from ingest_svc.requests.commands import ProcessingRequests
from ingest_svc.requests.reading import Requests
from ingest_svc.requests.routes import Counter
from ingest_svc.settings import IngestSettings
from ingest_svc.transactions import Transactions
from ingest_svc.tus import routes as resuming
from ingest_svc.tus.attending import Attendant
from ingest_svc.tus.middleware import KeepReceivedHeaders, TusMiddleware
from ingest_svc.tus.service import Resumables
from ingest_svc.tus.workshop import Workshop
from ingest_svc.uploads import receiving, routes
from ingest_svc.uploads.desk import Desk
from ingest_svc.uploads.reception import Reception
from ingest_svc.uploads.sweep import Sweep

_BAD_REQUEST: Final = 400


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the API document, with examples and links."""
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema


def create_app(
    settings: IngestSettings,
    pool: asyncpg.Pool,
    store: ObjectStore,
    verifier: TokenVerifier,
    health: Health,
    *,
    listener: Listener | None = None,
    resumables: Resumables | None = None,
) -> ASGIApp:
    """Return the application over open resources, observed from the outside."""
    app = _Application(
        title="Data Platform: ingest",
        version=__version__,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
        # Requests are observed by our own middleware, the same for every service: not twice.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={
            **EXCEPTION_HANDLERS,
            RequestValidationError: _on_invalid_request,
            HTTPException: _on_unreadable_request,
        },
    )
    resumables = resumables or resumable_uploads(settings, pool, store)
    app.state.resumables, reception = resumables, resumables.reception
    app.state.limits, uploads = reception.limits, reception.uploads
    app.state.desk = Desk(verifier, uploads, reception, settings.body_idle_seconds)
    transactions = Transactions(pool, settings.commit_patience_seconds)
    app.state.window = Window(verifier, uploads, Progress(transactions), listener or Listener())
    commands = ProcessingRequests(transactions, timedelta(days=settings.idempotency_days))
    app.state.counter = Counter(verifier, reception.limits, commands, Requests(transactions), _now, uuid4)
    for router in (
        receiving.router,
        resuming.router,
        routes.router,
        following.router,
        requesting.router,
        limiting.router,
        pages.router,
    ):
        app.include_router(router)
    app.router.routes.extend(health.routes())
    return KeepReceivedHeaders(RequestMiddleware(RateFields(TusMiddleware(app))))


def resumable_uploads(settings: IngestSettings, pool: asyncpg.Pool, store: ObjectStore) -> Resumables:
    """Return what takes uploads in, whole or in pieces."""
    patience, key_age = settings.commit_patience_seconds, timedelta(days=settings.idempotency_days)
    uploads = Uploads(pool, patience_seconds=patience, key_age=key_age)
    limits = Limits(Rates(pool, rate_policies(settings)), Quotas(pool, default_limits(settings)))
    reception = Reception(store, uploads, limits, settings.max_upload_bytes, _now, uuid4)
    workshop = Workshop(
        store,
        Transactions(pool, patience),
        _now,
        uuid4,
        timedelta(hours=settings.resumable_hours),
        settings.max_upload_bytes,
    )
    return Resumables(workshop, reception)


def attendant(settings: IngestSettings, pool: asyncpg.Pool, resumables: Resumables) -> Attendant:
    """Return who attends to what no request does."""
    ages = timedelta(hours=settings.orphan_hours), timedelta(days=settings.idempotency_days)
    sweep = Sweep(pool, resumables.workshop.store, *ages)
    return Attendant(pool, resumables, sweep, every=timedelta(minutes=settings.sweep_minutes), now=_now)


def _now() -> datetime:
    return datetime.now(UTC)


async def _on_invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    errors = [{"where": list(item["loc"]), "what": item["msg"]} for item in error.errors()]
    return problem_response(problem("invalid_request", extra={"errors": errors}))


async def _on_unreadable_request(request: Request, error: Exception) -> Response:
    """Tell a body that is not even JSON as what it is: not a problem of its own."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    if error.status_code != _BAD_REQUEST:
        return await on_http_exception(request, error)
    what = {"where": ["body"], "what": str(error.detail)}
    return problem_response(problem("invalid_request", extra={"errors": [what]}))


async def run_api(settings: IngestSettings, *, on_listening: Callable[[int], None] | None = None) -> None:
    """Run the role until SIGTERM or SIGINT."""
    stop = stop_on_signals()
    async with AsyncExitStack() as resources:
        # No connection is opened yet: the role starts, unready, while PostgreSQL is down.
        pool = await resources.enter_async_context(await open_pool(settings.database_url, min_size=0))
        store = await resources.enter_async_context(open_store(settings))
        verifier = TokenVerifier(settings.jwks_address, settings.issuer)
        health = Health()
        health.add("postgresql", database_check(pool))
        health.add("object_store", store.check)
        health.measure(partial(log_metrics.observe, pool))
        listener = Listener()
        resumables = resumable_uploads(settings, pool, store)
        app = create_app(settings, pool, store, verifier, health, listener=listener, resumables=resumables)
        relay = Relay(settings.database_url, settings.kafka_bootstrap_servers)
        http = partial(serve, app, settings.http_host, settings.http_port, on_listening=on_listening)
        attending = attendant(settings, pool, resumables)
        await run_together((http, relay.run, partial(listener.run, settings.database_url), attending.run), stop)
