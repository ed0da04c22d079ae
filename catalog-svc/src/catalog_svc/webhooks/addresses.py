"""Where a webhook may go: rules on the URL, when an endpoint is made, and on the address, at every connection.

A name is resolved once for a connection and the connection goes to the very address that was looked at (`sending`), so
a name that changes its address in between gains nothing.
"""

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

MAX_URL_CHARACTERS: Final = 2000

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_REFUSED: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local; clouds keep their metadata there
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "::/96",  # unspecified, loopback, IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",  # site-local of old
        "ff00::/8",
    )
)


class AddressRefusedError(Exception):
    """The endpoint's name leads where no webhook goes."""

    code = "address_refused"


class UrlRefusedError(Exception):
    """The URL is none that a webhook goes to; the message says why."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is allowed. `loopback` is for tests and trials on one machine: plain HTTP, any port, 127.0.0.1."""

    ports: frozenset[int] = frozenset({443})
    loopback: bool = False


def check_url(url: str, rules: Rules) -> None:
    """Raise `UrlRefusedError` unless the URL is `https://host[:port][/path][?query]` on a port that is allowed."""
    if len(url) > MAX_URL_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise UrlRefusedError(f"a URL has at most {MAX_URL_CHARACTERS} printable ASCII characters and no spaces")
    try:
        parts = urlsplit(url)
        port = port_of(parts)
    except ValueError as error:
        raise UrlRefusedError("the URL is malformed") from error
    if parts.scheme != "https" and not (rules.loopback and parts.scheme == "http"):
        raise UrlRefusedError("only https is allowed")
    if "@" in parts.netloc:
        raise UrlRefusedError("a URL with credentials is not allowed: the signature says who is calling")
    if not parts.hostname or parts.fragment:
        raise UrlRefusedError("the URL needs a host, and no fragment")
    if port not in rules.ports and not rules.loopback:
        raise UrlRefusedError(f"port {port} is not among those allowed: {', '.join(map(str, sorted(rules.ports)))}")
    _check_host(parts.hostname, rules)


def port_of(parts: SplitResult) -> int:
    """Return the port of a URL, said or by its scheme; raises `ValueError`."""
    if parts.port is not None:
        return parts.port
    return 443 if parts.scheme == "https" else 80


def _check_host(host: str, rules: Rules) -> None:
    """Refuse what can be seen without asking for an address; the address itself is looked at at every connection."""
    try:
        check_address(host, rules)
    except AddressRefusedError as error:
        raise UrlRefusedError(str(error)) from None
    except ValueError:
        inside = host.rstrip(".").endswith(("localhost", ".local", ".internal", ".localdomain")) or "." not in host
        if inside and not rules.loopback:
            raise UrlRefusedError("the host is one of a local network") from None


def check_address(text: str, rules: Rules) -> None:
    """Raise `AddressRefusedError` for an address that is not public, `ValueError` for what is no address."""
    address: _Address = ipaddress.ip_address(text)
    if rules.loopback and address.is_loopback:
        return
    if getattr(address, "scope_id", None) or _inside(address) or not address.is_global or address.is_multicast:
        raise AddressRefusedError(f"{address} is not a public address")


def _inside(address: _Address) -> bool:
    return any(address.version == network.version and address in network for network in _REFUSED)
