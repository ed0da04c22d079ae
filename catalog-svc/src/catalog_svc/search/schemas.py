"""What the search tells: pages of datasets with counts, suggestions, columns that join."""

from typing import Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from catalog_svc.datasets.schemas import DatasetOut
from catalog_svc.paging import Page


class Total(Schema):
    """How many datasets there are on all pages together."""

    count: int
    exact: bool = Field(description="Always up to 1,000; beyond, an estimate from a sample")
    standard_error: float = Field(description="Of an estimate, as a share of it")


class FacetValue(Schema):
    """A value, and how many datasets have it."""

    value: str
    count: int
    selected: bool


class Facet(Schema):
    """The most frequent values of a facet; what is chosen of the facet itself does not narrow its counts."""

    values: list[FacetValue]
    exact: bool


class DatasetPage(Page[DatasetOut]):
    """A page of datasets; the rest only where it was asked for, or happened."""

    total: Total | None = Field(default=None, description="With `facets` or `total`")
    facets: dict[str, Facet] | None = None
    highlights: dict[str, dict[str, str | list[str]]] | None = Field(
        default=None, description="By dataset: title, description, tags, columns, where a word was found. Safe HTML"
    )
    corrections: dict[str, list[str]] | None = Field(
        default=None, description="Words that no dataset has, and those that were looked for instead"
    )


class Suggestion(Schema):
    """How what was typed may go on, or a dataset that it may mean."""

    kind: Literal["word", "dataset"]
    text: str = Field(description="The whole search, or the title of the dataset")
    dataset_id: UUID | None
    links: dict[str, str]


class JoinEvidence(Schema):
    """What speaks for joining two columns."""

    same_name: bool
    semantic: str | None = Field(description="The semantic type that both have")
    key: Literal["both", "this", "that", "neither"] = Field(description="In which of them no value comes twice")
    distinct_ratio: float | None = Field(description="Different values of the smaller one by those of the larger one")
    common_values: float | None = Field(
        description="Share of the smaller one's most frequent values that the other has too, where both are known whole"
    )


class JoinableColumn(Schema):
    """A column of another dataset, and why it may join."""

    dataset_id: UUID
    dataset_title: str
    institution: str
    version_id: UUID
    table_id: UUID
    table_name: str
    position: int
    name: str
    type: str
    score: float
    evidence: JoinEvidence
    links: dict[str, str]
