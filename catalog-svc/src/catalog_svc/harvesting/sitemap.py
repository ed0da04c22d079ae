"""Sitemaps: an index, and pages of up to 50,000 datasets that anybody may see, each with its last change."""

import gzip
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Final, ParamSpec
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse

from catalog_svc.access.scope import visible_to
from catalog_svc.datasets.models import SearchDocument
from catalog_svc.settings import settings

PAGE: Final = 50_000
"""What the protocol allows in one file."""
_NAMESPACE: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"

P = ParamSpec("P")


def _patient(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Answer 503 while the database is away: crawlers come again."""

    @wraps(view)
    def asked(*args: P.args, **options: P.kwargs) -> HttpResponse:
        try:
            return view(*args, **options)
        except (OperationalError, InterfaceError):
            return HttpResponse("the database does not answer", "text/plain", 503, headers={"Retry-After": "30"})

    return asked


def robots(_request: HttpRequest) -> HttpResponse:
    """Let crawlers read descriptions, not rows, searches and downloads, and lead them to the sitemap."""
    lines = [
        "User-agent: *",
        "Disallow: /api/v1/sql",
        "Disallow: /api/v1/*/rows",
        "Disallow: /api/v1/*/download",
        "Disallow: /*?q=",
        f"Sitemap: {settings().public_url}/sitemap.xml",
    ]
    return HttpResponse("\n".join(lines) + "\n", "text/plain; charset=utf-8")


@_patient
def index(_request: HttpRequest) -> HttpResponse:
    """Return the index: each page is named by the first dataset in it, so that new ones move no others far."""
    pages = [
        (f"{settings().public_url}/sitemaps/{first}.xml.gz", changed_at) for first, changed_at in _pages()
    ]  # fmt: skip
    return HttpResponse(_document("sitemapindex", "sitemap", pages), "application/xml; charset=utf-8")


@_patient
def page(_request: HttpRequest, first: UUID) -> HttpResponse:
    """Return the datasets from `first` on, as XML packed with gzip."""
    found = SearchDocument.objects.filter(visible_to(None), dataset_id__gte=first).order_by("dataset_id")
    rows = list(found.values_list("dataset_id", "updated_at")[:PAGE])
    if not rows:
        raise Http404
    entries = [(f"{settings().public_url}/datasets/{name}", changed_at) for name, changed_at in rows]
    body = gzip.compress(_document("urlset", "url", entries), compresslevel=6, mtime=0)
    return HttpResponse(body, "application/gzip")


def _pages() -> list[tuple[UUID, datetime]]:
    """Return the first dataset of each page, and when the last change of any in it was."""
    seen = SearchDocument.objects.filter(visible_to(None)).values("dataset_id", "updated_at")
    scope, values = seen.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT min(s.dataset_id::text)::uuid, max(s.updated_at)
            FROM (SELECT found.*, (row_number() OVER (ORDER BY dataset_id) - 1) / %s AS page FROM ({scope}) found) s
            GROUP BY s.page ORDER BY s.page
            """,
            [PAGE, *values],
        )
        return list(cursor.fetchall())


def _document(root: str, entry: str, entries: list[tuple[str, datetime]]) -> bytes:
    made = ET.Element(root, xmlns=_NAMESPACE)
    for address, changed_at in entries:
        one = ET.SubElement(made, entry)
        ET.SubElement(one, "loc").text = address
        ET.SubElement(one, "lastmod").text = changed_at.isoformat(timespec="seconds")
    return bytes(ET.tostring(made, encoding="utf-8", xml_declaration=True))
