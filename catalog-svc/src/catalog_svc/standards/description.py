"""What every standard says of a dataset: gathered once, as plain values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Dataset, Table, Version
from catalog_svc.institutions.models import Institution
from catalog_svc.stewardship import selectors as stewardship
from catalog_svc.versions import history
from catalog_svc.versions.asof import Moment
from dataplatform.events.base import Column
from dataplatform.events.catalog import Spatial, Temporal
from dataplatform.identity import Principal

MOST_TABLES: Final = 1000
"""Most tables of a version that a description lists; further ones are found through the REST interface."""

MEDIA_TYPES: Final = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12",
    "xlsb": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    "xls": "application/vnd.ms-excel",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "pdf": "application/pdf",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file to get: `sha256` and `size_bytes` where the bytes are stored and not made at the request."""

    name: str
    url: str
    format: str
    sha256: str | None = None
    size_bytes: int | None = None

    @property
    def media_type(self) -> str:
        """Its media type (IANA)."""
        return MEDIA_TYPES.get(self.format, "application/octet-stream")


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A table of the served version, its columns, what they mean by name, and where it comes as a file."""

    table_id: UUID
    name: str
    row_count: int
    columns: tuple[Column, ...]
    url: str
    parquet: File
    csv: File
    meanings: Mapping[str, str] = field(default_factory=dict)

    def means(self, column: Column) -> str | None:
        """Return what a column means, where somebody said so."""
        return clean(self.meanings.get(column.name, "")) or None


@dataclass(frozen=True, slots=True)
class Person:
    """Who made a dataset, or whom to ask: a person, or an organization."""

    name: str
    organization: bool = True
    email: str | None = None
    url: str | None = None
    identifier: str | None = None


@dataclass(frozen=True, slots=True)
class Publisher:
    """The institution."""

    slug: str
    name: str
    url: str
    homepage: str | None


@dataclass(frozen=True, slots=True)
class Release:
    """The version that is served."""

    version_id: UUID
    number: int
    published_at: datetime
    original: File
    handler: str
    tables: tuple[TableDescription, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """A dataset as its standards tell of it. `url` is where it is described, for programs."""

    dataset_id: UUID
    slug: str
    title: str
    description: str
    licence: str | None
    tags: tuple[str, ...]
    public: bool
    url: str
    publisher: Publisher
    issued: datetime
    modified: datetime
    release: Release | None
    frequency: str | None = None
    languages: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    spatial: Spatial | None = None
    temporal: Temporal | None = None
    landing_page: str | None = None
    doi: str | None = None
    contact: Person | None = None
    creators: tuple[Person, ...] = ()

    @property
    def page(self) -> str:
        """Where people read of it: what its stewards named, or the platform's own page."""
        return self.landing_page or self.url.replace("/api/v1/", "/", 1)

    @property
    def cited_as(self) -> str:
        """The address that stays: its DOI, or its page here."""
        return f"https://doi.org/{self.doi}" if self.doi else self.url.replace("/api/v1/", "/", 1)

    @property
    def creator_names(self) -> tuple[str, ...]:
        """Who made it; the institution where nobody said so."""
        return tuple(person.name for person in self.creators) or (self.publisher.name,)

    @property
    def place(self) -> str | None:
        """Where the data are about, in words."""
        found = self.spatial
        if found is None:
            return None
        sides = {"northlimit": found.north, "eastlimit": found.east, "southlimit": found.south, "westlimit": found.west}
        box = "; ".join(f"{name}={value}" for name, value in sides.items() if value is not None)
        return found.name or found.uri or box or None

    @property
    def period(self) -> str | None:
        """When the data are about, as ISO 8601 has it; `..` is an open end."""
        if self.temporal is None:
            return None
        return f"{self.temporal.start or '..'}/{self.temporal.end or '..'}"

    @property
    def licence_url(self) -> str | None:
        """The licence as an address: what is one already, or the page of its SPDX identifier; expressions have none."""
        if self.licence is None or self.licence.startswith(("http://", "https://")):
            return self.licence
        return f"https://spdx.org/licenses/{self.licence}" if _ONE_LICENCE.fullmatch(self.licence) else None

    @property
    def text(self) -> str:
        """A description that is never empty, as some standards ask."""
        return self.description or self.title


def describe(principal: Principal | None, dataset: Dataset, base: str, at: Moment | None = None) -> Description:
    """Gather what is known of a dataset that the caller has found visible; `base` is the platform's public address.

    `at` a moment of the past, with `dataset` as it was then: the version that was served, the description that it had.
    """
    institution = Institution.objects.filter(slug=dataset.institution_slug).first()
    details, attribution = stewardship.details(dataset.dataset_id), stewardship.attribution(dataset.dataset_id)
    details = details if at is None else history.told_of(details, dataset.dataset_id, at)
    api = f"{base}/api/v1"
    document = selectors.documents([dataset.dataset_id], at).get(dataset.dataset_id)
    version = None
    if document is not None and document.version_id is not None:
        version = selectors.version(principal, document.version_id)
    return Description(
        dataset_id=dataset.dataset_id,
        slug=dataset.slug,
        title=clean(dataset.title) or dataset.slug,
        description=clean(dataset.description),
        licence=dataset.licence,
        tags=tuple(tag for tag in map(clean, dataset.tags) if tag),
        public=dataset.visibility == "public",
        url=f"{api}/datasets/{dataset.dataset_id}",
        publisher=Publisher(
            slug=dataset.institution_slug,
            name=clean(institution.name) if institution else dataset.institution_slug,
            url=f"{api}/institutions/{dataset.institution_slug}",
            homepage=institution.homepage if institution else None,
        ),
        issued=dataset.registered_at,
        modified=(document and document.updated_at) or dataset.revised_at or dataset.registered_at,
        release=None if version is None else _release(version, api),
        frequency=details.update_frequency,
        languages=tuple(details.languages),
        themes=tuple(details.themes),
        spatial=None if details.spatial is None else Spatial.model_validate(details.spatial),
        temporal=None if details.temporal is None else Temporal.model_validate(details.temporal),
        landing_page=details.landing_page,
        doi=details.doi,
        contact=None if attribution.contact is None else _person(attribution.contact),
        creators=tuple(_person(creator) for creator in attribution.creators),
    )


def _person(said: Mapping[str, Any]) -> Person:
    return Person(
        name=clean(str(said.get("name") or said.get("email") or said.get("url") or "")),
        organization=said.get("kind") != "person",
        email=said.get("email"),
        url=said.get("url"),
        identifier=said.get("identifier"),
    )


_ONE_LICENCE: Final = re.compile(r"[A-Za-z0-9.+-]+")


def clean(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return _NOT_XML.sub("", text)


_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def describe_version(
    principal: Principal | None, dataset: Dataset, version: Version, base: str
) -> tuple[Description, Release]:
    """Gather what is known of a dataset and of one of its versions, which the caller has found visible."""
    release = _release(version, f"{base}/api/v1")
    return replace(describe(principal, dataset, base), release=release), release


def _release(version: Version, api: str) -> Release:
    original = File(
        name=clean(selectors.file_name(version)),
        url=f"{api}/versions/{version.version_id}/download",
        format=version.format,
        sha256=version.original["sha256"],
        size_bytes=version.original["size_bytes"],
    )
    meanings = stewardship.meanings(version.dataset_id)
    tables = tuple(_table(table, api, meanings) for table in selectors.tables(version.run_id, None, MOST_TABLES))
    handler = f"{version.handler} {version.handler_version}"
    return Release(version.version_id, version.number, version.published_at, original, handler, tables)


def _table(table: Table, api: str, meanings: Mapping[str, Mapping[str, str]]) -> TableDescription:
    url = f"{api}/tables/{table.table_id}"
    stored = table.parts[0] if len(table.parts) == 1 else {}
    return TableDescription(
        table_id=table.table_id,
        name=clean(table.name) or f"table-{table.index}",
        row_count=table.row_count,
        columns=tuple(Column.model_validate(column) for column in table.columns),
        url=url,
        parquet=File(
            f"table-{table.index}.parquet",
            f"{url}/download?format=parquet",
            "parquet",
            stored.get("sha256"),
            stored.get("size_bytes"),
        ),
        csv=File(f"table-{table.index}.csv", f"{url}/download?format=csv&escape_formulas=false", "csv"),
        meanings=meanings.get(table.name, {}),
    )


def kind_of(column: Column) -> str:
    """Return what an Arrow type is to people: integer, number, boolean, date, datetime, time, object or string."""
    arrow = column.type
    for kind, beginnings in _KINDS.items():
        if arrow.startswith(beginnings):
            return kind
    return "string"


_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "integer": ("int", "uint"),
    "number": ("float", "double", "halffloat", "decimal"),
    "boolean": ("bool",),
    "date": ("date",),
    "datetime": ("timestamp",),
    "time": ("time32", "time64"),
    "object": ("list", "large_list", "fixed_size_list", "struct", "map"),
}


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names with a number behind those that were there before."""
    found: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in found:
            number += 1
            candidate = f"{name}-{number}"
        found.append(candidate)
    return found
