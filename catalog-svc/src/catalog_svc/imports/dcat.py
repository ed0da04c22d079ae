"""DCAT 1 to 3, and what DCAT-AP adds: the datasets of a graph in our words."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any, Final
from urllib.parse import unquote

from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, RDFS, SKOS
from rdflib.term import Node

from catalog_svc.imports.described import MOST_DATASETS, MOST_FILES, Described, Distribution, Left, tags_of, taken
from catalog_svc.imports.described import UnreadableDescriptionError as Unreadable
from catalog_svc.imports.licences import spdx_of
from catalog_svc.standards.languages import AUTHORITY_OF

_VCARD: Final = Namespace("http://www.w3.org/2006/vcard/ns#")
_ADMS: Final = Namespace("http://www.w3.org/ns/adms#")
_TAG_OF: Final = {code: tag for tag, code in AUTHORITY_OF.items()}
_DOI: Final = re.compile(r"^(?:https?://(?:dx\.)?doi\.org/|doi:)(10\..+)$", re.IGNORECASE)
_BOX: Final = re.compile(r"POLYGON\s*\(\(([-0-9.eE+, ]+)\)\)")
_CORNERS: Final = 5


def datasets(graph: Graph, base: str) -> list[Described]:
    """Return the datasets of a graph in the order of their names; raises `UnreadableDescriptionError`."""
    nodes = sorted(set(graph.subjects(RDF.type, DCAT.Dataset)), key=str)
    if not nodes:
        raise Unreadable("no `dcat:Dataset` is in it")
    if len(nodes) > MOST_DATASETS:
        raise Unreadable(f"it has more than {MOST_DATASETS} datasets: send them in parts")
    return [_Reader(graph, node, base).read() for node in nodes]


class _Reader:
    """Reads one dataset, and remembers what it could not take."""

    def __init__(self, graph: Graph, node: Node, base: str) -> None:
        self._graph = graph
        self._node = node
        self._base = base
        self._left: list[Left] = []

    def read(self) -> Described:
        """Return the dataset."""
        distributions = list(self._graph.objects(self._node, DCAT.distribution))
        identifiers = sorted(str(one) for one in self._graph.objects(self._node, DCTERMS.identifier))
        tags, too_many = tags_of(sorted(str(one) for one in self._graph.objects(self._node, DCAT.keyword)))
        title = self._words(DCTERMS.title)
        fields, wrong = taken(
            {
                "title": title,
                "description": self._words(DCTERMS.description),
                "licence": self._licence(distributions),
                "tags": tags or None,
                "update_frequency": self._codes(DCTERMS.accrualPeriodicity, "frequency", one=True),
                "themes": self._codes(DCAT.theme, "data-theme"),
                "languages": self._languages(),
                "landing_page": self._landing_page(),
                "spatial": self._place(),
                "temporal": self._period(),
                "doi": self._doi(identifiers),
                "contact": self._contact(),
                "creators": self._creators(),
            }
        )
        named = str(self._node) if isinstance(self._node, URIRef) else ""
        files = [found for one in sorted(distributions, key=str) if (found := self._file(one))]
        if len(files) > MOST_FILES:
            self._left.append(Left("distributions", f"only the first {MOST_FILES} are listed"))
        return Described(
            source=(named or (identifiers or [title or "a dataset without a name"])[0])[:500],
            names=tuple(filter(None, (*identifiers, named.rstrip("/#").rpartition("/")[2], title))),
            ids=(*identifiers, named.removeprefix(f"{self._base}/api/v1/datasets/")),
            fields=fields,
            distributions=tuple(files[:MOST_FILES]),
            public=self._is_public(),
            left=(*self._left, *too_many, *wrong),
        )

    def _objects(self, link: URIRef, node: Node | None = None) -> list[Node]:
        return sorted(self._graph.objects(self._node if node is None else node, link), key=str)

    def _first(self, link: URIRef, node: Node) -> str | None:
        return next((str(one) for one in self._objects(link, node)), None)

    def _words(self, link: URIRef) -> str | None:
        """Return a text in English, else in no language that is said, else in the first of all."""
        texts = [one for one in self._objects(link) if isinstance(one, Literal)]
        best = sorted(texts, key=lambda one: (not (one.language or "").startswith("en"), bool(one.language)))
        if len(texts) > 1:
            name = str(link).rpartition("/")[2]
            self._left.append(Left(name, f"{len(texts) - 1} further texts, in other languages perhaps"))
        return str(best[0]) if best else None

    def _licence(self, distributions: Iterable[Node]) -> str | None:
        said = self._objects(DCTERMS.license) or sorted(
            {one for file in distributions for one in self._graph.objects(file, DCTERMS.license)}, key=str
        )
        if len(said) > 1:
            self._left.append(Left("licence", "the distributions have different ones"))
            return None
        for node in said:
            names = [str(node), *(str(o) for link in (SKOS.exactMatch, DCTERMS.identifier, DCTERMS.title, RDFS.label)
                                  for o in self._objects(link, node))]  # fmt: skip
            found = next((name for name in map(spdx_of, names) if name), None)
            address = str(node) if str(node).startswith(("http://", "https://")) else None
            if found is None and address is None:
                self._left.append(Left("licence", "it is none that SPDX lists, and has no address"))
            return found or address
        return None

    def _codes(self, link: URIRef, table: str, *, one: bool = False) -> Any:
        codes = []
        for node in self._objects(link):
            code = re.fullmatch(
                rf"https?://publications\.europa\.eu/resource/authority/{table}/([A-Z0-9_]+)", str(node)
            )
            if code:
                codes.append(code[1])
            else:
                self._left.append(Left(table, f"{str(node)[:200]!r} is not of the EU's table"))
        return (codes[0] if one else codes) if codes else None

    def _languages(self) -> list[str] | None:
        found = []
        for node in self._objects(DCTERMS.language):
            code = str(node).rstrip("/").rpartition("/")[2]
            if tag := _TAG_OF.get(code) or (code.lower() if re.fullmatch(r"[A-Za-z]{2}(-[A-Za-z]+)?", code) else None):
                found.append(tag)
            else:
                self._left.append(Left("languages", f"{str(node)[:200]!r} is not known"))
        return found or None

    def _landing_page(self) -> str | None:
        pages = [str(one) for one in self._objects(DCAT.landingPage) if not str(one).startswith(self._base)]
        return pages[0] if pages else None

    def _place(self) -> dict[str, Any] | None:
        for node in self._objects(DCTERMS.spatial):
            uri = str(node) if str(node).startswith(("http://", "https://")) else None
            said: dict[str, Any] = {"uri": uri if uri and "#place" not in uri else None}
            said["name"] = self._first(SKOS.prefLabel, node) or self._first(RDFS.label, node)
            said |= _box(self._first(DCAT.bbox, node) or "")
            return {name: value for name, value in said.items() if value is not None} or None
        return None

    def _period(self) -> dict[str, str] | None:
        for node in self._objects(DCTERMS.temporal):
            said = {"start": _day(self._first(DCAT.startDate, node)), "end": _day(self._first(DCAT.endDate, node))}
            return {name: value for name, value in said.items() if value} or None
        return None

    def _doi(self, identifiers: Iterable[str]) -> str | None:
        notations = (str(n) for one in self._objects(_ADMS.identifier) for n in self._objects(SKOS.notation, one))
        found = next((match for one in (*identifiers, *notations, str(self._node)) if (match := _DOI.match(one))), None)
        return found[1] if found else None

    def _contact(self) -> dict[str, str] | None:
        for node in self._objects(DCAT.contactPoint):
            email = (self._first(_VCARD.hasEmail, node) or "").removeprefix("mailto:")
            said = {
                "name": self._first(_VCARD.fn, node),
                "email": unquote(email),
                "url": self._first(_VCARD.hasURL, node),
            }
            return {name: value for name, value in said.items() if value} or None
        return None

    def _creators(self) -> list[dict[str, str]] | None:
        found = []
        for node in self._objects(DCTERMS.creator):
            if not (name := self._first(FOAF.name, node)):
                continue
            made = {"name": name, "kind": "person" if (node, RDF.type, FOAF.Person) in self._graph else "organization"}
            if str(node).startswith(("https://orcid.org/", "https://ror.org/")):
                made["identifier"] = str(node)
            found.append(made)
        return found or None

    def _file(self, node: Node) -> Distribution | None:
        url = self._first(DCAT.downloadURL, node) or self._first(DCAT.accessURL, node) or ""
        if not url.startswith(("http://", "https://")):
            self._left.append(Left("distribution", "one has no address of the web"))
            return None
        kind = (self._first(DCAT.mediaType, node) or "").rpartition("/media-types/")[2][:255]
        return Distribution(url[:2000], (self._first(DCTERMS.title, node) or "")[:255] or None, kind or None)

    def _is_public(self) -> bool:
        rights = [str(one).rpartition("/")[2] for one in self._objects(DCTERMS.accessRights)]
        return not any(right in {"RESTRICTED", "NON_PUBLIC", "SENSITIVE", "CONFIDENTIAL"} for right in rights)


def _box(text: str) -> dict[str, float]:
    found = _BOX.search(text[:500])
    try:
        corners = [tuple(map(float, one.split())) for one in found[1].split(",")] if found else []
    except ValueError:
        corners = []
    if len(corners) != _CORNERS or any(len(corner) != 2 for corner in corners):  # noqa: PLR2004 - x and y
        return {}
    xs, ys = zip(*corners, strict=True)
    return {"west": min(xs), "south": min(ys), "east": max(xs), "north": max(ys)}


def _day(text: str | None) -> str | None:
    try:
        return date.fromisoformat((text or "")[:10]).isoformat()
    except ValueError:
        return None
