"""The metadata of a record: unqualified Dublin Core, DataCite 4, and the whole of DCAT-AP as RDF/XML."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from catalog_svc.citation import datacite
from catalog_svc.citation.facts import citation_of
from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Dataset
from catalog_svc.harvesting.oai_documents import DC, OAI_DC, XSI
from catalog_svc.standards import dcat
from catalog_svc.standards.description import clean, describe

_DATACITE: Final = "http://schema.datacite.org/oai/oai-1.1/"
_KERNEL: Final = "http://datacite.org/schema/kernel-4"


@dataclass(frozen=True, slots=True)
class Format:
    """A metadata format: its schema, its namespace, and how a dataset is written in it."""

    schema: str
    namespace: str
    write: Callable[[Dataset, str], ET.Element]


def dublin_core(dataset: Dataset, base: str) -> ET.Element:
    """Return unqualified Dublin Core."""
    found = describe(None, dataset, base)
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


def rdf(dataset: Dataset, base: str) -> ET.Element:
    """Return DCAT-AP 3."""
    found = describe(None, dataset, base)
    return ET.fromstring(dcat.serialized(dcat.dataset_graph(found), "rdf"))  # noqa: S314 - our own text


def data_cite(dataset: Dataset, base: str) -> ET.Element:
    """Return DataCite 4 in its envelope for OAI-PMH; without a DOI the identifier is the address of the page."""
    served = selectors.documents([dataset.dataset_id]).get(dataset.dataset_id)
    version = selectors.version(None, served.version_id) if served and served.version_id else None
    cited = citation_of(dataset, version, base)
    tags = tuple(tag for tag in map(clean, cited.tags) if tag)
    cited = replace(cited, title=clean(cited.title) or cited.slug, description=clean(cited.description), tags=tags)
    resource = ET.fromstring(datacite.xml(datacite.document(cited, ())))  # noqa: S314 - our own text
    if cited.doi is None:
        identifier = ET.Element(f"{{{_KERNEL}}}identifier", identifierType="URL")
        identifier.text = cited.page
        resource.insert(0, identifier)
    made = ET.Element(f"{{{_DATACITE}}}oai_datacite")
    ET.SubElement(made, f"{{{_DATACITE}}}schemaVersion").text = "4.5"
    ET.SubElement(made, f"{{{_DATACITE}}}datacentreSymbol").text = dataset.institution_slug
    ET.SubElement(made, f"{{{_DATACITE}}}payload").append(resource)
    return made


FORMATS: Final = {
    "oai_dc": Format("http://www.openarchives.org/OAI/2.0/oai_dc.xsd", OAI_DC, dublin_core),
    "oai_datacite": Format("http://schema.datacite.org/oai/oai-1.1/oai.xsd", _DATACITE, data_cite),
    "dcat_ap": Format(
        "http://www.openarchives.org/OAI/2.0/rdf.xsd", "http://www.w3.org/1999/02/22-rdf-syntax-ns#", rdf
    ),
}
