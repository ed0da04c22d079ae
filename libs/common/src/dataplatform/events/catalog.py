"""Events of catalog-svc: institutions, datasets, published versions, access. ML jobs subscribe to this topic."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

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
Publication = Literal["automatic", "hold_on_critical"]
"""Whether a version of which a critical rule failed is published, or held while the one before it goes on serving."""


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


class DatasetRevised(DatasetEvent):
    """The description of a dataset changed; absent fields stay."""

    type: ClassVar[str] = "dataset.revised.v1"

    title: str | None = Field(default=None, max_length=255)
    description: str | None = Field(default=None, max_length=20_000)
    licence: str | None = Field(default=None, max_length=100, description="An SPDX identifier")
    tags: tuple[str, ...] | None = None
    visibility: Visibility | None = None
    publication: Publication | None = None
    revised_at: Timestamp


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


class VersionWithdrawn(DatasetEvent):
    """A published version is served no more."""

    type: ClassVar[str] = "version.withdrawn.v1"

    version_id: UUID
    reason_code: ReasonCode
    detail: Text = ""
    withdrawn_at: Timestamp


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


class AccessGranted(DatasetEvent):
    """An account may read a restricted dataset."""

    type: ClassVar[str] = "access.granted.v1"

    account_id: UUID
    role: Literal["reader", "uploader", "steward", "administrator"]
    granted_at: Timestamp


class AccessRevoked(DatasetEvent):
    """An account may no longer read a restricted dataset."""

    type: ClassVar[str] = "access.revoked.v1"

    account_id: UUID
    revoked_at: Timestamp


class ReprocessRequested(DatasetEvent):
    """A person asked for a version to be made again from its original."""

    type: ClassVar[str] = "reprocess.requested.v1"

    upload_id: UUID
    options: ObjectRef | None = None
    requested_by: UUID
    requested_at: Timestamp
