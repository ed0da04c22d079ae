"""The pages: Swagger UI and ReDoc over every API document of the platform, and problems explained.

All that a page needs comes from this origin; its policy lets nothing else in.
"""

import html
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from dataplatform.problem_pages import HEADERS, Explanation, index, page
from dataplatform.problems import from_status
from ingest_svc.documentation.guidance import explanations

_ASSETS: Final[Mapping[str, tuple[str, str]]] = {
    "swagger-ui-bundle.js": ("fastapi_offline", "text/javascript"),
    "swagger-ui.css": ("fastapi_offline", "text/css"),
    "redoc.standalone.js": ("fastapi_offline", "text/javascript"),
    "page.js": ("ingest_svc.documentation", "text/javascript"),
    "page.css": ("ingest_svc.documentation", "text/css"),
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'{nonce}; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_REDOC_STYLES: Final = (
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc=' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
)
"""What ReDoc makes before it can be told the nonce: its scroll bar's style, and an empty one."""
_ELSEWHERE: Final = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
_NO_PICTURE: Final = b"data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class ApiDocument:
    """An OpenAPI document of the platform, behind the same origin."""

    name: str
    title: str
    url: str


DOCUMENTS: Final = (
    ApiDocument("ingest", "Ingest: uploads, progress, processing requests", "/v1/openapi.json"),
    ApiDocument("catalog", "Catalog: datasets, versions, rows, downloads", "/api/v1/openapi.json"),
)


@router.get("/docs")
async def swagger_ui(document: str = DOCUMENTS[0].name) -> Response:
    """Try the API."""
    return _reader("/docs", "Swagger UI", document, "swagger-ui-bundle.js", styles=("swagger-ui.css",))


@router.get("/redoc")
async def redoc(document: str = DOCUMENTS[0].name) -> Response:
    """Read the API."""
    return _reader("/redoc", "ReDoc", document, "redoc.standalone.js", nonce=secrets.token_urlsafe(16))


@router.get("/docs/assets/{name}")
async def asset(name: str) -> Response:
    """Serve what the pages are made of."""
    if name not in _ASSETS:
        raise from_status_of(404)
    package, media_type = _ASSETS[name]
    headers = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(_content(package, name), media_type=media_type, headers=headers)


@cache
def _content(package: str, name: str) -> bytes:
    """Return an asset without the one picture that ReDoc would fetch from its maker's server."""
    return (files(package) / "static" / name).read_bytes().replace(_ELSEWHERE, _NO_PICTURE)


@router.get("/problems")
async def problems() -> Response:
    """List the problems."""
    return HTMLResponse(index(_explanations().values()), headers=HEADERS)


@router.get("/problems/{code}")
async def problem_page(request: Request, code: str) -> Response:
    """Explain a problem, as a page or, if JSON is asked for, as JSON."""
    found = _explanations().get(code)
    if found is None:
        raise from_status_of(404)
    if "json" in request.headers.get("accept", ""):
        return JSONResponse(found.to_dict(), headers=HEADERS)
    return HTMLResponse(page(found), headers=HEADERS)


@router.get("/v1/docs")
async def moved() -> Response:
    """Lead who looks beside the document."""
    return RedirectResponse("/docs")


def from_status_of(status: int) -> Exception:
    """Return the problem of a bare status."""
    return from_status(status, "there is nothing at this path")


@cache
def _explanations() -> dict[str, Explanation]:
    return explanations()


def _reader(
    path: str, title: str, wanted: str, script: str, *, styles: Sequence[str] = (), nonce: str | None = None
) -> Response:
    """Return a page that shows one of the documents, and links to the others."""
    chosen = next((one for one in DOCUMENTS if one.name == wanted), DOCUMENTS[0])
    links = "".join(
        f"<a href='{path}?document={one.name}'{' aria-current=page' if one is chosen else ''}>"
        f"{html.escape(one.title)}</a>"
        for one in DOCUMENTS
    )
    others = "".join(
        f"<a href='{address}?document={chosen.name}'>{name}</a>"
        for address, name in (("/docs", "Swagger UI"), ("/redoc", "ReDoc"))
        if address != path
    )
    sheets = "".join(f"<link rel='stylesheet' href='/docs/assets/{name}'>" for name in ("page.css", *styles))
    body = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>Data Platform: {html.escape(title)}</title>{sheets}</head><body><header>{links}"
        f"<span class='to-the-right'>{others} <a href='/problems'>Problems</a> "
        f"<a href='{chosen.url}'>Document</a></span></header>"
        f"<div id='document' data-url='{chosen.url}'></div>"
        "<noscript><p>This page needs JavaScript; the document itself does not.</p></noscript>"
        f"<script src='/docs/assets/{script}'></script>"
        f"<script src='/docs/assets/page.js'{f' nonce={nonce!r}' if nonce else ''}></script></body></html>"
    )
    policy = _POLICY.format(nonce=f" 'nonce-{nonce}' {_REDOC_STYLES}" if nonce else "")
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }
    return HTMLResponse(body, headers=headers)
