"""Endpoints, and receivers of webhooks: real HTTP servers on loopback that do as told and keep what they got."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from catalog_svc.settings import settings
from catalog_svc.webhooks import signing
from catalog_svc.webhooks.messages import SUBSCRIBABLE
from dataplatform.events.identity import institution_id


@dataclass
class Received:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came in, and how it is answered: `answer` gets the handler after the request was kept."""

    url: str
    got: list[Received] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], None] = lambda handler: Receiver.reply(handler, 204)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @staticmethod
    def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer with a status, headers (underscores for hyphens) and a body."""
        handler.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver on a port that the system chooses."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found = {name.lower(): value for name, value in self.headers.items()}
            made.got.append(Received(self.path, found, body))
            made.arrived.release()
            made.answer(self)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # clients that hang up are expected here
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    made = Receiver(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/in")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def make_receiver() -> Iterator[Callable[..., Receiver]]:
    """Receivers, each on a port of its own."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(receiver(**options))


@pytest.fixture
def make_endpoint(catalog: psycopg.Connection[Any]) -> Callable[..., tuple[UUID, bytes]]:
    """Make an endpoint as the table has it; returns its id and its secret."""

    def make(url: str, institution: str = "demo", types: Any = SUBSCRIBABLE, **fields: Any) -> tuple[UUID, bytes]:
        endpoint_id, raw = uuid4(), bytes(range(32))
        row = {
            "endpoint_id": endpoint_id, "institution_id": institution_id(institution), "institution_slug": institution,
            "url": url, "description": "", "event_types": list(types), "datasets": [], "include_public": False,
            "secret": signing.sealed(settings().secret_key.get_secret_value(), endpoint_id, raw),
            "created_by": uuid4(), "created_at": datetime.now(UTC), **fields,
        }  # fmt: skip
        names = ", ".join(row)
        catalog.execute(
            f"INSERT INTO webhook_endpoints ({names}) VALUES ({', '.join(['%s'] * len(row))})", [*row.values()]
        )
        return endpoint_id, raw

    return make
