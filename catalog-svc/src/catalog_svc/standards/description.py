"""What every standard says of a dataset: gathered once, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from catalog_svc.datasets import selectors
from catalog_svc.datasets.models import Dataset, Table, Version
from catalog_svc.institutions.models import Institution
from dataplatform.events.base import Column
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
    """A table of the served version, its columns, and where it comes as a file."""

    table_id: UUID
    name: str
    row_count: int
    columns: tuple[Column, ...]
    url: str
    parquet: File
    csv: File


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

    @property
    def licence_url(self) -> str | None:
        """The licence as an address: what is one already, or the page of its SPDX identifier."""
        if self.licence is None or self.licence.startswith(("http://", "https://")):
            return self.licence
        return f"https://spdx.org/licenses/{self.licence}"

    @property
    def text(self) -> str:
        """A description that is never empty, as some standards ask."""
        return self.description or self.title


def describe(principal: Principal | None, dataset: Dataset, base: str) -> Description:
    """Gather what is known of a dataset that the caller has found visible; `base` is the platform's public address."""
    institution = Institution.objects.filter(slug=dataset.institution_slug).first()
    api = f"{base}/api/v1"
    document = selectors.documents([dataset.dataset_id]).get(dataset.dataset_id)
    version = None
    if document is not None and document.version_id is not None:
        version = selectors.version(principal, document.version_id)
    return Description(
        dataset_id=dataset.dataset_id,
        slug=dataset.slug,
        title=dataset.title,
        description=dataset.description,
        licence=dataset.licence,
        tags=tuple(dataset.tags),
        public=dataset.visibility == "public",
        url=f"{api}/datasets/{dataset.dataset_id}",
        publisher=Publisher(
            slug=dataset.institution_slug,
            name=institution.name if institution else dataset.institution_slug,
            url=f"{api}/institutions/{dataset.institution_slug}",
            homepage=institution.homepage if institution else None,
        ),
        issued=dataset.registered_at,
        modified=document.updated_at if document else dataset.revised_at or dataset.registered_at,
        release=None if version is None else _release(version, api),
    )


def _release(version: Version, api: str) -> Release:
    original = File(
        name=selectors.file_name(version),
        url=f"{api}/versions/{version.version_id}/download",
        format=version.format,
        sha256=version.original["sha256"],
        size_bytes=version.original["size_bytes"],
    )
    tables = tuple(_table(table, api) for table in selectors.tables(version.run_id, None, MOST_TABLES))
    handler = f"{version.handler} {version.handler_version}"
    return Release(version.version_id, version.number, version.published_at, original, handler, tables)


def _table(table: Table, api: str) -> TableDescription:
    url = f"{api}/tables/{table.table_id}"
    stored = table.parts[0] if len(table.parts) == 1 else {}
    return TableDescription(
        table_id=table.table_id,
        name=table.name or f"table-{table.index}",
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
