"""FAIR Signposting: typed links from a dataset to its identifier, its descriptions, its files and its licence.

In the `Link` header up to a number of files, in a link set (RFC 9264) all of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from catalog_svc.settings import settings
from catalog_svc.standards.description import Description

_DESCRIPTIONS: Final = {
    "schema-org.json": ("application/ld+json", "https://schema.org/"),
    "croissant.json": ("application/ld+json", "http://mlcommons.org/croissant/1.1"),
    "dcat.jsonld": ("application/ld+json", "http://data.europa.eu/r5r/"),
    "dcat.ttl": ("text/turtle", "http://data.europa.eu/r5r/"),
    "dcat.rdf": ("application/rdf+xml", "http://data.europa.eu/r5r/"),
    "datapackage.json": ("application/json", "https://specs.frictionlessdata.io/data-package/"),
    "csvw.json": ("application/csvm+json", "http://www.w3.org/ns/csvw"),
    "odcs.yaml": ("application/yaml", "https://github.com/bitol-io/open-data-contract-standard"),
}
ITEMS_IN_HEADER: Final = 20
"""Most files that a header names: proxies refuse long ones."""


@dataclass(frozen=True, slots=True)
class Signpost:
    """A typed link."""

    rel: str
    href: str
    type: str | None = None
    profile: str | None = None

    def __str__(self) -> str:
        """Return it as a value of the `Link` header (RFC 8288)."""
        said = "".join(
            f'; {name}="{value}"' for name, value in (("type", self.type), ("profile", self.profile)) if value
        )
        return f'<{self.href}>; rel="{self.rel}"{said}'


def signposts(found: Description) -> Iterator[Signpost]:
    """Return all links of a dataset."""
    yield Signpost("cite-as", found.cited_as)
    yield Signpost("type", "https://schema.org/Dataset")
    yield Signpost("type", "https://schema.org/AboutPage")
    if found.licence_url:
        yield Signpost("license", found.licence_url)
    for creator in found.creators:
        if creator.identifier:
            yield Signpost("author", creator.identifier)
    for name, (media_type, profile) in _DESCRIPTIONS.items():
        yield Signpost("describedby", f"{found.url}/{name}", media_type, profile)
    if found.release is not None:
        for table in found.release.tables:
            yield Signpost("item", table.parquet.url, table.parquet.media_type)
            yield Signpost("item", table.csv.url, table.csv.media_type)
        yield Signpost("item", found.release.original.url, found.release.original.media_type)


def header(found: Description) -> str:
    """Return the `Link` header; the link set that it ends with has all."""
    items, links = 0, []
    for link in signposts(found):
        items += link.rel == "item"
        if link.rel != "item" or items <= ITEMS_IN_HEADER:
            links.append(link)
    return ", ".join(map(str, [*links, Signpost("linkset", f"{found.url}/linkset.json", "application/linkset+json")]))


def described_by(dataset_id: UUID) -> str:
    """Return the `Link` header of a dataset's JSON: its page, its descriptions, and the link set with the rest."""
    base = settings().public_url
    url = f"{base}/api/v1/datasets/{dataset_id}"
    links = [
        Signpost("describes", f"{base}/datasets/{dataset_id}"),
        *(Signpost("describedby", f"{url}/{name}", *kind) for name, kind in _DESCRIPTIONS.items()),
        Signpost("linkset", f"{url}/linkset.json", "application/linkset+json"),
    ]
    return ", ".join(map(str, links))


def linkset(found: Description, links: Iterable[Signpost]) -> dict[str, Any]:
    """Return the link set of a dataset's page and, back to it, of its descriptions and files."""
    page = found.cited_as if not found.doi else found.url.replace("/api/v1/", "/", 1)
    targets: dict[str, Any] = {"anchor": page}
    back: list[dict[str, Any]] = []
    for link in links:
        target = {"href": link.href, **({"type": link.type} if link.type else {})}
        targets.setdefault(link.rel, []).append(target)
        if link.rel == "describedby":
            back.append({"anchor": link.href, "describes": [{"href": page, "type": "text/html"}]})
        elif link.rel == "item":
            back.append({"anchor": link.href, "collection": [{"href": page, "type": "text/html"}]})
    return {"linkset": [targets, *back]}
