"""What the REST interface tells about stewardship, and takes for it."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from catalog_svc.datasets.schemas import Tag, Visibility
from catalog_svc.stewardship import vocabularies
from catalog_svc.stewardship.details import ContactPoint, Creator, PlainText
from dataplatform.events.base import ObjectRef
from dataplatform.events.catalog import Address, Doi, LanguageTag, Publication, RelationKind, Spatial, Temporal
from dataplatform.events.identity import Slug


def _of(codes: frozenset[str], table: str) -> AfterValidator:
    def check(said: str) -> str:
        if said not in codes:
            raise ValueError(f"not a code of the EU's table `{table}`")
        return said

    return AfterValidator(check)


Frequency = Annotated[str, _of(vocabularies.FREQUENCIES, "frequency")]
Theme = Annotated[str, _of(vocabularies.THEMES, "data-theme")]
Licence = Annotated[PlainText, Field(min_length=1, max_length=100), AfterValidator(vocabularies.licence)]


class SpatialIn(Spatial):
    """Where the data are about: a place of a gazetteer, a box in degrees (WGS 84), or both."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _is_a_place(self) -> Self:
        box = (self.west, self.south, self.east, self.north)
        if any(side is not None for side in box) and None in box:
            raise ValueError("a box has west, south, east and north")
        if self.south is not None and self.north is not None and self.south > self.north:
            raise ValueError("south is above north")
        if self.west is None and not self.uri and not self.name:
            raise ValueError("say an address, a name or a box")
        return self


class TemporalIn(Temporal):
    """When the data are about; an end that is absent is still open."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _is_a_time(self) -> Self:
        if self.start is None and self.end is None:
            raise ValueError("say a start or an end")
        if self.start and self.end and self.end < self.start:
            raise ValueError("the end is before the start")
        return self


class DescriptionChanges(Schema):
    """What to change about a dataset; absent fields stay. Null takes away what a dataset need not have."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "title": "Air quality",
                "licence": "CC-BY-4.0",
                "update_frequency": "DAILY",
                "languages": ["en"],
                "themes": ["ENVI"],
                "contact": {"name": "Air desk", "email": "air@example.org"},
            }
        }
    )

    title: Annotated[PlainText, Field(min_length=1, max_length=255)] | None = None
    description: Annotated[PlainText, Field(max_length=20_000)] | None = None
    licence: Annotated[Licence | None, Field(description="An SPDX expression, or an address")] = None
    tags: Annotated[list[Tag], Field(max_length=100)] | None = None
    visibility: Visibility | None = None
    publication: Publication | None = None
    update_frequency: Annotated[Frequency | None, Field(description="A code of the EU's frequencies")] = None
    languages: Annotated[list[LanguageTag], Field(max_length=50, description="BCP 47")] | None = None
    themes: Annotated[list[Theme], Field(max_length=14, description="Codes of the EU's data themes")] | None = None
    spatial: SpatialIn | None = None
    temporal: TemporalIn | None = None
    landing_page: Address | None = None
    doi: Doi | None = None
    contact: ContactPoint | None = None
    creators: Annotated[list[Creator], Field(max_length=100)] | None = None


class MeaningIn(Schema):
    """What a column means."""

    table: Annotated[PlainText, Field(min_length=1, max_length=255, description="The table's name")]
    column: Annotated[PlainText, Field(min_length=1, max_length=1024, description="The column's name")]
    description: Annotated[PlainText, Field(max_length=4000, description="Empty: take it away")]


class MeaningsIn(Schema):
    """What columns mean; what is not named stays."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"columns": [{"table": "air", "column": "pm10", "description": "Particles below 10 µm"}]}
        }
    )

    columns: Annotated[list[MeaningIn], Field(min_length=1, max_length=1000)]


class MeaningOut(Schema):
    """What a column means, in every version that has it."""

    table: str
    column: str
    description: str
    described_at: datetime


class OverridesOut(Schema):
    """What holds for a dataset's schema from its next upload on."""

    dataset_id: UUID
    overrides: dict[str, Any]
    document: ObjectRef | None
    overridden_at: datetime | None
    reprocess: str | None = Field(description="Where to ask for versions to be made again under it")
    links: dict[str, str]


class RelationIn(Schema):
    """What a dataset has to do with another one, or with something at an address: one of the two."""

    kind: RelationKind
    dataset_id: UUID | None = None
    url: Address | None = None

    @model_validator(mode="after")
    def _has_one_end(self) -> Self:
        if (self.dataset_id is None) is (self.url is None):
            raise ValueError("say either a dataset or an address")
        return self


class RelationsIn(Schema):
    """All that a dataset has to do with others; what was said before is replaced."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"relations": [{"kind": "is_documented_by", "url": "https://example.org/method"}]}
        }
    )

    relations: Annotated[list[RelationIn], Field(max_length=200)]


class RelationOut(Schema):
    """A typed link; of datasets that the caller sees only."""

    position: int
    direction: Literal["outgoing", "incoming"]
    kind: str
    dataset_id: UUID | None
    title: str | None = Field(description="Of the dataset")
    url: str


class CollectionIn(Schema):
    """A collection, whole."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"title": "Climate", "description": "What is measured outdoors", "members": []}}
    )

    title: Annotated[PlainText, Field(min_length=1, max_length=255)]
    description: Annotated[PlainText, Field(max_length=20_000)] = ""
    visibility: Literal["public", "institution"] = "public"
    members: Annotated[list[UUID], Field(max_length=1000, description="Datasets of any institution, in order")]


class CollectionOut(Schema):
    """An ordered set of datasets."""

    collection_id: UUID
    institution: str
    slug: Slug
    title: str
    description: str
    visibility: Literal["public", "institution"]
    member_count: int = Field(description="Datasets of it that the caller sees")
    curated_at: datetime
    links: dict[str, str]


class MemberOut(Schema):
    """A dataset of a collection."""

    position: int
    dataset_id: UUID
    institution: str
    slug: str
    title: str
    links: dict[str, str]
