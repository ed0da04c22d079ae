"""A PDF as PDFium opens it: whether it may be read, its pages one by one, and what it says about itself."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from processing_svc.handlers.interface import HandlerError
from processing_svc.pages.geometry import PageContent
from processing_svc.pages.reading import read_page

_MAY_COPY: Final = 1 << 4
"""Permission to copy text (ISO 32000-1, table 22, bit 5)."""
_DATE: Final = re.compile(r"(?:D:)?(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:([-+])(\d{2})'?(\d{2})?'?|(Z))?")
_WORDS: Final[Mapping[str, str]] = {
    "Title": "title", "Author": "author", "Subject": "subject", "Keywords": "keywords", "Creator": "creator",
    "Producer": "producer",
}  # fmt: skip
_DATES: Final[Mapping[str, str]] = {"CreationDate": "created", "ModDate": "modified"}
_MOST_CHARACTERS: Final = 1_000
PdfiumError = pdfium.PdfiumError


@contextmanager
def opened(path: Path) -> Iterator["pdfium.PdfDocument"]:
    """Open a document; raises `HandlerError` where it is encrypted, damaged, or not to be read."""
    try:
        document = pdfium.PdfDocument(path)
    except PdfiumError as error:
        if "password" in str(error).lower():
            raise HandlerError("encrypted_pdf", "the document has a password; save it without one") from error
        if "security" in str(error).lower():
            raise HandlerError("encrypted_pdf", "the document is encrypted in a way that is not read") from error
        raise HandlerError("corrupt_file", f"the document cannot be opened: {error}") from error
    with document:
        if not pdfium_c.FPDF_GetDocPermissions(document.raw) & _MAY_COPY:
            raise HandlerError("extraction_not_allowed", "the document's owner forbids text extraction")
        yield document


def content_of(document: Any, page: int) -> PageContent:
    """Return what stands on a page (from 1); raises `PdfiumError` and `PageTooLargeError`."""
    loaded = document[page - 1]
    try:
        return read_page(loaded)
    finally:
        loaded.close()


def wanted_pages(count: int, most: int, asked: str | None) -> list[int]:
    """Return the pages to read, from 1; `asked` is a list such as `1-3,7`. Raises `HandlerError`."""
    pages = range(1, count + 1)
    if asked is not None:
        parts = [part.partition("-") for part in asked.split(",")]
        pages_asked = {
            page for first, _, last in parts for page in range(int(first), min(int(last or first), count) + 1)
        }
        chosen = [page for page in pages if page in pages_asked]
        if not chosen:
            raise HandlerError("no_such_page", f"the document has {count} pages; asked was for {asked}")
    else:
        chosen = list(pages)
    if len(chosen) > most:
        raise HandlerError("too_many_pages", f"the document has {len(chosen)} pages; at most {most} are read")
    return chosen


def metadata_of(document: Any) -> dict[str, Any]:
    """Return what a document says about itself, and its number of pages."""
    known = {key: _metadata_value(document, key) for key in (*_WORDS, *_DATES)}
    found: dict[str, Any] = {"pages": len(document)}
    for key, name in _WORDS.items():
        if text := " ".join(known.get(key, "").split()):
            found[name] = text[:_MOST_CHARACTERS]
    for key, name in _DATES.items():
        if moment := iso_date(known.get(key, "")):
            found[name] = moment
    return found


def _metadata_value(document: Any, key: str) -> str:
    """Return what a document says of itself under a key; nothing where the text is damaged."""
    try:
        return str(document.get_metadata_value(key))
    except UnicodeDecodeError:
        return ""


def iso_date(text: str) -> str | None:
    """Return a PDF's date (ISO 32000-1, 7.9.4) in ISO 8601, as precise as it is, or None where it is none."""
    found = _DATE.match(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, sign, zone_hour, zone_minute, utc = found.groups()
    date = "-".join(part for part in (year, month, day) if part)
    if not (day and hour):
        return date
    zone = "Z" if utc else f"{sign}{zone_hour}:{zone_minute or '00'}" if sign else ""
    return f"{date}T{hour}:{minute or '00'}:{second or '00'}{zone}"
