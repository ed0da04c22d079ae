"""The metadata of a record: unqualified Dublin Core, and the whole of DCAT-AP as RDF/XML."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from catalog_svc.harvesting.oai_documents import DC, OAI_DC, XSI
from catalog_svc.standards import dcat
from catalog_svc.standards.description import Description


@dataclass(frozen=True, slots=True)
class Format:
    """A metadata format: its schema, its namespace, and how a description is written in it."""

    schema: str
    namespace: str
    write: Callable[[Description], ET.Element]


def dublin_core(found: Description) -> ET.Element:
    """Return unqualified Dublin Core."""
    made = ET.Element(f"{{{OAI_DC}}}dc")
    made.set(f"{{{XSI}}}schemaLocation", f"{OAI_DC} http://www.openarchives.org/OAI/2.0/oai_dc.xsd")
    release = found.release
    files = [release.original, *(table.parquet for table in release.tables)] if release else []
    said: list[tuple[str, str | None]] = [
        ("title", found.title),
        *(("creator", name) for name in found.creator_names),
        *(("subject", tag) for tag in found.tags),
        ("description", found.text),
        ("publisher", found.publisher.name),
        ("date", found.modified.date().isoformat()),
        ("type", "Dataset"),
        *(("format", media_type) for media_type in dict.fromkeys(file.media_type for file in files)),
        ("identifier", found.url),
        ("identifier", f"https://doi.org/{found.doi}" if found.doi else None),
        *(("language", language) for language in found.languages),
        ("coverage", found.place),
        ("coverage", found.period),
        ("rights", found.licence_url),
    ]
    for name, text in said:
        if text:
            ET.SubElement(made, f"{{{DC}}}{name}").text = text
    return made


def rdf(found: Description) -> ET.Element:
    """Return DCAT-AP 3."""
    return ET.fromstring(dcat.serialized(dcat.dataset_graph(found), "rdf"))  # noqa: S314 - our own text


FORMATS: Final = {
    "oai_dc": Format("http://www.openarchives.org/OAI/2.0/oai_dc.xsd", OAI_DC, dublin_core),
    "dcat_ap": Format(
        "http://www.openarchives.org/OAI/2.0/rdf.xsd", "http://www.w3.org/1999/02/22-rdf-syntax-ns#", rdf
    ),
}
