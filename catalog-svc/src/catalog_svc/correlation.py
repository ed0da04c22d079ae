"""The correlation id of a request, which becomes that of the events it causes."""

from uuid import UUID, uuid4

from django.http import HttpRequest


def correlation_id_of(request: HttpRequest) -> UUID:
    """Return the id that `RequestMiddleware` gave the request; a new one outside of it, as in a test client."""
    state = getattr(request, "scope", {}).get("state", {})
    found: UUID = state.get("correlation_id") or uuid4()
    return found
