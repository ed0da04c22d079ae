"""Clients that hold connections and send nothing worth it are cut off at the door."""

import socket
import time
from urllib.parse import urlsplit

from harness.platform import Platform


def test_a_client_that_drips_its_headers_is_cut_off(platform: Platform) -> None:
    target = urlsplit(platform.url)
    with socket.create_connection((str(target.hostname), int(target.port or 80)), timeout=60) as connection:
        connection.sendall(b"PATCH /v1/tus/x HTTP/1.1\r\nHost: test\r\n")
        began = time.monotonic()
        connection.settimeout(1)
        while time.monotonic() - began < 40:
            try:
                connection.sendall(b"X-Drip: 1\r\n")
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            raise AssertionError("still connected after 40 s")
