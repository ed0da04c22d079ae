"""One attempt: a POST to where the rules allow, bounded in time and in what is read of the answer. No redirects.

The name is resolved here, once, every address that it gives is looked at, and the connection goes to the address that
was looked at; TLS still checks the name. Neither proxies nor anything else of the environment is used.
"""

import asyncio
import hashlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from catalog_svc.webhooks.addresses import AddressRefusedError, Rules, UrlRefusedError, check_address, check_url

if TYPE_CHECKING:
    import httpcore

MAX_RESPONSE_BYTES: Final = 65_536
MAX_ADDRESSES: Final = 8
CONNECT_SECONDS: Final = 10.0
_HASH_CHARACTERS: Final = 16

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host's name and a port to addresses; raises `OSError`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt: a status, or the code of what went wrong before there was one.

    `response_hash` begins the SHA-256 of what was read of the answer (up to 64 KiB); the answer itself is not kept.
    """

    status: int | None
    error_code: str | None
    latency_ms: int
    response_bytes: int = 0
    response_hash: str | None = None
    retry_after: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver has the message."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - success is 2xx


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Sender:
    """Sends messages by the rules. `tls`, where given, is used instead of the usual certificate authorities."""

    rules: Rules
    seconds: float
    resolve: Resolve = resolve
    tls: ssl.SSLContext | None = None

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post a message; whatever goes wrong is in the answer."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.seconds):
                return await self._post(url, headers, body, began)
        except Exception as error:  # noqa: BLE001 - an endpoint may fail in any way, and none is ours
            return Answer(None, _code(error), _since(began))

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes, began: float) -> Answer:
        import httpcore  # noqa: PLC0415 - an idle worker does without

        check_url(url, self.rules)  # the rules may be stricter than on the day the endpoint was made
        target = httpcore.URL(url)
        connection = httpcore.AsyncHTTPConnection(
            target.origin,
            ssl_context=self.tls or _authorities(),
            network_backend=_backend(self.rules, self.resolve),
        )
        named = {"host": target.host.decode() + (f":{target.port}" if target.port else ""), **headers}
        lines = [(name.encode(), value.encode()) for name, value in {**named, "content-length": str(len(body))}.items()]
        async with connection:
            request = httpcore.Request("POST", target, headers=lines, content=body, extensions={"timeout": _TIMEOUTS})
            response = await connection.handle_async_request(request)
            try:
                read = await _read(response.aiter_stream())
            finally:
                await response.aclose()
        found = {name.lower(): value for name, value in response.headers}
        return Answer(
            response.status,
            None,
            _since(began),
            len(read),
            hashlib.sha256(read).hexdigest()[:_HASH_CHARACTERS],
            found.get(b"retry-after", b"").decode("latin-1") or None,
        )


_TIMEOUTS: Final = {"connect": CONNECT_SECONDS}


async def _read(pieces: AsyncIterator[bytes]) -> bytes:
    read = b""
    async for piece in pieces:
        read += piece
        if len(read) >= MAX_RESPONSE_BYTES:
            break
    return read[:MAX_RESPONSE_BYTES]


@cache
def _authorities() -> ssl.SSLContext:
    import httpcore  # noqa: PLC0415

    return httpcore.default_ssl_context()


def _backend(rules: Rules, resolve: Resolve) -> "httpcore.AsyncNetworkBackend":
    """Return a network on which only what the rules allow can be reached."""
    import httpcore  # noqa: PLC0415

    inner = httpcore.AnyIOBackend()

    class Guarded(httpcore.AsyncNetworkBackend):
        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,  # noqa: ASYNC109 - the interface's
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore.AsyncNetworkStream:
            addresses = await resolve(host, port)
            if not addresses:
                raise httpcore.ConnectError("the name has no address")
            for address in addresses:  # a name that leads both outside and inside is refused
                check_address(address, rules)
            return await _first(inner, addresses[:MAX_ADDRESSES], port, timeout, local_address, socket_options)

        async def sleep(self, seconds: float) -> None:
            await inner.sleep(seconds)

    return Guarded()


async def _first(
    backend: "httpcore.AsyncNetworkBackend", addresses: Sequence[str], port: int, *options: Any
) -> "httpcore.AsyncNetworkStream":
    """Connect to the first address that answers; raises what the last one did."""
    import httpcore  # noqa: PLC0415

    for address in addresses[:-1]:
        try:
            return await backend.connect_tcp(address, port, *options)
        except (httpcore.ConnectError, httpcore.ConnectTimeout):
            continue
    return await backend.connect_tcp(addresses[-1], port, *options)


def _since(began: float) -> int:
    return round(1000 * (time.monotonic() - began))


def _code(error: Exception) -> str:
    """Return a stable word for what went wrong; the error's own text could quote the answer."""
    import httpcore  # noqa: PLC0415

    codes: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
        ((AddressRefusedError,), AddressRefusedError.code),
        ((UrlRefusedError,), "url_refused"),
        ((socket.gaierror,), "name_not_resolved"),
        ((TimeoutError, httpcore.TimeoutException), "timed_out"),
        ((ssl.SSLError,), "tls_failed"),
        ((httpcore.ConnectError,), "tls_failed" if isinstance(error.__cause__, ssl.SSLError) else "connection_failed"),
        ((httpcore.ProtocolError,), "not_http"),
        ((httpcore.NetworkError, OSError), "connection_broken"),
    )
    return next((code for kinds, code in codes if isinstance(error, kinds)), "failed")
