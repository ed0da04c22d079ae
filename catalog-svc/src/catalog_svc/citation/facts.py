"""What a citation is made of, gathered once as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from catalog_svc.datasets.models import Dataset, Version
from catalog_svc.institutions.models import Institution
from catalog_svc.stewardship import selectors
from catalog_svc.stewardship.models import DatasetDetails


@dataclass(frozen=True, slots=True)
class Author:
    """Who made the data: a person as `Family, Given`, or an organization; `identifier`: an address of ORCID or ROR."""

    name: str
    person: bool
    identifier: str | None = None
    affiliation: str | None = None

    @property
    def family(self) -> str:
        """The family name, of an organization all of it."""
        return self.name.partition(",")[0].strip() if self.person else self.name

    @property
    def given(self) -> str | None:
        """The given name, where there is one."""
        return self.name.partition(",")[2].strip() or None if self.person else None


@dataclass(frozen=True, slots=True)
class Citation:
    """A dataset, or one version of it, as it is cited."""

    dataset_id: UUID
    slug: str
    title: str
    description: str
    authors: tuple[Author, ...]
    institution: str
    published: date
    version: int | None
    doi: str | None
    page: str
    licence: str | None
    tags: tuple[str, ...]
    format: str | None
    size_bytes: int | None
    details: DatasetDetails

    @property
    def url(self) -> str:
        """What leads there and stays: the DOI where there is one."""
        return f"https://doi.org/{self.doi}" if self.doi else self.page


def citation_of(dataset: Dataset, version: Version | None, base: str) -> Citation:
    """Gather what is cited of a dataset that the caller has found visible; `base` is the platform's public address.

    Without creators the institution is the author. The DOI is the dataset's: its versions share it.
    """
    institution = Institution.objects.filter(slug=dataset.institution_slug).first()
    name = institution.name if institution else dataset.institution_slug
    details = selectors.details(dataset.dataset_id)
    creators = selectors.attribution(dataset.dataset_id).creators
    where = f"versions/{version.version_id}" if version else f"datasets/{dataset.dataset_id}"
    original: Mapping[str, Any] = version.original if version else {}
    return Citation(
        dataset_id=dataset.dataset_id,
        slug=dataset.slug,
        title=dataset.title,
        description=dataset.description,
        authors=tuple(map(_author, creators)) or (Author(name, person=False),),
        institution=name,
        published=(version.published_at if version else dataset.registered_at).date(),
        version=version.number if version else None,
        doi=details.doi,
        page=f"{base}/api/v1/{where}",
        licence=(version.licence if version else None) or dataset.licence,
        tags=tuple(dataset.tags),
        format=version.format if version else None,
        size_bytes=original.get("size_bytes"),
        details=details,
    )


def _author(creator: Mapping[str, Any]) -> Author:
    person = creator.get("kind") == "person"
    return Author(creator["name"], person, creator.get("identifier"), creator.get("affiliation"))
