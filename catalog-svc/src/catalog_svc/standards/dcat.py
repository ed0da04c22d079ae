"""DCAT-AP 3: a dataset, or a page of the catalog, as RDF; written as JSON-LD, Turtle or RDF/XML."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, RDFS, SKOS, XSD

from catalog_svc.standards.description import Description, File, Person
from catalog_svc.standards.languages import AUTHORITY_OF
from dataplatform.events.catalog import Spatial

SPDX: Final = Namespace("http://spdx.org/rdf/terms#")
VCARD: Final = Namespace("http://www.w3.org/2006/vcard/ns#")
ADMS: Final = Namespace("http://www.w3.org/ns/adms#")
DCATAP: Final = Namespace("http://data.europa.eu/r5r/")
_AUTHORITY: Final = "http://publications.europa.eu/resource/authority"
WKT: Final = URIRef("http://www.opengis.net/ont/geosparql#wktLiteral")
_FILE_TYPES: Final = {
    "csv": "CSV",
    "xlsx": "XLSX",
    "xlsm": "XLSX",
    "xlsb": "XLSB",
    "xls": "XLS",
    "ods": "ODS",
    "pdf": "PDF",
    "parquet": "PARQUET",
}
"""EU authority table of file types."""

SERIALIZATIONS: Final = {
    "jsonld": ("json-ld", "application/ld+json"),
    "ttl": ("turtle", "text/turtle"),
    "rdf": ("pretty-xml", "application/rdf+xml"),
}
"""By the suffix of the address: rdflib's name, and the media type."""


def dataset_graph(found: Description) -> Graph:
    """Return one dataset as a graph."""
    graph = _graph()
    _add_dataset(graph, found)
    return graph


def catalog_graph(
    datasets: Iterable[Description], *, url: str, title: str, publisher: str, following: str | None
) -> Graph:
    """Return a page of the catalog; `following` is the address of the next one (Hydra)."""
    graph = _graph()
    catalog, owner = URIRef(url), URIRef(publisher)
    graph.add((catalog, RDF.type, DCAT.Catalog))
    graph.add((catalog, DCTERMS.title, Literal(title, lang="en")))
    graph.add((catalog, DCTERMS.description, Literal("Datasets of institutions, described and checked", lang="en")))
    graph.add((catalog, DCTERMS.publisher, owner))
    _add_agent(graph, owner, title)
    _point(graph, catalog, FOAF.homepage, owner, FOAF.Document)
    _point(graph, catalog, DCTERMS.language, _code(graph, "language", "ENG"), DCTERMS.LinguisticSystem)
    _point(graph, catalog, DCAT.themeTaxonomy, URIRef(f"{_AUTHORITY}/data-theme"), SKOS.ConceptScheme)
    graph.add((URIRef(f"{_AUTHORITY}/data-theme"), DCTERMS.title, Literal("Data theme", lang="en")))
    for found in datasets:
        graph.add((catalog, DCAT.dataset, _add_dataset(graph, found)))
    if following:
        hydra = Namespace("http://www.w3.org/ns/hydra/core#")
        graph.bind("hydra", hydra)
        graph.add((catalog, hydra.next, URIRef(following)))
    return graph


def serialized(graph: Graph, suffix: str) -> bytes:
    """Return the graph as the serialization of this suffix."""
    if suffix == "jsonld":
        return bytes(graph.serialize(format="json-ld", encoding="utf-8", auto_compact=True))
    return bytes(graph.serialize(format=SERIALIZATIONS[suffix][0], encoding="utf-8"))


def _graph() -> Graph:
    graph = Graph()
    for prefix, namespace in (
        ("dcat", DCAT),
        ("dct", DCTERMS),
        ("foaf", FOAF),
        ("spdx", SPDX),
        ("dcatap", DCATAP),
        ("vcard", VCARD),
        ("adms", ADMS),
        ("skos", SKOS),
    ):
        graph.bind(prefix, namespace)
    return graph


def _add_agent(graph: Graph, agent: URIRef, name: str) -> None:
    graph.add((agent, RDF.type, FOAF.Agent))
    graph.add((agent, FOAF.name, Literal(name)))


def _add_dataset(graph: Graph, found: Description) -> URIRef:
    node, publisher = URIRef(found.url), URIRef(found.publisher.url)
    graph.add((node, RDF.type, DCAT.Dataset))
    graph.add((node, DCTERMS.identifier, Literal(str(found.dataset_id))))
    graph.add((node, DCTERMS.title, Literal(found.title)))
    graph.add((node, DCTERMS.description, Literal(found.text)))
    graph.add((node, DCTERMS.issued, Literal(found.issued.isoformat(), datatype=XSD.dateTime)))
    graph.add((node, DCTERMS.modified, Literal(found.modified.isoformat(), datatype=XSD.dateTime)))
    graph.add((node, DCTERMS.publisher, publisher))
    _add_agent(graph, publisher, found.publisher.name)
    if found.publisher.homepage:
        graph.add((publisher, FOAF.homepage, URIRef(found.publisher.homepage)))
    for tag in found.tags:
        graph.add((node, DCAT.keyword, Literal(tag)))
    _add_details(graph, node, found)
    access = _code(graph, "access-right", "PUBLIC" if found.public else "RESTRICTED")
    graph.add((access, RDF.type, DCTERMS.RightsStatement))
    graph.add((node, DCTERMS.accessRights, access))
    if found.release is not None:
        version = URIRef(f"{DCAT}version")  # of DCAT 3, which rdflib does not know yet
        graph.add((node, version, Literal(str(found.release.number))))
        for file in (
            found.release.original,
            *(f for table in found.release.tables for f in (table.parquet, table.csv)),
        ):
            graph.add((node, DCAT.distribution, _add_distribution(graph, found, file)))
    return node


def _add_details(graph: Graph, node: URIRef, found: Description) -> None:
    _point(graph, node, DCAT.landingPage, URIRef(found.page), FOAF.Document)
    if found.frequency:
        _point(graph, node, DCTERMS.accrualPeriodicity, _code(graph, "frequency", found.frequency), DCTERMS.Frequency)
    for language in found.languages:
        _point(graph, node, DCTERMS.language, _language(graph, language), DCTERMS.LinguisticSystem)
    for code in found.themes:
        theme = _code(graph, "data-theme", code)
        _point(graph, node, DCAT.theme, theme, SKOS.Concept)
        graph.add((theme, SKOS.prefLabel, Literal(code)))
    if found.doi:
        identifier = URIRef(f"{found.url}#doi")
        _point(graph, node, ADMS.identifier, identifier, ADMS.Identifier)
        graph.add((identifier, SKOS.notation, Literal(f"https://doi.org/{found.doi}", datatype=XSD.anyURI)))
    _add_coverage(graph, node, found)
    if found.contact is not None:
        _add_contact(graph, node, URIRef(f"{found.url}#contact"), found.contact)
    for number, creator in enumerate(found.creators):
        agent = URIRef(creator.identifier or f"{found.url}#creator-{number}")
        _point(graph, node, DCTERMS.creator, agent, FOAF.Agent)
        graph.add((agent, RDF.type, FOAF.Organization if creator.organization else FOAF.Person))
        graph.add((agent, FOAF.name, Literal(creator.name)))


def _add_coverage(graph: Graph, node: URIRef, found: Description) -> None:
    if found.spatial is not None:
        place = URIRef(found.spatial.uri or f"{found.url}#place")
        _point(graph, node, DCTERMS.spatial, place, DCTERMS.Location)
        if found.spatial.name:
            graph.add((place, SKOS.prefLabel, Literal(found.spatial.name)))
        if centre := _centre(found.spatial):
            graph.add((place, DCAT.centroid, Literal(centre, datatype=WKT)))
        if box := polygon(found.spatial):
            graph.add((place, DCAT.bbox, Literal(box, datatype=WKT)))
    if found.temporal is not None:
        period = URIRef(f"{found.url}#period")
        _point(graph, node, DCTERMS.temporal, period, DCTERMS.PeriodOfTime)
        for link, day in ((DCAT.startDate, found.temporal.start), (DCAT.endDate, found.temporal.end)):
            if day is not None:
                graph.add((period, link, Literal(day)))


def _centre(place: Spatial) -> str | None:
    west, south, east, north = place.west, place.south, place.east, place.north
    if west is None or south is None or east is None or north is None or west > east:
        return None  # a box over the 180th meridian has its middle elsewhere
    return f"POINT({(west + east) / 2} {(south + north) / 2})"


def polygon(place: Spatial) -> str | None:
    """Return the box of a place as WKT, None where it has none."""
    west, south, east, north = place.west, place.south, place.east, place.north
    if west is None or south is None or east is None or north is None:
        return None
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return f"POLYGON(({','.join(f'{x} {y}' for x, y in corners)}))"


def _add_contact(graph: Graph, node: URIRef, contact: URIRef, said: Person) -> None:
    _point(graph, node, DCAT.contactPoint, contact, VCARD.Kind)
    graph.add((contact, VCARD.fn, Literal(said.name)))
    if said.email:
        graph.add((contact, VCARD.hasEmail, URIRef(f"mailto:{quote(said.email, safe='@.+-_')}")))
    if said.url:
        graph.add((contact, VCARD.hasURL, URIRef(said.url)))


def _point(graph: Graph, node: URIRef, link: URIRef, target: URIRef, kind: URIRef) -> None:
    graph.add((node, link, target))
    graph.add((target, RDF.type, kind))


def _code(graph: Graph, table: str, code: str) -> URIRef:
    """Return the address of a code; the graph says of which of the EU's tables it is, as its shapes want to know."""
    found = URIRef(f"{_AUTHORITY}/{table}/{code}")
    graph.add((found, SKOS.inScheme, URIRef(f"{_AUTHORITY}/{table}")))
    return found


def _language(graph: Graph, tag: str) -> URIRef:
    """Return the EU's code of a language, or where that has none the address of BCP 47's subtag."""
    primary = tag.partition("-")[0].lower()
    if primary in AUTHORITY_OF:
        return _code(graph, "language", AUTHORITY_OF[primary])
    return URIRef(f"http://id.loc.gov/vocabulary/iso639-{1 if len(primary) == 2 else 2}/{primary}")  # noqa: PLR2004


def _add_distribution(graph: Graph, found: Description, file: File) -> URIRef:
    node, url = URIRef(f"{file.url}#distribution"), URIRef(file.url)
    graph.add((node, RDF.type, DCAT.Distribution))
    graph.add((node, DCTERMS.title, Literal(file.name)))
    for link in (DCAT.accessURL, DCAT.downloadURL):
        graph.add((node, link, url))
    media_type = URIRef(f"https://www.iana.org/assignments/media-types/{file.media_type}")
    graph.add((node, DCAT.mediaType, media_type))
    graph.add((media_type, RDF.type, DCTERMS.MediaType))
    if file.format in _FILE_TYPES:
        kind = _code(graph, "file-type", _FILE_TYPES[file.format])
        graph.add((node, DCTERMS["format"], kind))
        graph.add((kind, RDF.type, DCTERMS.MediaTypeOrExtent))
    availability = _code(graph, "planned-availability", "AVAILABLE")
    _point(graph, node, DCATAP.availability, availability, SKOS.Concept)
    graph.add((availability, SKOS.prefLabel, Literal("AVAILABLE")))
    for language in found.languages:
        _point(graph, node, DCTERMS.language, _language(graph, language), DCTERMS.LinguisticSystem)
    if found.release is not None:
        moment = Literal(found.release.published_at.isoformat(), datatype=XSD.dateTime)
        graph.add((node, DCTERMS.issued, moment))
        graph.add((node, DCTERMS.modified, moment))
    if found.licence_url:
        licence = URIRef(found.licence_url)
        graph.add((node, DCTERMS.license, licence))
        graph.add((licence, RDF.type, DCTERMS.LicenseDocument))
    elif found.licence:
        rights = URIRef(f"{found.url}#rights")
        _point(graph, node, DCTERMS.rights, rights, DCTERMS.RightsStatement)
        graph.add((rights, RDFS.label, Literal(found.licence)))
    if file.size_bytes is not None:
        graph.add((node, DCAT.byteSize, Literal(file.size_bytes, datatype=XSD.nonNegativeInteger)))
    if file.sha256:
        checksum = URIRef(f"{file.url}#sha256")
        graph.add((node, SPDX.checksum, checksum))
        graph.add((checksum, RDF.type, SPDX.Checksum))
        graph.add((checksum, SPDX.algorithm, SPDX.checksumAlgorithm_sha256))
        graph.add((SPDX.checksumAlgorithm_sha256, RDF.type, SPDX.ChecksumAlgorithm))
        graph.add((checksum, SPDX.checksumValue, Literal(file.sha256, datatype=XSD.hexBinary)))
    return node
