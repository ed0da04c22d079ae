"""An HTTP server inside a role's event loop, and the signal that ends the role."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp

DRAIN_SECONDS = 12
"""How long requests in flight may take after a stop: below the 20 s in which a role must have ended."""

_log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The role owns the signals: it has more to end than this server.
        yield


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; a second signal changes nothing."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    stop: asyncio.Event,
    *,
    on_listening: Callable[[int], None] | None = None,
) -> None:
    """Serve `app` until `stop` is set, then let requests in flight end.

    Anything that wraps `app` from outside (`RequestMiddleware`) also sees the answers to defects.
    `port` 0 lets the operating system choose; `on_listening` is told the port once connections are accepted.
    Raises `OSError` if the address is taken.
    """
    listener = _listen(host, port)
    chosen: int = listener.getsockname()[1]
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        await _until_started(server, task)
        _log.info("http.listening", host=host, port=chosen)
        if on_listening is not None:
            on_listening(chosen)
        await _first_of(task, stop)
        server.should_exit = True
        await task
    finally:
        task.cancel()
        await asyncio.wait({task})
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, so that asyncio switches Nagle's algorithm off: with it, every small answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


async def _until_started(server: uvicorn.Server, task: "asyncio.Task[None]") -> None:
    # Uvicorn tells of its start by a flag only.
    while not server.started:
        if task.done():
            await task
            raise RuntimeError("the HTTP server ended before it began")
        await asyncio.sleep(0.005)


async def _first_of(task: "asyncio.Task[None]", stop: asyncio.Event) -> None:
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
