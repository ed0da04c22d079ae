"""Where a request comes from, as far as it can be believed."""

from django.http import HttpRequest

from catalog_svc.settings import settings


def address_of(request: HttpRequest) -> str:
    """Return the client's address: what our own balancer says, else the peer's."""
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if peer in settings().proxies:
        forwarded = request.headers.get("X-Forwarded-For", "")
        # the last entry is the one that our own balancer wrote; those before it are the client's words
        return (forwarded.rpartition(",")[2].strip() or peer)[:64]
    return peer
