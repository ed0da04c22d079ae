"""Events of catalog-svc: institutions, datasets, published versions, access. ML jobs subscribe to this topic."""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from dataplatform.events.base import (
    Column,
    Event,
    Measure,
    ObjectRef,
    Origin,
    ReasonCode,
    Score,
    Text,
    Timestamp,
    Unextracted,
    Value,
)
from dataplatform.events.identity import Slug
from dataplatform.events.quality import Suitability

DATASETS = "catalog.datasets.v1"

Visibility = Literal["public", "institution", "restricted"]
Publication = Literal["automatic", "hold_on_critical", "by_hand"]
"""Whether a version of which a critical rule failed is published, or held while the one before it goes on serving; or
whether every version waits until a steward publishes it."""
AuthorityCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9_]{0,39}$")]
"""The last part of an address of the EU's authority tables, for example `MONTHLY` or `ENVI`."""
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}$", max_length=64)]
"""BCP 47."""
Doi = Annotated[str, StringConstraints(pattern=r"^10\.[0-9]{4,9}/[!-~]+$", max_length=255)]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$", max_length=2000)]


class InstitutionEvent(Event):
    """What every event of an institution names; its key is the institution, since it is about no single dataset."""

    topic: ClassVar[str] = DATASETS
    identity: ClassVar[str] = "institution_id"

    dataset_id: UUID | None = None  # type: ignore[assignment]
    institution_id: UUID

    @property
    def key(self) -> str:
        """Kafka key: the institution."""
        return str(self.institution_id)


class InstitutionRegistered(InstitutionEvent):
    """An institution joined; without this event a rebuild could not show it."""

    type: ClassVar[str] = "institution.registered.v1"

    slug: Slug
    name: str = Field(max_length=255)
    registered_at: Timestamp


class InstitutionRevised(InstitutionEvent):
    """The description of an institution changed; absent fields stay."""

    type: ClassVar[str] = "institution.revised.v1"

    name: str | None = Field(default=None, max_length=255)
    homepage: str | None = Field(default=None, max_length=2000)
    revised_at: Timestamp


class DatasetEvent(Event):
    """What every event of a dataset names."""

    topic: ClassVar[str] = DATASETS
    identity: ClassVar[str] = "dataset_id"


class DatasetRegistered(DatasetEvent):
    """The first upload (or a steward) brought the dataset into being."""

    type: ClassVar[str] = "dataset.registered.v1"

    institution_id: UUID
    institution: Slug
    slug: Slug
    title: str = Field(max_length=255)
    visibility: Visibility = "public"
    registered_at: Timestamp


class Spatial(Value):
    """Where the data are about: a place of a gazetteer, a box in degrees (WGS 84), or both."""

    uri: Address | None = Field(default=None, description="For example of GeoNames or of the EU's authority tables")
    name: str | None = Field(default=None, max_length=255)
    west: float | None = Field(default=None, ge=-180, le=180)
    south: float | None = Field(default=None, ge=-90, le=90)
    east: float | None = Field(default=None, ge=-180, le=180)
    north: float | None = Field(default=None, ge=-90, le=90)


class Temporal(Value):
    """When the data are about; an end that is absent is still open."""

    start: date | None = None
    end: date | None = None


class DatasetRevised(DatasetEvent):
    """The description of a dataset changed; absent fields stay, but for those that `cleared` names.

    Contact point and creators may be persons: they are kept in the catalog's own tables, and the event says only that
    they changed.
    """

    type: ClassVar[str] = "dataset.revised.v1"

    title: str | None = Field(default=None, max_length=255)
    description: str | None = Field(default=None, max_length=20_000)
    licence: str | None = Field(default=None, max_length=100, description="An SPDX identifier")
    tags: tuple[str, ...] | None = None
    visibility: Visibility | None = None
    publication: Publication | None = None
    update_frequency: AuthorityCode | None = Field(default=None, description="A code of the EU's frequency table")
    languages: tuple[LanguageTag, ...] | None = Field(default=None, description="Of the values, as BCP 47 has it")
    themes: tuple[AuthorityCode, ...] | None = Field(default=None, description="Codes of the EU's data themes")
    spatial: Spatial | None = None
    temporal: Temporal | None = None
    landing_page: Address | None = None
    doi: Doi | None = None
    cleared: tuple[str, ...] | None = Field(default=None, description="Fields that say nothing any more")
    kept_apart: tuple[Literal["contact", "creators"], ...] | None = Field(
        default=None, description="What changed and is in no event, since it may name persons"
    )
    revised_at: Timestamp


class ColumnDescription(Value):
    """What a column of a table means; both go by name, so it holds in every version that has them."""

    table: str = Field(max_length=255)
    column: str = Field(max_length=1024)
    description: str = Field(max_length=4000, description="Empty: it is described no more")


class ColumnsDescribed(DatasetEvent):
    """A person said what columns mean; what the event does not name stays."""

    type: ClassVar[str] = "columns.described.v1"

    columns: tuple[ColumnDescription, ...] = Field(max_length=1000)
    described_at: Timestamp


RelationKind = Literal[
    "is_derived_from", "is_source_of", "is_part_of", "has_part", "is_supplement_to", "is_supplemented_by", "references",
    "is_referenced_by", "is_new_version_of", "is_previous_version_of", "replaces", "is_replaced_by",
    "is_variant_form_of", "is_documented_by",
]  # fmt: skip
"""Relation types of DataCite."""


class Relation(Value):
    """A typed link to another dataset of the platform, or to something at an address."""

    kind: RelationKind
    related_id: UUID | None = Field(default=None, description="A dataset")
    url: Address | None = None


class RelationsStated(DatasetEvent):
    """A person said what a dataset has to do with others: all of it, what was said before is replaced."""

    type: ClassVar[str] = "relations.stated.v1"

    relations: tuple[Relation, ...] = Field(max_length=200)
    stated_at: Timestamp


class CatalogCollectionEvent(Event):
    """What every event of a collection names; its key is the institution that curates it."""

    topic: ClassVar[str] = DATASETS
    identity: ClassVar[str] = "collection_id"

    dataset_id: UUID | None = None  # type: ignore[assignment]
    collection_id: UUID
    institution_id: UUID

    @property
    def key(self) -> str:
        """Kafka key: the institution."""
        return str(self.institution_id)


class CollectionCurated(CatalogCollectionEvent):
    """A collection of datasets was made or changed: this is all of it, from now on."""

    type: ClassVar[str] = "collection.curated.v1"

    institution: Slug
    slug: Slug
    title: str = Field(max_length=255)
    description: str = Field(default="", max_length=20_000)
    visibility: Literal["public", "institution"] = "public"
    members: tuple[UUID, ...] = Field(max_length=1000, description="Datasets, of any institution, in their order")
    curated_at: Timestamp


class CollectionDissolved(CatalogCollectionEvent):
    """A collection is no more; its datasets stay."""

    type: ClassVar[str] = "collection.dissolved.v1"

    dissolved_at: Timestamp


class PublishedTable(Value):
    """A table of a published version, all that a reader needs."""

    table_id: UUID
    index: int = Field(ge=0)
    name: str
    origin: Origin
    uris: tuple[str, ...] = Field(description="Where each part is, as `s3://...` or `file:///...`")
    parts: tuple[ObjectRef, ...]
    row_count: int = Field(ge=0)
    column_count: int = Field(ge=0)
    columns: tuple[Column, ...] = Field(description="Empty where the table has more than 1000: see `schema_object`")
    schema_object: ObjectRef | None = None


class VersionPublished(DatasetEvent):
    """A version is standardized, assessed and served from now on."""

    type: ClassVar[str] = "version.published.v1"

    institution_id: UUID
    institution: Slug
    dataset: Slug
    version_id: UUID
    number: int = Field(ge=1, description="Counts the published versions of the dataset")
    upload_id: UUID
    run_id: UUID
    assessment_id: UUID
    original: ObjectRef
    format: str
    handler: str
    handler_version: str
    tables: tuple[PublishedTable, ...] = Field(description="Empty where `manifest` alone has them, for their size")
    table_count: int = Field(ge=1)
    manifest: ObjectRef | None = Field(default=None, description="All tables as a document, where they are too many")
    unextracted: tuple[Unextracted, ...] = ()
    quality: Score | None = None
    measures: tuple[Measure, ...] = ()
    suitability: tuple[Suitability, ...] = ()
    licence: str | None = None
    latest: bool = Field(default=True, description="Whether no published version comes from a later upload")
    published_at: Timestamp


class VersionHeld(DatasetEvent):
    """A version is standardized and assessed, and waits: a steward publishes it, or its upload is withdrawn.

    Said again with the other reason where the dataset's policy changes and holds it still.
    """

    type: ClassVar[str] = "version.held.v1"

    version_id: UUID
    upload_id: UUID
    reason_code: ReasonCode = Field(description="`awaiting_publication`, or `critical_rule_failed`")
    held_at: Timestamp


class VersionWithdrawn(DatasetEvent):
    """A published version is served no more."""

    type: ClassVar[str] = "version.withdrawn.v1"

    version_id: UUID
    reason_code: ReasonCode
    detail: Text = ""
    withdrawn_at: Timestamp
    withdrawn_by: UUID | None = Field(default=None, description="Absent where it followed from its upload's withdrawal")


class VersionRestored(DatasetEvent):
    """A version that was withdrawn is served again, under the number that it always had."""

    type: ClassVar[str] = "version.restored.v1"

    version_id: UUID
    restored_at: Timestamp
    restored_by: UUID


CaseReference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./#:_-]{0,99}$")]
"""The number of a case or a ticket; never words, which could name somebody."""


class VersionErased(DatasetEvent):
    """Everything stored of a version goes for ever; what is left is this, its tombstone.

    Whoever keeps anything of the version but ids deletes it. A run that ended after its upload was erased is erased by
    the same event, though it never was a version.
    """

    type: ClassVar[str] = "version.erased.v1"

    version_id: UUID
    upload_id: UUID
    original_erased: bool = Field(description="Whether the original goes too: no other version is made of it")
    reason_code: ReasonCode
    reference: CaseReference | None = None
    erased_at: Timestamp
    erased_by: UUID | None = Field(default=None, description="Absent where it followed from an erasure before")


class DatasetErased(DatasetEvent):
    """Everything that had come in for a dataset goes for ever; its versions are erased by events of their own.

    The dataset itself stays, empty: its name may be used again.
    """

    type: ClassVar[str] = "dataset.erased.v1"

    reason_code: ReasonCode
    reference: CaseReference | None = None
    erased_at: Timestamp
    erased_by: UUID


class ErasureCompleted(DatasetEvent):
    """The objects of an erased version, or of a whole dataset, are not in object storage any more."""

    type: ClassVar[str] = "erasure.completed.v1"

    version_id: UUID | None = Field(default=None, description="Absent: of the dataset's erasure")
    object_count: int = Field(ge=0, description="How many were deleted since the report before, if there was one")
    size_bytes: int = Field(ge=0)
    completed_at: Timestamp


class SchemaOverridden(DatasetEvent):
    """A person set names or types of columns; it holds for every later upload."""

    type: ClassVar[str] = "schema.overridden.v1"

    overrides: ObjectRef
    overridden_by: UUID
    overridden_at: Timestamp


class ContractDefined(DatasetEvent):
    """A data contract holds for the dataset from now on."""

    type: ClassVar[str] = "contract.defined.v1"

    contract: ObjectRef
    defined_by: UUID
    defined_at: Timestamp


class AcknowledgementRequested(DatasetEvent):
    """A steward has seen an alert of the dataset; quality-svc, whose alert it is, records that."""

    type: ClassVar[str] = "acknowledgement.requested.v1"

    alert_id: UUID
    requested_by: UUID
    requested_at: Timestamp


GrantRole = Literal["reader", "uploader", "steward", "administrator"]


class AccessGranted(DatasetEvent):
    """An account has a role for this dataset alone, whatever it is at the institution. It replaces the one before."""

    type: ClassVar[str] = "access.granted.v1"

    account_id: UUID
    role: GrantRole
    granted_at: Timestamp
    granted_by: UUID | None = None
    expires_at: Timestamp | None = Field(default=None, description="From when on it counts no more; absent: never")


class AccessRevoked(DatasetEvent):
    """An account has no role for this dataset alone any more."""

    type: ClassVar[str] = "access.revoked.v1"

    account_id: UUID
    revoked_at: Timestamp
    revoked_by: UUID | None = None


class GroupAccessGranted(DatasetEvent):
    """Whoever is in a group has a role for this dataset alone. Who is in it is the catalog's to know, and no event."""

    type: ClassVar[str] = "group_access.granted.v1"

    group_id: UUID
    role: GrantRole
    granted_at: Timestamp
    granted_by: UUID
    expires_at: Timestamp | None = Field(default=None, description="From when on it counts no more; absent: never")


class GroupAccessRevoked(DatasetEvent):
    """A group has no role for this dataset alone any more."""

    type: ClassVar[str] = "group_access.revoked.v1"

    group_id: UUID
    revoked_at: Timestamp
    revoked_by: UUID


class ReprocessRequested(DatasetEvent):
    """A person asked for a version to be made again from its original."""

    type: ClassVar[str] = "reprocess.requested.v1"

    upload_id: UUID
    options: ObjectRef | None = None
    requested_by: UUID
    requested_at: Timestamp
