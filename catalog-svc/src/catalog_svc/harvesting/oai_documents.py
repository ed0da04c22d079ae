"""Answers of OAI-PMH 2.0 as XML."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

OAI: Final = "http://www.openarchives.org/OAI/2.0/"
OAI_DC: Final = "http://www.openarchives.org/OAI/2.0/oai_dc/"
DC: Final = "http://purl.org/dc/elements/1.1/"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
for _prefix, _namespace in (("oai_dc", OAI_DC), ("dc", DC), ("xsi", XSI)):
    ET.register_namespace(_prefix, _namespace)
ET.register_namespace("", OAI)
_WITHOUT_ATTRIBUTES: Final = frozenset({"badVerb", "badArgument"})


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a record without its metadata."""

    identifier: str
    changed_at: datetime
    set_spec: str
    gone: bool


@dataclass(frozen=True, slots=True)
class Continuation:
    """The end of an incomplete list: its token (empty on the last page), how many came before, how many there are."""

    token: str
    expires: datetime | None
    seen: int
    size: int


def moment(at: datetime) -> str:
    """Return a datestamp, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def element(name: str, text: str | None = None, *children: ET.Element, **attributes: str) -> ET.Element:
    """Return an element of the protocol's namespace."""
    made = ET.Element(f"{{{OAI}}}{name}", attributes)
    made.text = text
    made.extend(children)
    return made


def header(found: Header) -> ET.Element:
    """Return the header of a record."""
    made = element(
        "header",
        None,
        element("identifier", found.identifier),
        element("datestamp", moment(found.changed_at)),
        element("setSpec", found.set_spec),
    )
    if found.gone:
        made.set("status", "deleted")
    return made


def record(found: Header, metadata: ET.Element | None) -> ET.Element:
    """Return a record, without metadata where it is gone."""
    made = element("record", None, header(found))
    if metadata is not None:
        made.append(element("metadata", None, metadata))
    return made


def continuation(found: Continuation) -> ET.Element:
    """Return the `resumptionToken` of a page."""
    made = element("resumptionToken", found.token or None, completeListSize=str(found.size), cursor=str(found.seen))
    if found.expires is not None:
        made.set("expirationDate", moment(found.expires))
    return made


def answer(
    base_url: str, now: datetime, arguments: Mapping[str, str], body: ET.Element | Iterable[tuple[str, str]]
) -> bytes:
    """Return the document with the answer to a verb, or with errors (code, text); `arguments` include the verb."""
    failed = not isinstance(body, ET.Element)
    errors = [] if isinstance(body, ET.Element) else list(body)
    shown = {} if any(code in _WITHOUT_ATTRIBUTES for code, _ in errors) else dict(arguments)
    root = element("OAI-PMH", None, element("responseDate", moment(now)), element("request", base_url, **shown))
    root.set(f"{{{XSI}}}schemaLocation", f"{OAI} http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd")
    if isinstance(body, ET.Element):
        root.append(body)
    if failed:
        root.extend(element("error", text, code=code) for code, text in errors)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
