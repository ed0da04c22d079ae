"""TCP ports on loopback: finding free ones for tests, and saying who holds a taken one. Opens no server."""

import contextlib
import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from dataplatform_stack.errors import StackError

LOOPBACK = "127.0.0.1"
# Below the range from which Linux takes ports of outgoing connections, so a stopped server finds its port again.
FREE_PORT_RANGE = range(20_000, 32_000)


@dataclass(frozen=True)
class Port:
    """A port that a server is about to listen on, and the setting that moves it."""

    number: int
    purpose: str
    setting: str


def is_free(number: int) -> bool:
    """Whether nothing listens on this loopback port (connections that are still closing do not count)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, number))
        except OSError:
            return False
    return True


def free_ports(count: int, rng: random.Random | None = None) -> list[int]:
    """Return `count` different free loopback ports, picked at random so that parallel test runs rarely meet."""
    rng = rng or random.SystemRandom()
    found: list[int] = []
    for number in rng.sample(FREE_PORT_RANGE, len(FREE_PORT_RANGE)):
        if is_free(number):
            found.append(number)
        if len(found) == count:
            return found
    message = f"no {count} free ports between {FREE_PORT_RANGE.start} and {FREE_PORT_RANGE.stop}"
    raise StackError("no_free_ports", message)


def require_free(ports: Iterable[Port]) -> None:
    """Raise `StackError("port_taken")` naming every taken port, its holder and the setting that changes it."""
    taken = [port for port in ports if not is_free(port.number)]
    if taken:
        raise StackError("port_taken", "\n".join(_taken_message(port) for port in taken))


def _taken_message(port: Port) -> str:
    return f"port {port.number} ({port.purpose}) is taken{_holder(port.number)}; set {port.setting} to another port"


def _holder(number: int) -> str:
    """Say who listens on the port, where the system lets us see it."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            listening = connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:2] == (number,)
            if listening and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return ""
