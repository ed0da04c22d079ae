"""What every response of Django gets: host checked, route named for metrics, headers that keep browsers safe."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Authorization",
}


@sync_and_async_middleware
def guard(get_response: Any) -> Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]:
    """Return the middleware, async where the handler below is."""
    if iscoroutinefunction(get_response):

        async def guard_async(request: HttpRequest) -> HttpResponseBase:
            request.get_host()  # raises DisallowedHost, which answers 400
            response: HttpResponseBase = await get_response(request)
            return _finish(request, response)

        return guard_async

    def guard_sync(request: HttpRequest) -> HttpResponseBase:
        request.get_host()
        response: HttpResponseBase = get_response(request)
        return _finish(request, response)

    return guard_sync


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.headers.get("Authorization"):
        response.headers.setdefault("Cache-Control", "private, no-store")
    scope = getattr(request, "scope", None)
    if scope is not None and request.resolver_match is not None:
        # the name that `RequestMiddleware` puts on the span and the metric: the route, never the path
        scope["route"] = SimpleNamespace(path=f"/{request.resolver_match.route}")
    return response
