"""Style sheets, scripts and pictures of Django's admin, from the package it comes in: nothing from elsewhere."""

import mimetypes
from functools import cache
from pathlib import Path

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse

_FOLDER = Path(admin.__file__).parent / "static"


def asset(_request: HttpRequest, name: str) -> HttpResponse:
    """Return one file; only those that the package has can be named."""
    path = _files().get(name)
    if path is None:
        raise Http404
    kind = mimetypes.types_map.get(path.suffix, "application/octet-stream")
    return HttpResponse(path.read_bytes(), content_type=kind, headers={"Cache-Control": "public, max-age=3600"})


@cache
def _files() -> dict[str, Path]:
    return {path.relative_to(_FOLDER).as_posix(): path for path in _FOLDER.rglob("*") if path.is_file()}
