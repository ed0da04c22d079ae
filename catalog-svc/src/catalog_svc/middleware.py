"""What every response of Django gets: host checked, route named for metrics, an ETag, headers for safe browsers."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from catalog_svc.audit import refusals
from catalog_svc.versions.refusal import of_today

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_VARY: Final = ("Authorization", "Accept", "Cookie")


@sync_and_async_middleware
def guard(get_response: Any) -> Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]:
    """Return the middleware, async where the handler below is."""
    if iscoroutinefunction(get_response):

        async def guard_async(request: HttpRequest) -> HttpResponseBase:
            request.get_host()  # raises DisallowedHost, which answers 400
            response: HttpResponseBase = await get_response(request)
            if refusals.is_refused_write(request, response):
                await sync_to_async(refusals.write_down)(request)
            return _finish(request, response)

        return guard_async

    def guard_sync(request: HttpRequest) -> HttpResponseBase:
        request.get_host()
        response: HttpResponseBase = get_response(request)
        if refusals.is_refused_write(request, response):
            refusals.write_down(request)
        return _finish(request, response)

    return guard_sync


def _conditional(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Give a document its ETag, and answer 304 to who has it already. Streams have one of their own, or none."""
    if request.method not in {"GET", "HEAD"} or response.status_code != HTTPStatus.OK:
        return response
    if isinstance(response, HttpResponse) and not response.has_header("ETag"):
        response.headers["ETag"] = f'"{sha256(response.content).hexdigest()[:32]}"'
    if not response.has_header("ETag"):
        return response
    unchanged = get_conditional_response(request, etag=response.headers["ETag"])
    if unchanged is None:
        return response
    unchanged.headers["ETag"] = response.headers["ETag"]
    return unchanged


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    response = _conditional(request, of_today(request, response))
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    patch_vary_headers(response, _VARY)
    if request.headers.get("Authorization") or settings.SESSION_COOKIE_NAME in request.COOKIES:
        response.headers.setdefault("Cache-Control", "private, no-store")
    scope = getattr(request, "scope", None)
    if scope is not None and request.resolver_match is not None:
        # the name that `RequestMiddleware` puts on the span and the metric: the route, never the path
        scope["route"] = SimpleNamespace(path=f"/{request.resolver_match.route}")
    return response
