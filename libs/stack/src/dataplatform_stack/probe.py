"""One GET of a loopback address, for readiness: no proxy, no TLS, no retry, and cheap enough to repeat every 100 ms."""

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What came back; `status` 0 is no answer at all, with the reason as its body."""

    status: int
    body: str


def get(url: str, timeout_seconds: float = 3) -> Answer:
    """Ask once; never raises for a server that is down, slow or odd."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_seconds)
    try:
        connection.request("GET", parts.path or "/", headers={"Connection": "close"})
        response = connection.getresponse()
        return Answer(response.status, response.read().decode("utf-8", errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, str(error) or type(error).__name__)
    finally:
        connection.close()
